"""Threads that do here what threads of the program ask of the tests' objects.

In one process a thread of the program would itself run a function of the tests that it calls. So
each has a deputy here: two that sleep do so at the same time, each always has the same identity,
and none is the thread of the tests. What takes long is done *later*: the program's thread leaves
the channel to others and asks again. What a deputy wants to know of the program it has asked by
whoever hears its thread out, so it is that thread which answers.
"""

from __future__ import annotations

import _thread
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sandbox.codec import CodecError
from sandbox.inner.channel import Stop

if TYPE_CHECKING:
    from collections.abc import Callable

    _Work = Callable[[], Any]

_AT_ONCE_S: Final = 0.003
_MOST: Final = 16
"""Threads of the program that have one; what more of them ask is done where it is heard."""


class Later(Exception):
    """It is not done yet."""


class _Came(NamedTuple):
    """What came of some work: a value, or what it raised."""

    value: Any = None
    error: BaseException | None = None

    @classmethod
    def of(cls, work: _Work) -> _Came:
        try:
            return cls(work())
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            return cls(error=error)

    def given(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.value


class Deputy:
    """Stands for one thread of the program, and does one thing after another."""

    def __init__(self) -> None:
        self._todo = SimpleQueue[Any]()
        self._said = SimpleQueue[Any]()
        self._heard = SimpleQueue[_Came]()
        self.busy = False

    def begin(self, work: _Work) -> None:
        """Have it done."""
        self.busy = True
        self._todo.put(work)

    def result(self) -> Any:
        """What came of it. Raises `Later`, and what it raised."""
        while True:
            try:
                said = self._said.get(timeout=_AT_ONCE_S)
            except Empty:
                raise Later from None
            if isinstance(said, _Came):
                self.busy = False
                return said.given()
            came = _Came.of(said)
            if isinstance(came.error, Stop):
                raise came.error
            self._heard.put(came)

    def asks(self, question: _Work) -> Any:
        """Of the deputy's own thread: have something asked of the program."""
        self._said.put(question)
        return self._heard.get().given()

    def work(self) -> None:
        """Of the deputy's own thread: to the end of the run."""
        while True:
            self._said.put(_Came.of(self._todo.get()))


class Deputies:
    """One for each thread of the program that ever asked something."""

    def __init__(self) -> None:
        self._of: dict[int, Deputy] = {}
        self._here: dict[int, Deputy] = {}

    def here(self) -> Deputy | None:
        """Whose thread this is."""
        return self._here.get(_thread.get_ident()) if self._here else None

    def perform(self, thread: int, work: _Work | None) -> Any:
        """Have a thread's deputy do something; without `work`, what came of what it was to do.

        Raises `Later`, what the work raised, and `CodecError` for what no honest program asks.
        """
        if thread not in self._of and len(self._of) >= _MOST and work is not None:
            return work()
        deputy = self._of.get(thread) or self._started(thread)
        if deputy.busy is (work is not None):
            raise CodecError("a thread that asks while it waits, or waits for nothing")
        if work is not None:
            deputy.begin(work)
        return deputy.result()

    def _started(self, thread: int) -> Deputy:
        deputy = self._of[thread] = Deputy()

        def work() -> None:
            self._here[_thread.get_ident()] = deputy
            deputy.work()

        _thread.start_new_thread(work, ())
        return deputy
