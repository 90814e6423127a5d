"""What the backends have in common: how often a run is tried, and what that comes to."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

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


class Hanging(Dying):
    """Its runs end by being cancelled; they are gone when they are `reaped`, or as it closes."""

    def __init__(self, outcome: Frame | None, *, dies: bool = False) -> None:
        super().__init__(outcome)
        self.reaped = asyncio.Event()
        self.dies = dies
        self.hangs = True

    async def perform(self, job: Frame) -> Frame:
        self.jobs.append(job)
        try:
            while self.hangs:
                await asyncio.Event().wait()
        finally:
            self.hangs = False
            await asyncio.shield(self.reaped.wait())
            if self.dies:
                raise WorkerDied("gone")
        return {"status": "passed"}

    async def close(self) -> None:
        self.reaped.set()


class Hospice(WorkerPool[Hanging]):
    def __init__(self, *, dies: bool = False) -> None:
        super().__init__(1, 4)
        self.dies = dies
        self.made: list[Hanging] = []

    def make_worker(self, flavour: str) -> Hanging:
        self.made.append(Hanging(None, dies=self.dies))
        return self.made[-1]

    async def begun(self, run: Coroutine[Any, Any, object]) -> asyncio.Task[object]:
        task = asyncio.create_task(run)
        while not self.made[-1].jobs:  # noqa: ASYNC110 - the worker tells nobody
            await asyncio.sleep(0)
        return task


async def bounded(main: Coroutine[Any, Any, None]) -> None:
    async with asyncio.timeout(120):
        await main


EXECUTION = Execution("def f(): return 1", "f", (Arguments(),))
RUNS: list[Callable[[Hospice], Coroutine[Any, Any, object]]] = [
    lambda pool: pool.run(GOOD, Limits()),
    lambda pool: pool.execute(EXECUTION, Limits()),
]
either = pytest.mark.parametrize("run", RUNS, ids=["run", "execute"])


@either
def test_who_is_cancelled_does_not_wait_for_the_reaping_and_the_next_run_does(
    run: Callable[[Hospice], Coroutine[Any, Any, object]],
) -> None:
    async def main() -> None:
        async with Hospice() as pool:
            (worker,) = pool.made
            first = await pool.begun(run(pool))
            first.cancel()
            await asyncio.wait([first])
            assert not worker.reaped.is_set()
            assert pool.busy == 1
            second = asyncio.create_task(pool.run(GOOD, Limits()))
            for _ in range(20):
                await asyncio.sleep(0)
            assert len(worker.jobs) == 1
            worker.reaped.set()
            assert (await second).status is Status.PASSED
            assert (len(worker.jobs), pool.busy) == (2, 0)

    asyncio.run(bounded(main()))


@either
@pytest.mark.parametrize("dies", [False, True])
def test_closing_waits_for_what_is_reaped(
    run: Callable[[Hospice], Coroutine[Any, Any, object]], dies: bool
) -> None:
    async def main() -> None:
        async with Hospice(dies=dies) as pool:
            abandoned = await pool.begun(run(pool))
            abandoned.cancel()
            await asyncio.wait([abandoned])
            assert len(asyncio.all_tasks()) > 1
        assert pool.busy == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(bounded(main()))


@either
def test_a_run_whose_worker_dies_as_it_is_cancelled_is_not_tried_again(
    run: Callable[[Hospice], Coroutine[Any, Any, object]],
) -> None:
    async def main() -> None:
        async with Hospice(dies=True) as pool:
            abandoned = await pool.begun(run(pool))
            abandoned.cancel()
            await asyncio.wait([abandoned])
            pool.made[0].reaped.set()
            while pool.busy:  # noqa: ASYNC110 - the pool tells nobody
                await asyncio.sleep(0)
            assert len(pool.made) == 1

    asyncio.run(bounded(main()))


class Deaf(Dying):
    """Its runs end when they are let, and not as it closes."""

    def __init__(self, outcome: Frame | None, end: asyncio.Event) -> None:
        super().__init__(outcome)
        self.end = end

    async def perform(self, job: Frame) -> Frame:
        self.jobs.append(job)
        await self.end.wait()
        return await super().perform(job)


class Institute(WorkerPool[Dying]):
    def __init__(self) -> None:
        super().__init__(2, 1)
        self.end = asyncio.Event()

    def make_worker(self, flavour: str) -> Dying:
        return Deaf({"status": "passed"}, self.end)


def test_a_pool_whose_closing_was_cancelled_can_be_closed() -> None:
    async def main() -> None:
        pool = Institute()
        await pool.start()
        run = asyncio.create_task(pool.run(GOOD, Limits()))
        await turns(20)
        closing = asyncio.create_task(pool.aclose())
        await turns(20)
        closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)
        again = asyncio.create_task(pool.aclose())
        await turns(20)
        assert not again.done()
        pool.end.set()
        async with asyncio.timeout(60):
            await again
        assert run.done()

    async def turns(count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    asyncio.run(main())
