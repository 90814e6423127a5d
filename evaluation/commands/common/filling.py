"""What commands share that draw samples into a pool."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from evaluation import datasets
from evaluation.commands.common.failing import fail
from evaluation.commands.common.outputs import to_directory
from evaluation.commands.common.progress import PoolProgress
from evaluation.local.loading import LoadFailed
from evaluation.pools.errors import PoolError
from evaluation.pools.filling import sampler
from evaluation.pools.filling.collecting import CollectFailed, Collector
from evaluation.pools.filling.plan import PlannedDraw, planned
from evaluation.pools.schema import Identity, Row, Table
from evaluation.pools.store import Pool, TableWriter
from router.embedded.child import EngineFailed

Out = Annotated[
    Path,
    typer.Option(help="The pool; continued if it is there.", metavar="DIR", callback=to_directory),
]
Batch = Annotated[int, typer.Option(min=1, help="Samples per request: one prefill.")]
Engine = Annotated[
    Literal["gateway", "transformers"],
    typer.Option(help="As the gateway runs it, or in this process (needs torch; no server)."),
]
Concurrency = Annotated[
    int | None, typer.Option(min=1, help="Requests at a time; by default what fills the slots.")
]

FOR_THE_USER: Final = (
    datasets.UnknownDataset,
    datasets.DatasetUnavailable,
    sampler.NoSuchModel,
    EngineFailed,
    LoadFailed,
    CollectFailed,
    PoolError,
    OSError,
)
"""Errors that are no bugs: each ends the command with its message."""


def check_greedy(temperature: float, n: int) -> None:
    """End the command where further samples would repeat the first."""
    if temperature == 0 and n > 1:
        raise typer.BadParameter("a greedy pool has one sample per problem: give --n 1")


def tell(collector: Collector) -> None:
    """Say what is missing; fail if problems were left out."""
    for reason, count in collector.without_nll.items():
        typer.echo(f"{count} samples have no averaged NLL: {reason}", err=True)
    for task, reason in collector.left_out.items():
        typer.echo(f"{task}: {reason}", err=True)
    if collector.left_out:
        fail(f"{len(collector.left_out)} problems were refused and are not in the pool")


def fill(
    pool: Pool,
    problems: Sequence[datasets.Problem],
    where: sampler.ModelPlace,
    *,
    n: int,
    batch: int,
    concurrency: int | None,
) -> Collector | None:
    """Draw what is missing, if anything is; the collector knows what could not be had."""
    with ExitStack() as stack:
        writer = stack.enter_context(pool.writer(Table.SAMPLES))
        batch = min(batch, where.slots, n)
        plan = list(planned(problems, pool.indices(), n, batch, pool.identity.seed))
        missing = sum(draw.n for draw in plan)
        whole = n * len(problems)
        progress = stack.enter_context(PoolProgress("samples", whole, whole - missing))
        if writer.torn_bytes:
            progress.say(f"{pool.path}: cut off {writer.torn_bytes} bytes of an unfinished line")
        keep = _Keeping(writer, progress)
        # Two draws wait at the server, for whose slots come free.
        at_once = concurrency or where.slots // batch + 2
        return asyncio.run(_collect(pool.identity, where, plan, keep, at_once))


async def _collect(
    identity: Identity,
    where: sampler.ModelPlace,
    plan: Sequence[PlannedDraw],
    keep: _Keeping,
    concurrency: int,
) -> Collector | None:
    if not plan:
        return None
    async with where.running() as upstream:
        collector = Collector(upstream, identity)
        await collector.over(plan, keep, concurrency=concurrency)
    return collector


class _Keeping:
    """Writes the rows of each draw, and tells the bar how fast they come."""

    def __init__(self, writer: TableWriter, progress: PoolProgress) -> None:
        self._writer = writer
        self._progress = progress
        self._tokens = 0
        self._began = time.monotonic()

    def __call__(self, rows: list[Row]) -> None:
        self._writer.append(rows)
        self._tokens += sum(row["tokens"] for row in rows)
        rate = self._tokens / (time.monotonic() - self._began)
        self._progress.advance(len(rows), f"{rate:.0f} tokens/s")
