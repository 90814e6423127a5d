"""`budget-router sandbox bench`: verdicts per second as tables."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from evaluation.bench_sandbox import CORES, TIMEOUT_S, Figures, measure
from evaluation.bench_workloads import SHAPES
from evaluation.commands.failing import failing_on
from evaluation.datasets import DatasetUnavailable, humaneval
from sandbox import SandboxError


def run(*, limit: int | None, rounds: int) -> None:
    """Measure, and print medians with the sizes of their samples."""
    console = Console()
    with failing_on(DatasetUnavailable, SandboxError):
        problems = humaneval()[:limit]
        with console.status("measuring"):
            figures = measure(problems, rounds)
    console.print(_rates(figures, rounds))
    console.print(_latencies(figures))
    for reason in figures.skipped:
        console.print(f"not measured: {reason}")


def _rates(figures: Figures, rounds: int) -> Table:
    title = f"Verdicts per second, median of {rounds}; {CORES} cores, {TIMEOUT_S:g} s per program"
    table = Table("way", "tests", *SHAPES, "programs", "wrong verdicts", title=title)
    keys = dict.fromkeys((row.way, row.kind) for row in figures.rows)
    for way, kind in keys:
        rows = [row for row in figures.rows if (row.way, row.kind) == (way, kind)]
        rates = [f"{row.rate:.1f}" for row in rows]
        mistaken = str(sum(row.mistaken for row in rows))
        table.add_row(way, kind, *rates, str(rows[0].verdicts), mistaken)
    return table


def _latencies(figures: Figures) -> Table:
    table = Table("way", "mean", "runs", title="One small program at a time")
    for item in figures.latencies:
        table.add_row(item.way, f"{item.milliseconds:.1f} ms", str(item.count))
    return table
