"""What processes tell each other of lanes and servers, on the board."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest
from http_world import eventually

from router.configuration.configured import models_of
from router.plan.queues.lanes import SlotLane
from router.settings import Settings
from router.upstream import transport
from router.upstream.balancing.breaker import Breaker, Closed, Open, Probing
from router.upstream.balancing.replicas import Replicated
from router.workers import board as boards
from router.workers import outlook
from router.workers.board import Board
from router.workers.outlook import Outlook, ParentOutlook

pytestmark = pytest.mark.anyio

LONE = {"engine": "url", "url": "http://127.0.0.1:9", "slots": 4}
THREE = LONE | {"url": [f"http://127.0.0.1:{port}" for port in (9, 10, 11)]}
UNKNOWN = {"engine": "url", "url": THREE["url"]}
SETTINGS = Settings.model_validate({"models": {"lone": LONE, "three": THREE, "unknown": UNKNOWN}})


@pytest.fixture
def board() -> Iterator[Board]:
    with boards.made(2, [boards.BEAT, *outlook.columns(SETTINGS)]) as made:
        yield made


async def test_slots_of_servers_that_some_worker_leaves_alone_are_not_there(board: Board) -> None:
    foresight, now = ParentOutlook(SETTINGS, board), asyncio.get_running_loop().time()
    workers = [Outlook(SETTINGS, board, number) for number in range(2)]
    async with transport.Client(connect_s=60, read_s=60) as client:
        models = [models_of(SETTINGS, {}, client).upstreams for _ in workers]
        three = [each["three"] for each in models]

        def states(worker: int, *breakers: Breaker) -> None:
            upstream = three[worker]
            assert isinstance(upstream, Replicated)
            for replica, breaker in zip(upstream.replicas, breakers, strict=True):
                replica.breaker = breaker
            workers[worker].tell(models[worker])

        def slots() -> int:
            return foresight.slots("three", 4)

        closed, opened = Closed(), Open(now + 600, 600, "away")
        assert slots() == 12
        states(0, opened, closed, closed)
        assert slots() == 8
        states(1, opened, Probing(now + 600, 600, "away"), closed)
        assert slots() == 4
        states(1, opened, opened, opened)
        assert slots() == 4  # of one at least: draws find out how they are
        states(1, closed, closed, closed)
        assert slots() == 8  # by what the first says
        board.wipe(0)  # it died
        assert slots() == 12
        states(0, *[Open(now - 600, 1, "a worker without draws does not find out")] * 3)
        assert slots() == 12
        assert foresight.slots("lone", 4) == 4


async def test_a_worker_knows_how_long_a_draw_would_wait(board: Board) -> None:
    foresight, worker = ParentOutlook(SETTINGS, board), Outlook(SETTINGS, board, 0)
    lanes = {model: SlotLane(model, lambda: 1, 64) for model in ("lone", "three")}
    foresight.lanes = lanes
    assert worker.expected_s("lone") == 0
    async with lanes["lone"].acquire(1, "x", None) as place:
        await asyncio.sleep(0.2)  # so long a sample takes
        place.ended()
    foresight.changed("lone")
    async with lanes["lone"].acquire(1, "x", None):
        waiting = [asyncio.create_task(_hold(lanes["lone"])) for _ in range(4)]
        foresight.changed("lone")
        await eventually(lambda: worker.expected_s("lone") > 0)
        assert worker.expected_s("three") == 0
        foretold = board.value(board.parents, "wait lone")
        # By the time alone, though nothing comes or goes.
        await eventually(lambda: board.value(board.parents, "wait lone") != foretold)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    foresight.changed("lone")
    await eventually(lambda: worker.expected_s("lone") == 0)
    foresight.changed("lone")
    foresight.close()


async def _hold(lane: SlotLane) -> None:
    async with lane.acquire(1, "y", None):
        await asyncio.Event().wait()


async def test_what_was_foretold_is_a_moment_that_comes_nearer(board: Board) -> None:
    worker, at = Outlook(SETTINGS, board, 0), time.monotonic() + 600
    board.cell(board.parents, "wait lone").put(int(at * 1e6))
    first = worker.expected_s("lone")
    assert first > worker.expected_s("lone") > 0
    board.cell(board.parents, "wait lone").put(int((at - 1200) * 1e6))
    assert worker.expected_s("lone") == 0


@pytest.mark.parametrize("known", [True, False], ids=["as long as samples take", "nobody knows"])
async def test_slots_that_come_back_by_the_time_alone_are_given_out(
    board: Board, known: bool
) -> None:
    """Nothing comes or goes meanwhile."""
    foresight, free = ParentOutlook(SETTINGS, board), 1
    lane = SlotLane("lone", lambda: free, 64)
    foresight.lanes = {"lone": lane, "three": lane}
    if known:
        async with lane.acquire(1, "x", None) as place:
            await asyncio.sleep(0.05)
            place.ended()
    async with lane.acquire(1, "x", None):
        holds = asyncio.create_task(_hold(lane))
        await eventually(lambda: len(lane) == 1)
        foresight.changed("lone")
        await eventually(lambda: board.value(board.parents, "wait lone"))
        free = 2
        await eventually(lambda: len(lane) == 0)
        holds.cancel()
    foresight.close()
