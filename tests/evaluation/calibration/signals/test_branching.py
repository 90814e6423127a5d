"""Ladders that look: they gain where the look tells something, and nothing where it does not."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from evaluation.architectures import ARCHITECTURES
from evaluation.calibration.calibrate import Calibrating
from evaluation.calibration.effects import Effects, effects
from evaluation.calibration.ladders import Ladders
from evaluation.calibration.lattice import Prices, Step, weights_at
from evaluation.calibration.particles import Arm, Particles, Recorded
from evaluation.calibration.signals.branching import (
    NO_LOOK,
    Branched,
    Branching,
    after,
    alike,
    climb,
    promising,
)
from evaluation.calibration.signals.use import _cost, compared

PRICES = (Prices(0.08, 0.001, 0.0008, most=60), Prices(0.3, 0.003, 0.0026, most=60))
NAMES = ("qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b")
PROBLEMS, SAMPLES = 40, 8


def arms(*, tells: bool, seed: int = 1) -> list[Arm]:
    """Half of the problems only the large model solves; failing samples tell which, or do not."""
    rng = np.random.default_rng(seed)
    easy = np.arange(PROBLEMS) % 2 == 0
    found = []
    for rates in (np.where(easy, 0.35, 0.0), np.where(easy, 0.35, 0.7)):
        passed = rng.random((PROBLEMS, SAMPLES)) < rates[:, None]
        share = np.where(easy, 0.8, 0.0) if tells else np.zeros(PROBLEMS)
        held = np.where(passed, 1.0, share[:, None])
        tokens = rng.integers(20, 60, (PROBLEMS, SAMPLES)) * 1.0
        recorded = (Recorded(*each) for each in zip(passed, tokens, held, strict=True))
        found.append(Arm(tuple(recorded)))
    return found


def ladders(made: list[Arm]) -> Ladders:
    models = [effects(arm, 16) for arm in made]
    return Ladders(NAMES, dict.fromkeys(NAMES, 0.8), models, PRICES, worth=0.1)


def gains(made: list[Arm]) -> list[float]:
    """Of looking, over not looking, by the score that ladders are made for."""
    found, own = [], ladders(made)
    for pair in Branching(own, made).found():
        scores = []
        for plan in (pair.blind, pair.looking):
            promise = promising(made[plan.first.model], plan.first, plan.threshold)
            scores.append(climb(own, plan, promise, pair.calls).score(own.worth))
        found.append(scores[1] - scores[0])
    return found


def test_a_look_that_tells_something_is_worth_it_and_one_that_does_not_is_not_taken() -> None:
    telling, silent = gains(arms(tells=True)), gains(arms(tells=False))
    assert min(telling) >= 0
    assert max(telling) > 0.01
    assert max(map(abs, silent)) < 1e-9


def test_a_share_of_all_problems_stands_in_where_little_is_known_of_one() -> None:
    nothing = Recorded(np.ones(4, bool), None, np.ones(4))
    half = Recorded(np.zeros(4, bool), None, np.array([0.0, 0.0, 0.9, 0.9]))
    arm = Arm((nothing, half), (nothing, half))
    assert promising(arm, Step(0, 1), 0.5).tolist() == pytest.approx([0.5, 0.5])
    assert promising(arm, Step(0, 2), 0.5).tolist() == pytest.approx([0.75, 0.75])
    assert promising(arm, Step(0, 2), NO_LOOK).tolist() == [0, 0]
    assert promising(arm, Step(0, 0), 0.5).tolist() == [1, 0]  # what the greedy answer itself held


def test_climbing_two_equal_ladders_is_climbing_one() -> None:
    own = ladders(arms(tells=True))
    rest = (Step(1, 2), Step(0, 3))
    plan = Branched(Step(0, 2), 0.5, rest, rest)
    promise = np.linspace(0, 1, PROBLEMS)
    once = own.climb((Step(0, 2), *rest), 3.0, again=False)
    both = climb(own, plan, promise, 3.0)
    for name in ("success", "spent", "draws"):
        assert getattr(both, name) == pytest.approx(getattr(once, name))


@pytest.mark.parametrize("first", [Step(0, 2), Step(1, 3)])
def test_behind_a_rung_a_particle_counts_for_what_is_left_of_it(first: Step) -> None:
    models = [effects(arm, 16) for arm in arms(tells=True)]
    failing = models[first.model].failing[:, first.n]
    behind = after(models, first, failing)
    for more in ((0, 0), (2, 1)):
        whole = [n + (first.n if at == first.model else 0) for at, n in enumerate(more)]
        expected = weights_at(models, whole, (False, False))
        assert weights_at(behind, more, (False, False)) == pytest.approx(expected)


def test_behind_a_greedy_answer_there_is_no_second_one() -> None:
    model = effects(arms(tells=True)[0], 16)
    greedy = replace(model, greedy_failing=np.ones(PROBLEMS), greedy_tokens=np.ones(PROBLEMS))
    behind: list[Effects] = after([greedy, greedy], Step(1, 0), np.full(PROBLEMS, 0.5))
    assert behind[1].greedy_failing is None
    assert behind[0].greedy_failing is not None
    assert behind[0].failing[:, 0].tolist() == [0.5] * PROBLEMS


def test_ladders_are_tested_with_no_more_samples_than_both_know() -> None:
    models = [effects(arm, 16) for arm in arms(tells=True)]
    fewer = [replace(model, failing=model.failing[:, :4]) for model in models]
    assert [model.samples for model in alike(models, fewer)] == [3, 3]
    assert [model.samples for model in alike(fewer, models)] == [3, 3]


def test_the_cost_of_a_success_is_the_least_at_which_it_is_reached() -> None:
    success, spent = np.array([0.2, 0.6, 0.4]), np.array([1.0, 2.0, 5.0])
    assert _cost(success, spent, 0.6) == 2
    assert _cost(success, spent, 0.4) == 2  # the dear way to 0.4 is never taken
    assert _cost(success, spent, 0.3) == 1.5
    assert _cost(success, spent, 0.1) == 1
    assert math.isnan(_cost(success, spent, 0.7))


def test_what_is_learnt_on_one_data_set_is_tested_on_another() -> None:
    tasks = tuple(map(str, range(PROBLEMS)))
    one, other, silent = (
        Particles(name, tasks, dict(zip(NAMES, made, strict=True)))
        for name, made in (
            ("one", arms(tells=True)),
            ("other", arms(tells=True, seed=2)),
            ("silent", arms(tells=False, seed=3)),
        )
    )
    how = Calibrating(ARCHITECTURES, worth=0.1)
    found = compared(how, one, other, 100)
    assert (found.found_on, found.tested_on, found.problems) == ("one", "other", PROBLEMS)
    assert [used.calls for used in found.budgets] == [0.5, 1.0, 2.0, 4.0]
    assert found.ratio is not None
    assert found.ratio.low <= found.ratio.value <= found.ratio.high
    assert found.ratio.value < 0.97
    assert any("of the checks on" in used.looking for used in found.budgets)
    assert not any("of the checks on" in used.blind for used in found.budgets)
    assert not compared(how, one, silent, 100).pays
    assert not replace(found, tested_on="one").pays  # whatever it says of itself
