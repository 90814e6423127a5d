"""The data of the paper's Figures 2 to 6, 10 and 11: three panels each, from the tables.

Panel (a) is pass@k over k, (b) pass_flops@f and (c) pass_time@t over the budget in samples of the
7B model (Table 1's normalised columns). Published points are marked; those between them are
`evaluation.paper.curves`' interpolation. Greedy stars are not drawn: the paper gives their values
in pictures only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from evaluation.paper.contest import Basis, unit_cost
from evaluation.paper.curves import INTERPOLATION, Curve
from evaluation.paper.published import (
    BENCHMARKS,
    CODE_LLAMA,
    LLAMA_3,
    STAND_INS,
    published,
)

_FIGURES: Final = {
    2: ("humaneval", CODE_LLAMA),
    3: ("mbpp", CODE_LLAMA),
    4: ("apps-introductory", CODE_LLAMA),
    5: ("apps-interview", CODE_LLAMA),
    6: ("apps-competition", CODE_LLAMA),
    10: ("humaneval", LLAMA_3),
    11: ("mbpp", LLAMA_3),
}
_STEPS_PER_DOUBLING: Final = 2


@dataclass(frozen=True, slots=True)
class Point:
    """`x` in k or in samples of the 7B model, `y` in percent."""

    x: float
    y: float
    published: bool


@dataclass(frozen=True, slots=True)
class Series:
    """One model's line in a panel. `stand_in` names the model whose cost it was given, if any."""

    model: str
    points: tuple[Point, ...]
    stand_in: str | None


@dataclass(frozen=True, slots=True)
class Panel:
    """One of a figure's three plots."""

    x_label: str
    y_label: str
    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of the paper by its number there."""

    number: int
    title: str
    panels: tuple[Panel, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As in figure-N.json."""
        return {
            "figure": self.number,
            "title": self.title,
            "interpolation": INTERPOLATION,
            "notes": list(self.notes),
            "panels": [_panel_json(panel) for panel in self.panels],
        }


def figures() -> list[Figure]:
    """Every figure that the tables can draw."""
    return [_figure(number, *what) for number, what in _FIGURES.items()]


def _figure(number: int, benchmark: str, models: tuple[str, ...]) -> Figure:
    family = "Code Llama" if models is CODE_LLAMA else "Llama-3"
    notes = ["Greedy points are not in the tables and are not drawn."]
    if models is LLAMA_3:
        notes.append(
            "Table 1 has no Llama-3: its cost is that of Code Llama 7B and 70B (footnote 3)."
        )
    panels = (
        _panel("k", "pass@k (%)", benchmark, models, None),
        _panel("FLOPs (samples of the 7B)", "pass_flops@f (%)", benchmark, models, Basis.FLOPS),
        _panel("wall time (samples of the 7B)", "pass_time@t (%)", benchmark, models, Basis.TIME),
    )
    return Figure(number, f"{BENCHMARKS[benchmark]}, {family}", panels, tuple(notes))


def _panel(
    x_label: str, y_label: str, benchmark: str, models: tuple[str, ...], basis: Basis | None
) -> Panel:
    series = tuple(
        Series(
            model=model,
            points=_points(
                published().curves[benchmark][model], unit_cost(model, basis) if basis else 1.0
            ),
            stand_in=STAND_INS.get(model) if basis else None,
        )
        for model in models
    )
    return Panel(x_label, y_label, series)


def _points(curve: Curve, unit: float) -> tuple[Point, ...]:
    between = {
        round(2 ** (step / _STEPS_PER_DOUBLING))
        for step in range(math.ceil(_STEPS_PER_DOUBLING * math.log2(curve.last)))
    }
    return tuple(
        Point(round(k * unit, 6), round(curve.at(k), 3), k in curve.points)
        for k in sorted(between | set(curve.points))
    )


def _panel_json(panel: Panel) -> dict[str, Any]:
    return {
        "x_label": panel.x_label,
        "y_label": panel.y_label,
        "series": [
            {
                "model": series.model,
                **({"cost_stands_in": series.stand_in} if series.stand_in else {}),
                "points": [
                    {"x": point.x, "y": point.y, "published": point.published}
                    for point in series.points
                ],
            }
            for series in panel.series
        ],
    }
