"""What runs inside a worker: a whole gateway, which its parent hands connections.

`python -m router.workers.worker WIRE DOOR BOARD PARENT`: three open files, and a process.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import structlog

from router.banner import facts
from router.configuration.configured import counted_slots
from router.embedded.child import EngineFailed
from router.http.app import create_app
from router.listening import listening
from router.metrics import Metrics
from router.process import logs, loops, orphans
from router.process.garbage import collect_seldom
from router.sections.models import EmbeddedModel
from router.service import CANNOT_START, Shared, running
from router.settings import Settings
from router.upstream.client import Upstream
from router.workers import figures
from router.workers.board import BEAT, CLOSED, COMPUTING, SERVED, Board
from router.workers.handed import HandedServer
from router.workers.messages import (
    Assigned,
    EngineChanged,
    Leave,
    Message,
    OutcomeTold,
    SlotsGranted,
    SlotsRefused,
    TurnClear,
    TurnSuperseded,
    WorkerLeaving,
    WorkerReady,
    WorkersReplaced,
    WorkerUnable,
)
from router.workers.outlook import Outlook
from router.workers.slots import SharedQueues
from router.workers.turns import SharedSessions
from router.workers.wire import Wire

log = structlog.get_logger("router")

_BEAT_S: Final = 0.1
"""As often as the HTTP server's own loop turns."""

_LAST_S: Final = 2.0
"""As `router.server` has it, but sooner than the parent's patience ends."""


def main(arguments: list[str]) -> None:
    """Serve until the parent says that it is enough, or is gone."""
    wire, door, board, parent = map(int, arguments)
    orphans.die_with(parent)
    loops.run(_work(socket.socket(fileno=wire), socket.socket(fileno=door), board))
    orphans.reap(_LAST_S)


async def _work(connected: socket.socket, door: socket.socket, board: int) -> None:
    for each in (connected, door):
        each.setblocking(False)  # noqa: FBT003 the standard library's
    wire = await Wire.over(connected)
    incoming = wire.received()
    assigned = await anext(incoming)
    if not isinstance(assigned, Assigned):
        raise TypeError(f"the first message is {type(assigned).__name__}")
    logs.configure(assigned.number, silent=assigned.number > 0)  # the first speaks for all
    worker = _Worker(
        assigned, Settings(**assigned.settings), Board.at(board, assigned.columns), wire
    )
    hearing = asyncio.create_task(worker.hear(incoming))
    hearing.add_done_callback(_deaf)
    beating = asyncio.create_task(worker.beat())
    try:
        await worker.serve(door)
    except CANNOT_START as error:
        wire.send(WorkerUnable(str(error)))
        await wire.flushed()
    except asyncio.CancelledError:  # told to leave before it could serve
        return
    finally:
        hearing.cancel()
        beating.cancel()
        door.close()
        wire.close()


def _deaf(hearing: asyncio.Task[None]) -> None:
    """End at once, whatever is being done: the parent is gone, or cannot be understood any more.

    Who hears nothing waits for slots that were granted, and does not leave when it is told to.
    """
    if hearing.cancelled():
        return
    if (error := hearing.exception()) is not None:
        log.error("cannot hear the parent", exc_info=error)
    os._exit(1)


@dataclass(slots=True)
class ToldEngine:
    """An engine that the parent started, as it told of it last; an `Engine`."""

    model: str
    url: str = ""
    ready: bool = False
    restarts: int = 0

    @property
    def base_url(self) -> str:
        """See `Engine.base_url`."""
        if not self.url:
            raise EngineFailed(self.model, "was not started")
        return self.url


@dataclass(frozen=True, slots=True)
class _ToldOutcomes:
    """Outcomes, which the parent keeps."""

    send: Callable[[Message], None]

    def write(self, row: Mapping[str, Any]) -> None:
        """See `Outcomes.write`."""
        self.send(OutcomeTold(dict(row)))


