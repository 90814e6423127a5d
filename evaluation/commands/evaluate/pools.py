"""`budget-router evaluate pools`: what pools hold, and what of it is missing."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from evaluation.commands.common.failing import failing_on
from evaluation.commands.common.options import AsJson
from evaluation.commands.common.tables import folding
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
    for number, summary in enumerate(found, start=1):
        _say(console, f"{number}: {summary.path}")
    console.print(_table(found))
    if any(summary.both_tests for summary in found):
        console.print(_both_tests(found))
    for number, summary in enumerate(found, start=1):
        if summary.rankers:
            _say(console, f"{number}: scored by {', '.join(summary.rankers)}")
        for omission in summary.omissions:
            _say(console, f"{number}: {omission}")


def _say(console: Console, line: str) -> None:
    """A line that is left whole: it may be a path that somebody copies."""
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _grid(*names: str) -> Table:
    """A table of narrow columns, for lines of 80 characters; pools go by number, as listed."""
    return folding("", *names, box=SIMPLE_HEAD, padding=0, pad_edge=False, show_edge=False)


def _table(found: list[PoolSummary]) -> Table:
    table = _grid("dataset", "model", "T", "problems", "n", "judged", "pass")
    for number, item in enumerate(found, start=1):
        spread = f"{item.n_min}" if item.n_min == item.n_max else f"{item.n_min} to {item.n_max}"
        table.add_row(
            str(number),
            item.dataset,
            item.model,
            "" if item.temperature is None else f"{item.temperature:g}",
            f"{item.problems}/{item.of}",
            spread,
            f"{item.judged}/{item.samples}",
            "" if item.pass_rate is None else f"{100 * item.pass_rate:.1f} %",
        )
    return table


def _both_tests(found: list[PoolSummary]) -> Table:
    """First and second tests side by side, on the samples that have been judged by both."""
    table = _grid("problems", "samples", "base %", "plus %", "of passes, false %")
    for number, item in enumerate(found, start=1):
        if (both := item.both_tests) is not None:
            rates = (both.base, both.plus, both.false_passes)
            counts = (str(both.problems), str(both.samples))
            table.add_row(str(number), *counts, *map(_percent, rates))
    return table


def _percent(rate: Estimate | None) -> str:
    """A rate and its interval."""
    return "" if rate is None else rate.percent()
