"""Threads of the candidate's process: those of the program, and ours among them.

The program's own go on between questions, so while there are any, one of ours watches what they
change. Where the tests have threads, or the program handles signals, another of ours answers their
questions, and the main thread is the deputy of the tests' main thread.
"""

from __future__ import annotations

import _thread
import contextlib
import signal
import time
from importlib import import_module
from typing import TYPE_CHECKING, Final

from sandbox.inner.wire.deputies import MAIN, PAUSE_S, Came, Deputies, Numbers

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.frames import Frame
    from sandbox.inner.wire.turns import Turns

_sleep: Final = time.sleep  # programs put something else in its place
_getsignal: Final[Callable[[int], object]] = import_module("_signal").getsignal
"""Without a name for what it gives, which takes longer than all else."""

_SIGNALS: Final = (
    *(signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF),
    *(signal.SIGUSR1, signal.SIGUSR2),
)
"""Those for which nobody but the program has a handler in its process."""


class Threads:
    """What is known of them. `has_news`: whether there is what the tests do not know."""

    def __init__(self, turns: Turns, has_news: Callable[[], bool]) -> None:
        self.deputies = Deputies()
        self.aside = False
        self._turns = turns
        self._has_news = has_news
        self._main = _thread.get_ident()
        self._numbers = Numbers()
        self._watchers = 0

    def number(self) -> int:
        """Of the thread that this is: one of the program's, minus that of the tests', or 0."""
        deputy = self.deputies.here()
        if deputy is not None and deputy.busy:
            return -deputy.thread
        # Where the main thread does nothing for the tests, it is in a handler of a signal.
        is_main = _thread.get_ident() == self._main and not self.aside
        return 0 if is_main else self._numbers.here()

    def told(self) -> Frame:
        """Which thread this is, for who is asked something, and which have ended."""
        thread, over = self.number(), self._numbers.ended()
        return ({"thread": thread} if thread else {}) | ({"over": over} if over else {})

    def go_on(self) -> bool:
        """Whether anything may happen while nothing is asked; if so, it is watched."""
        ours = self._watchers + self.aside + self.deputies.threads
        # There are threads of which `threading` does not know.
        goes_on = _thread._count() > ours or self.deputies.busy  # noqa: SLF001
        if not goes_on and not self.may_be_interrupted():
            return False
        if not self._watchers:
            with contextlib.suppress(RuntimeError):  # no thread can be had
                _thread.start_new_thread(self._watch, ())
                self._watchers = 1
        return True

    @staticmethod
    def may_be_interrupted() -> bool:
        """Whether the program handles signals: the main thread does, whatever it waits for."""
        return any(callable(_getsignal(each)) for each in _SIGNALS)

    def step_aside(self, answer: Callable[[], object]) -> None:
        """Have another thread answer, and be but a deputy.

        It never returns the first time, unless no thread can be had; and does nothing later.
        """
        if not self.aside:
            self.deputies.adopt(MAIN)
            if self._hand_over(answer):
                self.deputies.work_for(MAIN)

    def postpone(self, number: int, answer: Callable[[], object]) -> None:
        """What this thread asked in a question comes later: whoever waits for it need not.

        If it is the main thread, which answers that question, another one does so from now on.
        """
        deputy = self.deputies.here()
        if deputy is not None and deputy.busy:
            deputy.postpone()
        elif _thread.get_ident() == self._main and not self.aside:
            self.deputies.adopt(MAIN).busy = True
            self.deputies.enter(MAIN)
            self._hand_over(answer)
        self._turns.next_after(number, PAUSE_S)

    def done_here(self, work: Callable[[], object]) -> Came:
        """What comes of what is asked of this thread.

        The main thread never returns where another one has begun to answer meanwhile.
        """
        before = self.aside
        came = Came.of(work)
        if self.aside and not before and _thread.get_ident() == self._main:
            self.deputies.adopt(MAIN).deliver(came)
            self.deputies.work_for(MAIN)
        return came

    def _hand_over(self, answer: Callable[[], object]) -> bool:
        self.aside = True
        try:
            _thread.start_new_thread(answer, ())
        except RuntimeError:  # no thread can be had
            self.aside = False
        return self.aside

    def _watch(self) -> None:
        while True:
            _sleep(PAUSE_S)
            self._turns.knock_on(self._has_news)
