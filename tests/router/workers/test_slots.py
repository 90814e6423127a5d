"""Slots that the parent keeps for all workers: in order, and given back however they are left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from http_world import eventually

from router.workers.messages import Message, SlotsGranted, SlotsLeft, SlotsRefused, SlotsWanted
from router.workers.slots import NoSlots, SharedQueues, Waiting

pytestmark = pytest.mark.anyio


@dataclass
class Queue:
    """A queue of `free` slots, in order of arrival."""

    free: int
    asked: list[tuple[int, str, float | None]] = field(default_factory=list)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @asynccontextmanager
    async def acquire(self, slots: int, caller: str, deadline: float | None) -> AsyncIterator[None]:
        self.asked.append((slots, caller, deadline))
        if deadline == 0:
            raise NoSlots("too late", 1.5)
        async with self.turn:
            while self.free < slots:  # noqa: ASYNC110 it is a fake
                await asyncio.sleep(0)
            self.free -= slots
        try:
            yield
        finally:
            self.free += slots


@dataclass(eq=False)
class Worker:
    """A worker beside its parent: what one sends, the other hears."""

    parent: Waiting
    queues: SharedQueues = field(init=False)

    def __post_init__(self) -> None:
        self.queues = SharedQueues(self.sent)

    def sent(self, message: Message) -> None:
        match message:
            case SlotsWanted():
                self.parent.wanted(self, message)
            case SlotsLeft(number=number):
                self.parent.left(self, number)

    def send(self, message: Message) -> None:
        assert isinstance(message, SlotsGranted | SlotsRefused)
        self.queues.hear(message)


async def test_workers_wait_in_one_queue_and_give_back_what_they_had() -> None:
    queue = Queue(free=4)
    parent = Waiting({"m": queue})
    first, second = Worker(parent), Worker(parent)

    async def hold(worker: Worker, slots: int, holding: asyncio.Event) -> None:
        async with worker.queues.acquire("m", slots, "caller", None):
            holding.set()
            await asyncio.Event().wait()

    events = [asyncio.Event() for _ in range(4)]
    wishes = [(first, 3), (second, 2), (first, 1), (second, 1)]
    tasks = [
        asyncio.create_task(hold(worker, slots, event))
        for (worker, slots), event in zip(wishes, events, strict=True)
    ]
    await events[0].wait()
    await eventually(lambda: len(parent) == 4)
    assert not any(event.is_set() for event in events[1:])  # in order, also where less would fit
    tasks[1].cancel()  # it waits no more
    await events[2].wait()
    tasks[0].cancel()
    await events[3].wait()
    await eventually(lambda: queue.free == 2)
    parent.lost(first)
    await eventually(lambda: queue.free == 3)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await eventually(lambda: queue.free == 4)
    assert not len(parent)


async def test_a_refusal_comes_through_with_its_reason() -> None:
    parent = Waiting({"m": Queue(free=4)})
    with pytest.raises(NoSlots, match="too late") as caught:
        async with Worker(parent).queues.acquire("m", 1, "caller", 0):
            pass
    assert caught.value.retry_after_s == 1.5
    assert not len(parent)
