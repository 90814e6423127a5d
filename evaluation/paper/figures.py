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

from evaluation.paper.contest import Contest, Resource
from evaluation.paper.curves import INTERPOLATION, Curve
from evaluation.paper.figure import Figure, Panel, Point, Series
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
_MARKS: Final = "Marked points are published; lines between them are linear in log k."
_Y_LABEL: Final = "problems solved (%)"


@dataclass(frozen=True, slots=True)
class PaperFigure:
    """A figure of the paper by its number there. `notes` say what the tables lack for it."""

    number: int
    title: str
    panels: tuple[Panel, ...]
    notes: tuple[str, ...]

    def drawn(self, place: str = "") -> Figure:
        """What the pen draws, under a name that is its own, also where it stands in two places."""
        return Figure(
            name=f"paper-figure-{self.number}{place}",
            title=f"The paper's Figure {self.number}: {self.title}",
            panels=self.panels,
            notes=(_MARKS, *self.notes),
        )

    def to_json(self) -> dict[str, Any]:
        """As in figure-N.json."""
        return {
            "figure": self.number,
            "title": self.title,
            "interpolation": INTERPOLATION,
            "notes": list(self.notes),
            "panels": [_panel_json(panel) for panel in self.panels],
        }


def figures() -> list[PaperFigure]:
    """Every figure that the tables can draw."""
    contest = Contest(published())
    return [_figure(contest, number, *what) for number, what in _FIGURES.items()]


def _figure(contest: Contest, number: int, benchmark: str, models: tuple[str, ...]) -> PaperFigure:
    family = "Code Llama" if models is CODE_LLAMA else "Llama-3"
    notes = ["Greedy points are not in the tables and are not drawn."]
    if models is LLAMA_3:
        notes.append(
            "Table 1 has no Llama-3: its cost is that of Code Llama 7B and 70B (footnote 3)."
        )
    panels = (
        Panel("pass@k", "k", _Y_LABEL, _series(contest, benchmark, models, None)),
        Panel(
            "pass_flops@f",
            "FLOPs (samples of the 7B)",
            _Y_LABEL,
            _series(contest, benchmark, models, Resource.FLOPS),
        ),
        Panel(
            "pass_time@t",
            "wall time (samples of the 7B)",
            _Y_LABEL,
            _series(contest, benchmark, models, Resource.TIME),
        ),
    )
    return PaperFigure(number, f"{BENCHMARKS[benchmark]}, {family}", panels, tuple(notes))


def _series(
    contest: Contest, benchmark: str, models: tuple[str, ...], resource: Resource | None
) -> tuple[Series, ...]:
    return tuple(
        Series(
            model=model,
            look=model,
            points=_points(
                contest.tables.curves[benchmark][model],
                contest.unit_cost(model, resource) if resource else 1.0,
            ),
            stand_in=STAND_INS.get(model) if resource else None,
        )
        for model in models
    )


def _points(curve: Curve, unit: float) -> tuple[Point, ...]:
    between = {
        round(2 ** (step / _STEPS_PER_DOUBLING))
        for step in range(math.ceil(_STEPS_PER_DOUBLING * math.log2(curve.last)))
    }
    return tuple(
        Point(round(k * unit, 6), round(curve.at(k), 3), marked=k in curve.points)
        for k in sorted(between | set(curve.points))
    )


def _panel_json(panel: Panel) -> dict[str, Any]:
    return {
        "x_label": panel.x_label,
        "y_label": f"{panel.title} (%)",
        "series": [
            {
                "model": series.model,
                **({"cost_stands_in": series.stand_in} if series.stand_in else {}),
                "points": [
                    {"x": point.x, "y": point.y, "published": point.marked}
                    for point in series.points
                ],
            }
            for series in panel.series
        ],
    }
