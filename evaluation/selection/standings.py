"""Selectors and plans side by side, with intervals, as `selectors.json` and as a table.

Intervals are percentile bootstraps over problems. A plan's choice among courses is made for each
fold of the problems on the others, so that no problem is reported that helped to choose.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from evaluation.selection.measuring import Chosen, Floats, GreedyAnswers, Way
from evaluation.selection.plans import Came, Route
from evaluation.selection.recorded import SelectionProblem, Sight
from evaluation.statistics import Estimate
from evaluation.writing import percent
from policies.ladder import ROUNDING

FOLDS: Final = 5
BUDGETS: Final = (1.0, 1.1, 1.25, 1.5, 2.0, 4.0, 8.0)
"""In large calls: what the largest model's greedy answers cost in the mean."""

BASES: Final[Mapping[str, str]] = MappingProxyType({"exact": "flops", "paper": "paper"})
"""What budgets and spending are counted by, and where `Came` has it."""

ERRORS: Final = 1.0
"""Standard errors by which a plan must be ahead of greedy answers, where it is chosen, to be taken
for better: of those that are as good as the best but for one of these, the simplest is taken
("Classification and Regression Trees", Breiman et al., 1984, section 3.4.3)."""

_ROUNDS: Final = 2000
_PLANS: Final = (
    "| examples | of | basis | budget | best plan | success % | plus % | large calls (paper's) "
    "| ahead of greedy, points | by plus |"
)


@dataclass(frozen=True, slots=True)
class SelectorRow:
    """One selector on k samples.

    `eta` is the share of what there is to gain over any sample, None where that is nothing; `ahead`
    is by how much the large model's greedy answers are right less often, paired by problem.
    """

    model: str
    selector: str
    examples: str
    k: int
    selected: float
    selected_plus: float | None
    oracle: float
    eta: float | None
    low: float
    high: float
    eta_low: float | None
    eta_high: float | None
    flops: float
    large_calls: float
    seconds: float
    ahead: float
    ahead_low: float
    ahead_high: float
    ahead_plus: float | None


@dataclass(frozen=True, slots=True)
class GreedyRow:
    """A model's answer at temperature 0: one call, and nothing to choose."""

    model: str
    success: float
    low: float
    high: float
    success_plus: float | None
    large_calls: float


@dataclass(frozen=True, slots=True)
class PlanRow:
    """The best course at a budget, and by how much it is ahead of the large model's greedy answer.

    `x` is in what greedy answers of the large model cost in the mean, on this basis.
    `plan` is the course that all problems together would have chosen; those of the folds may be
    others. The intervals are of success and of the paired difference.
    """

    examples: str
    family: str
    basis: str
    x: float
    plan: str
    success: float
    low: float
    high: float
    success_plus: float | None
    large_calls: float
    paper_calls: float
    ahead: float
    ahead_low: float
    ahead_high: float
    ahead_plus: float | None


def greedy_row(answers: GreedyAnswers, large: GreedyAnswers) -> GreedyRow:
    """A model's answers at temperature 0; those of the large one are a call each."""
    told = bootstrapped(answers.success, mean_of)
    return GreedyRow(
        answers.model,
        *(told.value, told.low, told.high),
        known_mean(answers.plus),
        float(answers.flops.mean() / large.flops.mean()),
    )


def selector_row(way: Way, chosen: Chosen, large: GreedyAnswers, *, sees: bool) -> SelectorRow:
    """A row of what one selector chose; unless it `sees` anything, examples are nothing to it."""
    selected = bootstrapped(chosen.success, mean_of)
    gain = np.stack([chosen.success - chosen.first, chosen.oracle - chosen.first])
    eta = bootstrapped(gain.T, _share) if way.k > 1 and gain[1].any() else None
    flops = float(chosen.flops.mean())
    ahead = bootstrapped(chosen.success - large.success, mean_of)
    return SelectorRow(
        model=way.model,
        selector=way.selector,
        examples=way.sight.value if sees else "-",
        k=way.k,
        selected=selected.value,
        selected_plus=known_mean(chosen.plus),
        oracle=float(chosen.oracle.mean()),
        eta=None if eta is None else eta.value,
        low=selected.low,
        high=selected.high,
        eta_low=None if eta is None else eta.low,
        eta_high=None if eta is None else eta.high,
        flops=flops,
        large_calls=flops / float(large.flops.mean()),
        seconds=float(np.median(chosen.seconds)),
        ahead=ahead.value,
        ahead_low=ahead.low,
        ahead_high=ahead.high,
        ahead_plus=known_mean(chosen.plus - large.plus),
    )


