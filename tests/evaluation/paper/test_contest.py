"""Models under one budget: what it buys, who leads, and where they are compared."""

import math
from itertools import pairwise

import pytest

from evaluation.paper.contest import Contest, Resource
from evaluation.paper.published import CODE_LLAMA, published

CONTEST = Contest(published())


def test_llama_3_costs_what_its_stand_in_costs():
    assert published().cost("llama3-70b") == published().cost("codellama-70b")
    assert CONTEST.unit_cost("llama3-8b", Resource.TIME) == 1
    with pytest.raises(KeyError):
        published().cost("gpt-9")


def test_a_budget_buys_whole_samples_only():
    points = published().curves["humaneval"]["codellama-70b"].points
    assert CONTEST.score("humaneval", "codellama-70b", Resource.FLOPS, 10.40) is None
    for budget, k in ((10.41, 1), (20.81, 1), (20.82, 2)):
        assert (
            CONTEST.score("humaneval", "codellama-70b", Resource.FLOPS, budget).value == points[k]
        )
    assert CONTEST.reach("humaneval", "codellama-70b", Resource.TIME) == pytest.approx(64 * 14.19)
    assert CONTEST.score("humaneval", "codellama-70b", Resource.TIME, 65 * 14.19) is None


def test_leads_are_taken_at_the_costlier_model_s_own_points():
    found = CONTEST.leads("humaneval", "codellama-13b", "codellama-70b", Resource.TIME)
    assert found[0].budget == 14.19
    # 8 samples of the 13B cost 13.5: between 56.2 at 4 and 77.0 at 16.
    assert found[0].points.value == pytest.approx((56.2 + 77.0) / 2 - 46.7)
    assert len(found) == 59  # 59 samples of the 70B cost what 495 of the 13B do
    # 24 samples of the 70B, 249.84, buy 128 of the 13B, the last published, and a little remains.
    last = CONTEST.leads("apps-introductory", "codellama-13b", "codellama-70b", Resource.FLOPS)[-1]
    assert last.budget == pytest.approx(24 * 10.41)
    back = CONTEST.leads("humaneval", "codellama-70b", "codellama-13b", Resource.TIME)
    assert [lead.points.value for lead in back] == [-lead.points.value for lead in found]
    assert [lead.points.low for lead in back] == [-lead.points.high for lead in found]
    capped = CONTEST.leads("humaneval", "codellama-13b", "codellama-70b", Resource.TIME, up_to=30)
    assert [lead.budget for lead in capped] == pytest.approx([14.19, 28.38])


def test_the_cost_of_a_score_by_hand():
    small = 4 * 4 ** ((60 - 48.9) / (68.7 - 48.9))
    large = 2 ** ((60 - 46.7) / (61.1 - 46.7)) * 14.19
    ratio = CONTEST.cost_ratio("humaneval", "codellama-7b", "codellama-70b", Resource.TIME, 60)
    assert ratio.value == pytest.approx(small / large)
    assert (
        CONTEST.cost_ratio("humaneval", "codellama-7b", "codellama-70b", Resource.TIME, 30) is None
    )


def test_even_budgets_are_even_on_a_log_axis_and_end_with_the_shortest_table():
    budgets = CONTEST.even_budgets("mbpp", CODE_LLAMA, Resource.FLOPS, low=5.08)
    assert budgets[0] == 5.08
    steps = {round(math.log2(b / a), 6) for a, b in pairwise(budgets)}
    assert steps == {0.125}
    end = min(CONTEST.reach("mbpp", model, Resource.FLOPS) for model in CODE_LLAMA)
    assert budgets[-1] <= end < budgets[-1] * 2**0.125
    assert all(
        CONTEST.score("mbpp", "codellama-7b", Resource.FLOPS, b) is not None for b in budgets
    )


def test_even_leads_weigh_each_doubling_alike():
    every = CONTEST.leads("mbpp", "codellama-7b", "codellama-70b", Resource.TIME)
    found = CONTEST.even_leads("mbpp", "codellama-7b", "codellama-70b", Resource.TIME)
    samples = [round(lead.budget / 14.19) for lead in found]
    assert samples[:25] == [1] * 8 + [2] * 5 + [3] * 3 + [4] * 3 + [5, 5] + [6, 6] + [7] + [8]
    assert set(found) <= set(every)
    assert every[-1].budget < found[-1].budget * 2**0.125
