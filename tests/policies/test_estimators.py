"""Estimators against brute force over every subset, exact fractions, and what they must satisfy."""

import itertools
import math
import random
from fractions import Fraction
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.estimators import (
    CutTreatment,
    averaged_nll,
    k_within,
    pass_at_budget,
    pass_at_k,
    rank_score_at_budget,
    rank_score_at_k,
    rank_weights,
    subset_score_at_k,
    treat_cut,
)


def prop(*strategies):
    """A property without a deadline: the machine may be busy with something else."""
    return lambda test: settings(deadline=None, max_examples=60)(given(*strategies)(test))


@st.composite
def counts(draw, most=10_000):
    n = draw(st.integers(1, most))
    return n, draw(st.integers(0, n)), draw(st.integers(1, n))


@st.composite
def problems(draw, most=40):
    passed = draw(st.lists(st.booleans(), min_size=1, max_size=most))
    return passed, draw(st.integers(1, len(passed)))


@prop(counts())
def test_pass_at_k_is_the_exact_quotient(count):
    n, c, k = count
    exact = 1 - Fraction(math.comb(n - c, k), math.comb(n, k))
    assert pass_at_k(n, c, k) == pytest.approx(float(exact), abs=1e-12)


@prop(problems(most=9))
def test_pass_at_k_is_the_share_of_subsets_with_a_pass(problem):
    passed, k = problem
    share = fmean(any(subset) for subset in itertools.combinations(passed, k))
    assert pass_at_k(len(passed), sum(passed), k) == pytest.approx(share)


@prop(counts())
def test_pass_at_k_grows_with_c_and_with_k_and_stays_a_fraction(count):
    n, c, k = count
    value = pass_at_k(n, c, k)
    assert 0 <= value <= 1
    if c < n:
        assert pass_at_k(n, c + 1, k) >= value - 1e-12
    if k < n:
        assert pass_at_k(n, c, k + 1) >= value - 1e-12


@prop(counts())
def test_one_sample_passes_at_the_plain_rate_and_all_samples_pass_if_any_does(count):
    n, c, _ = count
    assert pass_at_k(n, c, 1) == pytest.approx(c / n)
    assert pass_at_k(n, c, n) == (c > 0)


@pytest.mark.parametrize(("n", "c", "k"), [(5, 5, 6), (5, 1, 0), (0, 0, 1), (5, 6, 1), (5, -1, 1)])
def test_what_cannot_be_estimated_is_an_error_and_never_one(n, c, k):
    with pytest.raises(ValueError, match=r"within 1\.\.|cannot have passed"):
        pass_at_k(n, c, k)


@prop(counts(most=300))
def test_rank_weights_are_the_binomials_of_equation_4(count):
    n, _, k = count
    weights = rank_weights(n, k)
    whole = math.comb(n, k)
    assert weights == pytest.approx(
        [math.comb(n - i, k - 1) / whole for i in range(1, n + 1)], rel=1e-9, abs=1e-300
    )


@prop(counts())
def test_rank_weights_sum_to_one_at_any_n(count):
    n, _, k = count
    assert math.fsum(rank_weights(n, k)) == pytest.approx(1)


@prop(problems(most=9))
def test_rank_score_is_the_share_of_subsets_whose_best_passes(problem):
    passed, k = problem
    share = fmean(subset[0] for subset in itertools.combinations(passed, k))
    assert rank_score_at_k(passed, k) == pytest.approx(share)


@prop(problems())
def test_a_ranker_that_knows_the_verdicts_gives_pass_at_k(problem):
    passed, k = problem
    oracle = [0.0 if verdict else 1.0 for verdict in passed]
    expected = pass_at_k(len(passed), sum(passed), k)
    assert rank_score_at_k(passed, k, oracle) == pytest.approx(expected)
    assert rank_score_at_k(sorted(passed, reverse=True), k) == pytest.approx(expected)


