"""A comparison as `replay.json` has it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from evaluation.calibration.replays import bounds
from evaluation.calibration.replays.comparing import TARGETS, Comparison
from evaluation.calibration.replays.entrants import CACHED, CASCADE, LADDER, RANDOM, TUNED
from evaluation.calibration.replays.ratios import Ratio, Ratios, ratios
from evaluation.calibration.replays.standings import Resampled, Standing
from evaluation.calibration.replays.trust import Decile, deciles
from evaluation.statistics.intervals import Estimate
from evaluation.writing import write_json

SCHEMA: Final = 1
BASIS: Final = "exact"
"""Every token that is computed, and the prompt once for each draw."""

SHOWN: Final = (TUNED, LADDER, CACHED, CASCADE, RANDOM, bounds.RATES, bounds.OUTCOMES)
"""In tables and pictures, in this order; every fixed plan is in the file."""

_MAIN: Final = ("flops_best_fixed", "flops_ladder")
_OTHERS: Final = ("flops_against", "flops_plan")


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A comparison with the intervals of its means; `told` is what the file says of its making."""

    comparison: Comparison
    told: Mapping[str, Any]
    resampled: Resampled

    @classmethod
    def of(cls, comparison: Comparison, told: Mapping[str, Any]) -> Measured:
        """All intervals draw the same problems."""
        return cls(comparison, told, Resampled(len(comparison.problems)))

    @property
    def shown(self) -> dict[str, Standing]:
        """The plans that people look at, those that there are."""
        tuned = {} if self.comparison.tuned is None else {TUNED: self.comparison.tuned}
        plans = {**self.comparison.plans, **tuned}
        return {name: plans[name] for name in SHOWN if name in plans}

    @property
    def pairs(self) -> Iterator[tuple[str, str, str, Ratios]]:
        """What is compared at equal success: our plan, theirs, the tests, and the ratios.

        With `wanted` ours is asked for a success, and not given a budget. Who knows the pass rates
        is no plan, and bounds how far any of ours can come.
        """
        compared = self.comparison
        wanted = {f"{name}-wanted": plan for name, plan in compared.targeted.items()}
        ours = {name: compared.plans[name] for name in (LADDER, CACHED, bounds.RATES)}
        ours |= wanted
        theirs = {name: self.shown[name] for name in (TUNED, CASCADE) if name in self.shown}
        covered = any(problem.plus is not None for problem in compared.problems)
        for plus in (False, True) if covered else (False,):
            for (name, plan), (other, goal) in itertools.product(ours.items(), theirs.items()):
                found = ratios(plan, goal, compared.xs, self.resampled, plus=plus)
                yield name, other, "plus" if plus else "base", found

    def deciles(self) -> tuple[Decile, ...]:
        """What the ladder promised, against what came of it."""
        plan = self.comparison.plans[LADDER]
        return deciles(self.comparison.predictions, plan, self.resampled)

    def to_json(self) -> dict[str, Any]:
        """As the file has it. Shares and rates are fractions, FLOPs are means over problems."""
        compared, pairs = self.comparison, list(self.pairs)
        main = next((each for *names, each in pairs if names == [LADDER, TUNED, "base"]), None)
        return {
            "schema": SCHEMA,
            "dataset": compared.problems[0].dataset,
            "basis": BASIS,
            "problems": len(compared.problems),
            "problems_plus": sum(problem.plus is not None for problem in compared.problems),
            **self.told,
            "budgets": [self._budget(at) for at in range(len(compared.xs))],
            "ratios": [] if main is None else [_ratio_json(each, _MAIN) for each in main.each],
            "ratio_mean": None if main is None else _mean_json(main),
            "comparisons": [_pair_json(*pair) for pair in pairs],
            "targets": self._targets(),
            "deciles": [_decile_json(each) for each in self.deciles()],
        }

    def _targets(self) -> list[dict[str, Any]]:
        plans = self.comparison.targeted.values()
        return [
            {
                "target": target,
                "plans": [self._plan(plan, at) for plan in plans if not plan.outran[at]],
            }
            for at, target in enumerate(TARGETS)
        ]

    def _budget(self, at: int) -> dict[str, Any]:
        compared = self.comparison
        everyone = compared.plans.values()
        told: dict[str, Any] = {
            "x": compared.xs[at],
            "cap_flops": float(compared.caps[at].mean()),
            "plans": [self._plan(plan, at) for plan in everyone if not plan.outran[at]],
            "left_out": [
                {"name": plan.name, "runs": int(plan.outran[at])}
                for plan in everyone
                if plan.outran[at]
            ],
        }
        if compared.tuned is not None and not compared.tuned.outran[at]:
            told["tuned"] = {
                "plan": compared.choices[at],
                "ends_with_pool": compared.ends_with_pool(at),
                **self._plan(compared.tuned, at),
            }
            told |= self._lead(compared.plans[LADDER], compared.tuned, at)
        return told

    def _plan(self, plan: Standing, at: int) -> dict[str, Any]:
        success = self.resampled.estimate(plan.success[at])
        plus = self.resampled.estimate(plan.plus[at])
        return {
            "name": plan.name,
            "success": None if success is None else success.value,
            "success_plus": None if plus is None else plus.value,
            "flops": float(plan.flops[at].mean()),
            **({} if success is None else {"low": success.low, "high": success.high}),
            **({} if plus is None else {"low_plus": plus.low, "high_plus": plus.high}),
            "false_passes": false_passes(plan, at),
        }

    def _lead(self, ours: Standing, theirs: Standing, at: int) -> dict[str, Any]:
        """How far the ladder is above the tuned plan, paired by problem."""
        if ours.outran[at]:
            return {}
        base = self.resampled.estimate(ours.success[at] - theirs.success[at])
        plus = self.resampled.estimate(ours.plus[at] - theirs.plus[at])
        return {
            "lead": _estimate_json("success", base),
            "lead_plus": _estimate_json("success", plus),
        }

    def write(self, path: Path) -> None:
        """The file; the same bytes for the same pools. Raises OSError."""
        write_json(path, self.to_json())


