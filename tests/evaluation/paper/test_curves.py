"""The published tables, what lies between their entries, and budgets over them."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.paper.bounded import Bounded
from evaluation.paper.contest import (
    Basis,
    cost_ratio,
    even_budgets,
    even_leads,
    leads,
    reach,
    score,
    unit_cost,
)
from evaluation.paper.curves import Curve
from evaluation.paper.published import APPS, BENCHMARKS, CODE_LLAMA, LLAMA_3, published
from evaluation.paper.table_1 import table_1

STEEP = Curve({1: 10.0, 4: 30.0, 16: 40.0, 64: 45.0})


def test_the_tables_are_the_paper_s():
    tables = published()
    assert tables.curves["humaneval"]["codellama-13b"].points[16] == 77.0
    assert tables.curves["mbpp"]["llama3-70b"].points[64] == 92.9
    assert tables.curves["apps-competition"]["codellama-7b"].points[500] == 11.6
    assert set(tables.curves) == set(BENCHMARKS)
    sizes = {len(rows) for name, rows in tables.curves.items() if name in APPS}
    assert sizes == {4}
    assert sum(len(c.points) for rows in tables.curves.values() for c in rows.values()) == 165


def test_llama_3_costs_what_its_stand_in_costs():
    assert published().cost("llama3-70b") == published().cost("codellama-70b")
    assert unit_cost("llama3-8b", Basis.TIME) == 1
    with pytest.raises(KeyError):
        published().cost("gpt-9")


def test_between_points_the_curve_is_straight_in_log_k_and_beyond_them_unknown():
    assert STEEP.at(4) == 30
    assert STEEP.at(2) == pytest.approx(20)
    assert STEEP.at(8) == pytest.approx(35)
    for k in (0.5, 65):
        with pytest.raises(ValueError, match="not within the published"):
            STEEP.at(k)


@given(st.floats(10, 45))
def test_reaching_a_score_is_the_inverse_of_the_curve(percent):
    assert STEEP.at(STEEP.reaches(percent)) == pytest.approx(percent)


def test_a_score_off_the_curve_is_an_error():
    for percent in (9.9, 45.1):
        with pytest.raises(ValueError, match="outside the published curve"):
            STEEP.reaches(percent)


def test_the_sure_bounds_by_hand():
    # Above the chord (4, 30)-(16, 40), below the prolonged chord (1, 10)-(4, 30).
    found = STEEP.surely_reaches(35)
    assert (found.low, found.high) == pytest.approx((4 + 5 / (20 / 3), 10))
    assert found.value == pytest.approx(8)
    # Below the chord of the next interval, prolonged to the left, where none comes before.
    first = Curve({1: 10.0, 2: 20.0, 4: 38.0}).surely_reaches(15)
    assert (first.low, first.high) == pytest.approx((2 - 5 / 9, 1.5))


def test_the_sure_bounds_of_a_score_by_hand():
    # Above the chord, which is a mean of two rounded points; below the next chord prolonged to the
    # left, over 13 and 12 of whose 48 steps a rounding of 0.05 grows.
    found = STEEP.surely_at(13)
    assert found.low == pytest.approx(30 + 10 * 9 / 12 - 0.05)
    assert found.high == pytest.approx(40 - 5 * 3 / 48 + 0.05 * (51 + 3) / 48)
    assert found.value == STEEP.at(13)
    assert STEEP.surely_at(4) == Bounded(30, 29.95, 30.05)


def test_an_interpolation_that_no_concave_curve_allows_is_kept_within_the_bounds():
    straight = Curve({1: 1.0, 2: 2.0, 4: 4.0, 16: 16.0})  # convex in log k
    found = straight.surely_at(12)
    assert found.low < 12 < found.high < straight.at(12)
    assert found.value == found.high


def rates():
    """Made-up problems: pass rates of which pass@k is a mean."""
    return st.lists(st.floats(0.001, 0.9), min_size=2, max_size=8)


@settings(deadline=None)
@given(rates(), st.integers(2, 63))
def test_the_sure_bounds_hold_for_any_mixture_of_problems(problems, k):
    def truth(k):
        return 100 * sum(1 - (1 - p) ** k for p in problems) / len(problems)

    curve = Curve({at: truth(at) for at in (1, 2, 4, 16, 64)})
    if any(b - a < 1e-6 for a, b in pairwise(curve.points.values())):
        return  # saturated: flat within the precision of floats
    reached = curve.surely_reaches(min(truth(k), curve.points[64]))
    assert reached.low - 1e-3 <= k <= reached.high + 1e-3
    printed = Curve({at: round(y, 1) for at, y in curve.points.items()})
    sure = printed.surely_at(k)
    assert sure.low - 1e-9 <= truth(k) <= sure.high + 1e-9


def fitted(curve, rounds=4000):
    """A distribution of per-problem pass rates fitted to a curve, as pass@k by k = 1..last."""
    ks, ys = map(np.array, zip(*sorted(curve.points.items()), strict=True))
    rate = np.concatenate([[0], np.geomspace(1e-5, 1, 150)])
    table = np.vstack([1 - (1 - rate) ** ks[:, None], np.full(rate.size, 3.0)])
    goal = np.append(ys / 100, 3.0)  # the last row holds the weights' sum at one
    weight = np.full(rate.size, 1 / rate.size)
    for _ in range(rounds):
        weight *= (table.T @ goal) / (table.T @ (table @ weight))
    every = np.arange(1, ks[-1] + 1)
    return every, 100 * (1 - (1 - rate) ** every[:, None]) @ weight


@pytest.mark.parametrize(
    ("benchmark", "model"),
    [
        ("humaneval", "codellama-70b"),
        ("humaneval", "codellama-13b"),
        ("mbpp", "codellama-34b"),
        ("apps-competition", "codellama-70b"),
    ],
)
def test_the_interpolation_is_close_to_a_fitted_distribution_and_mostly_below(benchmark, model):
    curve = published().curves[benchmark][model]
    every, fit = fitted(curve)
    error = np.array([curve.at(int(k)) for k in every]) - fit
    assert -1.5 < error.min() < 0.05
    assert error.max() < 0.6


def test_a_budget_buys_whole_samples_only():
    points = published().curves["humaneval"]["codellama-70b"].points
    assert score("humaneval", "codellama-70b", Basis.FLOPS, 10.40) is None
    for budget, k in ((10.41, 1), (20.81, 1), (20.82, 2)):
        assert score("humaneval", "codellama-70b", Basis.FLOPS, budget).value == points[k]
    assert reach("humaneval", "codellama-70b", Basis.TIME) == pytest.approx(64 * 14.19)
    assert score("humaneval", "codellama-70b", Basis.TIME, 65 * 14.19) is None


def test_leads_are_taken_at_the_costlier_model_s_own_points():
    found = leads("humaneval", "codellama-13b", "codellama-70b", Basis.TIME)
    assert found[0].budget == 14.19
    # 8 samples of the 13B cost 13.5: between 56.2 at 4 and 77.0 at 16.
    assert found[0].points.value == pytest.approx((56.2 + 77.0) / 2 - 46.7)
    assert len(found) == 59  # 59 samples of the 70B cost what 495 of the 13B do
    # 24 samples of the 70B, 249.84, buy 128 of the 13B, the last published, and a little remains.
    last = leads("apps-introductory", "codellama-13b", "codellama-70b", Basis.FLOPS)[-1]
    assert last.budget == pytest.approx(24 * 10.41)
    back = leads("humaneval", "codellama-70b", "codellama-13b", Basis.TIME)
    assert [lead.points.value for lead in back] == [-lead.points.value for lead in found]
    assert [lead.points.low for lead in back] == [-lead.points.high for lead in found]
    capped = leads("humaneval", "codellama-13b", "codellama-70b", Basis.TIME, up_to=30)
    assert [lead.budget for lead in capped] == pytest.approx([14.19, 28.38])


def test_the_cost_of_a_score_by_hand():
    small = 4 * 4 ** ((60 - 48.9) / (68.7 - 48.9))
    large = 2 ** ((60 - 46.7) / (61.1 - 46.7)) * 14.19
    ratio = cost_ratio("humaneval", "codellama-7b", "codellama-70b", Basis.TIME, 60)
    assert ratio.value == pytest.approx(small / large)
    assert cost_ratio("humaneval", "codellama-7b", "codellama-70b", Basis.TIME, 30) is None


def test_even_budgets_are_even_on_a_log_axis_and_end_with_the_shortest_table():
    budgets = even_budgets("mbpp", CODE_LLAMA, Basis.FLOPS, low=5.08)
    assert budgets[0] == 5.08
    steps = {round(math.log2(b / a), 6) for a, b in pairwise(budgets)}
    assert steps == {0.125}
    end = min(reach("mbpp", model, Basis.FLOPS) for model in CODE_LLAMA)
    assert budgets[-1] <= end < budgets[-1] * 2**0.125
    assert all(score("mbpp", "codellama-7b", Basis.FLOPS, b) is not None for b in budgets)


def test_even_leads_weigh_each_doubling_alike():
    every = leads("mbpp", "codellama-7b", "codellama-70b", Basis.TIME)
    found = even_leads("mbpp", "codellama-7b", "codellama-70b", Basis.TIME)
    samples = [round(lead.budget / 14.19) for lead in found]
    assert samples[:25] == [1] * 8 + [2] * 5 + [3] * 3 + [4] * 3 + [5, 5] + [6, 6] + [7] + [8]
    assert set(found) <= set(every)
    assert every[-1].budget < found[-1].budget * 2**0.125


def test_table_1_comes_out_of_the_sizes():
    rows = {row["model"]: row for row in table_1({})["rows"]}
    assert set(rows) == set(CODE_LLAMA)
    for row in rows.values():
        assert row["tflops"] == pytest.approx(row["tflops_printed"], rel=1.5e-3)
        assert row["tflops_norm"] == pytest.approx(row["tflops_norm_printed"], rel=3e-3)
        assert row["seconds_norm"] == pytest.approx(row["seconds_norm_printed"], abs=0.005)
    assert not set(LLAMA_3) & set(rows)
