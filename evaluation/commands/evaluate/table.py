"""`budget-router evaluate table`: the comparison of result files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from evaluation.commands.common.failing import failing_on
from evaluation.gateway import comparison
from evaluation.gateway.plot import PlotError, plot
from evaluation.gateway.recount import CannotRecount
from evaluation.gateway.results import ResultFileError


def run(
    *,
    files: Annotated[list[Path], typer.Argument(metavar="FILE")],
    baseline: Annotated[
        str | None, typer.Option(metavar="LABEL", help="Compare every run with this one.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of Markdown.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the table here as well.")] = None,
    picture: Annotated[
        Path | None,
        typer.Option("--plot", help="Draw pass rate against FLOPs into this .svg or .png."),
    ] = None,
) -> None:
    """Compare result files: one row each."""
    known = (ResultFileError, comparison.UnknownBaseline, CannotRecount, ValueError)
    with failing_on(*known, PlotError, OSError):
        table = comparison.rows(files, baseline)
        text = (
            json.dumps(comparison.to_json(table), indent=2) + "\n"
            if as_json
            else comparison.to_markdown(table, baseline)
        )
        if picture is not None:
            plot(table, picture)
        if out is not None:
            out.write_text(text)
    typer.echo(text, nl=False)
