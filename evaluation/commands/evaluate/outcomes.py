"""`budget-router evaluate outcomes`: what a gateway expected, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from evaluation.calibration.outcomes import (
    Decile,
    NoOutcomes,
    counts,
    deciles,
    read_outcomes,
    write_counts,
)
from evaluation.commands.common.failing import fail, failing_on
from evaluation.commands.common.options import AsJson
from evaluation.commands.common.outputs import to_file
from evaluation.commands.common.tables import folding


def run(
    *,
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Files of outcomes.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--counts",
            metavar="FILE",
            help="Write counts, for calibrate (.csv).",
            callback=to_file,
        ),
    ] = None,
    greedy: Annotated[
        bool, typer.Option("--greedy", help="Count answers at temperature 0, not samples.")
    ] = False,
    kind: Annotated[
        str | None, typer.Option(help="Count requests of this kind only: text, chat or fill.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hold outcomes that a gateway kept against what it expected, and make counts of them."""
    if out is not None and out.exists():
        fail(f"{out} is there already: give another file to --counts")
    with failing_on(NoOutcomes, OSError):
        outcomes, torn = read_outcomes(files)
        if torn:
            typer.echo(f"{torn} lines are no outcomes, and are passed over", err=True)
        found = deciles(outcomes)
        if as_json:
            typer.echo(json.dumps([asdict(each) for each in found], indent=2))
        else:
            Console().print(_table(found))
        if out is not None:
            made = counts(outcomes, greedy=greedy, kind=kind)
            out.parent.mkdir(parents=True, exist_ok=True)
            write_counts(made, out)
            problems = len({problem for problem, _ in made})
            typer.echo(f"{out}: {len(made)} counts of {problems} problems", err=True)


def _table(found: Sequence[Decile]) -> Table:
    table = folding("kind of task", "requests", "expected", "passed", "within its interval")
    for each in found:
        rate = each.observed
        table.add_row(
            each.domain,
            str(each.requests),
            f"{100 * each.expected:.1f} %",
            f"{100 * rate.value:.1f} % ({100 * rate.low:.1f} to {100 * rate.high:.1f})",
            "yes" if each.expected_within else "no",
        )
    return table
