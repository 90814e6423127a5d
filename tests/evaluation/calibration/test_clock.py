import asyncio
import time

import pytest

from evaluation.calibration.clock import NothingLeftToHappen, simulate


def test_waiting_takes_no_time_and_moves_the_clock() -> None:
    async def scenario() -> tuple[float, list[str]]:
        order = []

        async def after(seconds: float, name: str) -> None:
            await asyncio.sleep(seconds)
            order.append(name)

        await asyncio.gather(after(3600, "late"), after(1800, "early"))
        return asyncio.get_running_loop().time(), order

    began = time.monotonic()
    assert simulate(scenario()) == (3600, ["early", "late"])
    assert time.monotonic() - began < 1800


def test_all_that_is_ready_happens_before_time_moves() -> None:
    async def scenario() -> list[float]:
        clock, seen = asyncio.get_running_loop().time, []

        async def busy() -> None:
            for _ in range(50):
                await asyncio.sleep(0)
            seen.append(clock())

        await asyncio.gather(busy(), asyncio.sleep(1e-6))
        return seen

    assert simulate(scenario()) == [0]


def test_a_deadline_is_one_of_the_simulated_clock() -> None:
    async def scenario() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(7):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    assert simulate(scenario()) == pytest.approx(7)


def test_waiting_for_what_cannot_happen_is_an_error() -> None:
    async def scenario() -> None:
        await asyncio.Event().wait()

    with pytest.raises(NothingLeftToHappen):
        simulate(scenario())