def false_passes(plan: Standing, at: int) -> float | None:
    """The share of answers that passed the first tests and fail the second; None without any."""
    covered = ~np.isnan(plan.plus[at])
    passed = plan.success[at, covered].sum()
    return float(1 - plan.plus[at, covered].sum() / passed) if passed > 0 else None


def _pair_json(ours: str, theirs: str, tests: str, found: Ratios) -> dict[str, Any]:
    return {
        "plan": ours,
        "against": theirs,
        "tests": tests,
        "ratio_mean": _mean_json(found),
        "ratios": [_ratio_json(each, _OTHERS) for each in found.each],
    }


def _ratio_json(ratio: Ratio, names: tuple[str, str]) -> dict[str, Any]:
    found = ratio.ratio
    return {
        "x": ratio.x,
        "target": ratio.target,
        names[0]: ratio.theirs,
        names[1]: ratio.ours,
        "ratio": None if found is None else found.value,
        "low": None if found is None else found.low,
        "high": None if found is None else _end(found.high),
        "reach": ratio.reach.value,
    }


def _mean_json(found: Ratios) -> dict[str, float | None] | None:
    """Over the budgets whose success was reached; how many were not."""
    told = _estimate_json("ratio", found.mean)
    unreached = sum(each.ratio is None for each in found.each)
    return None if told is None else {**told, "unreached": unreached}


def _estimate_json(name: str, estimate: Estimate | None) -> dict[str, float | None] | None:
    if estimate is None:
        return None
    return {name: estimate.value, "low": estimate.low, "high": _end(estimate.high)}


def _end(high: float) -> float | None:
    """An interval's upper end; None where there is none."""
    return high if math.isfinite(high) else None


def _decile_json(decile: Decile) -> dict[str, Any]:
    return {
        "predicted": decile.predicted,
        "predicted_low": decile.low,
        "predicted_high": decile.high,
        "observed": decile.observed.value,
        "low": decile.observed.low,
        "high": decile.observed.high,
        "within": decile.within,
        "n": decile.n,
    }