@prop(problems(most=6))
def test_a_random_ranker_gives_the_plain_rate_in_expectation(problem):
    passed, k = problem
    orders = fmean(rank_score_at_k(order, k) for order in itertools.permutations(passed))
    assert orders == pytest.approx(sum(passed) / len(passed))
    assert rank_score_at_k(passed, k, [0.5] * len(passed)) == pytest.approx(orders)


@prop(problems(), st.randoms(use_true_random=False))
def test_one_sample_needs_no_ranker(problem, chance):
    passed, _ = problem
    scores = [chance.random() for _ in passed]
    assert rank_score_at_k(passed, 1, scores) == pytest.approx(sum(passed) / len(passed))


@prop(st.lists(st.tuples(st.booleans(), st.integers(0, 2)), min_size=1, max_size=6), st.data())
def test_ties_count_as_the_mean_of_every_order_that_agrees_with_the_scores(samples, data):
    passed, scores = zip(*samples, strict=True)
    k = data.draw(st.integers(1, len(samples)))
    orders = [
        [verdict for verdict, _ in order]
        for order in itertools.permutations(samples)
        if [score for _, score in order] == sorted(scores)
    ]
    expected = fmean(rank_score_at_k(order, k) for order in orders)
    assert rank_score_at_k(passed, k, scores) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("passed", "k", "scores"),
    [
        ([], 1, None),
        ([True], 2, None),
        ([True], 0, None),
        ([True, False], 1, [1.0]),
        ([True, False], 1, [1.0, math.nan]),
    ],
)
def test_a_ranking_that_is_none_is_an_error(passed, k, scores):
    with pytest.raises(ValueError, match=r"within 1\.\.|scores for|NaN"):
        rank_score_at_k(passed, k, scores)


@prop(st.floats(0.01, 100), st.integers(0, 60), st.integers(1, 50))
def test_a_budget_of_exactly_k_samples_buys_k(unit, k, at_most):
    assert k_within(k * unit, lambda samples: samples * unit, at_most) == min(k, at_most)
    assert k_within(k * unit * (1 - 1e-8), lambda n: n * unit, at_most) < max(k, 1)


def test_the_last_digits_of_a_sum_do_not_decide():
    assert k_within(0.3, lambda k: 0.1 * k, 9) == 3  # 3 * 0.1 > 0.3
    assert pass_at_budget(10, 3, 0.3, lambda k: 0.1 * k) == pass_at_k(10, 3, 3)


def test_what_is_no_count_and_no_budget_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        k_within(math.nan, float, 9)
    with pytest.raises(ValueError, match="30 of 10"):
        pass_at_budget(10, 30, 0.5, float)
    with pytest.raises(ValueError, match="verdict"):
        rank_score_at_k([True, 2], 1)


def test_a_budget_is_spent_on_the_k_it_buys():
    def flops(k):
        return 1.69 * k

    assert pass_at_budget(10, 3, 17.6 / 4, flops) == pass_at_k(10, 3, 2)
    assert pass_at_budget(10, 3, 1.0, flops) == 0
    ranked = [True, False, False, False]
    assert rank_score_at_budget(ranked, 5.1, flops) == rank_score_at_k(ranked, 3)
    assert rank_score_at_budget(ranked, 1.0, flops) == 0
    with pytest.raises(ValueError, match="more than the 10 samples"):
        pass_at_budget(10, 3, 18.7, flops)


@prop(st.lists(st.floats(-50, 0), min_size=1, max_size=50))
def test_averaged_nll_does_not_grow_with_the_length(logprobs):
    value = averaged_nll(logprobs)
    assert value == pytest.approx(-sum(logprobs) / len(logprobs))
    assert averaged_nll(logprobs * 3) == pytest.approx(value)


@pytest.mark.parametrize("logprobs", [[], [-1.0, math.nan]])
def test_an_nll_of_nothing_is_an_error(logprobs):
    with pytest.raises(ValueError, match="log-probabilities"):
        averaged_nll(logprobs)


