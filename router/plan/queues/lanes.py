"""Draws wait here for the slots of a server, where it is known how many it has.

A server that computes 16 samples at once lets the others wait, in whatever order it likes and with
nobody knowing for how long. A lane sends it what it has room for; the rest waits in a bounded queue
that is fair between callers (`router.plan.queues.fair`). Of one caller the earliest deadline is
first; a draw without one is due in a while, and not passed for ever (`PATIENT_S`). What waits was
not sent: it costs nothing, and leaves at once when it is cancelled. A slot is free again when its
sample has ended, not only when its draw has.

Refused at once is what has a deadline by which its first token cannot come, as far as was seen how
long samples take: an answer that nobody can use is not waited for. Where nothing was seen yet,
nothing is foretold. Where the queue is full, one of the caller that fills it most is refused.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Protocol, Self

from router.hearing import unheard
from router.plan.ports import Place
from router.plan.queues.fair import FairQueue, Waiter, foretold
from router.upstream.failures import NotAdmitted
from router.upstream.priorities import PATIENT_S

KEPT_TIMES: Final = 64
"""Samples whose time in a slot is remembered, the latest."""

STALE_TIMES_S: Final = 600.0
"""What is older is forgotten."""


class Lane(Protocol):
    """The way to one model, in this process or in another."""

    def acquire(
        self,
        n: int,
        caller: str,
        deadline: float | None,
        *,
        first_s: float | None = None,
        begun: bool = False,
    ) -> AbstractAsyncContextManager[Place]:
        """Room for a draw of n samples; entering it waits for its turn.

        `deadline` is on the event loop's clock. `first_s` is the forecast of the time to its first
        token, once it is sent; None where nobody knows. What a request has `begun` is not refused
        because many wait: its earlier draws would be in vain. Raises `NotAdmitted`.
        """
        ...

    def expected_s(self, n: int, caller: str, deadline: float | None) -> float:
        """How long such a draw would wait, if it came now; 0 where nobody knows."""
        ...


class SlotLane:
    """A lane of this process.

    `slots` says how many samples the model's servers compute at once, just now; `limit` is how many
    draws may wait. `on_length` hears how many do, `on_wait` how many seconds each of those waited
    that were let in.
    """

    def __init__(
        self,
        model: str,
        slots: Callable[[], int],
        limit: int,
        *,
        on_length: Callable[[int], None] = unheard,
        on_wait: Callable[[float], None] = unheard,
    ) -> None:
        self.model = model
        self.busy = 0
        self._slots, self._limit = slots, limit
        self._on_length, self._on_wait = on_length, on_wait
        self._queue = FairQueue()
        self._waiting: dict[Waiter, tuple[_Stay, asyncio.Future[None]]] = {}
        self._new = 0
        self._stays: set[_Stay] = set()
        self._times: deque[tuple[float, float]] = deque(maxlen=KEPT_TIMES)

    def __len__(self) -> int:
        return len(self._queue)

    def acquire(
        self,
        n: int,
        caller: str,
        deadline: float | None,
        *,
        first_s: float | None = None,
        begun: bool = False,
    ) -> AbstractAsyncContextManager[Place]:
        """See `Lane`."""
        return _Stay(self, n, caller, deadline, first_s, begun)

    def expected_s(self, n: int, caller: str, deadline: float | None) -> float:
        """See `Lane`."""
        if self._has_room(n):
            return 0.0
        now = asyncio.get_running_loop().time()
        times = [seconds for seconds, when in self._times if now - when <= STALE_TIMES_S]
        if not times:
            return 0.0
        hold_s = math.fsum(times) / len(times)
        running = [(stay.since + hold_s - now, stay.held) for stay in self._stays]
        before = [*self._queue.ahead(caller, n, _due(deadline, now)), n]
        return foretold(self._slots(), running, before, hold_s)

    def _has_room(self, n: int) -> bool:
        return self._queue.head is None and self._fits(n)

    def _fits(self, n: int) -> bool:
        slots = self._slots()
        return self.busy + min(n, slots) <= slots

    async def enter(self, stay: _Stay) -> None:
        """Wait for the slots of a draw, and take them. Raises `NotAdmitted`."""
        began = asyncio.get_running_loop().time()
        self.admit()  # there may be more slots than before
        if self._has_room(stay.n):
            self._take(stay)
        else:
            gives_way = self._who_gives_way(stay)
            self._check(stay, began)
            if gives_way is not None:
                self._refuse(gives_way)
            await self._turn(stay)
        self._on_wait(stay.since - began)

    def leave(self, stay: _Stay, slots: int, *, ended: bool) -> None:
        """Some of a draw's slots are free again, be it because their samples have `ended`.

        How long others had theirs says nothing of how long samples take: a server that fails is
        quick.
        """
        now = asyncio.get_running_loop().time()
        if ended:
            self._times.extend([(now - stay.since, now)] * slots)
        stay.held -= slots
        self.busy -= slots
        if not stay.held:
            self._stays.discard(stay)
        self.admit()

    def _check(self, stay: _Stay, now: float) -> None:
        """Raise `NotAdmitted` where waiting is of no use."""
        if stay.deadline is None or stay.first_s is None:
            return
        wait_s = self.expected_s(stay.n, stay.caller, stay.deadline)
        late_s = wait_s + stay.first_s - (stay.deadline - now)
        if wait_s > 0 and late_s > 0:
            reason = f"would begin its answer in {wait_s + stay.first_s:.1f} s, after the deadline"
            retry_s = max(1, math.ceil(min(late_s, wait_s)))
            raise NotAdmitted(self.model, reason, retry_after_s=retry_s)

    def _who_gives_way(self, stay: _Stay) -> Waiter | None:
        """Whom to refuse for a draw to wait; None where there is room, but for what was begun.

        That is the last of those that wait, of the caller that has most of them: who fills the
        queue is refused, and not who comes next. Neither is the draw whose turn it is. Raises
        `NotAdmitted` where it is the one that comes.
        """
        if stay.begun or self._new < self._limit:
            return None
        waiting = self._queue.waiting
        most = waiting(stay.caller) + 1
        if self._queue.most_waiting <= most:  # as is seen at once
            raise self._refusal(stay)
        able = [
            (many, waiter)
            for waiter, (each, granted) in self._waiting.items()
            if not each.begun and not granted.done() and waiter is not self._queue.head
            if (many := waiting(waiter.caller)) > most
        ]
        if not able:
            raise self._refusal(stay)
        return max(able)[1]

    def _refuse(self, waiter: Waiter) -> None:
        stay, granted = self._waiting[waiter]
        self._withdraw(waiter)
        granted.set_exception(self._refusal(stay))

    def _refusal(self, stay: _Stay) -> NotAdmitted:
        """As too many wait."""
        wait_s = self.expected_s(stay.n, stay.caller, stay.deadline)
        reason = f"has {self._limit} draws waiting, and takes no more; try again"
        return NotAdmitted(self.model, reason, retry_after_s=max(1, math.ceil(wait_s)))

    async def _turn(self, stay: _Stay) -> None:
        """Wait until `admit` has taken the slots of a draw."""
        loop = asyncio.get_running_loop()
        granted = loop.create_future()
        due = _due(stay.deadline, loop.time())
        waiter = self._queue.push(stay.caller, stay.n, due)
        self._waiting[waiter] = stay, granted
        self._new += not stay.begun
        self._on_length(len(self._queue))
        try:
            await granted
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._withdraw(waiter)
                self.admit()
            else:  # its turn had come as well
                stay.close()
            raise

    def _withdraw(self, waiter: Waiter) -> None:
        self._queue.remove(waiter)
        self._waits_no_more(waiter)

    def _waits_no_more(self, waiter: Waiter) -> None:
        stay, _ = self._waiting.pop(waiter)
        self._new -= not stay.begun
        self._on_length(len(self._queue))

    def admit(self) -> None:
        """Let in those whose turn it is, as far as there is room.

        To be called as well when there may be more slots than before.
        """
        while (first := self._queue.head) is not None:
            stay, granted = self._waiting[first]
            if granted.cancelled():  # and its task has not run since
                self._withdraw(first)
                continue
            if not self._fits(first.samples):
                return
            self._queue.pop()
            self._waits_no_more(first)
            self._take(stay)
            granted.set_result(None)

    def _take(self, stay: _Stay) -> None:
        """A draw wider than all slots takes those that there are."""
        stay.held = min(stay.n, self._slots())
        stay.since = asyncio.get_running_loop().time()
        self.busy += stay.held
        self._stays.add(stay)


def _due(deadline: float | None, now: float) -> float:
    """Of a draw that comes now."""
    return now + PATIENT_S if deadline is None else deadline


@dataclass(slots=True, eq=False)
class _Stay:
    """A draw in its lane: it waits, then it holds slots, `since` when.

    `left` of its samples have not ended; it may hold fewer slots than it has samples.
    """

    lane: SlotLane
    n: int
    caller: str
    deadline: float | None
    first_s: float | None
    begun: bool
    held: int = field(default=0, init=False)
    since: float = field(default=0.0, init=False)
    left: int = field(default=0, init=False)

    async def __aenter__(self) -> Self:
        self.left = self.n
        await self.lane.enter(self)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def ended(self) -> None:
        """See `Place`."""
        self.left -= 1
        if self.left < self.held:
            self.lane.leave(self, 1, ended=True)

    def close(self) -> None:
        """Give back all that it holds."""
        if self.held:
            self.lane.leave(self, self.held, ended=False)
