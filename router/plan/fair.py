"""Whose turn it is: the order in which draws that wait are served. It knows no clock and no tasks.

And when it will be one's turn, as far as is known how long samples take: `foretold`.

Between callers it is start-time fair queueing by samples: every caller has a tag that grows by the
samples it was served, and the caller with the least is next. Within one caller what is due earliest
is first, and of equals the one that came first. The common time,
at which callers enter that were away, grows with every service by its samples over the callers that
wait: so nobody saves up turns, and however many new callers come, one that waits is passed by only
so many.

The draw whose turn it is stays first until it is served or leaves. A wide one, which may wait long
until there is room for it, is not passed by then, whoever comes.
"""

from __future__ import annotations

import copy
import heapq
import math
from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

_LAST: Final = math.inf
"""When a draw is due that comes after all of its caller that are due some time."""


@dataclass(frozen=True, slots=True, order=True)
class Waiter:
    """A draw that waits: in order of when it is due, then of its arrival.

    `due` is on any clock, `samples` is how much room it needs.
    """

    due: float
    arrival: int
    samples: int = field(compare=False)
    caller: str = field(compare=False)


@dataclass(slots=True)
class _Caller:
    """Those of one caller that wait, the first first, and how much it was served, in samples."""

    tag: float
    waiters: list[Waiter] = field(default_factory=list)


class FairQueue:
    """Draws that wait, and whose turn it is."""

    def __init__(self) -> None:
        self._callers: dict[str, _Caller] = {}
        self._time = 0.0
        self._arrivals = 0
        self._head: Waiter | None = None
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def head(self) -> Waiter | None:
        """The draw whose turn it is; None where none waits."""
        return self._head

    @property
    def remembered(self) -> int:
        """Callers of which anything is known."""
        return len(self._callers)

    def push(self, caller: str, samples: int, due: float = _LAST) -> Waiter:
        """A draw comes to wait."""
        self._arrivals += 1
        waiter = Waiter(due, self._arrivals, samples, caller)
        self._length += 1
        known = self._callers.setdefault(caller, _Caller(self._time))
        if self._head is None:
            self._head = waiter
        else:
            insort(known.waiters, waiter)
        return waiter

    def pop(self) -> Waiter:
        """The draw whose turn it is is served. Raises IndexError where none waits."""
        served = self._head
        if served is None:
            raise IndexError("nobody waits")
        caller = self._callers[served.caller]
        waiting = sum(1 for each in self._callers.values() if each.waiters or each is caller)
        self._time = max(self._time + served.samples / waiting, caller.tag)
        caller.tag += served.samples
        self._leave()
        return served

    def remove(self, waiter: Waiter) -> None:
        """A draw stops waiting; it has cost its caller nothing. Raises ValueError if unknown."""
        if waiter is self._head:
            self._leave()
            return
        self._callers[waiter.caller].waiters.remove(waiter)
        self._length -= 1
        self._forget()

    def ahead(self, caller: str, samples: int, due: float = _LAST) -> list[int]:
        """The samples of each that would be served before a draw that came now, in order."""
        foreseen = copy.copy(self)
        foreseen._callers = {  # noqa: SLF001 its own kind
            name: _Caller(each.tag, list(each.waiters)) for name, each in self._callers.items()
        }
        mine = foreseen.push(caller, samples, due)
        before = []
        while (waiter := foreseen.pop()) is not mine:
            before.append(waiter.samples)
        return before

    def _leave(self) -> None:
        """The first goes; the next is settled on."""
        self._length -= 1
        self._head = None
        waiting = [each for each in self._callers.values() if each.waiters]
        if waiting:
            self._head = min(
                waiting, key=lambda each: (each.tag, each.waiters[0].arrival)
            ).waiters.pop(0)
        self._forget()

    def _forget(self) -> None:
        """Callers that are not ahead of the common time, and wait for nothing, are as new ones."""
        if self._head is None:
            self._callers.clear()
            return
        for name, each in list(self._callers.items()):
            if not each.waiters and name != self._head.caller and each.tag <= self._time:
                del self._callers[name]


def foretold(
    slots: int, running: Iterable[tuple[float, int]], before: Iterable[int], hold_s: float
) -> float:
    """In how many seconds the last of those that wait would have its slots.

    `running` are the seconds that draws still take, and their slots; `before` the samples of those
    that wait, in order, its own at the end; `hold_s` what a sample takes.
    """
    ends = [(max(0.0, left_s), taken) for left_s, taken in running]
    heapq.heapify(ends)
    free, at = slots - sum(taken for _, taken in ends), 0.0
    for samples in before:
        needed = min(samples, slots)
        while free < needed and ends:
            end, taken = heapq.heappop(ends)
            at, free = max(at, end), free + taken
        free -= needed
        heapq.heappush(ends, (at + hold_s, needed))
    return at