def test_cut_generations_are_left_out_or_last_and_say_which():
    passed, scores = [True, False, True, False], [2.0, 0.1, 1.0, 0.2]
    cut = [False, True, False, True]
    discarded = treat_cut(passed, scores, cut, CutTreatment.DISCARD)
    assert (discarded.passed, discarded.scores) == ((True, True), (2.0, 1.0))
    assert discarded.treatment == "discard"
    assert discarded.draws_per_sample == 2
    assert treat_cut(passed, scores, cut, "rank-last").treatment is CutTreatment.RANK_LAST
    with pytest.raises(ValueError, match="drop"):
        treat_cut(passed, scores, cut, "drop")
    last = treat_cut(passed, scores, cut, CutTreatment.RANK_LAST)
    assert last.passed == (True, False, True, False)
    assert last.treatment == "rank-last"
    assert last.draws_per_sample == 1
    # With k = 2 of 4 only the one subset of two cut samples fails.
    assert rank_score_at_k(last.passed, 2, last.scores) == pytest.approx(1 - 1 / 6)
    assert rank_score_at_k(discarded.passed, 2, discarded.scores) == pytest.approx(1)
    nothing = treat_cut([False], [0.0], [True], CutTreatment.DISCARD)
    assert nothing.draws_per_sample == math.inf


@prop(st.lists(st.tuples(st.booleans(), st.floats(0, 9), st.booleans()), min_size=1, max_size=8))
def test_no_cut_generation_is_chosen_before_a_complete_one(samples):
    passed, scores, cut = zip(*samples, strict=True)
    last = treat_cut(passed, scores, cut, CutTreatment.RANK_LAST)
    everyone = rank_score_at_k(last.passed, len(passed), last.scores)
    if not all(cut):
        complete = treat_cut(passed, scores, cut, CutTreatment.DISCARD)
        best = rank_score_at_k(complete.passed, len(complete.passed), complete.scores)
        assert everyone == pytest.approx(best)
    else:
        assert everyone == pytest.approx(sum(passed) / len(passed))


@pytest.mark.parametrize(
    ("scores", "cut"),
    [([1.0], [False, False]), ([math.nan, 1.0], [False, True]), ([math.inf, 1.0], [False, True])],
)
def test_scores_that_cannot_be_ranked_are_refused(scores, cut):
    with pytest.raises(ValueError, match=r"finite|marks"):
        treat_cut([True, False], scores, cut, CutTreatment.RANK_LAST)


def test_selectors_that_see_only_ranks_agree_with_the_closed_form():
    passed = [False, True, True, False, True, False]
    found = subset_score_at_k(passed, 3, min)
    assert found.exact
    assert found.subsets == 20
    assert found.standard_error == 0
    assert found.value == pytest.approx(rank_score_at_k(passed, 3))


def test_many_subsets_are_drawn_and_their_error_is_told():
    chance = random.Random(3)
    passed = [chance.random() < 0.4 for _ in range(60)]
    found = subset_score_at_k(passed, 5, min, rounds=4000, seed=1)
    assert not found.exact
    assert found == subset_score_at_k(passed, 5, min, rounds=4000, seed=1)
    assert abs(found.value - rank_score_at_k(passed, 5)) < 4 * found.standard_error
    assert 0.001 < found.standard_error < 0.01


def test_a_selector_that_looks_at_the_set_is_no_ranking():
    # The majority of the 3 drawn decides. Ranking all six by the size of their clusters first puts
    # every "a" before every "b", and then any subset with an "a" would pass: all of them.
    answers = ["a", "a", "a", "a", "b", "b"]
    passed = [answer == "a" for answer in answers]

    def majority(subset):
        return max(subset, key=lambda at: sum(answers[at] == answers[other] for other in subset))

    by_sets = subset_score_at_k(passed, 3, majority)
    assert by_sets.value == pytest.approx(1 - 4 / 20)  # b leads where both b are drawn
    assert rank_score_at_k(passed, 3, [-answers.count(answer) for answer in answers]) == 1


def test_a_selector_must_take_what_it_was_offered():
    with pytest.raises(ValueError, match="one of the samples"):
        subset_score_at_k([True] * 4, 2, lambda subset: max(subset) + 1)
    with pytest.raises(ValueError, match="one round"):
        subset_score_at_k([True] * 4, 2, min, rounds=1)
