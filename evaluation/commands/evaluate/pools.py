"""`budget-router evaluate pools`: what pools hold, and what of it is missing."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from evaluation.commands.common.failing import failing_on
from evaluation.commands.common.options import AsJson
from evaluation.metrics import Estimate
from evaluation.pools.errors import PoolError
from evaluation.pools.summary import PoolSummary, summaries


def run(
    *,
    paths: Annotated[list[Path], typer.Argument(metavar="POOL", help="Pools, files of counts.")],
    as_json: AsJson = False,
) -> None:
    """Show what pools hold, and what of it is missing."""
    with failing_on(PoolError, OSError):
        found = [summary for path in paths for summary in summaries(path)]
    if as_json:
        typer.echo(json.dumps([asdict(summary) for summary in found], indent=2))
        return
    console = Console()
    console.print(_table(found))
    if any(summary.both_tests for summary in found):
        console.print(_both_tests(found))
    for summary in found:
        for omission in summary.omissions:
            console.print(f"{summary.path}: {omission}", markup=False, highlight=False)


def _table(found: list[PoolSummary]) -> Table:
    names = ("pool", "dataset", "model", "T", "problems", "n", "judged", "pass", "rankers")
    table = Table(*(Column(name, overflow="fold") for name in names))
    for item in found:
        spread = f"{item.n_min}" if item.n_min == item.n_max else f"{item.n_min} to {item.n_max}"
        table.add_row(
            item.path,
            item.dataset,
            item.model,
            "" if item.temperature is None else f"{item.temperature:g}",
            f"{item.problems}/{item.of}",
            spread,
            f"{item.judged}/{item.samples}",
            "" if item.pass_rate is None else f"{100 * item.pass_rate:.1f} %",
            ", ".join(item.rankers),
        )
    return table


def _both_tests(found: list[PoolSummary]) -> Table:
    """First and second tests side by side, on the samples that have been judged by both."""
    names = ("pool", "problems", "samples", "base %", "plus %", "of passes, false %")
    table = Table(*(Column(name, overflow="fold") for name in names))
    for item in found:
        if (both := item.both_tests) is not None:
            rates = (both.base, both.plus, both.false_passes)
            counts = (str(both.problems), str(both.samples))
            table.add_row(item.path, *counts, *map(_percent, rates))
    return table


def _percent(rate: Estimate | None) -> str:
    """A rate and its interval."""
    if rate is None:
        return ""
    value, low, high = (100 * x for x in (rate.value, rate.low, rate.high))
    return f"{value:.1f} ({low:.1f} to {high:.1f})"
