"""The comparison as a picture: pass rate against mean FLOPs used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evaluation.report import TERA, Row


class PlotError(RuntimeError):
    """No picture could be drawn; the message says why."""


def plot(table: Sequence[Row], path: Path) -> None:
    """Draw the rows with their 95 % intervals into `path`, SVG or PNG by its suffix.

    Rows of unknown FLOPs have no place on the axis and are left out. Raises `PlotError`.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 an extra: tables need no matplotlib
    except ModuleNotFoundError as error:
        raise PlotError(
            "matplotlib is not installed: pip install 'budget-router[evaluation]'"
        ) from error
    points = [(row, row.flops / TERA) for row in table if row.flops is not None]
    if not points:
        raise PlotError("no run has FLOPs that are known, so there is nothing to draw")
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for (row, tera), marker in zip(points, _markers(len(points)), strict=True):
        rate = row.pass_rate
        errors = [[100 * (rate.value - rate.low)], [100 * (rate.high - rate.value)]]
        axes.errorbar(
            [tera], [100 * rate.value], yerr=errors, fmt=marker, capsize=3, label=row.label
        )
        axes.annotate(
            row.label,
            (tera, 100 * rate.value),
            xytext=(6, 4),
            textcoords="offset points",
            fontsize="small",
        )
    axes.set_xlabel("mean FLOPs used per problem, TFLOPs")
    axes.set_ylabel("pass rate, % (95 % interval)")
    axes.set_ylim(0, 100)
    axes.set_xlim(left=0)
    axes.margins(x=0.15)
    axes.grid(alpha=0.3)
    try:
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as error:
        raise PlotError(f"{path}: {error}") from error


def _markers(n: int) -> list[str]:
    """Shapes as well as colours, for readers who do not tell colours apart."""
    shapes = "os^Dvp*X"
    return [shapes[at % len(shapes)] for at in range(n)]
