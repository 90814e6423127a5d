"""`budget-router evaluate time`: what a sample takes on the engine at hand, into a small file."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from evaluation import datasets
from evaluation.bench.timing import Batch, BatchTiming, best, measure
from evaluation.bench.timing import hardware as hardware_here
from evaluation.commands.common import options
from evaluation.commands.common.configuration import load_settings
from evaluation.commands.common.failing import fail, failing_on
from evaluation.commands.common.filling import FOR_THE_USER
from evaluation.commands.common.outputs import to_file
from evaluation.commands.common.tables import folding
from evaluation.pools.filling import sampler
from evaluation.pools.filling.collecting import Collector
from evaluation.pools.filling.identity import Sampling, identity_of
from evaluation.pools.schema import Identity
from evaluation.writing import write_json

SCHEMA: Final = 2

Out = Annotated[
    Path, typer.Option(help="JSON file; other models in it stay.", metavar="FILE", callback=to_file)
]
Batches = Annotated[
    list[int] | None,
    typer.Option("--batch", min=1, help="Samples in flight: a size to try."),
]
PerDraw = Annotated[int, typer.Option(min=1, help="Samples per request, at most.")]
Problems = Annotated[int, typer.Option("--problems", min=1, help="How many problems, the first.")]
Engine = Annotated[
    sampler.Engine,
    typer.Option(
        help="As the gateway runs it, or in this process (needs torch); random: the shape of "
        "a model, with weights at random."
    ),
]
Hardware = Annotated[
    str | None, typer.Option(help="What a server by URL runs on; it cannot be asked.")
]


def run(
    *,
    model: options.Model,
    out: Out,
    sizes: Batches = None,
    per_draw: PerDraw = 16,
    first: Problems = 8,
    engine: Engine = "gateway",
    dataset: options.Dataset = "humaneval",
    data: options.Data = None,
    temperature: options.Temperature = 0.8,
    max_tokens: options.MaxTokens = None,
    hardware: Hardware = None,
    config: options.ModelsConfig = None,
) -> None:
    """Time samples of a real engine at several batch sizes, as the paper does for its Table 1."""
    known = _read(out)
    with failing_on(*FOR_THE_USER, ValueError):
        problems = datasets.load(dataset, data)[:first]
        where = sampler.place(load_settings(config), model, engine)
        if hardware is None and where.gpus is None:
            fail(f"{model} is a server by URL: say what it runs on with --hardware")
        batches = _batches(where, sizes or (1, 4, 16), per_draw)
        _write(out, known)  # a place that cannot be written is known before the wait
        sampling = Sampling(dataset, model, temperature, max_tokens)
        described = identity_of(sampling, where, problems)
        timings = asyncio.run(_measure(where, described, problems, batches))
        hardware = hardware or hardware_here(where.gpus() if where.gpus else ())
        known["datasets"].setdefault(dataset, {})[model] = _entry(described, hardware, timings)
        _write(out, known)
    Console().print(_table(model, timings))


def _batches(where: sampler.ModelPlace, sizes: Sequence[int], per_draw: int) -> list[Batch]:
    """What to measure there. Fails, and raises ValueError, on what cannot be."""
    batches = [Batch.of(samples, per_draw) for samples in sizes]
    for batch in batches:
        # A server by URL limits a request; how many it computes together is its own affair.
        at_once = batch.per_draw if where.gpus is None else batch.samples
        if at_once > where.slots:
            fail(f"{where.model} computes {where.slots} samples at once, not {at_once}")
    return batches


def _entry(described: Identity, hardware: str, timings: Sequence[BatchTiming]) -> dict[str, Any]:
    fastest = best(timings)
    return {
        "engine": described.engine,
        "hardware": hardware,
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
    write_json(path, content)


def _table(model: str, timings: Sequence[BatchTiming]) -> Table:
    headings = {
        "batch": "batch",
        "per_draw": "per draw",
        "samples": "samples",
        "seconds_per_sample": "s per sample",
        "tokens_per_second": "tokens/s",
        "median_draw_seconds": "s per draw",
    }
    table = folding(*headings.values(), title=model)
    for timing in timings:
        shown = timing.to_json()
        table.add_row(*(str(shown[name]) for name in headings))
    return table
