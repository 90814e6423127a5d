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

import heapq
import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final, TypeAlias

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

    name: str
    tag: float
    waiters: list[Waiter] = field(default_factory=list)

    @property
    def turn(self) -> _Turn:
        """By which callers are in order."""
        return self.tag, self.waiters[0].arrival if self.waiters else 0, self.name


_Turn: TypeAlias = tuple[float, int, str]


class FairQueue:
    """Draws that wait, and whose turn it is.

    The draw whose turn it is stands apart from those of its caller. `_turns` are the callers of
    which others wait, `_away` those of which none does, both in order.
    """

    def __init__(self) -> None:
        self._callers: dict[str, _Caller] = {}
        self._turns: list[_Turn] = []
        self._away: list[_Turn] = []
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

    def waiting(self, caller: str) -> int:
        """How many of a caller wait."""
        known = self._callers.get(caller)
        return 0 if known is None else len(known.waiters) + self._is_first(caller)

    @property
    def most_waiting(self) -> int:
        """How many wait of the caller of which most do."""
        return max((self.waiting(name) for name in self._callers), default=0)

    def push(self, caller: str, samples: int, due: float = _LAST) -> Waiter:
        """A draw comes to wait."""
        self._arrivals += 1
        waiter = Waiter(due, self._arrivals, samples, caller)
        self._length += 1
        if (known := self._callers.get(caller)) is None:
            known = self._callers[caller] = _Caller(caller, self._time)
            self._line_up(known)
        if self._head is None:
            self._head = waiter
        else:
            self._step_out(known)
            insort(known.waiters, waiter)
            self._line_up(known)
        return waiter

    def pop(self) -> Waiter:
        """The draw whose turn it is is served. Raises IndexError where none waits."""
        served = self._head
        if served is None:
            raise IndexError("nobody waits")
        caller = self._callers[served.caller]
        waiting = len(self._turns) + (not caller.waiters)
        self._time = max(self._time + served.samples / waiting, caller.tag)
        self._step_out(caller)
        caller.tag += served.samples
        self._line_up(caller)
        self._leave()
        return served

    def remove(self, waiter: Waiter) -> None:
        """A draw stops waiting; it has cost its caller nothing. Raises ValueError if unknown."""
        if waiter is self._head:
            self._leave()
            return
        caller = self._callers.get(waiter.caller)
        waiters = [] if caller is None else caller.waiters
        at = bisect_left(waiters, waiter)
        if caller is None or at == len(waiters) or waiters[at] is not waiter:
            raise ValueError("it does not wait")
        self._step_out(caller)
        del waiters[at]
        self._line_up(caller)
        self._length -= 1
        self._forget()

    def ahead(self, caller: str, samples: int, due: float = _LAST) -> list[int]:
        """The samples of each that would be served before a draw that came now, in order.

        A caller's tag grows from each of its draws to the next, so they are those with a lower tag,
        or the same, as they came before.
        """
        if self._head is None:
            return []
        first = self._head.samples
        known = self._callers.get(caller)
        own = [] if known is None else known.waiters
        own = own[: bisect_left(own, Waiter(due, self._arrivals + 1, samples, caller))]
        last = self._time if known is None else known.tag + first * self._is_first(caller)
        for each in own:
            last += each.samples
        turns: list[tuple[float, int, int]] = []
        for listed, _, name in self._turns:
            if listed > last:
                break
            tag = listed + first * self._is_first(name)
            for each in own if name == caller else self._callers[name].waiters:
                if tag > last:
                    break
                turns.append((tag, each.arrival, each.samples))
                tag += each.samples
        turns.sort()
        return [first, *(served for _, _, served in turns)]

    def _is_first(self, caller: str) -> bool:
        return self._head is not None and self._head.caller == caller

    def _line_up(self, caller: _Caller) -> None:
        """A caller takes its place, after what has changed of it."""
        insort(self._turns if caller.waiters else self._away, caller.turn)

    def _step_out(self, caller: _Caller) -> None:
        """A caller leaves its place, as it is about to change."""
        line = self._turns if caller.waiters else self._away
        del line[bisect_left(line, caller.turn)]

    def _leave(self) -> None:
        """The first goes; the next is settled on."""
        self._length -= 1
        self._head = None
        if self._turns:
            caller = self._callers[self._turns[0][-1]]
            self._step_out(caller)
            self._head = caller.waiters.pop(0)
            self._line_up(caller)
        self._forget()

    def _forget(self) -> None:
        """Callers that are not ahead of the common time, and wait for nothing, are as new ones."""
        passed = bisect_right(self._away, self._time, key=itemgetter(0))
        kept = [turn for turn in self._away[:passed] if self._is_first(turn[-1])]
        for *_, name in self._away[:passed]:
            if not self._is_first(name):
                del self._callers[name]
        self._away[:passed] = kept
        if self._head is None:
            self._callers.clear()
            self._away.clear()


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
