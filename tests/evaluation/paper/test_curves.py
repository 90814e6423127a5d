"""What lies between the published k: the interpolation, and the bounds that need none."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.paper.bounded import Bounded
from evaluation.paper.curves import Curve
from evaluation.paper.published import published

STEEP = Curve({1: 10.0, 4: 30.0, 16: 40.0, 64: 45.0})


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
