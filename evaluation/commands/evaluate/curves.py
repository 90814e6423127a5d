"""`budget-router evaluate curves`: figures of recorded pools, as JSON, SVG and PNG."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evaluation.commands.common.failing import fail, failing_on
from evaluation.commands.common.options import Chosen, CostsConfig, Out, Times
from evaluation.commands.common.prices import rates_of, times_of
from evaluation.commands.common.progress import StepsProgress
from evaluation.pools.errors import PoolError
from evaluation.study.chapters import (
    model_looks,
    read_chapters,
    write_figures,
    write_untested,
)
from evaluation.study.evidence import TwoPools
from evaluation.study.untested.figures import untested_figure
from evaluation.study.untested.reading import UnreadableChoices, read_untested


def run(
    *,
    pools: Annotated[
        list[Path] | None,
        typer.Argument(help="Pools, or files of counts.", metavar="POOL", show_default=False),
    ] = None,
    out: Out,
    times: Times = None,
    chosen: Chosen = None,
    config: CostsConfig = None,
    only: Annotated[
        str | None,
        typer.Option("--figure", help="Only this figure.", metavar="NAME", show_default=False),
    ] = None,
) -> None:
    """Draw pass@k, rank-score@k and their budgeted forms from recorded pools."""
    with StepsProgress() as bars:
        known, rates = times_of(times), rates_of(config)
        with failing_on(PoolError, TwoPools, UnreadableChoices):
            chapters = read_chapters(pools or (), known, rates, bars.counted)
            untested = read_untested(chosen or ())
        figures = {figure.name: figure for chapter in chapters for figure in chapter.figures}
        others = {untested_figure(each).name: each for each in untested}
        names = [*figures, *others]
        if not names:
            fail("these pools hold too few judged samples for any curve: two per problem at least")
        if only is not None and only not in names:
            fail(f"no figure {only!r} of these pools; there are: {', '.join(names)}")
        drawn = [name for name in names if only in (None, name)]
        looked = model_looks([chapter.evidence for chapter in chapters])
        with failing_on(OSError):
            own = [figures[name] for name in drawn if name in figures]
            write_figures(own, looked, out, bars.counted)
            write_untested((others[name] for name in drawn if name in others), out)
    for note in (note for chapter in chapters for note in chapter.evidence.notes):
        typer.echo(note, err=True)
    typer.echo(f"{len(drawn)} figures in {out}: {', '.join(drawn)}")
