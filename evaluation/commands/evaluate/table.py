"""`budget-router evaluate table`: the comparison of result files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from evaluation.commands.common.failing import fail, failing_on
from evaluation.commands.common.outputs import to_file
from evaluation.gateway import comparison, deadlines, pooling
from evaluation.gateway.plot import PlotError, plot
from evaluation.gateway.recount import CannotRecount
from evaluation.gateway.results import ResultFileError, read
from evaluation.writing import write_whole


def _to_picture(parameter: typer.CallbackParam, path: Path | None) -> Path | None:
    if path is not None and path.suffix not in {".svg", ".png"}:
        fail(f"--plot takes a file that ends in .svg or .png, not {path}")
    return to_file(parameter, path)


def run(
    *,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE", help="Of `evaluate gateway` or `evaluate fim`."),
    ],
    baseline: Annotated[
        str | None, typer.Option(metavar="LABEL", help="Compare every run with this one.")
    ] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Hold the runs against this one, all pairs of a run and such a FILE together: as "
            "many of these as of the others, in the same order.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of Markdown.")] = False,
    under_deadlines: Annotated[
        bool, typer.Option("--deadlines", help="Of runs that had one: what came in time.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Write the table here as well.", metavar="FILE", callback=to_file),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(
            "--plot",
            help="Draw pass rate against FLOPs into this .svg or .png.",
            metavar="FILE",
            callback=_to_picture,
        ),
    ] = None,
) -> None:
    """Compare result files: one row each."""
    if under_deadlines and (baseline is not None or as_json or picture is not None or against):
        raise typer.BadParameter("--deadlines has no --baseline, --against, --json or --plot")
    known = (ResultFileError, comparison.UnknownBaseline, CannotRecount, ValueError)
    with failing_on(*known, PlotError, OSError):
        for path in filter(None, (out, picture)):
            path.parent.mkdir(parents=True, exist_ok=True)
        if under_deadlines:
            text = deadlines.to_markdown([deadlines.row(read(file)) for file in files])
        else:
            text = _compared(files, against or [], baseline, picture, as_json=as_json)
        if out is not None:
            write_whole(out, text.encode())
    typer.echo(text, nl=False)


def _compared(
    files: Sequence[Path],
    against: Sequence[Path],
    baseline: str | None,
    picture: Path | None,
    *,
    as_json: bool,
) -> str:
    """The comparison as text, drawn into the picture if there is to be one."""
    table = comparison.rows([*files, *against], baseline)
    together = pooling.pooled(files, against) if against else None
    if picture is not None:
        plot(table, picture)
    if as_json:
        found: Any = comparison.to_json(table)
        if together is not None:
            found = {"runs": found, "pooled": pooling.to_json(together)}
        return json.dumps(found, indent=2) + "\n"
    text = comparison.to_markdown(table, baseline)
    return text if together is None else f"{text}\n{pooling.to_markdown(together)}"
