"""`budget-router evaluate judge`: sandbox verdicts for a pool, as the gateway would give them."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import Annotated

import typer

from evaluation.commands.common import options
from evaluation.commands.common.failing import fail, failing_on
from evaluation.commands.common.progress import PoolProgress
from evaluation.datasets import DatasetUnavailable, Problem, UnknownDataset
from evaluation.pools.errors import PoolError
from evaluation.pools.filling.verdicts import AT_ONCE, Judging, Tally
from evaluation.pools.problems import problems_of
from evaluation.pools.schema import Table
from evaluation.pools.store import Pool
from evaluation.pools.view import read_view
from policies.values import Verdict
from router.configured import sandbox_backend
from router.sections import SandboxConfig
from sandbox import Backend, InvalidTests, SandboxUnavailable


def run(
    *,
    path: options.Pool,
    data: options.Data = None,
    backend: options.Backend = "process",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Programs at a time; by default one per core.")
    ] = None,
) -> None:
    """Run the tests on every sample of a pool that has no verdict yet."""
    with failing_on(
        PoolError, DatasetUnavailable, UnknownDataset, InvalidTests, SandboxUnavailable, OSError
    ):
        pool = Pool.open(path)
        problems = problems_of(pool, data)
        config = SandboxConfig(backend=backend, workers=workers, queue=AT_ONCE)
        judged = _judge(pool, problems, sandbox_backend(config))
    passed, failed = judged.verdicts[Verdict.PASSED], judged.verdicts[Verdict.FAILED]
    typer.echo(
        f"{path}: {passed + failed} samples judged by {judged.programs} runs: "
        f"{passed} passed, {failed} failed"
    )
    if unverified := judged.verdicts[Verdict.UNVERIFIED]:
        for message, count in judged.faults.most_common():
            typer.echo(f"{count} samples: {message}", err=True)
        fail(f"the sandbox failed at {unverified} samples, which stay unverified; judge again")


def _judge(pool: Pool, problems: tuple[Problem, ...], backend: Backend) -> Tally:
    with ExitStack() as stack:
        writer = stack.enter_context(pool.writer(Table.VERDICTS))
        view = read_view(pool.path)
        done = view.samples - view.unjudged
        progress = stack.enter_context(PoolProgress("verdicts", view.samples, done))
        if writer.torn_bytes:
            progress.say(f"{pool.path}: cut off {writer.torn_bytes} bytes of an unfinished line")
        by_task = {problem.task_id: problem for problem in problems}
        judging = Judging(pool, by_task, writer, lambda more: progress.advance(more, ""))
        return asyncio.run(_over(judging, backend))


async def _over(judging: Judging, backend: Backend) -> Tally:
    async with backend:
        return await judging.over(backend)
