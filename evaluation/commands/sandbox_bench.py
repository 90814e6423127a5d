"""`budget-router sandbox bench`: verdicts per second as tables."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from evaluation.bench_sandbox import BOUNDS, CORES, Figures, measure
from evaluation.bench_ways import TIMEOUT_S
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
    console.print(_bounds(figures))
    for reason in figures.skipped:
        console.print(f"not measured: {reason}")


def _rates(figures: Figures, rounds: int) -> Table:
    title = f"Verdicts per second, median of {rounds}; {CORES} cores, {TIMEOUT_S:g} s per program"
    table = Table("way", "tests", *SHAPES, "programs", "busy", "wrong verdicts", title=title)
    keys = dict.fromkeys((row.way, row.kind) for row in figures.rows)
    for way, kind in keys:
        rows = [row for row in figures.rows if (row.way, row.kind) == (way, kind)]
        rates = [f"{row.rate:.1f}" for row in rows]
        programs = ", ".join(str(row.verdicts) for row in rows)
        busy = ", ".join(f"{100 * row.busy:.0f} %" for row in rows)
        table.add_row(way, kind, *rates, programs, busy, str(sum(row.mistaken for row in rows)))
    return table


def _latencies(figures: Figures) -> Table:
    table = Table("way", "mean", "added", "runs", title="One small program at a time")
    for item in figures.latencies:
        mean, added = f"{item.milliseconds:.1f} ms", f"{item.added:.1f} ms"
        table.add_row(item.way, mean, added, str(item.count))
    return table


def _bounds(figures: Figures) -> Table:
    table = Table("way", "bound by", title="What bounds each")
    for item in figures.latencies:
        table.add_row(item.way, BOUNDS[item.way])
    return table
