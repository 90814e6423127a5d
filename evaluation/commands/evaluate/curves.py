"""`budget-router evaluate curves`: figures of recorded pools, as JSON, SVG and PNG."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evaluation.commands.common.failing import fail, failing_on
from evaluation.commands.common.options import CostsConfig, Out, Times
from evaluation.commands.common.prices import rates_of, times_of
from evaluation.commands.common.progress import StepsProgress
from evaluation.pools.errors import PoolError
from evaluation.study.chapters import model_looks, read_chapters, write_figures
from evaluation.study.evidence import TwoPools


def run(
    *,
    pools: Annotated[list[Path], typer.Argument(help="Pools, or files of counts.", metavar="POOL")],
    out: Out,
    times: Times = None,
    config: CostsConfig = None,
    only: Annotated[
        str | None,
        typer.Option("--figure", help="Only this figure.", metavar="NAME", show_default=False),
    ] = None,
) -> None:
    """Draw pass@k, rank-score@k and their budgeted forms from recorded pools."""
    with StepsProgress() as bars:
        known, rates = times_of(times), rates_of(config)
        with failing_on(PoolError, TwoPools):
            chapters = read_chapters(pools, known, rates, bars.counted)
        figures = [figure for chapter in chapters for figure in chapter.figures]
        names = [figure.name for figure in figures]
        if not figures:
            fail("these pools hold too few judged samples for any curve: two per problem at least")
        if only is not None and only not in names:
            fail(f"no figure {only!r} of these pools; there are: {', '.join(names)}")
        chosen = [figure for figure in figures if only in (None, figure.name)]
        looked = model_looks([chapter.evidence for chapter in chapters])
        with failing_on(OSError):
            write_figures(chosen, looked, out, bars.counted)
    for note in (note for chapter in chapters for note in chapter.evidence.notes):
        typer.echo(note, err=True)
    typer.echo(f"{len(chosen)} figures in {out}: {', '.join(figure.name for figure in chosen)}")
