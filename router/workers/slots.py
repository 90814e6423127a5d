"""Slots that all workers draw from: the parent keeps the queues, and a request waits there.

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
    SlotsGranted,
    SlotsLeft,
    SlotsRefused,
    SlotsWanted,
)
from router.workers.turns import Peer


class NoSlots(Exception):
    """There will be none in time; `retry_after_s` says when there may be, where that is known."""

    def __init__(self, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class SlotQueue(Protocol):
    """Slots of one upstream, and those that wait for them."""

    def acquire(
        self, slots: int, caller: str, deadline: float | None
    ) -> AbstractAsyncContextManager[None]:
        """Slots, held while it is entered. Raises `NoSlots`.

        `deadline` is on the event loop's clock, which is the same in all processes.
        """
        ...


class SharedQueues:
    """A worker's side: `send` tells its parent."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send
        self._numbers = itertools.count()
        self._asked: dict[int, asyncio.Future[None]] = {}

    @asynccontextmanager
    async def acquire(
        self, queue: str, slots: int, caller: str, deadline: float | None
    ) -> AsyncIterator[None]:
        """See `SlotQueue.acquire`; of the queue with this name."""
        number = next(self._numbers)
        asked = asyncio.get_running_loop().create_future()
        self._asked[number] = asked
        self._send(SlotsWanted(number, queue, slots, caller, deadline))
        try:
            await asked
            yield
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
class Waiting:
    """The parent's side: those of all workers that wait in `queues`, or have what they wanted."""

    queues: Mapping[str, SlotQueue]
    _stays: dict[tuple[Peer, int], asyncio.Task[None]] = field(default_factory=dict)
    _leaving: set[asyncio.Task[None]] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self._stays)

    def wanted(self, peer: Peer, wish: SlotsWanted) -> None:
        """A worker asks."""
        stay = asyncio.create_task(self._stay(peer, wish), name="slots")
        self._stays[peer, wish.number] = stay

    def left(self, peer: Peer, number: int) -> None:
        """A worker gives back, or waits no more."""
        stay = self._stays.pop((peer, number))
        self._leaving.add(stay)
        stay.add_done_callback(self._leaving.discard)
        stay.cancel()

    def lost(self, peer: Peer) -> None:
        """A worker is gone."""
        for owner, number in [each for each in self._stays if each[0] is peer]:
            self.left(owner, number)

    async def _stay(self, peer: Peer, wish: SlotsWanted) -> None:
        """Wait and hold, until it is cancelled: a worker always says when it leaves."""
        try:
            slots = self.queues[wish.queue].acquire(wish.slots, wish.caller, wish.deadline)
            async with slots:
                peer.send(SlotsGranted(wish.number))
                await asyncio.Event().wait()
        except NoSlots as error:
            peer.send(SlotsRefused(wish.number, str(error), error.retry_after_s))
