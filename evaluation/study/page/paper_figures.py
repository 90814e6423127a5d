"""The paper's figures in the study's form, so that both are drawn by one hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from evaluation.paper import figures as paper
from evaluation.study.figures import Figure, Panel, Point, Series

COUNTERPARTS: Final = {
    "humaneval": 2,
    "mbpp": 3,
    "mbpp-sanitized": 3,
    "apps-introductory": 4,
    "apps-interview": 5,
    "apps-competition": 6,
}
"""The paper's figure of a dataset; it used all of MBPP, of which the sanitized set is a part."""

LABELS: Final = {
    "codellama-7b": "Code Llama 7B",
    "codellama-13b": "Code Llama 13B",
    "codellama-34b": "Code Llama 34B",
    "codellama-70b": "Code Llama 70B",
    "llama3-8b": "Llama-3 8B",
    "llama3-70b": "Llama-3 70B",
}


def counterpart(dataset: str) -> Figure | None:
    """The paper's figure beside which a dataset's stands, if there is one."""
    number = COUNTERPARTS.get(dataset)
    found = (figure for figure in paper.figures() if figure.number == number)
    return next((in_study_form(figure, f"-beside-{dataset}") for figure in found), None)


def others(datasets: Iterable[str]) -> list[Figure]:
    """The figures that stand beside none of these datasets."""
    shown = {COUNTERPARTS.get(dataset) for dataset in datasets}
    return [in_study_form(figure) for figure in paper.figures() if figure.number not in shown]


def in_study_form(figure: paper.Figure, place: str = "") -> Figure:
    """The figure under a name that is its own, also where it is shown in two places."""
    marks = "Marked points are published; lines between them are linear in log k."
    return Figure(
        name=f"paper-figure-{figure.number}{place}",
        title=f"The paper's Figure {figure.number}: {figure.title}",
        panels=tuple(_panel(panel) for panel in figure.panels),
        notes=(marks, *figure.notes),
    )


def _panel(panel: paper.Panel) -> Panel:
    return Panel(
        title=panel.y_label.removesuffix(" (%)"),
        x_label=panel.x_label,
        y_label="problems solved (%)",
        series=tuple(
            Series(
                model=series.model,
                look=series.model,
                points=tuple(Point(p.x, p.y, marked=p.published) for p in series.points),
            )
            for series in panel.series
        ),
    )
