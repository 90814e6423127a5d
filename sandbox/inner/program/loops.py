"""Event loops in the candidate's process: one for each of the tests', which turns as that turns.

Coroutines of the program and of the tests wait for each other, so neither side may run one to its
end while the other stands still. A coroutine that the tests await begins at once, as it would in
one process; what is left of it is a task here, and each iteration of the tests' loop is one of this
loop. Where the tests await by hand, without a loop, it runs to its end.
"""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from sandbox.frames import Frame

NO_LOOP: Final = 0
"""The number of the loop for tests that have none."""


class _Here(threading.local):
    """The loop in which this thread is asked something."""

    loop = NO_LOOP


class Loops:
    """The loops, by their numbers, and the tasks in them that the tests wait for."""

    def __init__(self) -> None:
        self._loops: dict[int, Any] = {}
        self._waited: dict[int, tuple[Any, Any]] = {}
        self._over: dict[int, Any] = {}
        self._next = 0
        self._here = _Here()

    @contextmanager
    def entered(self, frame: Frame) -> Iterator[None]:
        """What the program does for a question that is asked in a loop, it does in a loop."""
        for number in frame.get("ended", ()):
            self._end(number)
        outer, self._here.loop = self._here.loop, frame.get("loop", NO_LOOP)
        try:
            if self._here.loop == NO_LOOP or "asyncio" not in sys.modules or frame["ask"] == "turn":
                yield
            else:
                with _running(self._loop()):
                    yield
        finally:
            self._here.loop = outer

    def begin(self, coroutine: Coroutine[Any, Any, Any]) -> tuple[int | None, Any]:
        """Start what the tests await: no number and the result, or a number to ask by."""
        loop = self._loop()
        if self._here.loop == NO_LOOP:
            return None, loop.run_until_complete(coroutine)
        with _running(loop):
            task = loop.begun(coroutine)
        if task.done():
            return None, task.result()
        number, self._next = self._next, self._next + 1
        self._waited[number] = (loop, task)
        return number, None

    def answer(self, ask: str, number: int) -> Any:
        """Do what the tests ask of a loop, or of one of the tasks that they wait for."""
        match ask:
            case "turn":
                return self._turn()
            case "cancel" if number in self._waited:
                self._waited[number][1].cancel()
            case "result":
                return self._over.pop(number).result()
        return None

    def _turn(self) -> tuple[float | None, list[tuple[int, bool]]]:
        """One iteration. How long there was nothing to do before it (None: for good), who is done.

        Those who are done come with whether they were cancelled.
        """
        loop = self._loop()
        with suppress(SystemExit, KeyboardInterrupt):  # of a task, which has it for its result
            loop.turned()
        done = [(n, task) for n, (own, task) in self._waited.items() if own is loop and task.done()]
        for number, task in done:
            self._over[number] = task
            del self._waited[number]
        return loop.due, [(number, task.cancelled()) for number, task in done]

    def _loop(self) -> Any:
        if self._here.loop not in self._loops:
            self._loops[self._here.loop] = _new_loop()
        return self._loops[self._here.loop]

    def _end(self, number: int) -> None:
        """The tests' loop is closed, by which its tasks have been cancelled."""
        import asyncio  # noqa: PLC0415 - slow to load, and few need it
        from asyncio import _get_running_loop  # noqa: PLC0415

        loop = self._loops.pop(number, None)
        if loop is None or _get_running_loop() is not None:
            return
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


@contextmanager
def _running(loop: Any) -> Iterator[None]:
    from asyncio import _get_running_loop, _set_running_loop  # noqa: PLC0415

    outer = _get_running_loop()
    _set_running_loop(loop)
    try:
        yield
    finally:
        _set_running_loop(outer)


async def awaited(value: Any, special: str, args: tuple[Any, ...]) -> Any:
    """Await a value, or what a special method of it gives; the end of an iterator is an answer."""
    if special == "__await__":
        return await value
    if special != "__anext__":
        return await getattr(type(value), special)(value, *args)
    try:
        return [await type(value).__anext__(value)]
    except StopAsyncIteration:
        return []


def _new_loop() -> Any:
    import asyncio  # noqa: PLC0415

    waits = _new_selector()

    class Loop(asyncio.SelectorEventLoop):
        first: list[Any] | None = None

        @property
        def due(self) -> float | None:
            """What one iteration would have waited for."""
            found: float | None = waits.due
            return found

        def turned(self) -> None:
            """One iteration, which waits for nothing."""
            waits.ends = self.stop
            try:
                self.run_forever()
            finally:
                waits.ends = None

        def begun(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
            """A task whose first step is done, before anything that is due."""
            steps = self.first = []
            task = self.create_task(coroutine)
            self.first = None
            for callback, args, context in steps:
                context.run(callback, *args)
            return task

        def call_soon(  # type: ignore[override]
            self, callback: Any, *args: Any, context: Any = None
        ) -> asyncio.Handle:
            if self.first is None:
                return super().call_soon(callback, *args, context=context)
            self.first.append((callback, args, context))
            return asyncio.Handle(callback, args, self, context)

    return Loop(waits)


def _new_selector() -> Any:
    import selectors  # noqa: PLC0415

    class Selector(selectors.DefaultSelector):
        """Waits for nothing where the loop makes one iteration, and notes how long it would."""

        ends: Callable[[], None] | None = None
        due: float | None = None

        def select(self, timeout: float | None = None) -> Any:
            if self.ends is None:
                return super().select(timeout)
            self.due = timeout
            self.ends()
            return super().select(0)

    return Selector()
