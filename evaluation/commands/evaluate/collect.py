"""`budget-router evaluate collect`: samples of a model into a pool, from where it was."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import typer

from evaluation import datasets
from evaluation.commands.common.configuration import load_settings
from evaluation.commands.common.failing import fail, failing_on
from evaluation.datasets import Problem
from evaluation.local.loading import LoadFailed
from evaluation.pools.errors import PoolError
from evaluation.pools.filling import sampler
from evaluation.pools.filling.collecting import CollectFailed, Collector
from evaluation.pools.filling.progress import PoolProgress
from evaluation.pools.filling.wanted import PlannedDraw, planned
from evaluation.pools.schema import Identity, Row, Table
from evaluation.pools.store import Pool, TableWriter
from router.embedded.child import EngineFailed


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to collect. `max_tokens` None is the dataset's own, `temperature` 0 is greedy."""

    dataset: str
    data: Path | None
    model: str
    n: int
    temperature: float
    top_p: float
    max_tokens: int | None
    seed: int
    limit: int | None


@dataclass(frozen=True, slots=True)
class Means:
    """How to collect: samples per request, and requests at a time (None: keeps all slots busy)."""

    out: Path
    engine: sampler.Engine
    config: Path | None
    batch: int
    concurrency: int | None


def run(wanted: Wanted, means: Means) -> None:
    """Collect to the end; fail if problems were left out."""
    if wanted.temperature == 0 and wanted.n > 1:
        raise typer.BadParameter("a greedy pool has one sample per problem: give --n 1")
    with failing_on(
        datasets.UnknownDataset,
        datasets.DatasetUnavailable,
        sampler.NoSuchModel,
        EngineFailed,
        LoadFailed,
        CollectFailed,
        PoolError,
        OSError,
    ):
        if not wanted.top_p:
            fail("a nucleus of 0 holds no token: give a --top-p above 0, or --greedy")
        problems = datasets.load(wanted.dataset, wanted.data)
        where = sampler.place(load_settings(means.config), wanted.model, means.engine)
        pool = Pool.create(means.out, identity(wanted, where, problems))
        collector = _fill(pool, problems[: wanted.limit], where, wanted, means)
    if collector is not None:
        _tell(collector)


def _tell(collector: Collector) -> None:
    """Say what is missing; fail if problems were left out."""
    for reason, count in collector.without_nll.items():
        typer.echo(f"{count} samples have no averaged NLL: {reason}", err=True)
    for task, reason in collector.left_out.items():
        typer.echo(f"{task}: {reason}", err=True)
    if collector.left_out:
        fail(f"{len(collector.left_out)} problems were refused and are not in the pool")


def identity(wanted: Wanted, where: sampler.ModelPlace, problems: Sequence[Problem]) -> Identity:
    """What a pool of these samples is."""
    return Identity(
        dataset=wanted.dataset,
        dataset_sha256=datasets.content_hash(problems),
        tasks=tuple(problem.task_id for problem in problems),
        model=wanted.model,
        model_sha256=where.file_sha256,
        engine=where.engine,
        temperature=wanted.temperature,
        top_p=wanted.top_p if wanted.temperature else 1.0,
        max_tokens=wanted.max_tokens or datasets.max_tokens(wanted.dataset),
        stop=tuple(sorted({stop for problem in problems for stop in problem.stop})),
        seed=wanted.seed,
    )


def _fill(
    pool: Pool,
    problems: Sequence[Problem],
    where: sampler.ModelPlace,
    wanted: Wanted,
    means: Means,
) -> Collector | None:
    """Draw what is missing, if anything is; the collector knows what could not be had."""
    with ExitStack() as stack:
        writer = stack.enter_context(pool.writer(Table.SAMPLES))
        have = indices(pool)
        batch = min(means.batch, where.slots, wanted.n)
        plan = list(planned(problems, have, wanted.n, batch, wanted.seed))
        missing = sum(draw.n for draw in plan)
        whole = wanted.n * len(problems)
        progress = stack.enter_context(PoolProgress("samples", whole, whole - missing))
        if writer.torn_bytes:
            progress.say(f"{pool.path}: cut off {writer.torn_bytes} bytes of an unfinished line")
        keep = _Keeping(writer, progress)
        # Two draws wait at the server, for whose slots come free.
        concurrency = means.concurrency or where.slots // batch + 2
        return asyncio.run(_collect(pool.identity, where, plan, keep, concurrency))


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


def indices(pool: Pool) -> dict[str, set[int]]:
    """The indices of the samples that a pool has, by task."""
    found: defaultdict[str, set[int]] = defaultdict(set)
    for batch in pool.batches(Table.SAMPLES, ["task_id", "index"]):
        columns = (batch.column(name).to_pylist() for name in ("task_id", "index"))
        for task, index in zip(*columns, strict=True):
            found[task].add(index)
    return dict(found)


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
