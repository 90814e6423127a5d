"""Replays every plan on every problem, by folds or by one artifact, and sets them side by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from evaluation.calibration.replays import bounds
from evaluation.calibration.replays.entrants import (
    RANDOM,
    TUNED,
    adaptive,
    fixed,
    fixed_rungs,
    ladders,
)
from evaluation.calibration.replays.performing import ProblemReplay
from evaluation.calibration.replays.problems import Averages, RecordedProblem
from evaluation.calibration.replays.standings import Standing, mixed, pieced
from evaluation.calibration.replays.trust import Predictions
from evaluation.pools.view import Bools, Floats
from policies.cost import CostModel
from policies.ladder import Calibration, Rung
from policies.plans.climb import Climb
from policies.values import Budget

TARGETS: Final = (0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
"""Probabilities of success that are asked for, within the largest budget."""

BUDGETS: Final = (0.25, 0.5, 1.0, 1.5, 2.0, 4.0, 6.0, 8.0)
"""In ceilings of one large call."""


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """Problems (problems,) and the calibration that they are replayed with."""

    held_out: Bools
    calibration: Calibration


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """All plans on all problems. `caps` are FLOPs: (budgets, problems).

    `plans` are by name, `tuned` is the fixed plan that was best on the problems for tuning (None
    where there were none), and `choices` its name by budget. The `widest` fixed plans draw all that
    was recorded of their model. `runs` is how many there were.
    `targeted` are ladders that are asked for `TARGETS`, arrays of (targets, problems).
    """

    xs: tuple[float, ...]
    problems: tuple[RecordedProblem, ...]
    caps: Floats
    plans: Mapping[str, Standing]
    tuned: Standing | None
    choices: tuple[str, ...]
    widest: frozenset[str]
    predictions: Predictions
    targeted: Mapping[str, Standing]
    runs: int

    def ends_with_pool(self, at: int) -> bool:
        """Whether the tuned plan draws all there is at a budget, so that more might do better."""
        return bool(self.choices) and self.choices[at] in self.widest


def compare(
    problems: Sequence[RecordedProblem],
    cost: CostModel,
    folds: Sequence[Fold],
    *,
    xs: Sequence[float] = BUDGETS,
    seeds: int,
    elsewhere: Mapping[str, Standing] | None = None,
    advance: Callable[[int], None] = lambda _runs: None,
) -> Comparison:
    """Replay everything; `advance` is told the runs of each problem. The folds part the problems.

    The fixed plan to beat is the one that turns out best on these very problems. By folds it would
    lose: of two plans that are nearly equal a fold gets the one that is worse there, because it is
    better on the others. Where there is one fold only, it is the best one `elsewhere`: on problems
    of another data set.
    """
    caps, rungs = caps_of(problems, cost, xs), tuple(fixed_rungs(problems))
    came = defaultdict[str, list[list[Averages]]](list)
    wanted = defaultdict[str, list[list[Averages]]](list)
    runs = 0
    for at, problem in enumerate(problems):
        own = next(fold.calibration for fold in folds if fold.held_out[at])
        replays = ProblemReplay.of(problem, cost, seeds)
        found = _under(replays, own, rungs, caps[:, at].tolist())
        targets = [Budget(float(caps[:, at].max()), target=target) for target in TARGETS]
        for where, averages in ((came, found), (wanted, replays.replay(ladders(own), targets))):
            for name, each in averages.items():
                where[name].append(each)
        runs += replays.runs
        advance(replays.runs)
    plans = {name: Standing.of(name, of, covered(problems)) for name, of in came.items()}
    seen = plans if len(folds) > 1 else elsewhere
    tuned = None if seen is None else _tuned(plans, rungs, seen)
    return Comparison(
        tuple(xs),
        tuple(problems),
        caps,
        plans if tuned is None else {**plans, RANDOM: tuned.random},
        None if tuned is None else tuned.best,
        () if tuned is None else tuned.choices,
        frozenset(names[-1] for names in _by_model(rungs).values()),
        _predictions(problems, folds, caps, cost),
        {name: Standing.of(name, of, covered(problems)) for name, of in wanted.items()},
        runs,
    )


def _under(
    replays: ProblemReplay, calibration: Calibration, rungs: Sequence[Rung], caps: Sequence[float]
) -> dict[str, list[Averages]]:
    """All plans on one problem, under each cap."""
    problem, cost = replays.problem, replays.cost
    entrants = (*adaptive(calibration), *fixed(calibration, problem.dataset, rungs))
    return {
        **replays.replay(entrants, [Budget(cap) for cap in caps]),
        bounds.RATES: bounds.by_rates(problem, cost, caps),
        bounds.OUTCOMES: bounds.by_outcomes(problem, cost, caps),
    }


def fixed_alone(
    problems: Sequence[RecordedProblem],
    cost: CostModel,
    calibration: Calibration,
    kind: str,
    *,
    xs: Sequence[float] = BUDGETS,
    seeds: int,
    advance: Callable[[int], None] = lambda _runs: None,
) -> dict[str, Standing]:
    """What fixed plans come to that reserve what answers to another `kind` of task would take."""
    caps = caps_of(problems, cost, xs)
    entrants = fixed(calibration, kind, tuple(fixed_rungs(problems)))
    came = dict[str, list[list[Averages]]]()
    for at, problem in enumerate(problems):
        replays = ProblemReplay.of(problem, cost, seeds)
        budgets = [Budget(cap) for cap in caps[:, at].tolist()]
        for name, averages in replays.replay(entrants, budgets).items():
            came.setdefault(name, []).append(averages)
        advance(replays.runs)
    return {name: Standing.of(name, of, covered(problems)) for name, of in came.items()}


def caps_of(problems: Sequence[RecordedProblem], cost: CostModel, xs: Sequence[float]) -> Floats:
    """Every problem's own, in FLOPs: (budgets, problems)."""
    return np.array([[x * problem.large_call(cost) for problem in problems] for x in xs])


