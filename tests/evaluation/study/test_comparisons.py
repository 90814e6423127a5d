"""Duels and leads at one budget: the k that it buys, the pairing, and what intervals cover."""

import math
from dataclasses import replace

import numpy as np
import pytest
from study_pools import LARGE, RATES, SMALL, generations, pool

from evaluation.statistics import CutTreatment, Estimate, pass_at_k
from evaluation.study.comparisons import (
    duel,
    family,
    greedy,
    in_percent,
    leads,
    quarter_lead,
)
from evaluation.study.contenders import by_ranker, by_tests
from evaluation.study.costs import Basis, CostLine
from evaluation.study.samples import Draws, StudyPool


def counted(model, n, passes, *, seconds=None, greedy_passed=()):
    draws = {f"t/{at}": Draws.counted(n, c) for at, c in enumerate(passes)}
    answers = {f"t/{at}": Draws(np.array([p])) for at, p in enumerate(greedy_passed)}
    return StudyPool(model, "d", draws, answers, RATES[model], seconds)


@pytest.mark.parametrize(("seconds", "k"), [(1.0, 3), (3.0, 1), (3.1, 0), (1.5, 2), (1.500001, 1)])
def test_a_budget_buys_whole_samples(seconds, k):
    small = by_tests(counted(SMALL, 8, [0, 2, 4, 8], seconds=seconds))
    large = greedy(counted(LARGE, 2, [], seconds=3.0, greedy_passed=[0, 1, 1, 1]))
    found = duel(small, large, Basis.TIME)
    expected = np.mean([pass_at_k(8, c, k) for c in (0, 2, 4, 8)]) if k else 0.0
    assert found.k == k
    assert found.bought == pytest.approx(3.0 / seconds)
    assert found.ours.value == pytest.approx(expected)
    assert found.theirs.value == pytest.approx(0.75)
    assert found.difference.value == pytest.approx(expected - 0.75)
    assert not found.capped


def test_a_duel_on_the_papers_basis_buys_what_the_sizes_say():
    small, large = pool(SMALL, n=16), greedy(pool(LARGE, n=2))
    found = duel(by_tests(small), large, Basis.PAPER)
    assert found.bought == pytest.approx(RATES[LARGE].paper() / RATES[SMALL].paper())
    assert found.k == 3


def test_exact_budgets_are_the_greedy_answers_own_tokens():
    small, large = pool(SMALL, n=16), pool(LARGE, n=2)
    shared, each = (
        duel(by_tests(small), greedy(large), basis)
        for basis in (Basis.EXACT_SHARED, Basis.EXACT_EACH)
    )
    tokens = [int(draws.generations.tokens[0]) for draws in large.greedy.values()]
    rate = RATES[LARGE]
    budget = np.mean([rate.prefill(140) + rate.decode(140, count) for count in tokens])
    assert shared.budget == pytest.approx(budget)
    assert each.budget == pytest.approx(budget)
    cost = by_tests(small).cost(Basis.EXACT_SHARED)
    assert cost(shared.k) <= budget < cost(shared.k + 1)
    assert shared.k > each.k


def test_a_budget_beyond_the_pool_is_capped_and_says_so():
    small = by_tests(counted(SMALL, 4, [1, 2]))
    large = greedy(counted(LARGE, 2, [], greedy_passed=[1, 0]))
    found = duel(small, large, Basis.PAPER)
    assert (found.k, found.capped) == (2, True)
    assert found.bought > 3


def test_samples_that_cost_nothing_beyond_a_prompt_are_bought_without_end():
    small = pool(SMALL, n=4)
    for draws in small.draws.values():
        draws.generations.tokens[:] = 0
    found = duel(by_tests(small), greedy(pool(LARGE, n=2)), Basis.EXACT_SHARED)
    assert (found.k, found.capped) == (2, True)
    assert found.bought == math.inf
    assert found.to_json()["buys"] is None
    assert CostLine(3.0, 0.0).affords(2.0) < 0


def test_only_shared_problems_are_compared():
    small = by_tests(counted(SMALL, 8, [8, 8, 0, 0]))
    large = greedy(counted(LARGE, 2, [], greedy_passed=[0, 1]))
    found = duel(small, large, Basis.PAPER)
    assert found.problems == 2
    assert found.ours.value == 1.0
    strangers = replace(large, tasks=("x/0", "x/1"))
    assert duel(small, strangers, Basis.PAPER) is None
    assert duel(small, large, Basis.TIME) is None


