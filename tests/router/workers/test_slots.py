"""Slots that the parent keeps for all workers: in order, and given back however they are left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from http_world import eventually

from router.upstream.failures import NotAdmitted
from router.workers.messages import (
    Message,
    SlotEnded,
    SlotsGranted,
    SlotsLeft,
    SlotsRefused,
    SlotsWanted,
)
from router.workers.slots import SharedQueues, SlotKeeper

pytestmark = pytest.mark.anyio


@dataclass
class Queue:
    """A queue of `free` slots, in order of arrival; it refuses what is due at once."""

    free: int
    asked: list[tuple[str, float | None]] = field(default_factory=list)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @asynccontextmanager
    async def acquire(
        self,
        n: int,
        caller: str,
        deadline: float | None,
        *,
        first_s: float | None = None,
        begun: bool = False,
    ) -> AsyncIterator[Held]:
        self.asked.append((caller, first_s))
        if deadline == 0:
            raise NotAdmitted("m", "is too late", retry_after_s=2)
        async with self.turn:
            while self.free < n:  # noqa: ASYNC110 it is a fake
                await asyncio.sleep(0)
            self.free -= n
        held = Held(self, n)
        try:
            yield held
        finally:
            self.free += held.n

    def expected_s(self, n: int, caller: str, deadline: float | None) -> float:
        return 0.0


@dataclass
class Held:
    queue: Queue
    n: int

    def ended(self) -> None:
        self.n -= 1
        self.queue.free += 1


@dataclass(eq=False)
class Worker:
    """A worker beside its parent: what one sends, the other hears."""

    parent: SlotKeeper
    queues: SharedQueues = field(init=False)
    heard: bool = True

    def __post_init__(self) -> None:
        self.queues = SharedQueues(self.sent)

    def sent(self, message: Message) -> None:
        if not self.heard:
            return
        match message:
            case SlotsWanted():
                self.parent.wanted(self, message)
            case SlotEnded(number=number):
                self.parent.ended(self, number)
            case SlotsLeft(number=number):
                self.parent.left(self, number)

    def send(self, message: Message) -> None:
        assert isinstance(message, SlotsGranted | SlotsRefused)
        self.queues.hear(message)

    async def hold(self, n: int, holding: asyncio.Event, end: asyncio.Event | None = None) -> None:
        async with self.queues.of("m").acquire(n, "caller", None, first_s=0.5) as slots:
            holding.set()
            if end is not None:
                await end.wait()
                slots.ended()
            await asyncio.Event().wait()


async def stopped(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_workers_wait_in_one_queue_in_order() -> None:
    queue = Queue(free=4)
    parent = SlotKeeper({"m": queue})
    first, second = Worker(parent), Worker(parent)
    events = [asyncio.Event() for _ in range(4)]
    wishes = [(first, 3), (second, 2), (first, 1), (second, 1)]
    tasks = [
        asyncio.create_task(worker.hold(n, event))
        for (worker, n), event in zip(wishes, events, strict=True)
    ]
    await events[0].wait()
    await eventually(lambda: len(parent) == 4)
    assert not any(event.is_set() for event in events[1:])  # in order, also where less would fit
    await stopped(tasks[1])  # it waits no more
    await events[2].wait()
    await stopped(tasks[0])
    await events[3].wait()
    await eventually(lambda: queue.free == 2)
    await stopped(*tasks)
    await eventually(lambda: queue.free == 4)
    assert not len(parent)
    assert queue.asked == [("caller", 0.5)] * 4


async def test_a_sample_that_ended_leaves_its_slot_to_others() -> None:
    queue = Queue(free=2)
    parent = SlotKeeper({"m": queue})
    worker, holding, end, later = Worker(parent), asyncio.Event(), asyncio.Event(), asyncio.Event()
    wide = asyncio.create_task(worker.hold(2, holding, end))
    await holding.wait()
    narrow = asyncio.create_task(Worker(parent).hold(1, later))
    await eventually(lambda: len(parent) == 2)
    assert not later.is_set()
    end.set()
    await later.wait()
    await stopped(wide, narrow)
    await eventually(lambda: queue.free == 2)


async def test_what_a_lost_worker_had_comes_back() -> None:
    queue = Queue(free=3)
    parent = SlotKeeper({"m": queue})
    lost, other = Worker(parent), Worker(parent)
    events = [asyncio.Event() for _ in range(3)]
    tasks = [asyncio.create_task(lost.hold(3, events[0]))]
    await events[0].wait()
    tasks.append(asyncio.create_task(lost.hold(1, events[1])))
    await eventually(lambda: len(parent) == 2)
    tasks.append(asyncio.create_task(other.hold(3, events[2])))
    lost.heard = False
    parent.lost(lost)
    await events[2].wait()
    assert len(parent) == 1
    await stopped(*tasks)
    await eventually(lambda: queue.free == 3)


async def test_a_refusal_comes_through_with_its_reason() -> None:
    parent = SlotKeeper({"m": Queue(free=4)})
    with pytest.raises(NotAdmitted, match=r"^upstream of model 'm' is too late$") as caught:
        async with Worker(parent).queues.of("m").acquire(1, "caller", 0):
            pass
    assert caught.value.retry_after_s == 2
    assert not len(parent)
