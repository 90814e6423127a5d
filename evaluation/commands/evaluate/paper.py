"""`budget-router evaluate paper`: the paper's figures, its Table 1 and its claims, as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from evaluation.commands.common.failing import failing_on
from evaluation.commands.common.options import Out
from evaluation.commands.common.prices import times_of
from evaluation.paper.claims.claim import COLUMNS, UNDECIDED, Claim
from evaluation.paper.claims.decided import decided_claims
from evaluation.paper.figures import figures
from evaluation.paper.pen import draw, looks
from evaluation.paper.published import LABELS, published
from evaluation.paper.table_1 import table_1
from evaluation.writing import markdown as table
from evaluation.writing import write_json


def run(
    *,
    out: Out,
    times: Annotated[
        Path | None,
        typer.Option(help="Of `evaluate time`, to set beside Table 1's.", metavar="FILE"),
    ] = None,
    claims_table: Annotated[
        bool, typer.Option("--claims-table", help="Print the claims as a Markdown table.")
    ] = False,
) -> None:
    """Draw the paper's figures from its published tables, and hold its claims against them."""
    measured = times_of(times).seconds.get("humaneval", {})
    claims = decided_claims(published())
    with failing_on(OSError):
        (out / "figures").mkdir(parents=True, exist_ok=True)
        for figure in figures():
            stem = out / "figures" / f"figure-{figure.number}"
            write_json(stem.with_name(f"{stem.name}.json"), figure.to_json())
            models = [series.model for series in figure.panels[0].series]
            drawn = figure.drawn()
            draw(drawn, looks(models, LABELS), stem, caption=" ".join(drawn.notes))
        write_json(out / "table-1.json", table_1(measured))
        write_json(out / "claims.json", [claim.to_json() for claim in claims])
    if claims_table:
        typer.echo(markdown(claims))
        return
    typer.echo(f"{len(figures())} figures, table-1.json and claims.json in {out}")
    holding = sum(claim.holds for claim in claims)
    open_ = sum(claim.holds and not claim.sure for claim in claims)
    typer.echo(
        f"{holding} of {len(claims)} claims hold, {open_} by interpolation only; the others:"
    )
    for claim in claims:
        if not claim.holds:
            _, _, found, rule, _ = claim.cells()
            typer.echo(f"  {claim.id}: {found}; holds if {rule}")


def markdown(claims: Sequence[Claim]) -> str:
    """The claims as a Markdown table, a row each, and below it what the tables do not decide."""
    lines = [*table(COLUMNS, map(_row, claims), words=len(COLUMNS))]
    lines += ["", "Not decided by the tables:", ""]
    lines += [f"- {text}: {reason}." for text, reason in UNDECIDED.items()]
    return "\n".join(lines)


def _row(claim: Claim) -> tuple[str, ...]:
    *others, verdict = claim.cells()
    return (*others, verdict if claim.holds else verdict.replace("no", "**no**", 1))
