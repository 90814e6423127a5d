"""Which of the paper's figures stands beside a data set's own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from evaluation.paper import figures as paper
from evaluation.paper.figure import Figure

COUNTERPARTS: Final = {
    "humaneval": 2,
    "mbpp": 3,
    "mbpp-sanitized": 3,
    "apps-introductory": 4,
    "apps-interview": 5,
    "apps-competition": 6,
}
"""The paper's figure of a dataset; it used all of MBPP, of which the sanitized set is a part."""


def counterpart(dataset: str) -> Figure | None:
    """The paper's figure beside which a dataset's stands, if there is one."""
    number = COUNTERPARTS.get(dataset)
    found = (figure for figure in paper.figures() if figure.number == number)
    return next((figure.drawn(f"-beside-{dataset}") for figure in found), None)


def others(datasets: Iterable[str]) -> list[Figure]:
    """The figures that stand beside none of these datasets."""
    shown = {COUNTERPARTS.get(dataset) for dataset in datasets}
    return [figure.drawn() for figure in paper.figures() if figure.number not in shown]
