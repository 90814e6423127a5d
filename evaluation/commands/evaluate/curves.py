"""`budget-router evaluate curves`: figures of recorded pools, as JSON, SVG and PNG."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import Progress

from evaluation.commands.common.configuration import load_settings
from evaluation.commands.common.failing import fail, failing_on

if TYPE_CHECKING:
    from evaluation.paper.figure import Figure
    from evaluation.paper.pen import Look
    from evaluation.study.page.render import Chapter
    from evaluation.study.reading import Times
    from policies.cost import Rate


@dataclass(frozen=True, slots=True)
class Prices:
    """Where costs come from: what `evaluate time` measured, and the gateway's configuration."""

    times: Path | None
    config: Path | None

    def options(self) -> list[str]:
        """As on a command line."""
        given = {"--times": self.times, "--config": self.config}
        return [word for name, path in given.items() if path for word in (name, str(path))]


def run(paths: Sequence[Path], out: Path, *, prices: Prices, only: str | None) -> None:
    """Write `out`/NAME.json, .svg and .png for every figure, or for the one named `only`."""
    needed()
    from evaluation.study.page.render import model_looks  # noqa: PLC0415 an extra

    with Progress(console=Console(stderr=True), transient=True) as bar:
        chapters = measured(paths, times_of(prices.times), rates_of(prices.config), bar)
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


def rates_of(config: Path | None) -> Mapping[str, Rate]:
    """What models cost: those known by name, and others that a gateway's configuration has."""
    from evaluation.architectures import ARCHITECTURES  # noqa: PLC0415 slow to import, as below

    if config is None:
        return ARCHITECTURES
    from router.configured import model_rate  # noqa: PLC0415
    from router.upstream.architecture import UnknownArchitecture  # noqa: PLC0415

    settings = load_settings(config)
    with failing_on(UnknownArchitecture, OSError):
        found = {
            model: model_rate(settings, model)
            for model in settings.models
            if model not in ARCHITECTURES
        }
    return {**ARCHITECTURES, **{model: rate for model, rate in found.items() if rate is not None}}


def measured(
    paths: Sequence[Path], times: Times, rates: Mapping[str, Rate], bar: Progress
) -> list[Chapter]:
    """Everything that the pools tell, per dataset; ends the command where they do not read."""
    from evaluation.pools.errors import PoolError  # noqa: PLC0415
    from evaluation.study.evidence import TwoPools, gather  # noqa: PLC0415
    from evaluation.study.figures import figures  # noqa: PLC0415
    from evaluation.study.findings import findings  # noqa: PLC0415
    from evaluation.study.page.render import Chapter  # noqa: PLC0415
    from evaluation.study.reading import read_pools  # noqa: PLC0415

    with failing_on(PoolError, TwoPools):
        reading = bar.add_task("reading pools", total=len(paths))
        pools = read_pools(bar.track(paths, task_id=reading), times, rates)
        datasets = len({pool.dataset for pool in pools})
        measuring = bar.add_task("measuring", total=datasets)
        return [
            Chapter(evidence, tuple(figures(evidence)), tuple(findings(evidence)))
            for evidence in bar.track(gather(pools, rates), total=datasets, task_id=measuring)
        ]


def write(
    figures: Sequence[Figure], looked: Mapping[str, Look], folder: Path, bar: Progress
) -> None:
    """Write every figure's data and pictures."""
    from evaluation.paper.pen import draw  # noqa: PLC0415 an extra

    drawing = bar.add_task("drawing", total=len(figures))
    with failing_on(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        for figure in bar.track(figures, task_id=drawing):
            write_json(folder / f"{figure.name}.json", figure.to_json())
            draw(figure, looked, folder / figure.name)


def write_json(path: Path, value: Any) -> None:
    """A file of JSON, the same bytes for the same value. Raises OSError."""
    path.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n")


def commands(chapters: Sequence[Chapter], prices: Prices) -> Iterator[tuple[str, str]]:
    """Per figure's name, the command that draws it from its dataset's pools."""
    for chapter in chapters:
        sources = [source for pool in chapter.evidence.pools for source in pool.sources]
        for figure in chapter.figures:
            words = ["budget-router", "evaluate", "curves", *sources, *prices.options()]
            yield figure.name, shlex.join([*words, "--figure", figure.name, "--out", "DIR"])
