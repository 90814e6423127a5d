"""`budget-router evaluate fim`: what a gateway fills in between a prefix and a suffix."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

import typer

from evaluation import datasets
from evaluation.commands.common.asking import (
    Asked,
    Concurrency,
    Out,
    Target,
    Temperature,
    Timeout,
    drive,
    failing_to_ask,
)
from evaluation.commands.common.failing import fail, failing_on
from evaluation.commands.common.options import Config
from evaluation.gateway import comparison, deadlines
from evaluation.gateway.run import Parameters

FimDataset: TypeAlias = Literal[
    "infilling-single", "infilling-multi", "infilling-random", "safim-block", "safim-control"
]
Data = Annotated[Path | None, typer.Option(help="Its file, as released.", metavar="FILE")]
Sample = Annotated[int, typer.Option(min=1, help="How many problems, always the same ones.")]
Limit = Annotated[
    int | None, typer.Option(min=1, help="Stop after the first of these; go on later.")
]
DeadlineTimes = Annotated[
    str | None,
    typer.Option(metavar="X,…", help="Deadlines, as multiples of the median time in --reference."),
]
Reference = Annotated[
    Path | None, typer.Option(help="A result file of a run without a deadline.", metavar="FILE")
]

PROMPTS: Final[tuple[Literal["cold", "cached"], ...]] = ("cold", "cached")


def run(
    *,
    out: Out,
    dataset: Annotated[FimDataset, typer.Option(help="The benchmark.")],
    data: Data = None,
    policy: Annotated[str, typer.Option(help="The policy to measure.")] = "single",
    model: Annotated[str, typer.Option(help="Pin a model.")] = "auto",
    temperature: Temperature = None,
    sample: Sample = 100,
    limit: Limit = None,
    deadline_times: DeadlineTimes = None,
    reference: Reference = None,
    seed: Annotated[int | None, typer.Option(help="Sent with every request.")] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Per sample; by default for the dataset.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="Name of the run in tables.")] = None,
    url: Annotated[str, typer.Option(help="The gateway.")] = "http://127.0.0.1:8000",
    config: Config = None,
    concurrency: Concurrency = 1,
    timeout: Timeout = 600,
) -> None:
    """Have a running gateway fill in between prefix and suffix; tests score, and never choose.

    With --deadline-times there is a run for each deadline and for prompts that are cold and cached,
    in files beside OUT that are named for them.
    """
    parameters = Parameters(
        label=label or _label(dataset, policy, model, temperature),
        dataset=dataset,
        policy=policy,
        model=model,
        temperature=temperature,
        tests=False,
        seed=seed,
        max_tokens=max_tokens or datasets.max_tokens(dataset),
        sample=sample,
    )
    target = Target(url, out, config, concurrency, timeout)
    times = None if deadline_times is None else _times(deadline_times)
    if times is not None and reference is None:
        raise typer.BadParameter("--deadline-times are multiples of what --reference took")
    with failing_to_ask():
        found = datasets.load(dataset, data)
        asked = Asked.of(found, datasets.sample_of(found, sample)[:limit])
        if times is None or reference is None:
            errors, n = _compare(parameters, target, asked)
        else:
            errors, n = _under_deadlines(parameters, target, asked, _unit_ms(reference), times)
    if errors:
        fail(f"{errors} of {n} requests have no answer; run again to ask them again")


def _label(dataset: str, policy: str, model: str, temperature: float | None) -> str:
    parts = [dataset, policy] if model == "auto" else [dataset, policy, model]
    return " ".join(parts if temperature is None else [*parts, f"T={temperature:g}"])


def _times(given: str) -> list[float]:
    """The multiples; ends the command where they are none."""
    try:
        times = [float(part) for part in given.split(",")]
    except ValueError:
        times = []
    if not times or not all(0 < time < math.inf for time in times):
        raise typer.BadParameter("--deadline-times are positive numbers, such as 0.5,1,2,4")
    return times


def _unit_ms(reference: Path) -> float:
    with failing_on(ValueError):
        return 1000 * deadlines.median_seconds(reference)


def _compare(parameters: Parameters, target: Target, asked: Asked) -> tuple[int, int]:
    """One run; how many requests failed, and of how many."""
    row = comparison.row(drive(parameters, target, asked))
    typer.echo(comparison.to_markdown([row]), nl=False)
    return row.errors, row.n


def _under_deadlines(
    parameters: Parameters,
    target: Target,
    asked: Asked,
    unit_ms: float,
    times: Sequence[float],
) -> tuple[int, int]:
    """One run after another, so that none has to share the machine; failures as above."""
    rows = []
    for prompts, time in itertools.product(PROMPTS, times):
        name = f"{target.out.stem}-{prompts}-x{time:g}{target.out.suffix}"
        under = replace(
            parameters,
            label=f"{parameters.label}, {prompts}, x{time:g}",
            deadline_ms=time * unit_ms,
            prompts=prompts,
        )
        beside = replace(target, out=target.out.with_name(name))
        rows.append(deadlines.row(drive(under, beside, asked)))
    typer.echo(deadlines.to_markdown(rows), nl=False)
    return sum(row.errors for row in rows), sum(row.n for row in rows)
