"""The study, a chapter for each dataset: read from pools, and its figures written as files.

What `evaluate curves` and `evaluate report` have in common; the page itself is in `study.page`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from evaluation.architectures import ARCHITECTURES
from evaluation.paper.figure import Figure
from evaluation.paper.pen import Look, draw, looks
from evaluation.study.evidence import Evidence, gather
from evaluation.study.figures import figures
from evaluation.study.findings import findings
from evaluation.study.reading import Times, read_pools
from evaluation.study.restated import Finding
from evaluation.study.untested.figures import untested_figure, untested_looks
from evaluation.study.untested.reading import Untested
from evaluation.writing import write_json
from policies.cost import Rate
from router.catalogue.entries import CATALOGUE

T = TypeVar("T")


class Counted(Protocol):
    """Hands items on as they come, and tells somebody how many of `total` there were."""

    def __call__(self, items: Iterable[T], what: str, total: int) -> Iterable[T]:
        """The same items."""
        ...


@dataclass(frozen=True, slots=True)
class Chapter:
    """One dataset: its evidence, its figures and its findings."""

    evidence: Evidence
    figures: tuple[Figure, ...]
    findings: tuple[Finding, ...]


def read_chapters(
    paths: Sequence[Path], times: Times, rates: Mapping[str, Rate], counted: Counted
) -> list[Chapter]:
    """Everything that the pools tell, per dataset. Raises `PoolError` and `TwoPools`."""
    pools = read_pools(counted(paths, "reading pools", len(paths)), times, rates)
    datasets = len({pool.dataset for pool in pools})
    return [
        Chapter(evidence, tuple(figures(evidence)), tuple(findings(evidence)))
        for evidence in counted(gather(pools, rates), "measuring", datasets)
    ]


def model_looks(evidence: Sequence[Evidence]) -> dict[str, Look]:
    """One look per model of any dataset, rankers without a pool of their own included.

    Known models come first, so that one looks the same whatever else is drawn, and of these the
    catalogue's, whose samples are at hand, so that none of them has another's colour.
    """
    models = [model for entry in evidence for model in entry.models]
    rankers = [ranked.ranker for entry in evidence for ranked in entry.ranked if ranked.ranker]
    return looks(list(dict.fromkeys([*CATALOGUE, *ARCHITECTURES, *models, *rankers])))


def write_figures(
    drawn: Sequence[Figure], looked: Mapping[str, Look], folder: Path, counted: Counted
) -> None:
    """Write every figure's data and pictures: NAME.json, .svg and .png. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for figure in counted(drawn, "drawing", len(drawn)):
        write_json(folder / f"{figure.name}.json", figure.to_json())
        draw(figure, looked, folder / figure.name)


def write_untested(found: Iterable[Untested], folder: Path) -> None:
    """Likewise, of what chooses without tests. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for each in found:
        figure = untested_figure(each)
        write_json(folder / f"{figure.name}.json", figure.to_json())
        draw(figure, untested_looks(each), folder / figure.name)
