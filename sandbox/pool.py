"""A bounded pool of workers, each with one run at a time: what the backends have in common.

A worker that dies costs one more attempt on another, and never the candidate; two deaths are an
`internal_error`. A worker that is spent is closed, and its successor started when one is wanted.

A run is a task of the pool's, so that who has to answer does not wait until one that hangs is
reaped.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from sandbox.backend import QueueFull, SandboxError, SandboxUnavailable
from sandbox.executing import execute
from sandbox.frames import Frame
from sandbox.judging import judge
from sandbox.program import Integrity, Pytest
from sandbox.report import Report, Status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
    from types import TracebackType

    from sandbox.execution import Execution, Output
    from sandbox.program import Limits, Program

_ATTEMPTS = 2
_UNTOUCHED = frozenset({"passed", "failed", "need_shared", "forged", "sandbox_violation"})
OUT_OF_MEMORY: Frame = {
    "status": "memory_limit",
    "detail": None,
    "message": "the run's processes together used more memory than allowed",
}


class WorkerDied(SandboxError):
    """A worker ended without an outcome: our fault, never the candidate's."""


def charged_for_memory(outcome: Frame) -> Frame:
    """The outcome of a run in which the kernel killed for want of memory."""
    return outcome if outcome.get("status") in _UNTOUCHED else {**outcome, **OUT_OF_MEMORY}


class Worker(Protocol):
    """Runs jobs one after another, each in a sandbox of its own."""

    flavour: str

    @property
    def spent(self) -> bool:
        """Whether it is to be closed rather than used again."""
        ...

    async def start(self) -> None:
        """Make it ready. Raises `SandboxUnavailable`."""

    async def perform(self, job: Frame) -> Frame:
        """Run one job. Raises `WorkerDied`."""
        ...

    async def close(self) -> None:
        """End it and all in it; a start or a run under way fails."""


W = TypeVar("W", bound=Worker)
T = TypeVar("T")


class WorkerPool(Generic[W]):
    """The part of a backend that is the same for each. See `sandbox.backend.Backend`."""

    def __init__(self, count: int, queue: int) -> None:
        self._count = count
        self._queue = queue
        self._waiting = 0
        self._busy = 0
        self._started = False
        self._slots = asyncio.Semaphore(count)
        self._workers: set[W] = set()
        self._idle: list[W] = []
        self._closing: set[asyncio.Task[None]] = set()
        self._runs: set[asyncio.Task[Any]] = set()

    def make_worker(self, flavour: str) -> W:
        """A worker that is not started yet. Each backend has its own."""
        raise NotImplementedError

    @property
    def busy(self) -> int:
        """How many runs are under way, until all of them is gone; those that wait are not."""
        return self._busy

    async def start(self) -> None:
        """Start the workers; raises `SandboxUnavailable` with advice where it cannot be done."""
        self._started = True
        try:
            for _ in range(self._count):
                self._idle.append(await self._open("plain"))
        except BaseException:
            await self.aclose()
            raise

    async def _open(self, flavour: str) -> W:
        if not self._started:
            raise SandboxUnavailable("the sandbox was closed")
        worker = self.make_worker(flavour)
        self._workers.add(worker)
        try:
            await worker.start()
        except BaseException:
            await self._discard(worker)
            raise
        return worker

    async def _discard(self, worker: W) -> None:
        """Close a worker, to the end: whoever waits for that may be cancelled once more."""
        self._workers.discard(worker)
        closing = asyncio.ensure_future(worker.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
        await asyncio.shield(closing)

    async def run(self, program: Program, limits: Limits) -> Report:
        """Judge one program; see `Backend.run`."""
        return await self._owned(self._judged(program, limits))

    async def execute(self, execution: Execution, limits: Limits) -> tuple[Output | None, ...]:
        """Run one program for its outputs; see `Backend.execute`."""
        return await self._owned(self._executed(execution, limits))

    async def _owned(self, run: Coroutine[Any, Any, T]) -> T:
        """Wait for a run; it is ended where who waits is cancelled, who does not wait for that.

        Until all of it is gone its place is taken, and closing the pool waits.
        """
        task = asyncio.create_task(run)
        self._runs.add(task)
        task.add_done_callback(self._ended)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.cancel()
            raise

    def _ended(self, run: asyncio.Task[Any]) -> None:
        self._runs.discard(run)
        if not run.cancelled():
            run.exception()  # seen also where nobody waits for it any more

    async def _judged(self, program: Program, limits: Limits) -> Report:
        flavour = "pytest" if isinstance(program.tests, Pytest) else "plain"
        report = Report(Status.INTERNAL_ERROR, Integrity.ISOLATED)
        async with self._turn():
            for _ in range(_ATTEMPTS):
                try:
                    report = await self._on_worker(flavour, partial(judge, program, limits))
                except WorkerDied as error:
                    report = Report(Status.INTERNAL_ERROR, Integrity.ISOLATED, message=str(error))
                if report.status is not Status.INTERNAL_ERROR or report.detail == "tests":
                    break
        return report

    async def _executed(self, execution: Execution, limits: Limits) -> tuple[Output | None, ...]:
        async with self._turn():
            for _ in range(_ATTEMPTS):
                with contextlib.suppress(WorkerDied):
                    outputs = await self._on_worker("plain", partial(execute, execution, limits))
                    if outputs is not None:
                        return outputs
        return (None,) * len(execution.inputs)

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait for a worker to be free. Raises `QueueFull` and `SandboxUnavailable`."""
        if not self._started:
            raise SandboxUnavailable("the sandbox is not started")
        if self._waiting >= self._queue:
            raise QueueFull(f"{self._queue} runs are waiting already")
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            self._slots.release()

    async def _on_worker(
        self, flavour: str, use: Callable[[Callable[[Frame], Awaitable[Frame]]], Awaitable[T]]
    ) -> T:
        """Use a worker, which is given back, or closed where it died. Raises `WorkerDied`."""
        worker = self._take(flavour) or await self._open(flavour)
        try:
            return await use(worker.perform)
        except WorkerDied:
            await self._discard(worker)
            if (run := asyncio.current_task()) is not None and run.cancelling():
                raise asyncio.CancelledError from None  # it died of that, and nobody wants another
            raise
        finally:
            self._give_back(worker)

    def _take(self, flavour: str) -> W | None:
        for number, worker in enumerate(self._idle):
            if worker.flavour == flavour:
                return self._idle.pop(number)
        return None

    def _give_back(self, worker: W) -> None:
        if worker not in self._workers:
            return
        if not worker.spent:
            self._idle.append(worker)
            return
        task = asyncio.ensure_future(self._discard(worker))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def aclose(self) -> None:
        """End every worker and what runs in it. Runs that wait raise `SandboxUnavailable`."""
        self._started = False
        self._idle.clear()
        await self._discard_all()
        # A run in flight sees its worker die, and one that waits finds that none is started.
        while self._runs:
            await asyncio.wait(self._runs)
        await self._discard_all()  # what was about to start, or is being closed

    async def _discard_all(self) -> None:
        discards = (self._discard(worker) for worker in tuple(self._workers))
        await asyncio.shield(asyncio.gather(*discards, *self._closing))

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        await self.aclose()
