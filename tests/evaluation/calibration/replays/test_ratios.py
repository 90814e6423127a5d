import math

import numpy as np
import pytest

from evaluation.calibration.replays.ratios import Reach, ratios, reached
from evaluation.calibration.replays.standings import Resampled, Standing, mixed, pieced

XS = (1.0, 2.0, 4.0)


def standing(name, success, flops, problems=40, outran=(0, 0, 0), noise=0.0):
    """A plan of these means, problems around them."""
    spread = noise * np.resize([-1.0, 1.0], problems)
    success = np.array(success)[:, None] + spread
    flops = np.repeat(np.array(flops, float)[:, None], problems, axis=1)
    return Standing(name, success, np.full(success.shape, np.nan), flops, np.array(outran))


@pytest.mark.parametrize(
    ("target", "flops", "reach"),
    [
        (0.5, 30.0, Reach.BETWEEN),
        (0.4, 20.0, Reach.BETWEEN),
        (0.2, 10.0, Reach.CHEAPEST),
        (0.1, 10.0, Reach.CHEAPEST),
        (0.61, math.nan, Reach.UNREACHED),
    ],
)
def test_a_target_is_looked_up_on_the_curve(target, flops, reach):
    found = reached(np.array([10.0, 40.0, 20.0]), np.array([0.2, 0.6, 0.4]), target)
    assert found == (pytest.approx(flops, nan_ok=True), reach)


def test_a_plan_of_half_the_cost_has_half_the_ratio():
    success = (0.2, 0.4, 0.6)
    ours, theirs = standing("a", success, (1, 2, 4)), standing("b", success, (2, 4, 8))
    found = ratios(ours, theirs, XS, Resampled(40))
    assert [each.ratio.value for each in found.each] == pytest.approx([0.5] * 3)
    assert found.mean.value == pytest.approx(0.5)
    assert found.mean.low == pytest.approx(0.5)


def test_intervals_hold_the_value_and_pairs_have_none():
    ours = standing("a", (0.2, 0.4, 0.6), (1, 2, 4), noise=0.2)
    theirs = standing("b", (0.2, 0.4, 0.6), (2, 4, 8), noise=0.2)
    found = ratios(ours, theirs, XS, Resampled(40))
    for each in (*[r.ratio for r in found.each], found.mean):
        assert each.low <= each.value <= each.high
    # What makes a problem hard for both cancels, so that the spread does not show.
    assert found.mean.high - found.mean.low < 0.02


def test_what_is_not_reached_has_no_ratio_and_does_not_count():
    ours = standing("a", (0.2, 0.3, 0.4), (1, 2, 4))
    theirs = standing("b", (0.2, 0.4, 0.6), (2, 4, 8))
    *known, last = ratios(ours, theirs, XS, Resampled(40)).each
    assert [each.reach for each in known] == [Reach.CHEAPEST, Reach.BETWEEN]
    assert (last.reach, last.ratio, last.ours) == (Reach.UNREACHED, None, None)
    assert ratios(ours, theirs, XS, Resampled(40)).mean.value == pytest.approx(math.sqrt(0.5 * 1.0))


def test_budgets_at_which_a_plan_outran_are_left_out():
    success = (0.2, 0.4, 0.6)
    ours = standing("a", success, (1, 2, 4), outran=(0, 0, 3))
    theirs = standing("b", success, (2, 4, 8), outran=(1, 0, 0))
    assert [(each.x, each.reach) for each in ratios(ours, theirs, XS, Resampled(40)).each] == [
        (2.0, Reach.BETWEEN),
        (4.0, Reach.UNREACHED),
    ]


def test_theirs_is_looked_up_on_its_curve_as_well():
    ours = standing("a", (0.2, 0.5, 0.6), (1, 2, 4))
    theirs = standing("b", (0.2, 0.6, 0.5), (2, 4, 8))  # a larger budget did worse
    last = ratios(ours, theirs, XS, Resampled(40)).each[-1]
    assert (last.target, last.theirs, last.ours) == (0.5, pytest.approx(3.5), 2.0)
    assert last.ratio.value == pytest.approx(2 / 3.5)
    assert last.ratio.high == pytest.approx(2 / 3.5)


def test_an_interval_has_no_end_where_many_rounds_do_not_reach():
    """Of the same mean, but by other problems, so that ours is below in half of the rounds."""
    ours = standing("a", (0.2, 0.3, 0.5), (1, 2, 4))
    theirs = standing("b", (0.2, 0.3, 0.5), (2, 4, 8))
    ours.success[2] += np.resize([-0.2, 0.2], 40)
    theirs.success[2] += np.resize([0.2, -0.2], 40)
    found = ratios(ours, theirs, XS, Resampled(40))
    assert [math.isinf(each.ratio.high) for each in found.each] == [False, False, True]
    assert math.isinf(found.mean.high)
    assert found.mean.value == pytest.approx(0.5)
    assert found.mean.low <= 0.5


def test_a_plan_pieced_together_has_each_budget_from_its_own():
    one, other = (
        standing(name, (at, at, at), (1, 1, 1), 4, (at, at, at)) for at, name in enumerate("ab")
    )
    found = pieced("c", [one, other, one])
    assert found.success.tolist() == [[0] * 4, [1] * 4, [0] * 4]
    assert found.outran.tolist() == [0, 1, 0]


def test_a_coin_is_the_mean():
    one, other = standing("a", (0, 0, 0), (2, 2, 2)), standing("b", (1, 1, 1), (4, 4, 4))
    found = mixed("coin", [one, other])
    assert (found.success == 0.5).all()
    assert (found.flops == 3).all()
