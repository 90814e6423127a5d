"""Threads that stand in one process for threads of the other.

In one process a thread of the program would itself run a function of the tests that it calls, and
a thread of the tests a method of the program. So each has a deputy in the other process: two that
wait do so at the same time, each always has the same identity, and holds the locks that it took.
What takes long is done *later*: who asked leaves the channel to others, and asks again.

What a deputy wants to know of the process that it stands for is asked by whoever hears its thread
out, so it is that thread which answers; and that thread itself does what its deputy calls.
"""

from __future__ import annotations

import _thread
import itertools
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sandbox.codec import CodecError
from sandbox.inner.wire.channel import Stop

if TYPE_CHECKING:
    from collections.abc import Callable

    _Work = Callable[[], Any]

_AT_ONCE_S: Final = 0.003
_MOST: Final = 32
"""Those with a thread of their own; what more threads ask is done where it is heard."""

MAIN: Final = 1
"""The number of the thread in which the tests run."""

PAUSE_S: Final = 0.005
"""After which it is asked again for what comes later."""


class Numbers:
    """Numbers of threads, each used once: the system gives those of one that has ended to others.

    What a thread keeps for itself must not be another's, so who stands for it ends with it.
    """

    def __init__(self) -> None:
        self._own = _thread._local()  # noqa: SLF001 - `threading` may be changed by programs
        self._next = itertools.count(MAIN + 1)
        self._ended: list[int] = []

    def here(self) -> int:
        """The number of this thread."""
        found = getattr(self._own, "ends", None)
        if found is None:
            found = self._own.ends = _Ends(next(self._next), self._ended)
        return found.number

    def ended(self) -> list[int]:
        """Those that have ended since this was asked."""
        found = self._ended[:]
        del self._ended[: len(found)]
        return found


class _Ends:
    """Something of one thread, which ends with it."""

    def __init__(self, number: int, ended: list[int]) -> None:
        self.number = number
        self._ended = ended

    def __del__(self) -> None:
        self._ended.append(self.number)


class Later(Exception):
    """It is not done yet."""


class Came(NamedTuple):
    """What came of some work: a value, or what it raised."""

    value: Any = None
    error: BaseException | None = None

    @classmethod
    def of(cls, work: _Work) -> Came:
        """Do it."""
        try:
            return cls(work())
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            return cls(error=error)

    def given(self) -> Any:
        """The value. Raises what the work raised."""
        if self.error is not None:
            raise self.error
        return self.value


class Deputy:
    """Stands for one thread, and does one thing after another.

    `busy`: it is waited for; `works`: it does what it was given.
    """

    def __init__(self, thread: int) -> None:
        self.thread = thread
        self.busy = False
        self.works = False
        self._todo: SimpleQueue[_Work | None] = SimpleQueue()
        self._said: SimpleQueue[Any] = SimpleQueue()
        self._heard: SimpleQueue[Came] = SimpleQueue()

    def begin(self, work: _Work) -> None:
        """Have it done."""
        self.busy = True
        self._todo.put(work)

    def leave(self) -> None:
        """Have nothing done any more."""
        self._todo.put(None)

    def result(self, seconds: float) -> Any:
        """What came of it, within so long. Raises `Later`, and what it raised."""
        while True:
            try:
                said = self._said.get(timeout=seconds)
            except Empty:
                raise Later from None
            match said:
                case Came():
                    self.busy = False
                    return said.given()
                case None:
                    raise Later
            came = Came.of(said)
            if isinstance(came.error, Stop):
                raise came.error
            self._heard.put(came)

    def abandon(self) -> None:
        """Of the thread in which it works: what came is waited for no more, if it is there."""
        while self.busy and not self.works and self._todo.empty() and not self._said.empty():
            self.busy = not isinstance(self._said.get(), Came)

    def deliver(self, came: Came) -> None:
        """Of the thread in which it works: this is done."""
        self._said.put(came)

    def postpone(self) -> None:
        """Of the thread in which it works: it waits itself, so whoever waits for it need not."""
        self._said.put(None)

    def asks(self, question: _Work) -> Any:
        """Of the thread in which it works: have something asked of the other process."""
        self._said.put(question)
        return self._heard.get().given()

    def work(self, seconds: float | None = None) -> None:
        """Of the thread in which it works: do what is there, if something comes within so long."""
        while True:
            try:
                work = self._todo.get(timeout=seconds)
            except Empty:
                return
            if work is None:
                return
            self.works = True
            came = Came.of(work)
            self.works = False
            self.deliver(came)
            if isinstance(came.error, Stop):
                raise came.error
            seconds = None if seconds is None else 0.0


