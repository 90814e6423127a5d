import asyncio
from collections.abc import Iterator

import pytest

from evaluation.pools.workers import for_each

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize("concurrency", [1, 3, 10])
async def test_every_item_once_and_never_more_than_so_many_at_a_time(concurrency: int) -> None:
    running, most, done = 0, 0, []

    async def work(item: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        done.append(item)

    await for_each(range(7), work, concurrency=concurrency)
    assert sorted(done) == list(range(7))
    assert most == min(concurrency, 7)


async def test_an_error_ends_the_rest_before_it_is_raised() -> None:
    cancelled = []

    async def work(item: int) -> None:
        if item == 1:
            raise ValueError("one")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(item)
            raise

    with pytest.raises(ValueError, match="one"):
        await for_each(range(9), work, concurrency=3)
    assert cancelled == [0, 2]


async def test_an_error_of_the_items_is_raised_too() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    async def work(_item: int) -> None:
        await asyncio.sleep(0)

    with pytest.raises(OSError, match="gone"):
        await for_each(items(), work, concurrency=2)


async def test_cancelling_it_leaves_nothing_running() -> None:
    before = asyncio.all_tasks()
    all_of_it = asyncio.create_task(
        for_each(range(9), lambda _: asyncio.Event().wait(), concurrency=3)  # type: ignore[arg-type]
    )
    await asyncio.sleep(0.01)
    all_of_it.cancel()
    await asyncio.gather(all_of_it, return_exceptions=True)
    assert asyncio.all_tasks() == before
