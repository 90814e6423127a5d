"""All plans on made-up problems: what must hold whatever was recorded."""

import itertools

import numpy as np
import pytest
from made_problems import COST, calibration, made, problem

from evaluation.calibration.replays import performing
from evaluation.calibration.replays.bounds import OUTCOMES, RATES
from evaluation.calibration.replays.comparing import Comparison, Fold, compare, fixed_alone
from evaluation.calibration.replays.entrants import CACHED, CASCADE, LADDER, RANDOM

XS = (0.1, 0.3, 1.0, 3.0)
PROBLEMS = tuple(made(seed, covered=seed % 3 > 0) for seed in range(15))


def compared(**others) -> Comparison:
    halves = np.arange(len(PROBLEMS)) % 2 == 0
    folds = [Fold(halves, calibration()), Fold(~halves, calibration())]
    return compare(PROBLEMS, COST, folds, xs=XS, **({"seeds": 3} | others))


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compared()


def test_every_plan_is_there(comparison):
    fixed = {
        *(f"{model}*greedy" for model in ("small", "large")),
        *(f"small*{n}" for n in (1, 2, 3, 4, 6, 8, 12)),
        *(f"large*{n}" for n in (1, 2, 3, 4, 6)),
    }
    assert set(comparison.plans) == fixed | {LADDER, CACHED, CASCADE, RANDOM, RATES, OUTCOMES}


def test_success_is_a_share_and_no_plan_spends_more_than_its_cap(comparison):
    for plan in comparison.plans.values():
        assert (plan.success >= 0).all()
        assert (plan.success <= 1).all()
        assert (plan.flops <= comparison.caps * (1 + 1e-12)).all(), plan.name
        covered = ~np.isnan(plan.plus)
        assert covered.any()
        if plan.name != OUTCOMES:  # which knows the second tests as well
            assert (plan.plus[covered] <= plan.success[covered] + 1e-12).all()


def test_nobody_does_better_than_who_knows_the_outcomes(comparison):
    known = comparison.plans[OUTCOMES]
    for plan in comparison.plans.values():
        if plan.name == RATES:  # which is computed, and draws more than was recorded
            continue
        assert (plan.success <= known.success + 1e-12).all(), plan.name
        covered = ~np.isnan(plan.plus)
        assert (plan.plus[covered] <= known.plus[covered] + 1e-12).all(), plan.name


def test_the_second_tests_count_only_where_they_are(comparison):
    missing = [at for at, problem in enumerate(PROBLEMS) if problem.plus is None]
    for plan in comparison.plans.values():
        assert np.isnan(plan.plus[:, missing]).all()
        assert not np.isnan(np.delete(plan.plus, missing, axis=1)).any()


def test_where_everything_fits_a_cache_saves_and_changes_nothing_else():
    fold = [Fold(np.ones(6, np.bool_), calibration())]
    found = compare(PROBLEMS[:6], COST, fold, xs=(30.0,), seeds=2)
    plain, cached = found.plans[LADDER], found.plans[CACHED]
    assert np.array_equal(cached.success, plain.success)
    assert (cached.flops <= plain.flops).all()
    assert (cached.flops < plain.flops).any()


def test_a_replay_is_the_same_twice_and_another_with_other_orders(comparison):
    again, other = compared(), compared(seeds=4)
    for name, plan in comparison.plans.items():
        for array in ("success", "flops", "outran"):
            assert np.array_equal(getattr(again.plans[name], array), getattr(plan, array))
    assert not np.array_equal(other.plans[LADDER].success, comparison.plans[LADDER].success)


def test_what_is_remembered_of_fixed_plans_is_what_a_run_gives(monkeypatch, comparison):
    """Each plan on its own, so that nothing is remembered from another."""
    others = itertools.count()
    monkeypatch.setattr(performing.ProblemReplay, "_key", lambda *_: (None, next(others)))
    fresh = compared()
    assert fresh.runs > comparison.runs
    for name, plan in comparison.plans.items():
        assert np.allclose(fresh.plans[name].success, plan.success), name
        assert np.allclose(fresh.plans[name].flops, plan.flops), name


def test_the_fixed_plan_to_beat_is_the_best_on_these_problems(comparison):
    fixed = [name for name in comparison.plans if "*" in name]
    for at, choice in enumerate(comparison.choices):
        whole = [name for name in fixed if not comparison.plans[name].outran[at]]
        best = max(comparison.plans[name].success[at].mean() for name in whole)
        chosen = comparison.plans[choice]
        assert chosen.success[at].mean() == best
        assert np.array_equal(comparison.tuned.success[at], chosen.success[at])
        assert np.array_equal(comparison.tuned.flops[at], chosen.flops[at])


def test_two_plans_that_are_nearly_equal_lose_nothing_by_tuning():
    """By folds each part would get the plan that is worse there, since it is better elsewhere."""
    halves = np.arange(40) % 2 == 0
    folds = [Fold(halves, calibration()), Fold(~halves, calibration())]
    parted = [problem(small=[(9, even)] * 4, large=[(9, not even)] * 2) for even in halves]
    found = compare(parted, COST, folds, xs=(4.0,), seeds=1)
    assert found.tuned.success[0].mean() == 0.5


def test_a_plan_that_draws_all_that_was_recorded_is_marked():
    late = problem(small=[(9, False)] * 3 + [(9, True)], large=[(9, False)] * 2)
    halves = np.arange(4) % 2 == 0
    folds = [Fold(halves, calibration()), Fold(~halves, calibration())]
    found = compare([late] * 4, COST, folds, xs=(0.05, 8.0), seeds=3)
    assert found.choices[1] == "small*4"
    assert [found.ends_with_pool(at) for at in (0, 1)] == [False, True]


def test_one_fold_is_tuned_elsewhere_or_not_at_all():
    fold = [Fold(np.ones(6, np.bool_), calibration())]
    alone = compare(PROBLEMS[:6], COST, fold, xs=XS, seeds=2)
    assert alone.tuned is None
    assert RANDOM not in alone.plans
    elsewhere = fixed_alone(PROBLEMS[6:], COST, calibration(), "made", xs=XS, seeds=2)
    tuned = compare(PROBLEMS[:6], COST, fold, xs=XS, seeds=2, elsewhere=elsewhere)
    for at, choice in enumerate(tuned.choices):
        best = max(plan.success[at].mean() for plan in elsewhere.values() if not plan.outran[at])
        assert elsewhere[choice].success[at].mean() == best


def test_a_plan_that_outruns_the_pool_is_counted():
    hopeless = problem(small=[(9, False)] * 4, large=[(9, False)] * 2)
    found = compare(
        [hopeless], COST, [Fold(np.ones(1, np.bool_), calibration())], xs=(8.0,), seeds=3
    )
    assert found.plans[LADDER].outran.tolist() == [3]
    assert found.plans["small*4"].outran.tolist() == [0]