def covered(problems: Sequence[RecordedProblem]) -> Bools:
    """Which problems have second tests."""
    return np.array([problem.plus is not None for problem in problems])


@dataclass(frozen=True, slots=True, eq=False)
class _Tuned:
    best: Standing
    random: Standing
    choices: tuple[str, ...]


def _tuned(
    plans: Mapping[str, Standing], rungs: Sequence[Rung], seen: Mapping[str, Standing]
) -> _Tuned:
    """The best fixed plan, and the coin between the best ones of each model; best as `seen`."""
    by_model = {
        model: [name for name in names if name in seen] for model, names in _by_model(rungs).items()
    }
    choices = _best(seen, [name for names in by_model.values() for name in names])
    coins = [
        pieced(model, [plans[name] for name in _best(seen, names)])
        for model, names in by_model.items()
        if names
    ]
    best = pieced(TUNED, [plans[name] for name in choices])
    return _Tuned(best, mixed(RANDOM, coins), tuple(choices))


def _by_model(rungs: Iterable[Rung]) -> dict[str, list[str]]:
    """Names of fixed plans, the widest last."""
    found: dict[str, list[str]] = {}
    for rung in rungs:
        found.setdefault(rung.model, []).append(str(rung))
    return found


def _best(plans: Mapping[str, Standing], names: Sequence[str]) -> list[str]:
    """Per budget the plan that succeeds most, and of equal ones the cheapest.

    One that outran the pool there comes last.
    """

    def worth(name: str, at: int) -> tuple[bool, float, float]:
        plan = plans[name]
        success, flops = plan.success[at].mean(), plan.flops[at].mean()
        return bool(plan.outran[at]), -float(success), float(flops)

    budgets = range(len(plans[names[0]].outran))
    return [min(names, key=lambda name: worth(name, at)) for at in budgets]


def _predictions(
    problems: Sequence[RecordedProblem], folds: Sequence[Fold], caps: Floats, cost: CostModel
) -> Predictions:
    found = np.zeros((3, *caps.shape))
    parts = np.zeros(len(problems), np.int64)
    for number, fold in enumerate(folds):
        climb, parts[fold.held_out] = Climb(fold.calibration), number
        for at in np.flatnonzero(fold.held_out).tolist():
            task = problems[at].task()
            for row, cap in enumerate(caps[:, at].tolist()):
                told = climb.foresees(task, Budget(cap), cost).ladder.success
                found[:, row, at] = told.value, told.low, told.high
    success, low, high = found
    return Predictions(success, low, high, parts)