def test_of_several_greedy_answers_the_first_to_a_problem_counts():
    answered = pool(LARGE, n=2)
    draw = np.random.default_rng(1)
    several = replace(
        answered,
        greedy={
            task: Draws(
                np.append(draws.passed, ~draws.passed[0]),
                generations_of(draws, draw),
            )
            for task, draws in answered.greedy.items()
        },
    )
    one, first = greedy(answered), greedy(several)
    assert first.passed.tolist() == one.passed.tolist()
    assert set(first.costs) == set(one.costs)
    for basis, table in one.costs.items():
        assert first.costs[basis].tolist() == table.tolist()


def generations_of(draws, draw):
    """Those of a problem, and another behind them."""
    own, more = draws.generations, generations(draw, np.array([False]), (LARGE,))
    nll = {name: np.append(own.nll[name], more.nll[name]) for name in own.nll}
    tokens, cut = np.append(own.tokens, more.tokens), np.append(own.cut, more.cut)
    return replace(own, tokens=tokens, cut=cut, nll=nll)


def test_leads_are_at_the_budgets_that_the_larger_model_spends_in_full():
    small = by_tests(counted(SMALL, 16, [1, 5, 9], seconds=1.0))
    large = by_tests(counted(LARGE, 8, [1, 4, 8], seconds=2.5))
    found = leads(small, large, Basis.TIME)
    assert [(lead.k_small, lead.k_large) for lead in found] == [(2, 1), (5, 2), (7, 3)]
    for lead in found:
        ours = np.mean([pass_at_k(16, c, lead.k_small) for c in (1, 5, 9)])
        theirs = np.mean([pass_at_k(8, c, lead.k_large) for c in (1, 4, 8)])
        assert lead.difference.value == pytest.approx(ours - theirs)


def test_a_quarter_of_the_cost_of_a_score():
    small = by_tests(counted(SMALL, 16, [4, 8], seconds=1.0))
    large = by_tests(counted(LARGE, 16, [4, 9], seconds=4.0))
    reached = next(k for k in range(1, 9) if np.mean([pass_at_k(16, c, k) for c in (4, 9)]) >= 0.6)
    ours = np.mean([pass_at_k(16, c, reached) for c in (4, 8)])
    theirs = np.mean([pass_at_k(16, c, reached) for c in (4, 9)])
    found = quarter_lead(small, large, Basis.TIME, 0.6)
    assert found.value == pytest.approx(ours - theirs)
    assert quarter_lead(small, large, Basis.TIME, 0.999) is None


def test_rankings_duel_with_their_rankers_cost():
    drawn = pool(SMALL, n=16, rankers=(SMALL, LARGE))
    large = greedy(pool(LARGE, n=2))
    own, other = (
        duel(by_ranker(drawn, name, CutTreatment.RANK_LAST, RATES[name]), large, Basis.EXACT_EACH)
        for name in (SMALL, LARGE)
    )
    assert other.k < own.k
    shown = other.to_json()
    assert (shown["ranker"], shown["cut"]) == (LARGE, "rank-last")


def test_a_family_is_a_name_without_its_size():
    assert family("qwen2.5-coder-0.5b") == family("qwen2.5-coder-1.5b") == "qwen2.5-coder"
    assert family("smollm2-135m") == "smollm2"
    assert family("lone") == "lone"


def test_paired_intervals_cover_the_true_difference():
    """Of 95 % intervals over 120 made-up studies, between 88 and 99 % cover."""
    truth_k, studies, problems = 3, 120, 60
    covered = 0
    # The truth: rates uniform in 0..1, greedy passes with the problem's rate plus a tenth.
    truth = (1 - 1 / (truth_k + 1)) - np.mean(np.minimum(1, np.linspace(0, 1, 100_001) + 0.1))
    for study in range(studies):
        draw = np.random.default_rng(study)
        rates = draw.random(problems)
        passes = draw.binomial(12, rates)
        answers = draw.random(problems) < np.minimum(1, rates + 0.1)
        small = by_tests(counted(SMALL, 12, passes.tolist(), seconds=1.0))
        large = greedy(counted(LARGE, 2, [], seconds=3.0, greedy_passed=answers.tolist()))
        found = duel(small, large, Basis.TIME)
        assert found.k == truth_k
        covered += found.difference.low <= truth <= found.difference.high
    assert 0.88 <= covered / studies <= 0.99


def test_intervals_are_written_in_percent():
    assert in_percent(Estimate(0.5, 0.25, 0.123456789)) == {
        "value": 50.0,
        "low": 25.0,
        "high": 12.346,
    }
