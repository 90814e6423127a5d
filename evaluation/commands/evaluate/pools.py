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
