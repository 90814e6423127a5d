"""Which course a budget buys where there are no tests: what succeeds most often under a cap.

A cap is what one request may spend, in ceilings of one large call; a course is worth what it
succeeds at less what it spends, at the price that a calibration has for a large call.

The same problems are costed again at several lengths of prompt, as for ladders: what a course draws
without a cap, and succeeds at, is the same after any prompt, and what it spends is not; under a cap
it is performed again, for what fits differs too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from evaluation.calibration.calibrate import LENGTHS as LADDER_LENGTHS
from evaluation.calibration.ladders import WORTH
from evaluation.selection.plans import Came, Route, Setting, ceiling, perform
from evaluation.selection.recorded import SelectionProblem, Sight
from evaluation.selection.standings import best, bootstrapped, mean_of
from policies.cost import CostModel

LENGTHS: Final = LADDER_LENGTHS[::2]
"""Prompts, in tokens, that problems are costed at: every second of those that ladders have, for at
each of them all routes are performed under every cap."""

CAPS: Final = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0)
FEW: Final = 4
"""Orders of the samples in which routes are compared under a cap."""

_SIGHTS: Final = {"shown": Sight.USED, "plain": Sight.STRIPPED}


def uncapped(cost: CostModel, sight: Sight) -> Setting:
    """That in which every route is performed first: without a cap, costed at every length."""
    return Setting(cost, sight, lengths=LENGTHS)


def by_length(
    problems: Sequence[SelectionProblem],
    cost: CostModel,
    came: Mapping[Sight, Mapping[Route, Came]],
    greedy: Route,
    advance: Callable[[int], None],
) -> list[dict[str, Any]]:
    """For each length what budgets buy, with examples and without, as a policy artifact has it.

    `came` is what came of every route `uncapped`.
    """
    lengths = list[dict[str, Any]]()
    for at, tokens in enumerate(LENGTHS):
        after = [problem.after(tokens) for problem in problems]
        found: dict[str, Any] = {"prompt_tokens": tokens}
        for name, sight in _SIGHTS.items():
            if sight in came:
                every = {route: each.after(at) for route, each in came[sight].items()}
                setting = Setting(cost, sight)
                found[name] = calibrated(after, setting, every, advance)
                found[f"usual_{name}"] = usual(after, setting, every, greedy)
        lengths.append(found)
    return lengths


def calibrated(
    problems: Sequence[SelectionProblem],
    setting: Setting,
    came: Mapping[Route, Came],
    advance: Callable[[int], None],
) -> list[dict[str, Any]]:
    """For each cap the best route, as a policy artifact has courses; each succeeds more often.

    `came` is what came of all routes `uncapped`, and comes of one that the cap cannot touch. Others
    are compared in a few orders of the samples, and what comes of the best is told from all; one
    that outruns the samples under a cap is none for it, and a cap may be left without any. Where
    a large call fits it draws from the large model too: many small samples cost less beside a long
    prompt, but who has long prompts has other problems than these, on which they may well be worse.
    """
    large = list(problems[0].models)[-1]
    units = np.array([ceiling(problem, setting.cost) for problem in problems])
    found = list[dict[str, Any]]()
    for cap in CAPS:
        fit = {r: of for r, of in came.items() if cap < 1 or large in {g.model for g in r.rungs}}
        best_there = _best_under(problems, replace(setting, cap=cap), fit, units, advance)
        if best_there is None:
            continue
        row = _row(cap, *best_there, units)
        if row["success"][0] > (found[-1]["success"][0] if found else 0):
            found.append(row)
    return found


def _best_under(
    problems: Sequence[SelectionProblem],
    capped: Setting,
    came: Mapping[Route, Came],
    units: np.ndarray[Any, Any],
    advance: Callable[[int], None],
) -> tuple[Route, Came] | None:
    """The route that is worth most under a cap, and what comes of it there; None without any."""
    cut = [route for route in came if any(is_cut(route, each, capped) for each in problems)]
    whole = {route: of for route, of in came.items() if route not in cut}
    few = whole | perform(problems, replace(capped, orders=FEW), cut, advance)
    for route in sorted(few, key=lambda each: _worth(few[each], units), reverse=True):
        told = whole | perform(problems, capped, () if route in whole else (route,), advance)
        if route in told:
            return route, told[route]
    return None


def usual(
    problems: Sequence[SelectionProblem],
    setting: Setting,
    came: Mapping[Route, Came],
    greedy: Route,
) -> dict[str, Any]:
    """The best route that spends no more than greedy answers do, in the mean, without a cap.

    It is one that ends with the greedy answer, unless something speaks for an earlier one: who
    sends no budget did not ask for less than the large model.
    """
    units = np.array([ceiling(problem, setting.cost) for problem in problems])
    ending = {route: each for route, each in came.items() if route.rungs[-1:] == greedy.rungs}
    route = best(ending, came[greedy], 1.0, np.ones(len(problems), bool))
    spent = float((came[route].flops / units).mean())
    return _row(max(1.0, round(spent, 4)), route, came[route], units)


def is_cut(route: Route, problem: SelectionProblem, setting: Setting) -> bool:
    """Whether a cap may leave out a rung, or end one sooner: all of it is reserved first."""
    tokens, cap = problem.tasks[setting.sight].max_tokens, setting.budget(problem).flops
    prompts = {model: answers.prompt_tokens for model, answers in problem.models.items()}
    reserved = (
        setting.cost.ceiling(rung.model, prompts[rung.model], rung.n, tokens)
        for rung in route.rungs
    )
    return cap is not None and sum(reserved) > cap


def _worth(came: Came, units: np.ndarray[Any, Any]) -> float:
    return float(came.success.mean() - WORTH * (came.flops / units).mean())


def _row(cap: float, course: Route, came: Came, units: np.ndarray[Any, Any]) -> dict[str, Any]:
    return {
        "calls": cap,
        "rungs": [[rung.model, rung.n, rung.temperature] for rung in course.rungs],
        "success": _triple(came.success),
        "spent": _triple(came.flops / units),
        **({} if math.isinf(course.enough) else {"enough": course.enough}),
    }


def _triple(values: np.ndarray[Any, Any]) -> list[float]:
    told = bootstrapped(values, mean_of)
    return [round(told.value, 4), round(told.low, 4), round(told.high, 4)]


def steps(problems: Sequence[SelectionProblem], came: Mapping[Sight, Any]) -> int:
    """How much `advance` will be told in all."""
    sights = sum(sight in came for sight in _SIGHTS.values())
    return 2 * len(CAPS) * len(problems) * sights * len(LENGTHS)