def plan_rows(
    problems: Sequence[SelectionProblem],
    came: Mapping[Route, Came],
    of: tuple[str, Sight],
    greedy: Came,
) -> list[PlanRow]:
    """The best of a family of courses, seen so, at each budget, chosen on other problems."""
    family, sight = of
    folds = np.array([_fold(problem.task_id) for problem in problems])
    rows, everywhere = list[PlanRow](), np.ones(len(problems), bool)
    for basis, x in itertools.product(BASES, BUDGETS):
        picked = [best(came, greedy, x, folds != fold, basis) for fold in range(FOLDS)]
        success, plus, flops, paper = (
            np.array([getattr(came[picked[fold]], name)[at] for at, fold in enumerate(folds)])
            for name in ("success", "plus", "flops", "paper")
        )
        ahead = bootstrapped(success - greedy.success, mean_of)
        told = bootstrapped(success, mean_of)
        rows.append(
            PlanRow(
                examples=sight.value,
                family=family,
                basis=basis,
                x=x,
                plan=str(best(came, greedy, x, everywhere, basis)),
                success=told.value,
                low=told.low,
                high=told.high,
                success_plus=known_mean(plus),
                large_calls=float(flops.mean() / greedy.flops.mean()),
                paper_calls=float(paper.mean()),
                ahead=ahead.value,
                ahead_low=ahead.low,
                ahead_high=ahead.high,
                ahead_plus=known_mean(plus - greedy.plus),
            )
        )
    return rows


def best(
    came: Mapping[Route, Came],
    greedy: Came,
    x: float,
    where: np.ndarray[Any, Any],
    basis: str = "exact",
) -> Route:
    """The route that succeeds most often there, for x times what greedy answers cost there.

    One that is not ahead of the greedy answer by its standard error gives way to it: among many
    routes, some are ahead by chance.
    """

    def spent(of: Came) -> float:
        costs: Floats = getattr(of, BASES[basis])
        return float(costs[where].mean())

    most = x * spent(greedy) * (1 + ROUNDING)
    fitting = {route: each for route, each in came.items() if spent(each) <= most}
    alone = next(route for route, each in came.items() if each is greedy)
    first = max(fitting, key=lambda route: fitting[route].success[where].mean(), default=alone)
    ahead = came[first].success[where] - greedy.success[where]
    return first if _is_ahead(ahead) or alone not in fitting else alone


def _is_ahead(ahead: Floats) -> bool:
    """Whether the mean of differences is more than its standard error."""
    error = ahead.std(ddof=1) / math.sqrt(len(ahead)) if len(ahead) > 1 else 0.0
    return bool(ahead.mean() > ERRORS * error)


def bootstrapped(values: Floats, statistic: Any) -> Estimate:
    """A statistic of the problems (rows), with the percentile interval over resamples of them."""
    draw = np.random.default_rng(0)
    n = len(values)
    resampled = [statistic(values[draw.integers(0, n, n)]) for _ in range(_ROUNDS)]
    low, high = np.nanpercentile(resampled, [2.5, 97.5])
    return Estimate(float(statistic(values)), float(low), float(high))


def mean_of(values: Floats) -> float:
    """Over problems."""
    return float(values.mean())


def _share(gains: Floats) -> float:
    """Of what could be gained, what was; NaN where nothing could."""
    made, possible = gains.mean(axis=0)
    return float(made / possible) if possible > 0 else math.nan


def known_mean(values: Floats) -> float | None:
    """Over those that are known; None where none is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def _fold(task_id: str) -> int:
    return hashlib.sha256(task_id.encode()).digest()[0] % FOLDS


def to_json(
    told: Mapping[str, Any],
    rows: Sequence[SelectorRow],
    greedy: Sequence[GreedyRow],
    plans: Sequence[PlanRow],
) -> Any:
    """All of it, as `selectors.json` has it."""
    return {
        **told,
        "rows": [asdict(row) for row in rows],
        "greedy": [asdict(row) for row in greedy],
        "plans": [asdict(row) for row in plans],
    }


def to_markdown(rows: Sequence[SelectorRow], plans: Sequence[PlanRow]) -> str:
    """Two tables: selectors by k, and the best course at each budget."""
    lines = [
        "| model | selector | examples | k | selected % | plus % | oracle % | η | large calls |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        eta = "-" if row.eta is None else f"{row.eta:.2f} ({row.eta_low:.2f} to {row.eta_high:.2f})"
        lines.append(
            f"| {row.model} | {row.selector} | {row.examples} | {row.k} | "
            f"{Estimate(row.selected, row.low, row.high).percent()} | "
            f"{percent(row.selected_plus)} | {percent(row.oracle)} | {eta} | "
            f"{row.large_calls:.2f} |"
        )
    lines += [
        "",
        _PLANS,
        "|---|---|---|---:|---|---:|---:|---:|---:|---:|",
    ]
    for plan in plans:
        ahead = Estimate(plan.ahead, plan.ahead_low, plan.ahead_high)
        lines.append(
            f"| {plan.examples} | {plan.family} | {plan.basis} | {plan.x:g} | {plan.plan} | "
            f"{Estimate(plan.success, plan.low, plan.high).percent()} | "
            f"{percent(plan.success_plus)} | {plan.large_calls:.2f} ({plan.paper_calls:.2f}) | "
            f"{ahead.percent('+')} | {percent(plan.ahead_plus, '+')} |"
        )
    return "\n".join(lines) + "\n"
