"""Work that ends when nobody waits for it any more, and only then."""

import asyncio
from typing import Any

import pytest

from router.errors import Superseded
from router.http.attended import Attended, ClientGone
from router.plan.queues.sessions import Turn

pytestmark = pytest.mark.anyio


async def stays() -> dict[str, Any]:
    await asyncio.Event().wait()
    return {"type": "http.request"}


async def hangs_up() -> dict[str, Any]:
    return {"type": "http.disconnect"}


async def test_a_client_that_hangs_up_ends_the_work() -> None:
    cleaned = asyncio.Event()

    async def work() -> None:
        async with Attended(hangs_up):
            try:
                await asyncio.Event().wait()
            finally:
                cleaned.set()

    with pytest.raises(ClientGone):
        await work()
    assert cleaned.is_set()
    await asyncio.sleep(0)  # nothing is left of the cancellation


async def test_a_connection_that_is_lost_ends_the_work_and_no_task_waits_for_it() -> None:
    lost = asyncio.get_running_loop().create_future()
    tasks = asyncio.all_tasks()

    async def work() -> None:
        async with Attended(stays, lost=lost):
            assert asyncio.all_tasks() == tasks
            if not lost.done():
                asyncio.get_running_loop().call_soon(lost.set_result, None)
            await asyncio.Event().wait()

    for _ in range(2):  # also where it was lost before
        with pytest.raises(ClientGone):
            await work()
        lost = asyncio.get_running_loop().create_future()
        lost.set_result(None)


async def test_a_connection_that_is_lost_later_ends_nothing() -> None:
    lost = asyncio.get_running_loop().create_future()
    async with Attended(stays, lost=lost):
        pass
    lost.set_result(None)
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_a_newer_request_ends_the_work() -> None:
    turn = Turn()
    asyncio.get_running_loop().call_soon(turn.superseded.set_result, None)

    async def work() -> None:
        async with Attended(stays, turn):
            await asyncio.Event().wait()

    for _ in range(2):  # while it works, and before it has begun
        with pytest.raises(Superseded):
            await work()


async def test_what_has_ended_is_not_ended_again() -> None:
    turn = Turn()
    async with Attended(stays, turn):
        turn.superseded.set_result(None)  # who is told of it is told in the loop's next turn
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_another_cancellation_stays_one() -> None:
    async def work() -> None:
        async with Attended(hangs_up):
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
