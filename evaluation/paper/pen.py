"""Figures as pictures. The same data gives the same bytes with the same matplotlib."""

from __future__ import annotations

import html
import io
import math
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import matplotlib as mpl
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from evaluation.paper.figure import Figure, Mark, Panel, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's hues, which people who do not tell red from green tell apart, shifted to where
# each has a contrast of 3 against white and against a dark page; and shapes as well.
_COLOURS: Final = (
    *("#2b83ba", "#d17a00", "#0a9b73", "#c0619a"),
    *("#8a8a2a", "#7a6fd0", "#cf4a3c", "#7d848c"),
)
_SHAPES: Final = ("o", "s", "^", "D", "v", "P")
Line: TypeAlias = Literal["-", "--", ":"]
_LINES: Final[tuple[Line, ...]] = ("-", "--", ":")

_PLAIN: Final[Any] = {"text.parse_math": False}
"""A name with a dollar sign is no formula."""

_LETTERS: Final = string.ascii_lowercase
"""Of panels, in their order."""

_GREY: Final = "#808080"
_MOST_COLUMNS: Final = 3
_COLUMN_REM: Final = 25
_KEY_COLUMNS: Final = 5
_MOST_TICKS: Final = 8
_FEWEST_TICKS: Final = 3
_EVEN_TICKS: Final = 6
_INK, _PAPER = "#010203", "#fdfcfb"
"""Stand-ins in the inline form, which the page's own colours replace."""


@dataclass(frozen=True, slots=True)
class Look:
    """How one model is drawn in every figure."""

    colour: str
    shape: str
    label: str
    line: Line = "-"


