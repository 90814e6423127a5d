"""Selectors and plans as pictures: success against k and against what is spent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from evaluation.paper.figure import Figure, Panel, Point, Series
from evaluation.paper.pen import draw, looks
from evaluation.selection.standings import PlanRow, SelectorRow


def draw_all(
    dataset: str, rows: Sequence[SelectorRow], plans: Sequence[PlanRow], folder: Path
) -> list[Path]:
    """`selectors` and `plans` as .svg and .png; the paths. Raises OSError."""
    names = list(dict.fromkeys(_name(row) for row in rows))
    models = list(dict.fromkeys(row.model for row in rows))
    panels = tuple(
        Panel(
            model,
            "large calls",
            "success, %",
            tuple(Series(name, name, tuple(_points(rows, model, name))) for name in names),
        )
        for model in models
    )
    title = f"Choosing among samples without tests, {dataset}"
    first = draw(
        Figure("selectors", title, panels, ()),
        looks(names, {name: name for name in names}),
        folder / "selectors",
    )
    labels = list(dict.fromkeys(map(_label, plans)))
    series = tuple(Series(label, label, tuple(_of(plans, label))) for label in labels)
    panel = Panel("the tests that judge", "large calls spent", "success, %", series)
    second = draw(
        Figure("plans", f"Plans without tests, {dataset}", (panel,), ()),
        looks(labels, {label: label for label in labels}),
        folder / "plans",
    )
    return [*first, *second]


def _name(row: SelectorRow) -> str:
    return row.selector if row.examples == "-" else f"{row.selector}, examples {row.examples}"


def _label(plan: PlanRow) -> str:
    return f"{plan.family}, examples {plan.examples}"


def _points(rows: Iterable[SelectorRow], model: str, name: str) -> Iterable[Point]:
    for row in rows:
        if row.model == model and _name(row) == name:
            yield Point(row.large_calls, 100 * row.selected, 100 * row.low, 100 * row.high)


def _of(plans: Iterable[PlanRow], label: str) -> Iterable[Point]:
    for plan in plans:
        if _label(plan) == label and plan.basis == "exact":
            yield Point(plan.large_calls, 100 * plan.success, 100 * plan.low, 100 * plan.high)
