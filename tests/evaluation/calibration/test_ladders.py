"""The lattice and the ladders, against every order in which few samples can be drawn."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from evaluation.calibration.effects import Effects, effects
from evaluation.calibration.ladders import BUDGETS, Ladders
from evaluation.calibration.lattice import ROUND_TRIP, Lattice, Prices, Step, weights_at
from evaluation.calibration.particles import Arm, Recorded

PRICES = (Prices(0.08, 0.001, 0.0008, most=120), Prices(0.3, 0.003, 0.0026, most=120))
NAMES = ("small", "large")


def arm(rates: list[float], seed: int, n: int = 12) -> Arm:
    rng = np.random.default_rng(seed)
    sampled = tuple(
        Recorded(rng.random(n) < rate, rng.integers(20, 150, n) * 1.0) for rate in rates
    )
    greedy = tuple(Recorded(rng.random(1) < rate, rng.integers(20, 150, 1) * 1.0) for rate in rates)
    return Arm(sampled, greedy)


@pytest.fixture(scope="module")
def models() -> list[Effects]:
    rng = np.random.default_rng(5)
    rates = rng.beta(0.5, 0.8, 30)
    return [effects(arm(list(rates), 1), 16), effects(arm(list(np.sqrt(rates)), 2), 16)]


@pytest.fixture(scope="module")
def ladders(models: list[Effects]) -> Ladders:
    return Ladders(NAMES, dict.fromkeys(NAMES, 0.8), models, PRICES)


@pytest.mark.parametrize("again", [False, True])
def test_a_way_costs_what_climbing_it_without_a_limit_costs(
    models: list[Effects], ladders: Ladders, again: bool
) -> None:
    reached = Lattice(models).reach(PRICES, again=again)
    assert len(reached) > 100
    for point in reached[1::17]:
        for way in point.ways[:2]:
            climbed = ladders.climb(way.steps, 1e9, again=again)
            assert climbed.success.mean() == pytest.approx(point.success)
            mean = climbed.spent.mean() + ROUND_TRIP * climbed.draws.mean()
            assert mean == pytest.approx(
                way.mean, rel=2e-3 if any(s.n for s in way.steps) else None
            )


def test_no_order_of_the_same_draws_is_cheaper(models: list[Effects]) -> None:
    lattice = Lattice(models)
    steps = (Step(0, 2), Step(0, 0), Step(1, 1))
    prices = list(PRICES)
    best = min(_mean(models, order) for order in itertools.permutations(steps))
    samples, greedy = (2, 1), (True, False)
    success = 1 - float(weights_at(models, samples, greedy).mean())
    reached = min(
        lattice.reach(prices, again=False), key=lambda point: abs(point.success - success)
    )
    assert reached.success == pytest.approx(success)
    assert reached.ways[0].mean <= best + 1e-9


def _mean(models: list[Effects], order: tuple[Step, ...]) -> float:
    samples, greedy, mean = [0, 0], [False, False], 0.0
    for step in order:
        weights = weights_at(models, samples, greedy)
        model, price = models[step.model], PRICES[step.model]
        tokens = model.tokens[:, step.n] if step.n else model.greedy_tokens
        assert tokens is not None
        mean += float((weights * (price.prompt + ROUND_TRIP + price.token * tokens)).mean())
        samples[step.model] += step.n
        greedy[step.model] |= step.n == 0
    return mean


@pytest.mark.parametrize("again", [False, True])
def test_a_larger_budget_buys_no_less_and_none_is_overspent(
    models: list[Effects], ladders: Ladders, again: bool
) -> None:
    made = ladders.make(Lattice(models), again=again)
    of_budgets = [each for each in made if each.calls in BUDGETS]
    assert 10 < len(of_budgets) < len(made)
    score = [each.success.value - ladders.worth * each.spent.value for each in of_budgets]
    assert all(after >= before - 1e-3 for before, after in itertools.pairwise(score))
    for each in made:
        assert 0 < each.spent.value <= each.calls
        assert 0 <= each.success.low <= each.success.value <= each.success.high <= 1
        assert each.rungs
    assert made[-1].success.value > made[0].success.value + 0.2


def test_ladders_beat_every_single_rung_of_their_budget(
    models: list[Effects], ladders: Ladders
) -> None:
    for made in ladders.make(Lattice(models), again=False):
        if made.calls not in BUDGETS:
            continue
        for model, n in itertools.product((0, 1), (1, 2, 4, 8)):
            single = ladders.climb([Step(model, n)], made.calls, again=False)
            worth = made.success.value - ladders.worth * made.spent.value
            # Round trips count a little in the choice, and in nothing that is told.
            assert worth >= single.success.mean() - ladders.worth * single.spent.mean() - 2e-3


def test_success_that_is_worth_more_is_bought_more_of(models: list[Effects]) -> None:
    def spent(worth: float) -> float:
        how = Ladders(NAMES, dict.fromkeys(NAMES, 0.8), models, PRICES, worth)
        return how.make(Lattice(models), again=False)[-1].spent.value

    assert spent(0.2) < spent(0.02) <= spent(0.001)


def test_a_cached_prompt_makes_draws_cheaper(models: list[Effects], ladders: Ladders) -> None:
    own, cached = (ladders.make(Lattice(models), again=again)[-1] for again in (False, True))
    assert cached.spent.value < own.spent.value


def test_thrifty_ladders_reach_their_success_for_less_than_any_other(
    models: list[Effects], ladders: Ladders
) -> None:
    made = ladders.make(Lattice(models), again=False)
    thrifty = [each for each in made if each.calls not in BUDGETS]
    assert thrifty
    for each in thrifty:
        cheaper = [o for o in made if o is not each and o.spent.value <= each.spent.value]
        assert all(other.success.value < each.success.value for other in cheaper)
