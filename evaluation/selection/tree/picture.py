"""Trees as a picture: samples by what is spent as curves, trees as points beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from evaluation.paper.figure import Figure, Mark, Panel, Point, Series
from evaluation.paper.pen import draw, looks
from evaluation.selection.recorded import Sight
from evaluation.selection.standings import GreedyRow
from evaluation.selection.tree.measuring import CHOOSERS, SIGHTS, CurveRow, TreeRow

BLIND_SIGHT: Final = "-"


def draw_figure(
    dataset: str,
    curves: Sequence[CurveRow],
    trees: Sequence[TreeRow],
    greedy: Sequence[GreedyRow],
    folder: Path,
) -> list[Path]:
    """`tree` as .svg and .png, a panel for each sight; the paths. Raises OSError."""
    panels = tuple(_panel(sight, curves, trees, greedy) for sight in SIGHTS)
    names = [series.look for series in panels[0].series]
    figure = Figure("tree", f"Tree search beside samples, {dataset}", panels, ())
    return draw(figure, looks([*names, *(row.model for row in greedy)]), folder / "tree")


def _panel(
    sight: Sight, curves: Sequence[CurveRow], trees: Sequence[TreeRow], greedy: Sequence[GreedyRow]
) -> Panel:
    drawn = [
        Series(label, label, points)
        for what, rows in (("samples", curves), ("tree", trees))
        for name in CHOOSERS
        for label, points in ((f"{what}, {name}", _points(rows, name, sight)),)
        if points
    ]
    stars = tuple(Mark(row.model, _star(row)) for row in greedy)
    return Panel(f"examples {sight.value}", "large calls", "success, %", tuple(drawn), stars)


def _points(
    rows: Sequence[CurveRow] | Sequence[TreeRow], name: str, sight: Sight
) -> tuple[Point, ...]:
    """Each once: a tree has a row for each rival."""
    shown = [
        row for row in rows if row.selector == name and row.examples in {BLIND_SIGHT, sight.value}
    ]
    found = {
        row.large_calls: Point(row.large_calls, 100 * row.selected, 100 * row.low, 100 * row.high)
        for row in shown
    }
    return tuple(found[x] for x in sorted(found))


def _star(row: GreedyRow) -> Point:
    return Point(row.large_calls, 100 * row.success, 100 * row.low, 100 * row.high, 1)
