"""What a plan is called, for clients, logs and metrics: what was drawn, and what chose."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from policies.selection.choosing import NAMES
from policies.selectors import FIM
from router.plan.draws import RunningDraw
from router.plan.outcome import Outcome
from router.preparing.prepared import Prepared

_TOLD: Final = frozenset({FIM, *NAMES}) - {"first"}
"""What chose, where that took more than the order of drawing."""


def plan_label(
    draws: Iterable[RunningDraw], *, verified: bool, selected_by: str = "", counts: bool = True
) -> str:
    """What was drawn and what chose, such as `qwen2.5-coder-0.5b*4+tests`.

    What was never sent was not drawn.
    """
    drawn: dict[str, int] = {}
    for draw in draws:
        if draw.sent:
            drawn[draw.model] = drawn.get(draw.model, 0) + draw.command.n
    parts = [f"{model}*{n}" if counts else model for model, n in drawn.items()]
    if verified:
        parts.append("tests")
    elif selected_by in _TOLD:
        parts.append(selected_by)
    return "+".join(parts)


def outcome_label(prepared: Prepared, outcome: Outcome, *, counts: bool = True) -> str:
    """The label of a plan that has ended."""
    return plan_label(
        outcome.draws,
        verified=prepared.task.verifiable,
        selected_by=outcome.choice.selected_by,
        counts=counts,
    )


def label_of_several(outcomes: Iterable[Outcome], *, counts: bool = True) -> str:
    """The label of the plans of several prompts; what chose may differ, and is left out."""
    draws = (draw for outcome in outcomes for draw in outcome.draws)
    return plan_label(draws, verified=False, counts=counts)
