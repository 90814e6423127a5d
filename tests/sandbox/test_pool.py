"""What the backends have in common: how often a run is tried, and what that comes to."""

import asyncio

import pytest

from sandbox import Arguments, Asserts, Execution, Limits, Output, Program, Status
from sandbox.frames import Frame
from sandbox.pool import WorkerDied, WorkerPool

GOOD = Program("def f(): return 1", Asserts("assert f() == 1", "f"))


class Dying:
    """A worker whose runs all end so, or without an outcome."""

    flavour = "plain"
    spent = False

    def __init__(self, outcome: Frame | None) -> None:
        self.outcome = outcome
        self.jobs: list[Frame] = []

    async def start(self) -> None:
        """There is nothing to start."""

    async def perform(self, job: Frame) -> Frame:
        self.jobs.append(job)
        if self.outcome is None:
            raise WorkerDied("gone")
        return self.outcome

    async def close(self) -> None:
        """There is nothing to close."""


class Mortuary(WorkerPool[Dying]):
    def __init__(self, outcome: Frame | None = None) -> None:
        super().__init__(1, 1)
        self.outcome = outcome
        self.made: list[Dying] = []

    def make_worker(self, flavour: str) -> Dying:
        self.made.append(Dying(self.outcome))
        return self.made[-1]


@pytest.mark.parametrize(
    ("outcome", "attempts"),
    [
        (None, [1, 1]),
        ({"status": "internal_error", "message": "ours"}, [2]),
        ({"status": "internal_error", "detail": "tests", "message": "theirs"}, [1]),
    ],
    ids=["a worker that dies", "a fault of ours", "a fault of the tests"],
)
def test_a_fault_of_ours_is_tried_twice_and_then_reported(
    outcome: Frame | None, attempts: list[int]
) -> None:
    async def main() -> None:
        async with Mortuary(outcome) as pool:
            assert (await pool.run(GOOD, Limits())).status is Status.INTERNAL_ERROR
            assert [len(worker.jobs) for worker in pool.made] == attempts

    asyncio.run(main())


@pytest.mark.parametrize(
    ("outcome", "attempts", "expected"),
    [
        (None, [1, 1], None),
        ({"status": "internal_error", "message": "ours"}, [2], None),
        ({"status": "error"}, [1], None),
        ({"status": "passed", "outputs": [["1", True]]}, [1], Output("1", returned=True)),
    ],
    ids=["a worker that dies", "a fault of ours", "a fault of the program", "no fault"],
)
def test_a_fault_of_ours_is_tried_twice_and_then_nobody_ran_it(
    outcome: Frame | None, attempts: list[int], expected: Output | None
) -> None:
    async def main() -> None:
        async with Mortuary(outcome) as pool:
            execution = Execution("def f(): return 1", "f", (Arguments(),))
            assert await pool.execute(execution, Limits()) == (expected,)
            assert [len(worker.jobs) for worker in pool.made] == attempts
            assert pool.busy == 0

    asyncio.run(main())


class Slow(Dying):
    """Never starts, and takes its time to close."""

    closed = False

    async def start(self) -> None:
        await asyncio.Event().wait()

    async def close(self) -> None:
        await asyncio.sleep(0.01)
        self.closed = True


class Asylum(Mortuary):
    def make_worker(self, flavour: str) -> Dying:
        self.made.append(Slow(self.outcome))
        return self.made[-1]


def test_a_worker_is_closed_to_its_end_however_often_its_start_is_cancelled() -> None:
    async def main() -> None:
        pool = Asylum()
        starting = asyncio.ensure_future(pool.start())
        for _ in range(3):
            await asyncio.sleep(0)
            starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await pool.aclose()
        (worker,) = pool.made
        assert isinstance(worker, Slow)
        assert worker.closed

    asyncio.run(main())
