"""The workers of a gateway, kept at their number, and what they tell their parent.

One that dies is replaced, after a pause that grows where it dies again and again; the others serve
on, and what it had is given back. One that hangs is killed: its event loop has not turned for long,
or it does not come to serve; and so is one that says what nobody understands. What keeps one from
its first start ends the whole; what keeps it from a later one, be it that no process can be made
just now, is tried again like a death.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from router.drift import Outcomes
from router.settings import Settings
from router.verifier.verifying import times_of
from router.workers import figures
from router.workers.board import BEAT, Board
from router.workers.messages import (
    Assigned,
    Leave,
    Message,
    OutcomeTold,
    SlotEnded,
    SlotsLeft,
    SlotsWanted,
    TurnBegan,
    TurnEnded,
    WorkerLeaving,
    WorkerReady,
    WorkersReplaced,
    WorkerUnable,
)
from router.workers.portions import portion
from router.workers.process import WorkerFailed, WorkerProcess
from router.workers.slots import SlotKeeper
from router.workers.turns import Precedence
from router.workers.wire import UnreadableMessage

log = structlog.get_logger("router")


@dataclass(frozen=True, slots=True)
class Times:
    """Of a worker's life, in seconds.

    The pause between the death of one and the start of the next doubles from `pause` to
    `longest_pause`, and starts over after one that lived for `settled`. One is looked at every
    `look_every`, and hangs if it has not moved `misses` times in a row, or is not ready after
    `start`, and as long again as its verifier may take to start, where it has one.
    """

    pause: float = 0.1
    longest_pause: float = 10.0
    settled: float = 30.0
    look_every: float = 10.0
    misses: int = 3
    start: float = 180.0


@dataclass(slots=True, eq=False)
class _Place:
    """Where a worker is, or will be again; `facts` are there once one could serve.

    It is `ready` from when it can serve to its end, and `takes` connections until it leaves.
    """

    number: int
    facts: asyncio.Future[dict[str, Any]]
    live: WorkerProcess | None = None
    ready: bool = False
    takes: bool = False
    trouble: str = ""


@dataclass(slots=True, eq=False)
class Crew:
    """As many workers as the settings say.

    `news` is what a new one has to be told of the engines; `on_ready` is called when one can serve,
    and `on_back` with connections that one was handed and did not take.
    """

    settings: Settings
    board: Board
    directory: Path
    outcomes: Outcomes | None
    news: Callable[[], Iterable[Message]]
    on_ready: Callable[[], None]
    on_back: Callable[[list[socket.socket]], None]
    times: Times = field(default_factory=Times)
    slots: SlotKeeper = field(default_factory=lambda: SlotKeeper({}))
    precedence: Precedence = field(default_factory=Precedence)
    _places: list[_Place] = field(default_factory=list)
    _leaving: asyncio.Event = field(default_factory=asyncio.Event)
    _replaced: int = 0

    @property
    def able(self) -> list[WorkerProcess]:
        """Those that take connections at this moment."""
        return [each.live for each in self._places if each.takes and each.live is not None]

    @property
    def patience_s(self) -> float:
        """How long one may take until it is ready: what it waits for itself has its time in it."""
        lever = self.settings.select.lever
        return self.times.start + (0.0 if lever is None else times_of(lever).start)

    def tell(self, message: Message) -> None:
        """Tell all of them."""
        for place in self._places:
            if place.live is not None:
                place.live.send(message)

    def keep(self, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Start them, and keep them, as tasks that end when they are let go.

        A task raises `WorkerFailed` where its worker cannot start.
        """
        loop = asyncio.get_running_loop()
        self._places += [_Place(n, loop.create_future()) for n in range(self.settings.workers)]
        return [group.create_task(self._keep(place)) for place in self._places]

    async def started(self) -> list[dict[str, Any]]:
        """Wait until all can serve; the facts of each."""
        return await asyncio.gather(*(place.facts for place in self._places))

    def let_go(self) -> None:
        """Have them finish what was begun, and end."""
        self._leaving.set()
        self.tell(Leave())

    async def _keep(self, place: _Place) -> None:
        clock = asyncio.get_running_loop().time
        pause = self.times.pause
        while not self._leaving.is_set():
            born = clock()
            reason = await self._end(place)
            if self._leaving.is_set():
                return
            if not place.facts.done():
                raise WorkerFailed(place.trouble or f"a worker {reason} as it started")
            log.warning("worker down", number=place.number, reason=reason)
            self._replaced += 1
            self.tell(WorkersReplaced(self._replaced))
            pause = self.times.pause if clock() - born >= self.times.settled else pause
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._leaving.wait()
            pause = min(2 * pause, self.times.longest_pause)

    async def _end(self, place: _Place) -> str:
        """Run a worker, or try to; why there is none any more."""
        place.trouble = ""
        try:
            status = await self._life(place)
        except OSError as error:  # no process, memory or descriptor to be had
            return f"cannot be run: {error}"
        except UnreadableMessage as error:
            return f"was not understood ({error})"
        return place.trouble or f"ended with exit status {status}"

    async def _life(self, place: _Place) -> int:
        """Run a worker from its start to its end; its exit status."""
        own, columns = portion(self.settings, place.number), list(self.board.columns)
        assigned = Assigned(place.number, own, columns, str(self.directory))
        worker = await WorkerProcess.launch(assigned, self.board)
        place.live = worker
        watching = asyncio.create_task(self._watch(place, worker))
        try:
            for message in (WorkersReplaced(self._replaced), *self.news()):
                worker.send(message)
            if self._leaving.is_set():
                worker.send(Leave())
            async for message in worker.wire.received():
                self._hear(place, worker, message)
        finally:
            place.ready = place.takes = False
            watching.cancel()
            try:
                status = await worker.aclose()
            finally:
                place.live = None
                self._bury(worker)
        return status

    def _compare(self, number: int, facts: dict[str, Any]) -> None:
        """All but the first say nothing as they start, for they say what the first does."""
        first = self._places[0].facts
        if first.done() and facts != first.result():
            log.warning("a worker is not like the first", number=number, **facts)

    async def _watch(self, place: _Place, worker: WorkerProcess) -> None:
        """Kill one that hangs."""
        place.trouble = await self._hang(place, worker)
        with contextlib.suppress(ProcessLookupError):
            worker.process.kill()

    async def _hang(self, place: _Place, worker: WorkerProcess) -> str:
        """Wait until it hangs; how it was noticed."""
        clock, times = asyncio.get_running_loop().time, self.times
        patience_s = self.patience_s
        due = clock() + patience_s
        missed, before = 0, -1
        while missed < times.misses:
            await asyncio.sleep(times.look_every)
            beat = self.board.value(worker.number, BEAT)
            missed = missed + 1 if place.ready and beat == before else 0
            before = beat
            if not place.ready and clock() >= due:
                return f"a worker was not ready after {patience_s:g} s"
        return "did not move for long"

    def _bury(self, worker: WorkerProcess) -> None:
        """Give back what it had."""
        self.on_back(worker.untaken())
        worker.shut()
        self.board.wipe(worker.number)
        self.precedence.lost(worker)
        self.slots.lost(worker)
        figures.forget_gauges(self.directory, worker.number)

    def _hear(self, place: _Place, worker: WorkerProcess, message: Message) -> None:
        match message:
            case TurnBegan():
                self.precedence.began(worker, message)
            case TurnEnded(number=number):
                self.precedence.ended(worker, number)
            case SlotsWanted():
                self.slots.wanted(worker, message)
            case SlotEnded(number=number):
                self.slots.ended(worker, number)
            case SlotsLeft(number=number):
                self.slots.left(worker, number)
            case OutcomeTold(row=row) if self.outcomes is not None:
                self.outcomes.write(row)
            case WorkerReady() | WorkerLeaving() | WorkerUnable():
                self._hear_how(place, worker, message)
            case _:
                log.error("a worker said what it is not to say", message=type(message).__name__)

    def _hear_how(
        self, place: _Place, worker: WorkerProcess, how: WorkerReady | WorkerLeaving | WorkerUnable
    ) -> None:
        match how:
            case WorkerUnable(reason=reason):
                place.trouble = reason
            case WorkerLeaving():
                place.takes = False
                self.on_back(worker.untaken())
            case WorkerReady(facts=facts):
                place.ready = place.takes = True
                if not place.facts.done():
                    place.facts.set_result(facts)
                self._compare(place.number, facts)
                self.on_ready()
