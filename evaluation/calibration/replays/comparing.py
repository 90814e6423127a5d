"""Replays every plan on every problem, by folds or by one artifact, and sets them side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from evaluation.calibration.replays import bounds
from evaluation.calibration.replays.entrants import (
    CASCADE,
    LADDER,
    RANDOM,
    adaptive,
    fixed,
    fixed_rungs,
)
from evaluation.calibration.replays.performing import ProblemReplay
from evaluation.calibration.replays.problems import Averages, RecordedProblem
from evaluation.calibration.replays.standings import Standing, mixed, pieced
from evaluation.calibration.replays.trust import Predictions
from evaluation.pools.view import Bools
from policies.climb import Climb
from policies.cost import CostModel
from policies.ladder import Calibration, Rung
from policies.values import Budget

BUDGETS: Final = (0.25, 0.5, 1.0, 1.5, 2.0, 4.0, 6.0, 8.0)
"""In ceilings of one large call."""


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """Problems (problems,) and what they are replayed with: a calibration that never saw them.

    `tuning` are the problems that its fixed plans are tuned on.
    """

    held_out: Bools
    tuning: Bools
    calibration: Calibration


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """All plans on all problems. `caps` are FLOPs: (budgets, problems).

    `plans` are by name, `tuned` is the fixed plan that was best on the problems for tuning, and
    `choices` its name by budget and fold. `runs` is how many there were.
    """

    xs: tuple[float, ...]
    problems: tuple[RecordedProblem, ...]
    caps: Floats
    plans: Mapping[str, Standing]
    tuned: Standing | None
    choices: tuple[tuple[str, ...], ...]
    predictions: Predictions
    runs: int
