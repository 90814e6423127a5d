"""The paper's Figures 8 and 9 on our models: each selector's curve by budget, greedy answers stars.

The paper's rankers are models; here are, beside likelihood, those that look at what programs do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from evaluation.paper.figure import Figure, Mark, Panel, Point, Series
from evaluation.paper.pen import Look, looks
from evaluation.study.figures import DATASETS
from evaluation.study.untested.reading import LEVER, ChosenRow, GreedyStar, Untested
from evaluation.study.untested.standing import BLIND, NOT_USED, STRIPPED, USED

CURVES: Final = ("examples", "agreement", LEVER, "nll", "majority")
"""Selectors in the order of the key."""

ANY: Final = "first"
"""Who takes any sample: the mean of single ones."""


def untested_figure(found: Untested) -> Figure:
    """`chosen-DATASET`: a panel for each model and for each way to see examples."""
    title = DATASETS.get(found.dataset, found.dataset)
    panels = tuple(_panels(found))
    return Figure(
        f"chosen-{found.dataset}",
        f"{title}: what chooses where no tests do",
        panels,
        tuple(_notes(found)),
    )


def untested_looks(found: Untested) -> dict[str, Look]:
    """Of its models and of selectors, so that none looks like another."""
    return looks([*found.models, *CURVES])


def _panels(found: Untested) -> Iterator[Panel]:
    for at, model in enumerate(found.models):
        # What choosing has to beat are answers of its generator and of larger models.
        stars = [star for star in found.greedy if star.model in found.models[at:]]
        for title, shown in _PANELS.items():
            made = (_series(found, model, selector, shown) for selector in CURVES)
            if series := tuple(each for each in made if each.points):
                yield Panel(
                    f"{model}, {title}",
                    "large calls",
                    "problems solved (%)",
                    series,
                    tuple(Mark(star.model, _star(star)) for star in stars),
                    tuple(Mark(model, _point(row)) for row in _rows(found, model, ANY)[:1]),
                )


_PANELS: Final = {
    "prompts as they are": frozenset({BLIND, NOT_USED, USED}),
    "examples stripped": frozenset({BLIND, STRIPPED}),
}
"""What a selector may see of examples, by panel."""


def _series(found: Untested, model: str, selector: str, shown: frozenset[str]) -> Series:
    rows = [row for row in _rows(found, model, selector) if row.examples in shown]
    points = tuple(_point(row) for row in rows)
    return Series(model, selector, points, problems=found.problems)


def _rows(found: Untested, model: str, selector: str) -> list[ChosenRow]:
    """From few samples to many."""
    rows = [row for row in found.rows if (row.model, row.selector) == (model, selector)]
    return sorted(rows, key=lambda row: row.k)


def _point(row: ChosenRow) -> Point:
    """Without its interval: those of five curves would cover each other."""
    return Point(float(f"{row.large_calls:.6g}"), round(100 * row.selected, 3), k=row.k)


def _star(star: GreedyStar) -> Point:
    y, low, high = (round(100 * part, 3) for part in (star.success, star.low, star.high))
    return Point(float(f"{star.large_calls:.6g}"), y, low, high, 1)


def _notes(found: Untested) -> Iterator[str]:
    ks = sorted({row.k for row in found.rows})
    yield (
        f"{found.problems} problems, k = {', '.join(map(str, ks))}; each k is drawn anew, its "
        "prompt computed once. A large call is what a greedy answer of "
        f"{found.models[-1]} costs in the mean."
    )
    yield (
        "examples: run like tests, the share that passes. agreement and majority: programs run on "
        "inputs, from examples without their outputs or, stripped, from the signature alone. nll: "
        "the generator's own averaged likelihood."
    )
    if found.trained_on is not None:
        trained = DATASETS.get(found.trained_on, found.trained_on)
        yield f"lever: a verifier that was trained on {trained}, with likelihood, by equal results."
    yield "Intervals of the curves are in the numbers; stars have theirs."
