"""`budget-router evaluate curves`: figures of recorded pools, as JSON, SVG and PNG."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import Progress

from evaluation.commands.failing import fail, failing_on

if TYPE_CHECKING:
    from evaluation.page.render import Chapter
    from evaluation.study.drawing import Look
    from evaluation.study.figures import Figure
    from evaluation.study.reading import Times


def run(paths: Sequence[Path], out: Path, *, times: Path | None, only: str | None) -> None:
    """Write `out`/NAME.json, .svg and .png for every figure, or for the one named `only`."""
    needed()
    from evaluation.page.render import model_looks  # noqa: PLC0415 an extra

    with Progress(console=Console(stderr=True), transient=True) as bar:
        chapters = measured(paths, times_of(times), bar)
        figures = [figure for chapter in chapters for figure in chapter.figures]
        names = [figure.name for figure in figures]
        if not figures:
            fail("these pools hold too few judged samples for any curve: two per problem at least")
        if only is not None and only not in names:
            fail(f"no figure {only!r} of these pools; there are: {', '.join(names)}")
        chosen = [figure for figure in figures if only in (None, figure.name)]
        write(chosen, model_looks([chapter.evidence for chapter in chapters]), out, bar)
    for note in (note for chapter in chapters for note in chapter.evidence.notes):
        typer.echo(note, err=True)
    typer.echo(f"{len(chosen)} figures in {out}: {', '.join(figure.name for figure in chosen)}")


def needed() -> None:
    """End with a line that says what to install where an extra is missing."""
    try:
        import jinja2  # noqa: F401, PLC0415 an extra
        import matplotlib as mpl  # noqa: F401, PLC0415
        import pyarrow as pa  # noqa: F401, PLC0415
    except ModuleNotFoundError as error:
        fail(f"{error.name} is not installed: pip install 'budget-router[evaluation]'")


def times_of(path: Path | None) -> Times:
    """The wall times of a file; none without one."""
    from evaluation.study.reading import Times, UnreadableTimes, read_times  # noqa: PLC0415

    with failing_on(UnreadableTimes):
        return Times() if path is None else read_times(path)


def measured(paths: Sequence[Path], times: Times, bar: Progress) -> list[Chapter]:
    """Everything that the pools tell, per dataset; ends the command where they do not read."""
    from evaluation.architectures import ARCHITECTURES  # noqa: PLC0415
    from evaluation.page.render import Chapter  # noqa: PLC0415
    from evaluation.pools.errors import PoolError  # noqa: PLC0415
    from evaluation.study.evidence import TwoPools, gather  # noqa: PLC0415
    from evaluation.study.figures import figures  # noqa: PLC0415
    from evaluation.study.findings import findings  # noqa: PLC0415
    from evaluation.study.reading import read_pools  # noqa: PLC0415

    with failing_on(PoolError, TwoPools):
        reading = bar.add_task("reading pools", total=len(paths))
        pools = read_pools(bar.track(paths, task_id=reading), times)
        datasets = len({pool.dataset for pool in pools})
        measuring = bar.add_task("measuring", total=datasets)
        return [
            Chapter(evidence, tuple(figures(evidence)), tuple(findings(evidence)))
            for evidence in bar.track(
                gather(pools, ARCHITECTURES), total=datasets, task_id=measuring
            )
        ]


def write(
    figures: Sequence[Figure], looked: Mapping[str, Look], folder: Path, bar: Progress
) -> None:
    """Write every figure's data and pictures."""
    from evaluation.study.drawing import draw  # noqa: PLC0415 an extra

    drawing = bar.add_task("drawing", total=len(figures))
    with failing_on(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        for figure in bar.track(figures, task_id=drawing):
            write_json(folder / f"{figure.name}.json", figure.to_json())
            draw(figure, looked, folder / figure.name)


def write_json(path: Path, value: Any) -> None:
    """A file of JSON, the same bytes for the same value. Raises OSError."""
    path.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n")


def commands(chapters: Sequence[Chapter], times: Path | None) -> Iterator[tuple[str, str]]:
    """Per figure's name, the command that draws it from its dataset's pools."""
    for chapter in chapters:
        sources = [source for pool in chapter.evidence.pools for source in pool.sources]
        for figure in chapter.figures:
            words = ["budget-router", "evaluate", "curves", *sources]
            words += [] if times is None else ["--times", str(times)]
            yield figure.name, shlex.join([*words, "--figure", figure.name, "--out", "DIR"])
