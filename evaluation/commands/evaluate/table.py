"""`budget-router evaluate table`: the comparison of result files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import typer

from evaluation.commands.common.failing import failing_on
from evaluation.gateway import comparison as report
from evaluation.gateway.plot import PlotError, plot
from evaluation.gateway.recount import CannotRecount
from evaluation.gateway.results import ResultFileError


def run(
    files: Sequence[Path],
    *,
    baseline: str | None,
    as_json: bool,
    out: Path | None,
    picture: Path | None,
) -> None:
    """Print the table, and write it and its picture where asked."""
    known = (ResultFileError, report.UnknownBaseline, CannotRecount, ValueError)
    with failing_on(*known, PlotError, OSError):
        table = report.rows(files, baseline)
        text = (
            json.dumps(report.to_json(table), indent=2) + "\n"
            if as_json
            else report.to_markdown(table, baseline)
        )
        if picture is not None:
            plot(table, picture)
        if out is not None:
            out.write_text(text)
    typer.echo(text, nl=False)
