"""The parent of the workers: it listens, starts workers and engines, and ends both.

It serves no request itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final

from router.banner import Introduce, url_of
from router.configuration.configured import engine_spec, lanes_of
from router.embedded.supervisor import EmbeddedEngine
from router.metrics import Metrics
from router.process import orphans
from router.sections.models import EmbeddedModel
from router.service import GRACE_S, opened
from router.settings import Settings
from router.workers import board as boards
from router.workers import figures, outlook
from router.workers.crew import Crew, Times
from router.workers.doors import Doors, bound
from router.workers.messages import EngineChanged, Leave, Message
from router.workers.outlook import ParentOutlook
from router.workers.slots import SlotKeeper

_LATE_S: Final = 5.0
"""How much longer than their grace workers may take to end."""


async def serve_together(
    settings: Settings, introduce: Introduce, times: Times | None = None
) -> None:
    """Serve with as many workers as the settings say, until SIGTERM or Ctrl-C.

    Raises `WorkerFailed` and `EngineFailed` where they do not start, `UnknownModel`, and OSError
    where nothing can listen there.
    """
    async with AsyncExitStack() as stack:
        listeners = await bound(settings.host, settings.port)
        for each in listeners:
            stack.callback(each.close)
        outcomes = opened(settings.drift, stack)
        board = stack.enter_context(boards.made(settings.workers, _columns(settings)))
        directory = stack.enter_context(figures.folder())
        engines = _Engines.of(settings)
        for engine in engines.running.values():
            stack.push_async_callback(engine.aclose)
        doors = Doors(listeners, lambda: crew.able)
        stack.callback(doors.close)
        foresight = ParentOutlook(settings, board)
        stack.callback(foresight.close)
        # What of the lanes is counted is counted by the workers.
        foresight.lanes = lanes_of(settings, foresight.slots, Metrics())
        crew = Crew(
            *(settings, board, directory, outcomes, engines.news, doors.resume, doors.again),
            times or Times(),
            slots=SlotKeeper(foresight.lanes, foresight.changed),
        )
        engines.tell = crew.tell
        await _Parent(settings, crew, engines, doors, asyncio.Event()).serve(introduce)


def _columns(settings: Settings) -> list[str]:
    models = [boards.COMPUTING + model for model in settings.models]
    return [boards.SERVED, boards.CLOSED, boards.BEAT, *models, *outlook.columns(settings)]


@dataclass(slots=True, eq=False)
class _Engines:
    """The embedded engines, and what is told of them."""

    running: dict[str, EmbeddedEngine]
    tell: Callable[[Message], None]
    known: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, settings: Settings) -> _Engines:
        """Those that the settings name, not started yet. Raises `UnknownModel`."""
        made = cls({}, lambda _: None)
        made.running |= {
            model: EmbeddedEngine(engine_spec(settings, model, config), on_change=made.changed)
            for model, config in settings.models.items()
            if isinstance(config, EmbeddedModel)
        }
        return made

    def changed(self, model: str) -> None:
        """Tell of one that may be other than before."""
        self.known.add(model)
        self.tell(self._state(model))

    def news(self) -> Iterator[Message]:
        """How those are that were started."""
        return (self._state(model) for model in self.known)

    def _state(self, model: str) -> EngineChanged:
        engine = self.running[model]
        return EngineChanged(model, engine.base_url, engine.ready, engine.restarts)


@dataclass(frozen=True, slots=True)
class _Parent:
    """What serves, put together."""

    settings: Settings
    crew: Crew
    engines: _Engines
    doors: Doors
    leaving: asyncio.Event

    async def serve(self, introduce: Introduce) -> None:
        """Start everything, let connections come, and end the workers when it is told to."""
        with self._signals():
            try:
                async with asyncio.TaskGroup() as group:
                    try:
                        await self._serve(group, introduce)
                    finally:
                        orphans.adopt()  # workers may have to be killed
            except ExceptionGroup as several:  # one reason not to serve is enough
                raise several.exceptions[0] from None

    async def _serve(self, group: asyncio.TaskGroup, introduce: Introduce) -> None:
        kept = self.crew.keep(group)
        starting = [group.create_task(each.start()) for each in self.engines.running.values()]
        facts = await self.crew.started()
        await asyncio.gather(*starting)
        self.doors.open()
        url = url_of(self.settings.host, self.doors.port)
        introduce(url, facts[0] | {"workers": len(facts)})
        await self.leaving.wait()
        orphans.adopt()
        await self._leave(kept)

    async def _leave(self, kept: list[asyncio.Task[None]]) -> None:
        self.doors.close()
        self.crew.let_go()
        _, late = await asyncio.wait(kept, timeout=GRACE_S + _LATE_S)
        for each in late:
            each.cancel()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """The first ends the start, or what is served in good order; the second all at once."""
        loop, serving = asyncio.get_running_loop(), asyncio.current_task()

        def stop() -> None:
            if self.leaving.is_set():
                self.crew.tell(Leave(now=True))
            elif self.doors.opened:
                self.leaving.set()
            elif serving is not None:
                serving.cancel()

        wishes = (signal.SIGTERM, signal.SIGINT)
        for wish in wishes:
            loop.add_signal_handler(wish, stop)
        try:
            yield
        finally:
            for wish in wishes:
                loop.remove_signal_handler(wish)
