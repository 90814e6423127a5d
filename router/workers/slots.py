"""Slots that all workers draw from: the parent keeps the lanes, and a worker's draws wait there.

So there is one queue for the whole, however many processes serve. What a worker holds or waits for
is given back when it dies.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from router.workers.messages import (
    Message,
    SlotEnded,
    SlotsGranted,
    SlotsLeft,
    SlotsRefused,
    SlotsWanted,
)
from router.workers.turns import Peer


class NoSlots(Exception):
    """There will be none in time; `retry_after_s` says when there may be, where that is known."""

    def __init__(self, reason: str, retry_after_s: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s


class Slots(Protocol):
    """Those that a draw has, while it is entered."""

    def ended(self) -> None:
        """One of its samples has ended, and needs none any more."""
        ...


class SlotQueue(Protocol):
    """The slots of one model, and the draws that wait for them."""

    def acquire(
        self, n: int, caller: str, deadline: float | None, *, first_s: float | None = None
    ) -> AbstractAsyncContextManager[Slots]:
        """Slots for a draw of n samples; entering it waits for its turn. Raises `NoSlots`.

        `deadline` is on the event loop's clock, which is the same in all processes; `first_s` is
        the forecast of the time to the first token.
        """
        ...


class SharedQueues:
    """A worker's side: `send` tells its parent."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send
        self._numbers = itertools.count()
        self._asked: dict[int, asyncio.Future[None]] = {}

    def of(self, model: str) -> SharedQueue:
        """The queue of a model."""
        return SharedQueue(self, model)

    @asynccontextmanager
    async def acquire(
        self, model: str, n: int, caller: str, deadline: float | None, first_s: float | None
    ) -> AsyncIterator[Slots]:
        """See `SlotQueue.acquire`."""
        number = next(self._numbers)
        asked = asyncio.get_running_loop().create_future()
        self._asked[number] = asked
        self._send(SlotsWanted(number, model, n, caller, deadline, first_s))
        try:
            await asked
            yield _Granted(number, self._send)
        finally:
            del self._asked[number]
            self._send(SlotsLeft(number))

    def hear(self, message: SlotsGranted | SlotsRefused) -> None:
        """What the parent says to one who waits, and may have left meanwhile."""
        asked = self._asked.get(message.number)
        if asked is None or asked.done():
            return
        match message:
            case SlotsGranted():
                asked.set_result(None)
            case SlotsRefused(reason=reason, retry_after_s=seconds):
                asked.set_exception(NoSlots(reason, seconds))


@dataclass(frozen=True, slots=True)
class SharedQueue:
    """One of them, a `SlotQueue`."""

    queues: SharedQueues
    model: str

    def acquire(
        self, n: int, caller: str, deadline: float | None, *, first_s: float | None = None
    ) -> AbstractAsyncContextManager[Slots]:
        """See `SlotQueue.acquire`."""
        return self.queues.acquire(self.model, n, caller, deadline, first_s)


@dataclass(frozen=True, slots=True)
class _Granted:
    """See `Slots`."""

    number: int
    send: Callable[[Message], None]

    def ended(self) -> None:
        self.send(SlotEnded(self.number))


@dataclass(slots=True, eq=False)
class _Stay:
    """A draw of some worker: it waits, then it has slots."""

    task: asyncio.Task[None]
    slots: Slots | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """The parent's side: the draws of all workers that wait in `queues`, or have their slots."""

    queues: Mapping[str, SlotQueue]
    _stays: dict[tuple[Peer, int], _Stay] = field(default_factory=dict)
    _leaving: set[asyncio.Task[None]] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self._stays)

    def wanted(self, peer: Peer, wish: SlotsWanted) -> None:
        """A worker asks."""
        task = asyncio.create_task(self._stay(peer, wish), name="slots")
        self._stays[peer, wish.number] = _Stay(task)

    def ended(self, peer: Peer, number: int) -> None:
        """A worker needs one of them no more."""
        slots = self._stays[peer, number].slots
        if slots is not None:
            slots.ended()

    def left(self, peer: Peer, number: int) -> None:
        """A worker gives back, or waits no more."""
        task = self._stays.pop((peer, number)).task
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
        task.cancel()

    def lost(self, peer: Peer) -> None:
        """A worker is gone."""
        for owner, number in [each for each in self._stays if each[0] is peer]:
            self.left(owner, number)

    async def _stay(self, peer: Peer, wish: SlotsWanted) -> None:
        """Wait and hold, until it is cancelled: a worker always says when it leaves."""
        queue = self.queues[wish.model]
        try:
            async with queue.acquire(
                wish.n, wish.caller, wish.deadline, first_s=wish.first_s
            ) as slots:
                self._stays[peer, wish.number].slots = slots
                peer.send(SlotsGranted(wish.number))
                await asyncio.Event().wait()
        except NoSlots as error:
            peer.send(SlotsRefused(wish.number, error.reason, error.retry_after_s))