class Deputies:
    """Those of one process, by the numbers of the threads that they stand for."""

    def __init__(self) -> None:
        self._of: dict[int, Deputy] = {}
        self._here: dict[int, Deputy] = {}
        self._running = set[object]()

    @property
    def threads(self) -> int:
        """How many of them have a thread of their own."""
        return len(self._running)

    def here(self) -> Deputy | None:
        """Whose work this thread does."""
        return self._here.get(_thread.get_ident()) if self._here else None

    @property
    def busy(self) -> bool:
        """Whether anything is left to be done."""
        return any(deputy.busy for deputy in tuple(self._of.values()))

    def perform(self, thread: int, work: _Work) -> Any:
        """Have a thread's deputy do something.

        Raises `Later`, what the work raised, and `CodecError` for a thread that waits already.
        """
        deputy = self._of.get(thread) or self._started(thread)
        if deputy is None:
            return work()
        self.begin(thread, work)
        return deputy.result(_AT_ONCE_S)

    def begin(self, thread: int, work: _Work) -> None:
        """Have the deputy that a thread has do something, and do not wait for it.

        Raises `CodecError` for a thread that waits already.
        """
        if self._of[thread].busy:
            raise CodecError("a thread that asks while it waits")
        self._of[thread].begin(work)

    def result(self, thread: int, *, here: bool = False) -> Any:
        """What came of what was begun for a thread; it is not waited for where that works `here`.

        Raises `Later`, what the work raised, and `CodecError` for a thread that waits for nothing.
        """
        deputy = self._of.get(thread)
        if deputy is None or not deputy.busy:
            raise CodecError("a thread that waits for nothing")
        return deputy.result(0 if here else _AT_ONCE_S)

    def adopt(self, thread: int) -> Deputy:
        """From now on some thread works for that one by `work_for`; it is not given one."""
        found = self._of.get(thread)
        return self._of.setdefault(thread, Deputy(thread)) if found is None else found

    def enter(self, thread: int) -> None:
        """What this thread does is that one's work."""
        self._here[_thread.get_ident()] = self._of[thread]

    def work_for(self, thread: int, seconds: float | None = None) -> None:
        """Do what is to be done for a thread, if something comes within so long."""
        self.enter(thread)
        try:
            self._of[thread].work(seconds)
        finally:
            del self._here[_thread.get_ident()]

    def end(self, threads: Any) -> None:
        """These threads have ended. Those that have no deputy are passed over."""
        for thread in threads if type(threads) is list else ():
            deputy = self._of.pop(thread, None) if type(thread) is int else None
            if deputy is not None:
                deputy.leave()

    def _run(self, thread: int, one: object) -> None:
        try:
            self.work_for(thread)
        finally:
            self._running.discard(one)

    def _started(self, thread: int) -> Deputy | None:
        """One with a thread of its own, if another can be had."""
        if self.threads >= _MOST or thread <= 0:
            return None
        self.adopt(thread)
        one = object()
        self._running.add(one)  # before it runs, or somebody counts it as none of ours
        try:
            _thread.start_new_thread(self._run, (thread, one))
        except RuntimeError:
            self._running.discard(one)
            del self._of[thread]
            return None
        return self._of[thread]
