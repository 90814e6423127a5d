"""The comparison as a picture: pass rate against mean FLOPs used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from evaluation.architectures import TERA
from evaluation.gateway.comparison import ComparisonRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS: Final = "os^Dvp*X"
"""Shapes as well as colours, for readers who do not tell colours apart."""

LABEL_GAP: Final = 5.0
"""Percentage points between two names."""


class PlotError(RuntimeError):
    """No picture could be drawn; the message says why."""


def plot(table: Sequence[ComparisonRow], path: Path) -> None:
    """Draw the rows with their 95 % intervals into `path`, SVG or PNG by its suffix.

    Rows of unknown FLOPs have no place on the axis and are left out. Raises `PlotError` and
    OSError.
    """
    try:
        import matplotlib as mpl  # noqa: PLC0415 an extra: tables need no matplotlib
        from matplotlib.figure import Figure  # noqa: PLC0415 likewise
    except ModuleNotFoundError as error:
        raise PlotError(
            "matplotlib is not installed: pip install 'budget-router[evaluation]'"
        ) from error
    points = [(row, row.flops / TERA) for row in table if row.flops is not None]
    if not points:
        raise PlotError("no run has FLOPs that are known, so there is nothing to draw")
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.add_subplot()
    # Points of one budget lie close together, so their names stand in a column beside them.
    heights = spread([100 * row.pass_rate.value for row, _ in points], LABEL_GAP, most=100)
    for at, ((row, tera), height) in enumerate(zip(points, heights, strict=True)):
        _point(axes, row, tera, MARKERS[at % len(MARKERS)], height)
    axes.set_xlabel("mean FLOPs used per problem, TFLOPs")
    axes.set_ylabel("pass rate, % (95 % interval)")
    axes.set_ylim(0, 103)  # so that a marker at 100 is whole
    axes.set_xlim(0, 1.08 * max(tera for _, tera in points))
    axes.grid(alpha=0.3)
    # The same answers give the same bytes.
    metadata = {"Date": None} if path.suffix == ".svg" else None
    try:
        with mpl.rc_context({"svg.hashsalt": "budget-router"}):
            figure.savefig(path, dpi=150, metadata=metadata)
    except ValueError as error:
        raise PlotError(f"{path}: {error}") from error


def _point(axes: Axes, row: ComparisonRow, tera: float, marker: str, height: float) -> None:
    """A run with its interval, and its name at a height of the column of names."""
    rate = row.pass_rate
    errors = [[100 * (rate.value - rate.low)], [100 * (rate.high - rate.value)]]
    bar = axes.errorbar([tera], [100 * rate.value], yerr=errors, fmt=marker, capsize=3)
    colour = bar.lines[0].get_color()
    axes.annotate(
        row.label,
        (tera, 100 * rate.value),
        xytext=(1.03, height),
        textcoords=axes.get_yaxis_transform(),
        color=colour,
        verticalalignment="center",
        arrowprops={"arrowstyle": "-", "color": colour, "alpha": 0.35, "linewidth": 0.8},
        annotation_clip=False,
    )


def spread(heights: Sequence[float], gap: float, most: float) -> list[float]:
    """The heights, in their own order, moved apart until neighbours are at least `gap` apart.

    Crowded ones are stacked around their common middle, so none wanders further than it must; none
    comes to stand above `most`.
    """
    order = sorted(range(len(heights)), key=lambda at: heights[at])
    stacks: list[tuple[float, list[int]]] = []
    for at in order:
        middle, stack = heights[at], [at]
        while stacks and stacks[-1][0] + gap * (len(stacks[-1][1]) + len(stack)) / 2 > middle:
            below, members = stacks.pop()
            total = len(members) + len(stack)
            middle = (below * len(members) + middle * len(stack)) / total
            middle = min(middle, most - gap * (total - 1) / 2)
            stack = members + stack
        stacks.append((middle, stack))
    placed = [0.0] * len(heights)
    for middle, stack in stacks:
        for step, at in enumerate(stack):
            placed[at] = middle + gap * (step - (len(stack) - 1) / 2)
    return placed
