"""The figures as pictures. The same data gives the same bytes of SVG with the same matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import matplotlib as mpl
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from evaluation.paper.figures import Figure, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, which people who do not tell red from green tell apart, and shapes too.
_LOOKS: Final = {
    "codellama-7b": ("#0072B2", "o", "Code Llama 7B"),
    "codellama-13b": ("#E69F00", "s", "Code Llama 13B"),
    "codellama-34b": ("#009E73", "^", "Code Llama 34B"),
    "codellama-70b": ("#CC79A7", "D", "Code Llama 70B"),
    "llama3-8b": ("#0072B2", "o", "Llama-3 8B"),
    "llama3-70b": ("#CC79A7", "D", "Llama-3 70B"),
}


def draw(figure: Figure, stem: Path) -> list[Path]:
    """Write `stem`.svg and `stem`.png and return their paths. Raises OSError."""
    with mpl.rc_context({"svg.hashsalt": "budget-router", "svg.fonttype": "path"}):
        canvas = Canvas(figsize=(13, 4.6), layout="constrained")
        panels = canvas.subplots(1, len(figure.panels), sharey=True)
        for letter, panel, axes in zip("abc", figure.panels, panels, strict=True):
            for series in panel.series:
                _line(axes, series)
            _axis(axes)
            axes.set_title(f"({letter}) {panel.y_label.removesuffix(' (%)')}", fontsize=11)
            axes.set_xlabel(panel.x_label)
        panels[0].set_ylabel("problems solved (%)")
        panels[0].yaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10]))
        canvas.suptitle(f"Figure {figure.number}: {figure.title}", fontsize=13)
        canvas.supxlabel(_caption(figure), fontsize=8, color="#444444")
        panels[-1].legend(handles=_key(figure), loc="upper left", frameon=False)  # curves rise
        svg, png = stem.with_name(f"{stem.name}.svg"), stem.with_name(f"{stem.name}.png")
        canvas.savefig(svg, metadata={"Date": None, "Creator": None})
        canvas.savefig(png, dpi=120, metadata={"Software": None})
    return [svg, png]


def _line(axes: Axes, series: Series) -> None:
    colour, shape, _ = _LOOKS[series.model]
    xs, ys = zip(*((point.x, point.y) for point in series.points), strict=True)
    axes.plot(xs, ys, color=colour, linewidth=1.2, alpha=0.8)
    told = [(point.x, point.y) for point in series.points if point.published]
    xs, ys = zip(*told, strict=True)
    axes.plot(
        xs, ys, shape, color=colour, markersize=6.5, markeredgecolor="white", markeredgewidth=0.7
    )


def _axis(axes: Axes) -> None:
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(LogLocator(base=2, numticks=20))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _key(figure: Figure) -> list[Line2D]:
    return [
        Line2D([], [], color=colour, marker=shape, label=name, markeredgecolor="white")
        for series in figure.panels[0].series
        for colour, shape, name in [_LOOKS[series.model]]
    ]


def _caption(figure: Figure) -> str:
    marks = "Marked points are published; lines between them are linear in log k."
    return " ".join((marks, *figure.notes))