def looks(models: Sequence[str], labels: Mapping[str, str] | None = None) -> dict[str, Look]:
    """A look per model, in their order, so that a model looks the same in all figures.

    Where colours begin again, each comes with another shape, and its line is broken.
    """
    return {
        model: Look(
            _COLOURS[at % len(_COLOURS)],
            _SHAPES[(at % len(_COLOURS) + at // len(_COLOURS)) % len(_SHAPES)],
            (labels or {}).get(model, model),
            _LINES[at // len(_COLOURS) % len(_LINES)],
        )
        for at, model in enumerate(models)
    }


def draw(figure: Figure, looked: Mapping[str, Look], stem: Path, caption: str = "") -> list[Path]:
    """Write `stem`.svg and `stem`.png and return their paths. Raises OSError."""
    svg, png = stem.with_name(f"{stem.name}.svg"), stem.with_name(f"{stem.name}.png")
    with mpl.rc_context({"svg.hashsalt": figure.name, "svg.fonttype": "path", **_PLAIN}):
        canvas = _canvas(figure, looked, figure.title, caption)
        canvas.savefig(svg, metadata={"Date": None, "Creator": None})
        canvas.set_layout_engine("none")  # the places found for the first do for the second
        canvas.savefig(png, dpi=110, metadata={"Software": None})
    return [svg, png]


def inline_svg(figure: Figure, looked: Mapping[str, Look]) -> str:
    """The figure as an `<svg>` element for a page: its ink is the page's, its ids are its own.

    Text stays text, to be read, found and copied. No title: the page has its own.
    """
    style: Any = {
        "svg.hashsalt": figure.name,
        "svg.fonttype": "none",
        **_PLAIN,
        "text.color": _INK,
        "axes.edgecolor": _INK,
        "axes.labelcolor": _INK,
        "xtick.color": _INK,
        "ytick.color": _INK,
        "grid.color": _INK,
        "figure.facecolor": "none",
        "axes.facecolor": "none",
    }
    file = io.StringIO()
    with mpl.rc_context(style):
        _canvas(figure, looked).savefig(
            file, format="svg", metadata={"Date": None, "Creator": None}, transparent=True
        )
    return _embedded(file.getvalue(), figure)


def _embedded(svg: str, figure: Figure) -> str:
    """The `<svg>` element alone, fit to stand in a page beside others."""
    element = svg[svg.index("<svg ") :]
    element = re.sub(r"<metadata>.*?</metadata>\s*", "", element, flags=re.DOTALL)
    element = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{figure.name}-", element)
    element = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", element, count=1)
    element = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", element, count=1)
    label = html.escape(figure.title, quote=True)
    width = _COLUMN_REM * _columns(figure)
    ours = f'role="img" aria-label="{label}" style="max-width: {width}rem"'
    element = element.replace("<svg ", f"<svg {ours} ", 1)
    return element.replace(_INK, "currentColor").replace(_PAPER, "var(--paper)").strip()


def _columns(figure: Figure) -> int:
    """As many as there is room for, with no row nearly empty."""
    panels = len(figure.panels)
    return math.ceil(panels / math.ceil(panels / _MOST_COLUMNS))


def _canvas(
    figure: Figure, looked: Mapping[str, Look], title: str = "", caption: str = ""
) -> Canvas:
    if len(figure.panels) > len(_LETTERS):
        raise ValueError(f"{figure.name} has more panels than there are letters: make two of it")
    columns = _columns(figure)
    rows = math.ceil(len(figure.panels) / columns)
    canvas = Canvas(figsize=(4.4 * columns, 3.7 * rows + 0.6), layout="constrained")
    grid = canvas.subplots(rows, columns, squeeze=False, sharey=True).flatten()
    for letter, panel, axes in zip(_LETTERS, figure.panels, grid, strict=False):
        _panel(axes, panel, looked, letter)
    for at, axes in enumerate(grid):
        if at >= len(figure.panels):
            axes.set_axis_off()
        elif at % columns == 0:
            axes.set_ylabel(figure.panels[at].y_label)
    if title:
        canvas.suptitle(title, fontsize=13)
    canvas.legend(
        handles=_key(figure, looked),
        loc="outside lower center",
        ncols=_KEY_COLUMNS * columns // _MOST_COLUMNS,
        frameon=False,
        fontsize=9,
        title=caption or None,
        title_fontsize=8,
    )
    return canvas


def _panel(axes: Axes, panel: Panel, looked: Mapping[str, Look], letter: str) -> None:
    for series in panel.series:
        _line(axes, series, looked[series.look])
    for mark in panel.single:
        _mark(axes, mark, looked[mark.model], "o", size=9, filled=False)
    for mark in panel.greedy:
        _mark(axes, mark, looked[mark.model], "*", size=15, filled=True)
    axes.set_title(f"({letter}) {panel.title}", fontsize=10)
    axes.set_xlabel(panel.x_label)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(_ticks(panel)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _tick(x)))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10]))
    axes.tick_params(labelsize=8, labelleft=True)
    axes.grid(alpha=0.2, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def _ticks(panel: Panel) -> list[float]:
    """Powers of two over all that the panel shows, thinned out until their labels have room.

    Even steps of 1, 2 or 5 where powers of two would leave one label or two; k stays whole.
    """
    xs = [point.x for series in panel.series for point in series.points]
    xs += [mark.point.x for mark in (*panel.greedy, *panel.single)]
    low, high = math.ceil(math.log2(min(xs))), math.floor(math.log2(max(xs)))
    if high - low + 1 < _FEWEST_TICKS:
        whole = all(x.is_integer() for x in xs)
        even = MaxNLocator(nbins=_EVEN_TICKS, steps=[1, 2, 5, 10], integer=whole)
        return [float(x) for x in even.tick_values(min(xs), max(xs)) if x > 0]
    step = math.ceil((high - low + 1) / _MOST_TICKS)
    return [2.0**power for power in range(low, high + 1, step)]


def _line(axes: Axes, series: Series, look: Look) -> None:
    whole = [(point.x, point.y) for point in series.points]
    axes.plot(*zip(*whole, strict=True), look.line, color=look.colour, linewidth=1.6)
    band = [(p.x, p.low, p.high) for p in series.points if p.low is not None is not p.high]
    if band:
        at, low, high = zip(*band, strict=True)
        if len(band) > 1:
            axes.fill_between(at, low, high, color=look.colour, alpha=0.13, linewidth=0)
        else:  # a band has no width there
            axes.vlines(at, low, high, color=look.colour, alpha=0.45, linewidth=1.2)
    told = [(point.x, point.y) for point in series.points if point.marked]
    if told:
        axes.plot(
            *zip(*told, strict=True),
            look.shape,
            color=look.colour,
            markersize=5.5,
            markeredgecolor=_PAPER,
            markeredgewidth=0.6,
        )


def _mark(axes: Axes, mark: Mark, look: Look, shape: str, *, size: float, filled: bool) -> None:
    point = mark.point
    if point.low is not None and point.high is not None:
        axes.plot([point.x] * 2, [point.low, point.high], color=look.colour, alpha=0.45, lw=1.2)
    axes.plot(
        [point.x],
        [point.y],
        shape,
        color=look.colour,
        markersize=size,
        markerfacecolor=look.colour if filled else "none",
        markeredgecolor=_PAPER if filled else look.colour,
        markeredgewidth=0.8 if filled else 1.8,
        zorder=3,
    )


def _key(figure: Figure, looked: Mapping[str, Look]) -> list[Line2D]:
    """A line per look, and what a star and a circle are: they have their model's colour."""
    series = [each for panel in figure.panels for each in panel.series]
    marks = [mark for panel in figure.panels for mark in (*panel.greedy, *panel.single)]
    drawn = dict.fromkeys(each.look for each in series)
    ranked = any(each.ranker for each in series)
    key = [_entry(looked[name], "ranked by " if ranked else "") for name in drawn]
    others = dict.fromkeys(mark.model for mark in marks if mark.model not in drawn)
    key += [_symbol("s", looked[name].label, looked[name].colour) for name in others]
    if any(panel.greedy for panel in figure.panels):
        key.append(_symbol("*", "greedy answer", _GREY))
    if any(panel.single for panel in figure.panels):
        key.append(_symbol("o", "mean of samples", _GREY, hollow=True))
    return key


def _entry(look: Look, prefix: str) -> Line2D:
    label = f"{prefix}{look.label}"
    return Line2D([], [], color=look.colour, marker=look.shape, linestyle=look.line, label=label)


def _symbol(shape: str, label: str, colour: str, *, hollow: bool = False) -> Line2D:
    face = "none" if hollow else colour
    return Line2D(
        [], [], linestyle="", marker=shape, color=colour, mfc=face, markersize=9, label=label
    )


def _tick(x: float) -> str:
    return f"{x:g}" if x >= 1 else f"{x:.3g}"
