"""An event loop on a simulated clock: whenever nothing is left to do, time jumps to what is next.

A run takes its time from the event loop alone, so a minute of waiting is replayed in no time, and
what happens at which moment does not depend on the machine. Everything that is ready runs before
time moves on. It guards against a run that waits for something that cannot happen; it does not know
of threads, processes or sockets, and nothing that is run here may wait for them.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class NothingLeftToHappen(RuntimeError):
    """Everybody waits, and no timer is set."""


class _Clock:
    """Seconds since the start."""

    def __init__(self) -> None:
        self.now = 0.0


class _Jumping(selectors.SelectSelector):
    """Instead of waiting it moves the clock."""

    def __init__(self, clock: _Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Nothing is ever ready but timers. Raises `NothingLeftToHappen` where there are none."""
        if timeout is None:
            raise NothingLeftToHappen("everybody waits, and no timer is set")
        self._clock.now += max(0.0, timeout)
        return []


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop whose `time()` is simulated."""

    def __init__(self) -> None:
        self._clock = _Clock()
        super().__init__(_Jumping(self._clock))

    def time(self) -> float:
        """Simulated seconds since the start."""
        return self._clock.now


def simulate(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on a simulated clock."""
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        return runner.run(work)
