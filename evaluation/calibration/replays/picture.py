"""A comparison as pictures: success against mean FLOPs used, and predictions against what came."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure as Canvas

from evaluation.architectures import TERA
from evaluation.calibration.replays.bounds import OUTCOMES, RATES
from evaluation.calibration.replays.entrants import CACHED, CASCADE, LADDER, RANDOM, TUNED
from evaluation.calibration.replays.report import Measured
from evaluation.calibration.replays.standings import Resampled, Standing
from evaluation.calibration.replays.trust import Decile
from evaluation.paper.figure import Figure, Panel, Point, Series
from evaluation.paper.pen import draw, looks
from evaluation.pools.view import Floats

LABELS: Final = {
    TUNED: "best fixed plan",
    LADDER: "ladder",
    CACHED: "ladder, prompts cached",
    CASCADE: "cascade",
    RANDOM: "coin between fixed plans",
    RATES: "who knew the pass rates",
    OUTCOMES: "who knew the outcomes",
}


def draw_all(measured: Measured, folder: Path) -> list[Path]:
    """`replay` and `deciles` as .svg and .png; the paths. Raises OSError."""
    curves = draw(_curves(measured), looks(list(LABELS), LABELS), folder / "replay")
    return [*curves, *_draw_deciles(measured.deciles(), folder / "deciles")]


def _curves(measured: Measured) -> Figure:
    dataset = measured.comparison.problems[0].dataset
    panels = [_panel(measured, "the tests that chose", plus=False)]
    if any(problem.plus is not None for problem in measured.comparison.problems):
        panels.append(_panel(measured, "the second tests", plus=True))
    return Figure("replay", f"Success for FLOPs on {dataset}", tuple(panels), ())


def _panel(measured: Measured, title: str, *, plus: bool) -> Panel:
    series = tuple(
        Series(name, name, points)
        for name, plan in measured.shown.items()
        if (points := _points(plan, measured.resampled, plus=plus))
    )
    return Panel(title, "mean FLOPs used per problem, TFLOPs", "success, %", series)


def _points(plan: Standing, resampled: Resampled, *, plus: bool) -> tuple[Point, ...]:
    """One a budget; where nothing was spent there is no place on the axis."""
    return tuple(_each(plan, resampled, plan.plus if plus else plan.success))


def _each(plan: Standing, resampled: Resampled, success: Floats) -> Iterable[Point]:
    for at, outran in enumerate(plan.outran):
        estimate = resampled.estimate(success[at])
        flops = float(np.mean(plan.flops[at][~np.isnan(success[at])]))
        if estimate is not None and flops > 0 and not outran:
            low, high = 100 * estimate.low, 100 * estimate.high
            yield Point(flops / TERA, 100 * estimate.value, low, high)


def _draw_deciles(deciles: Iterable[Decile], stem: Path) -> list[Path]:
    """Predicted success across, what came upwards: on the diagonal a prediction came true."""
    canvas = Canvas(figsize=(5, 5), layout="constrained")
    axes = canvas.subplots()
    axes.plot([0, 100], [0, 100], color="#808080", linewidth=0.8)
    for decile in deciles:
        observed = decile.observed
        low, high = observed.value - observed.low, observed.high - observed.value
        axes.errorbar(
            *(100 * decile.predicted, 100 * observed.value),
            yerr=[[100 * low], [100 * high]],
            fmt="o",
            color="#2b83ba",
            capsize=3,
        )
    axes.set(xlim=(0, 100), ylim=(0, 100), xlabel="predicted success, %")
    axes.set_ylabel("success that came, % (95 % interval)")
    axes.set_title("Predictions of the ladder, by deciles", fontsize=11)
    axes.grid(alpha=0.2)
    paths = [stem.with_name(f"{stem.name}.{suffix}") for suffix in ("svg", "png")]
    with mpl.rc_context({"svg.hashsalt": stem.name}):
        canvas.savefig(paths[0], metadata={"Date": None, "Creator": None})
        canvas.savefig(paths[1], dpi=110, metadata={"Software": None})
    return paths
