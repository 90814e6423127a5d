"""What is kept of a served request: which plan, what was expected, what was drawn and passed.

A line of the file of outcomes is one of these as JSON. There is no text in it, of a prompt or of an
answer; the `id` is the client's own, if it gave one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

DECILES: Final = 10
"""Tenths of what a probability can be, by which expectations are held against what came."""


def decile_of(probability: float) -> int:
    """The tenth that a probability is in, from 0: on a border the one above, and of 1 the last."""
    return min(math.floor(DECILES * probability + 1e-9), DECILES - 1)


@dataclass(frozen=True, slots=True)
class DrawObservation:
    """A draw that was sent: of `n` samples so many were judged, and so many of them passed.

    Of a draw that a pass ended, those that still ran were not judged. `tokens` are of each sample.
    """

    model: str
    n: int
    temperature: float
    judged: int
    passed: int
    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Observation:
    """A request with tests, and what came of it.

    `domain`, `plan`, `expected` and `extrapolated` are None where the plan is none that was
    calibrated. Budgets are in large calls, of `call_flops` FLOPs each. `stops_early` says that a
    pass may have ended the plan before it had drawn all it would have: then it depends on the
    verdicts what was drawn, and counts of it are none of all problems.
    """

    time: str
    id: str
    kind: str
    policy: str
    prompt_tokens: int
    budget_calls: float | None
    target: float | None
    domain: str | None
    plan: str | None
    expected: float | None
    extrapolated: bool | None
    passed: bool
    flops: float
    call_flops: float | None
    deadline_passed: bool
    stops_early: bool
    draws: tuple[DrawObservation, ...]
