"""Plans as a person reads them: a letter for each model, and equal draws in a row as one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from string import ascii_uppercase


def letters_of(plans: Iterable[str]) -> dict[str, str]:
    """A letter for each model that draws, or plans would not fit a line."""
    models = dict.fromkeys(_model(rung) for plan in plans for rung in plan.split(" > "))
    return dict(zip(models, ascii_uppercase, strict=False))


def short(plan: str, letters: Mapping[str, str]) -> str:
    """A plan such as `small*1 > small*1 > large*greedy`: `2 times A*1 > B*greedy`."""
    drawn = []
    for rung, same in groupby(plan.split(" > ")):
        model = _model(rung)
        once = letters.get(model, model) + rung.removeprefix(model)
        count = len(list(same))
        drawn.append(once if count == 1 else f"{count} times {once}")
    return " > ".join(drawn)


def legend(letters: Mapping[str, str]) -> str:
    """Which letter is which model."""
    return ", ".join(f"{letter}: {model}" for model, letter in letters.items())


def _model(rung: str) -> str:
    return rung.rpartition("*")[0]
