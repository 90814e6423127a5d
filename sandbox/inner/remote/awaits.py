"""Awaiting what the candidate's coroutines give, in an event loop of the tests.

The candidate has a loop for each of the tests' (`sandbox.inner.program.loops`). It is turned here,
by one question in each iteration of the tests' loop while it has something to do, and now and then
while it waits for time to pass. So coroutines of both sides may wait for each other, for a lock or
a queue, or be cancelled when their time is up.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from asyncio import Future, Handle

    from sandbox.frames import Frame
    from sandbox.inner.remote.classes import Asks

_IDLE_S: Final = 0.002
"""How often a candidate that waits is asked: threads, or the tests, may have woken it."""

_PAIR: Final = 2


def running_loop() -> Any:
    """The event loop that the tests are in, if they are in one."""
    events = sys.modules.get("asyncio.events")
    return None if events is None else events._get_running_loop()  # noqa: SLF001 - in every question


class LoopsOfTests:
    """The event loops of the tests, and what is awaited in them."""

    def __init__(self, asks: Asks) -> None:
        self._asks = asks
        self._numbers: dict[Any, int] = {}
        self._turns: dict[Any, Handle] = {}
        self._waiting: dict[int, Future[bool]] = {}
        self._began: dict[int, int] = {}
        self._next = 0

    def began(self, number: int) -> int:
        """How many questions there had been when what is awaited began."""
        return self._began.get(number, self._asks.questions)

    def told(self, ask: str) -> Frame:
        """What a question says of loops: in which it is asked, and which are closed by now."""
        loop = running_loop()
        if loop is None and not self._numbers:
            return {}
        ended = [(each, number) for each, number in self._numbers.items() if each.is_closed()]
        for each, _ in ended:
            del self._numbers[each]
            self._turns.pop(each, None)
        told: Frame = {"ended": [number for _, number in ended]}
        if loop is None:
            return told
        if loop not in self._numbers:
            self._next += 1
            self._numbers[loop] = self._next
        if ask != "turn":
            self._turn_soon(loop)
        return {**told, "loop": self._numbers[loop]}

    def _turn_soon(self, loop: Any) -> None:
        """In the next iteration, also where it was to be later: a question may wake somebody."""
        turn = self._turns.get(loop)
        if turn is None or hasattr(turn, "when"):
            if turn is not None:
                turn.cancel()
            self._turns[loop] = loop.call_soon(self._turn, loop)

    def _turn(self, loop: Any) -> None:
        """One iteration of the candidate's loop."""
        del self._turns[loop]
        try:
            due, done = self._turned(self._asks.ask_object("turn", 0, (), {}))
        except BaseException as error:
            if not self._waiting:
                raise
            for future in self._waiting.values():  # a loop drops what its callbacks raise
                if not future.done():
                    future.set_exception(error)
            return
        for number, cancelled in done:
            if type(number) is int and number in self._waiting and not self._waiting[number].done():
                self._waiting[number].set_result(cancelled)
        if due == 0:
            self._turn_soon(loop)
        elif loop not in self._turns and (due is not None or self._waiting):
            later = _IDLE_S if due is None else min(due, _IDLE_S)
            self._turns[loop] = loop.call_later(later, self._turn, loop)

    def _turned(self, given: Any) -> tuple[float | None, list[tuple[int, bool]]]:
        """What a turn came to, checked."""
        match given:
            case tuple([None | int() | float() as due, list(done)]) if due is None or due >= 0:
                if all(type(one) is tuple and len(one) == _PAIR for one in done):
                    return due, [(number, cancelled is True) for number, cancelled in done]
        raise self._asks.candidates_error(TypeError("no turn of a loop"))

    async def awaited(self, on: int, special: str, args: tuple[Any, ...]) -> Any:
        """What awaiting an object gives, or a special method of it. Raises what that raised."""
        began = self._asks.questions
        match self._asks.ask_object("begin", on, (special, *args), {}):
            case tuple([None, given]):
                return given
            case tuple([int(number), None]) if (loop := running_loop()) is not None:
                self._began[number] = began
                return await self._ended(number, loop)
        raise self._asks.candidates_error(TypeError("nothing that can be awaited"))

    async def _ended(self, number: int, loop: Any) -> Any:
        """The result of a task, once it is done. Only one that the tests cancel is cancelled."""
        cancels = sys.modules["asyncio"].CancelledError
        tried = False
        try:
            while True:
                future = self._waiting[number] = loop.create_future()
                try:
                    cancelled = await future
                except cancels:
                    if not future.cancelled():
                        raise  # it is done, and was not asked yet
                    tried = True
                    self._asks.ask_object("cancel", number, (), {})
                    continue
                if cancelled and tried:
                    raise cancels
                return self._asks.ask_object("result", number, (), {})
        finally:
            self._waiting.pop(number, None)
            self._began.pop(number, None)
