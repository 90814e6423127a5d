"""`budget-router evaluate time`: what a sample takes on the engine at hand, into a small file."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from evaluation import datasets
from evaluation.bench.timing import Batch, BatchTiming, best, hardware, measure
from evaluation.commands.common.configuration import load_settings
from evaluation.commands.common.failing import fail, failing_on
from evaluation.commands.evaluate.collect import Wanted, identity
from evaluation.local.loading import LoadFailed
from evaluation.pools.filling import sampler
from evaluation.pools.filling.collecting import CollectFailed, Collector
from evaluation.pools.schema import Identity
from router.embedded.child import EngineFailed

SCHEMA: Final = 2


@dataclass(frozen=True, slots=True)
class Means:
    """On how many problems, in which batches; where the file is, and what the server runs on.

    `batches` are samples in flight, `per_draw` the most of them in one request. `hardware` may be
    None for an engine of ours, which runs on this machine.
    """

    out: Path
    engine: sampler.Engine
    config: Path | None
    problems: int
    batches: tuple[int, ...]
    per_draw: int
    hardware: str | None


def run(wanted: Wanted, means: Means) -> None:
    """Measure one model, add it to the file, and print the table."""
    known = _read(means.out)
    with failing_on(
        datasets.UnknownDataset,
        datasets.DatasetUnavailable,
        sampler.NoSuchModel,
        EngineFailed,
        LoadFailed,
        CollectFailed,
        ValueError,
        OSError,
    ):
        problems = datasets.load(wanted.dataset, wanted.data)[: means.problems]
        where = sampler.place(load_settings(means.config), wanted.model, means.engine)
        batches = _batches(where, means)
        _write(means.out, known)  # a place that cannot be written is known before the wait
        described = identity(wanted, where, problems)
        timings = asyncio.run(_measure(where, described, problems, batches))
        of_dataset = known["datasets"].setdefault(wanted.dataset, {})
        of_dataset[wanted.model] = _entry(described, where, means, timings)
        _write(means.out, known)
    Console().print(_table(wanted.model, timings))


def _batches(where: sampler.ModelPlace, means: Means) -> list[Batch]:
    """What to measure there. Fails, and raises ValueError, on what cannot be."""
    if means.hardware is None and where.gpus is None:
        fail(f"{where.model} is a server by URL: say what it runs on with --hardware")
    batches = [Batch.of(samples, means.per_draw) for samples in means.batches]
    for batch in batches:
        # A server by URL limits a request; how many it computes together is its own affair.
        at_once = batch.per_draw if where.gpus is None else batch.samples
        if at_once > where.slots:
            fail(f"{where.model} computes {where.slots} samples at once, not {at_once}")
    return batches


def _entry(
    described: Identity,
    where: sampler.ModelPlace,
    means: Means,
    timings: Sequence[BatchTiming],
) -> dict[str, Any]:
    fastest = best(timings)
    return {
        "engine": described.engine,
        "hardware": means.hardware or hardware(where.gpus() if where.gpus else ()),
        "problems": len(fastest.draw_seconds),
        "max_tokens": described.max_tokens,
        "temperature": described.temperature,
        "top_p": described.top_p,
        "best_batch": fastest.batch.samples,
        "seconds_per_sample": round(fastest.seconds_per_sample, 4),
        "batches": [timing.to_json() for timing in timings],
    }


async def _measure(
    where: sampler.ModelPlace,
    described: Identity,
    problems: Sequence[datasets.Problem],
    batches: Sequence[Batch],
) -> list[BatchTiming]:
    async with where.running() as upstream:
        with Progress(console=Console(stderr=True)) as bar:
            total = len(problems) * sum(batch.per_draw for batch in batches)
            task = bar.add_task(where.model, total=total)
            return await measure(
                Collector(upstream, described),
                problems,
                batches,
                lambda samples: bar.update(task, advance=samples),
            )


def _read(path: Path) -> dict[str, Any]:
    """What the file has of other data sets and models."""
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {"schema": SCHEMA, "datasets": {}}
    except ValueError as error:
        fail(f"{path} is no JSON: {error}; name another file")
    except OSError as error:
        fail(f"{path}: {error.strerror}")
    match content:
        case {"schema": schema, "datasets": dict()} if schema == SCHEMA:
            found: dict[str, Any] = content
            return found
    raise typer.BadParameter(f"{path} holds no timings of schema {SCHEMA}; name another file")


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")


def _table(model: str, timings: Sequence[BatchTiming]) -> Table:
    headings = {
        "batch": "batch",
        "per_draw": "per draw",
        "samples": "samples",
        "seconds_per_sample": "s per sample",
        "tokens_per_second": "tokens/s",
        "median_draw_seconds": "s per draw",
    }
    table = Table(*headings.values(), title=model)
    for timing in timings:
        shown = timing.to_json()
        table.add_row(*(str(shown[name]) for name in headings))
    return table