@dataclass(slots=True)
class _Worker:
    """One of several gateways that serve as one."""

    assigned: Assigned
    settings: Settings
    board: Board
    wire: Wire
    engines: dict[str, ToldEngine] = field(init=False)
    sessions: SharedSessions = field(init=False)
    queues: SharedQueues = field(init=False)
    outlook: Outlook = field(init=False)
    upstreams: Mapping[str, Upstream] | None = None
    replaced: int = 0
    _metrics: Metrics | None = None
    _starting: asyncio.Task[Any] | None = None
    _server: HandedServer | None = None

    def __post_init__(self) -> None:
        self.sessions = SharedSessions(self.wire.send)
        self.queues = SharedQueues(self.wire.send)
        self.outlook = Outlook(self.settings, self.board, self.assigned.number)
        self.engines = {
            model: ToldEngine(model)
            for model, config in self.settings.models.items()
            if isinstance(config, EmbeddedModel)
        }

    async def serve(self, door: socket.socket) -> None:
        """Serve what comes through the door, until it is told to leave.

        Raises one of `CANNOT_START`, and CancelledError where it is told so before it can.
        """
        self._starting = asyncio.current_task()
        for wish in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(wish, self._leave, Leave())
        async with running(self.settings, shared=self._shared()) as service:
            self.upstreams = service.gateway.upstreams
            allowed = self.settings.cors.allow_origins
            app = create_app(lambda: nullcontext(service), allow_origins=allowed)
            self._server = HandedServer(
                listening(app, self.settings),
                door,
                closed=self.board.cell(self.assigned.number, CLOSED),
                on_ready=lambda: self._ready(facts(service)),
                on_leave=lambda: self.wire.send(WorkerLeaving()),
            )
            await self._server.serve()

    def _ready(self, told: dict[str, Any]) -> None:
        logs.configure(self.assigned.number)
        collect_seldom()
        self.wire.send(WorkerReady(told))

    def _shared(self) -> Shared:
        number = self.assigned.number
        metrics = self._metrics = figures.worker_metrics(
            Path(self.assigned.figures), number, self._restarts, lambda: self.replaced
        )
        return Shared(
            engines=self.engines,
            metrics=metrics,
            outcomes=_ToldOutcomes(self.wire.send) if self.settings.drift.file else None,
            served=self.board.cell(number, SERVED),
            computing={
                model: self.board.cell(number, COMPUTING + model) for model in self.settings.models
            },
            sessions=self.sessions,
            lanes={
                model: self.queues.of(
                    model,
                    on_length=metrics.queue_length.labels(model).set,
                    on_wait=metrics.queue_seconds.labels(model).observe,
                    foretold_s=self.outlook.expected_s,
                )
                for model in counted_slots(self.settings)
            },
            silent=number > 0,
        )

    def _restarts(self) -> dict[str, int]:
        return {model: each.restarts for model, each in self.engines.items() if each.restarts}

    async def beat(self) -> None:
        """Show that the event loop goes on, how much it has to do, and which servers fail."""
        cell = self.board.cell(self.assigned.number, BEAT)
        while True:
            cell.add(1)
            if self._metrics is not None:
                self._metrics.observe_loop()
            if self.upstreams is not None:
                self.outlook.tell(self.upstreams)
            await asyncio.sleep(_BEAT_S)

    async def hear(self, incoming: AsyncIterator[Message]) -> None:
        """Take in what the parent says, as long as it lives."""
        async for message in incoming:
            self._take(message)

    def _take(self, message: Message) -> None:
        match message:
            case TurnSuperseded() | TurnClear():
                self.sessions.hear(message)
            case SlotsGranted() | SlotsRefused():
                self.queues.hear(message)
            case EngineChanged(model=model):
                engine = self.engines[model]
                engine.url, engine.ready = message.url, message.ready
                engine.restarts = message.restarts
            case WorkersReplaced(times=times):
                self.replaced = times
            case Leave():
                self._leave(message)
            case _:
                log.error("the parent said what it is not to say", kind=type(message).__name__)

    def _leave(self, wish: Leave) -> None:
        """Finish what was begun, or, where it is urgent, leave it."""
        orphans.adopt()
        if self._server is not None:
            self._server.leave(now=wish.now)
        elif self._starting is not None:
            self._starting.cancel()


if __name__ == "__main__":
    main(sys.argv[1:])
