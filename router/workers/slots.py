"""Slots that all workers draw from: the parent keeps the lanes, and a worker's draws wait there.

So there is one queue for the whole, however many processes serve. What a worker holds or waits for
is given back when it dies.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from router.hearing import unheard
from router.plan.ports import Place
from router.plan.queues.lanes import Lane
from router.upstream.failures import NotAdmitted
from router.workers.messages import (
    Message,
    SlotEnded,
    SlotsGranted,
    SlotsLeft,
    SlotsRefused,
    SlotsWanted,
)
from router.workers.wire import Peer


class SharedQueues:
    """A worker's side: `send` tells its parent."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send
        self._numbers = itertools.count()
        self._asked: dict[int, asyncio.Future[None]] = {}

    def of(
        self,
        model: str,
        *,
        on_length: Callable[[int], None] = unheard,
        on_wait: Callable[[float], None] = unheard,
        foretold_s: Callable[[str], float] = lambda _: 0.0,
    ) -> SharedLane:
        """The lane of a model; what hears of it, see `SlotLane`, hears of this worker's draws.

        `foretold_s` is how long a draw would wait, as far as the parent told.
        """
        return SharedLane(self, model, on_length, on_wait, foretold_s)

    async def wait(self, wish: SlotsWanted) -> None:
        """Wait for slots. Raises `NotAdmitted`."""
        asked = asyncio.get_running_loop().create_future()
        self._asked[wish.number] = asked
        self._send(wish)
        try:
            await asked
        finally:
            del self._asked[wish.number]

    def number(self) -> int:
        """One that no other draw has."""
        return next(self._numbers)

    def tell(self, message: SlotEnded | SlotsLeft) -> None:
        """To the parent."""
        self._send(message)

    def hear(self, message: SlotsGranted | SlotsRefused) -> None:
        """What the parent says to one who waits, and may have left meanwhile."""
        asked = self._asked.get(message.number)
        if asked is None or asked.done():
            return
        match message:
            case SlotsGranted():
                asked.set_result(None)
            case SlotsRefused(model=model, reason=reason, retry_after_s=seconds):
                asked.set_exception(NotAdmitted(model, reason, retry_after_s=seconds))


@dataclass(slots=True)
class SharedLane:
    """One of them, a `Lane`."""

    queues: SharedQueues
    model: str
    on_length: Callable[[int], None]
    on_wait: Callable[[float], None]
    foretold_s: Callable[[str], float]
    _waiting: int = 0

    @asynccontextmanager
    async def acquire(
        self,
        n: int,
        caller: str,
        deadline: float | None,
        *,
        first_s: float | None = None,
        begun: bool = False,
    ) -> AsyncIterator[Place]:
        """See `Lane.acquire`."""
        number, clock = self.queues.number(), asyncio.get_running_loop().time
        began = clock()
        self._count(1)
        try:
            try:
                await self.queues.wait(
                    SlotsWanted(number, self.model, n, caller, deadline, first_s, begun)
                )
            finally:
                self._count(-1)
            self.on_wait(clock() - began)
            yield _Granted(number, self.queues)
        finally:
            self.queues.tell(SlotsLeft(number))

    def expected_s(self, n: int, caller: str, deadline: float | None) -> float:  # noqa: ARG002
        """As it would be for a sample of a caller that has none waiting: only the parent knows all.

        It refuses what would come too late by what it knows.
        """
        return self.foretold_s(self.model)

    def _count(self, more: int) -> None:
        self._waiting += more
        self.on_length(self._waiting)


@dataclass(frozen=True, slots=True)
class _Granted:
    """See `Place`."""

    number: int
    queues: SharedQueues

    def ended(self) -> None:
        self.queues.tell(SlotEnded(self.number))


@dataclass(slots=True, eq=False)
class _RemoteDraw:
    """A draw of some worker: it waits, then it has slots."""

    model: str
    task: asyncio.Task[None]
    slots: Place | None = None


@dataclass(frozen=True, slots=True)
class SlotKeeper:
    """The parent's side: the draws of all workers that wait in `lanes`, or have their slots.

    `on_change` hears of a model of which some come or go.
    """

    lanes: Mapping[str, Lane]
    on_change: Callable[[str], None] = unheard
    _draws: dict[tuple[Peer, int], _RemoteDraw] = field(default_factory=dict)
    _leaving: set[asyncio.Task[None]] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self._draws)

    def wanted(self, peer: Peer, wish: SlotsWanted) -> None:
        """A worker asks."""
        task = asyncio.create_task(self._stay(peer, wish), name="slots")
        self._draws[peer, wish.number] = _RemoteDraw(wish.model, task)
        self.on_change(wish.model)

    def ended(self, peer: Peer, number: int) -> None:
        """A worker needs one of them no more."""
        draw = self._draws.get((peer, number))
        if draw is not None and draw.slots is not None:
            draw.slots.ended()
            self.on_change(draw.model)

    def left(self, peer: Peer, number: int) -> None:
        """A worker gives back, or waits no more."""
        draw = self._draws.pop((peer, number), None)
        if draw is None:
            return
        self._leaving.add(draw.task)
        draw.task.add_done_callback(self._leaving.discard)
        draw.task.cancel()
        self.on_change(draw.model)

    def lost(self, peer: Peer) -> None:
        """A worker is gone."""
        for owner, number in [each for each in self._draws if each[0] is peer]:
            self.left(owner, number)

    async def _stay(self, peer: Peer, wish: SlotsWanted) -> None:
        """Wait and hold, until it is cancelled: a worker always says when it leaves."""
        try:
            async with self.lanes[wish.model].acquire(
                wish.n, wish.caller, wish.deadline, first_s=wish.first_s, begun=wish.begun
            ) as slots:
                self._draws[peer, wish.number].slots = slots
                peer.send(SlotsGranted(wish.number))
                await asyncio.Event().wait()
        except NotAdmitted as error:
            refused = SlotsRefused(wish.number, wish.model, error.reason, error.retry_after_s)
            peer.send(refused)
