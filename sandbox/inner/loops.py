"""Event loops: those of the tests, and those in which the candidate does what is asked meanwhile.

A question is answered before anything else of the tests' loop goes on. So what the candidate awaits
and what the tests run beside it would never take turns, and a lock that is missing would not be
missed. Tests that have anything beside (tasks, timers, callbacks, a pause of their own) are judged
in one process; tests that do one thing after the other are not.

The candidate has a loop for each of the tests', which lives as long: locks, queues and tasks that
belong to it outlive a question.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from sandbox.codec import Wire

_BESIDE: Final = "the tests run something beside what they ask of the solution"


class Loops:
    """The event loops of the tests, by number, as they come."""

    def __init__(self, need_shared: Callable[[str], BaseException]) -> None:
        self._need_shared = need_shared
        self._loop: Any = None
        self._number = 0
        self._watched = False

    def now(self) -> Wire:
        """The number of the loop that there is, 0 for none, and whether it runs.

        Raises what `need_shared` makes where something else is to run in it.
        """
        events = sys.modules.get("asyncio.events")
        running = None if events is None else events._get_running_loop()  # noqa: SLF001 - or it raises
        if running is None:
            is_over = self._loop is None or self._loop.is_closed()
            return [0 if is_over else self._number, False]
        if running is not self._loop:
            self._loop, self._number, self._watched = running, self._number + 1, False
        task = _only_task(running)
        if task is None:
            raise self._need_shared(_BESIDE)
        if not self._watched:
            self._watched = True
            running.call_soon(self._goes_on, running, task)
        return [self._number, True]

    def _goes_on(self, loop: object, task: asyncio.Task[Any]) -> None:
        """The loop goes round: its task is at its end, or waits for something of the tests."""
        if loop is self._loop:
            self._watched = False
        if not task.done():
            self._need_shared(_BESIDE)


def _only_task(loop: asyncio.AbstractEventLoop) -> asyncio.Task[Any] | None:
    """The task that runs, if the loop has nothing else to do."""
    import asyncio  # noqa: PLC0415 - it is loaded

    timers = getattr(loop, "_scheduled", ())
    if any(not timer.cancelled() for timer in timers) or len(asyncio.all_tasks(loop)) != 1:
        return None
    return asyncio.current_task(loop)


@dataclass(frozen=True)
class Awaited:
    """What is to be awaited before a question is answered."""

    awaitable: Any


class OwnLoops:
    """The candidate's: the loop that belongs to the one that the tests have."""

    def __init__(self) -> None:
        self._number = 0
        self._runner: Any = None

    def perform(self, loop: Wire, act: Callable[[], Any]) -> Any:
        """Do what is asked, inside of the loop if the tests' own runs."""
        number, runs = loop
        if self._runner is not None and number != self._number:
            runner, self._runner = self._runner, None
            runner.close()
        if not runs or _is_inside():
            given = act()
            return _alone(given.awaitable) if isinstance(given, Awaited) else given
        if self._runner is None:
            import asyncio  # noqa: PLC0415 - slow to load, and few need it

            self._runner, self._number = asyncio.Runner(), number
        return _outcome(self._runner, act)


def _is_inside() -> bool:
    events = sys.modules.get("asyncio.events")
    return events is not None and events._get_running_loop() is not None  # noqa: SLF001 - or it raises


def _alone(awaitable: Any) -> Any:
    import asyncio  # noqa: PLC0415 - slow to load, and few need it

    with asyncio.Runner() as runner:
        return _outcome(runner, lambda: Awaited(awaitable))


def _outcome(runner: Any, act: Callable[[], Any]) -> Any:
    """What it gives, or raises: whatever that is, it is no signal to the loop."""
    given: list[Any] = []
    raised: list[BaseException] = []

    async def main() -> None:
        try:
            done = act()
            given.append(await done.awaitable if isinstance(done, Awaited) else done)
        except BaseException as error:  # noqa: BLE001 - it is raised where there is no loop
            raised.append(error)

    runner.run(main())
    if raised:
        raise raised[0]
    return given[0]
