"""A figure as data: panels, series, points. The paper's and the study's have this one shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Point:
    """`y` in percent with its interval, at k samples that cost `x`. `marked` ones stand out."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    k: int | None = None
    marked: bool = True

    def to_json(self) -> dict[str, Any]:
        """Without what is not known."""
        known = {"x": self.x, "y": self.y, "low": self.low, "high": self.high, "k": self.k}
        return {name: value for name, value in known.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Series:
    """A curve, the mean over so many problems.

    `look` names what its colour stands for: the model, or the ranker. `stand_in` is the model
    whose cost it was given where its own is not known.
    """

    model: str
    look: str
    points: tuple[Point, ...]
    ranker: str | None = None
    problems: int | None = None
    stand_in: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As in a figure's JSON."""
        optional = {
            "ranker": self.ranker,
            "problems": self.problems,
            "cost_stands_in": self.stand_in,
        }
        known = {name: value for name, value in optional.items() if value is not None}
        points = [point.to_json() for point in self.points]
        return {"model": self.model, **known, "points": points}


@dataclass(frozen=True, slots=True)
class Mark:
    """One answer of a model: greedy (a star) or the mean sample (a dot)."""

    model: str
    point: Point

    def to_json(self) -> dict[str, Any]:
        """As in a figure's JSON."""
        return {"model": self.model, **self.point.to_json()}


@dataclass(frozen=True, slots=True)
class Panel:
    """One plot of a figure; its x axis is logarithmic."""

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    greedy: tuple[Mark, ...] = ()
    single: tuple[Mark, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As in a figure's JSON."""
        return {
            "title": self.title,
            "x_label": self.x_label,
            "y_label": self.y_label,
            "series": [series.to_json() for series in self.series],
            "greedy": [mark.to_json() for mark in self.greedy],
            "single": [mark.to_json() for mark in self.single],
        }


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure by its name, which is also its file's."""

    name: str
    title: str
    panels: tuple[Panel, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As in NAME.json."""
        return {
            "figure": self.name,
            "title": self.title,
            "notes": list(self.notes),
            "panels": [panel.to_json() for panel in self.panels],
        }
