"""The paper's Figure 9 on our models: rank-score against budget, greedy answers as stars."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evaluation.paper.figure import Figure, Mark, Panel, Point, Series
from evaluation.paper.pen import draw, looks
from evaluation.selection.recorded import Sight
from evaluation.selection.standings import GreedyRow
from evaluation.verifier.measuring import NAMES, LeverRow


def draw_figure(
    dataset: str, rows: Sequence[LeverRow], greedy: Sequence[GreedyRow], folder: Path
) -> list[Path]:
    """`lever` as .svg and .png, a panel for each model and sight; the paths. Raises OSError."""
    panels = tuple(
        Panel(
            f"{model}, examples {sight.value}",
            "large calls",
            "success, %",
            tuple(Series(name, name, _points(rows, model, sight, name)) for name in NAMES),
            tuple(Mark(row.model, _star(row)) for row in greedy),
        )
        for model in dict.fromkeys(row.model for row in rows)
        for sight in (Sight.NOT_USED, Sight.STRIPPED)
    )
    figure = Figure("lever", f"Choosing by a verifier, {dataset}", panels, ())
    return draw(figure, looks([*NAMES, *(row.model for row in greedy)]), folder / "lever")


def _points(rows: Sequence[LeverRow], model: str, sight: Sight, name: str) -> tuple[Point, ...]:
    return tuple(
        Point(row.large_calls, 100 * row.selected, 100 * row.low, 100 * row.high, row.k)
        for row in rows
        if (row.model, row.examples, row.selector) == (model, sight.value, name)
    )


def _star(row: GreedyRow) -> Point:
    return Point(row.large_calls, 100 * row.success, 100 * row.low, 100 * row.high, 1)
