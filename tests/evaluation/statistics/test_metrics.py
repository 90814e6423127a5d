"""The array forms against the scalar ones, and intervals that cover what they should."""

import math
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation import metrics, statistics
from policies import estimators


def prop(*strategies):
    """A property without a deadline: the machine may be busy with something else."""
    return lambda test: settings(deadline=None, max_examples=60)(given(*strategies)(test))


@st.composite
def pools(draw, most=10_000):
    counts = draw(
        st.lists(
            st.integers(1, most).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))),
            min_size=1,
            max_size=6,
        )
    )
    n, c = map(list, zip(*counts, strict=True))
    return n, c, draw(st.lists(st.integers(1, min(n)), min_size=1, max_size=4))


@prop(pools())
def test_pass_at_k_over_arrays_is_pass_at_k_of_each(pool):
    n, c, ks = pool
    table = metrics.pass_at_k(np.array(n), np.array(c), np.array(ks))
    assert table.shape == (len(n), len(ks))
    for row, problem in enumerate(zip(n, c, strict=True)):
        expected = [estimators.pass_at_k(*problem, k) for k in ks]
        assert table[row] == pytest.approx(expected, abs=1e-11)


def test_the_shape_of_the_result_is_the_problems_and_then_k():
    one = metrics.pass_at_k(10, 3, 1)
    assert isinstance(one, float)
    assert one == pytest.approx(0.3)
    assert metrics.pass_at_k(10, 3, [1, 10]).tolist() == pytest.approx([0.3, 1])
    assert metrics.pass_at_k(10, [0, 5, 10], 1).tolist() == pytest.approx([0, 0.5, 1])
    assert metrics.pass_at_k([[4], [8]], [[1], [8]], [[1, 2]]).shape == (2, 1, 1, 2)


def test_ten_thousand_samples_do_not_overflow():
    values = metrics.pass_at_k(10_000, np.arange(10_001), 5_000)
    assert np.isfinite(values).all()
    assert (np.diff(values) >= 0).all()
    assert values[0] == 0
    assert values[1] == pytest.approx(0.5)
    assert values[-1] == 1


@pytest.mark.parametrize(
    ("n", "c", "k"),
    [
        ([9, 10], [1, 1], 10),
        (10, 11, 1),
        (10, -1, 1),
        (10, 1, 0),
        (10, 1, [1, 11]),
        ([], [], 1),
        (10, 1, []),
        ([1, 2, 3], [1, 1], 1),
    ],
)
def test_counts_that_cannot_be_are_value_errors(n, c, k):
    with pytest.raises(ValueError, match=r"within|no problems|broadcast"):
        metrics.pass_at_k(n, c, k)


@pytest.mark.parametrize("numbers", [(10.0, 1, 1), (10, math.nan, 1), (10, 1, 1.5), (10, True, 1)])
def test_numbers_that_are_no_integers_are_type_errors(numbers):
    with pytest.raises(TypeError, match="must be integers"):
        metrics.pass_at_k(*numbers)


@st.composite
def rankings(draw):
    n = draw(st.integers(1, 60))
    passed = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    scores = st.sampled_from([-1.0, 0.0, 0.25, 2.0, math.inf])
    return (
        passed,
        draw(st.none() | st.lists(scores, min_size=n, max_size=n)),
        draw(st.lists(st.integers(1, n), min_size=1, max_size=4)),
    )


@prop(rankings())
def test_rank_score_over_arrays_is_rank_score_of_each(ranking):
    passed, scores, ks = ranking
    curve = metrics.rank_score_at_k(passed, ks, scores)
    assert curve.shape == (len(ks),)
    expected = [estimators.rank_score_at_k(passed, k, scores) for k in ks]
    assert curve == pytest.approx(expected, abs=1e-12)
    assert metrics.rank_score_at_k(passed, ks[0], scores) == pytest.approx(expected[0])


def test_rank_scores_of_many_problems_are_those_of_each():
    chance = np.random.default_rng(5)
    passed = chance.random((7, 50)) < 0.3
    scores = chance.integers(0, 9, (7, 50)).astype(float)
    ks = np.arange(1, 26)
    together = metrics.rank_scores_at_k(passed, ks, scores)
    assert together.shape == (7, 25)
    for row in range(7):
        assert together[row] == pytest.approx(metrics.rank_score_at_k(passed[row], ks, scores[row]))


def test_an_oracle_gives_pass_at_k_and_ties_give_the_plain_rate_at_ten_thousand():
    passed = np.arange(10_000) % 3 == 0
    ks = np.array([1, 2, 50, 5_000, 10_000])
    oracle = metrics.rank_score_at_k(passed, ks, ~passed)
    assert oracle == pytest.approx(metrics.pass_at_k(10_000, int(passed.sum()), ks), abs=1e-9)
    tied = metrics.rank_score_at_k(passed, ks, np.zeros(10_000))
    assert tied == pytest.approx(np.full(5, passed.mean()), abs=1e-9)


def test_blocks_of_problems_and_of_k_change_nothing():
    """Of 10,000 samples no more than 419 rows are held at a time: 600 are two blocks."""
    n, many = 10_000, 600
    few, ks = np.arange(many), np.array([1, 50, n])
    together = metrics.pass_at_k(np.full(many, n), few, ks)
    for row in (0, 418, 419, 420, many - 1):
        assert np.array_equal(together[row], metrics.pass_at_k(n, int(few[row]), ks))
    passed, every = few[:3, None] > np.arange(n), np.arange(1, many + 1)
    ranked = metrics.rank_scores_at_k(passed, every)
    for k in (1, 419, 420, 421, many):
        assert ranked[:, k - 1] == pytest.approx(metrics.rank_scores_at_k(passed, k))
    values = few[np.arange(n) % many] / many
    drawn = np.random.default_rng(7).multinomial(n, np.full(n, 1 / n), size=many) @ values / n
    band = metrics.bootstrap_mean(values, seed=7, rounds=many)
    assert [band.low, band.high] == pytest.approx(np.quantile(drawn, (0.025, 0.975)))


@pytest.mark.parametrize(
    ("passed", "k", "scores"),
    [
        ([], 1, None),
        ([1, 0], 3, None),
        ([1, 0], 0, None),
        ([1, 0.5], 1, None),
        ([1, math.nan], 1, None),
        ([1, 0], 1, [1.0]),
        ([1, 0], 1, [1.0, math.nan]),
    ],
)
def test_rankings_that_are_none_are_value_errors(passed, k, scores):
    with pytest.raises(ValueError, match=r"within|verdict|shape|NaN"):
        metrics.rank_score_at_k(passed, k, scores)


def test_the_bootstrap_has_the_spread_of_repeated_experiments():
    """One world, many experiments: 60 problems drawn anew, with 10 samples of each."""
    world = np.random.default_rng(11)
    rates = world.beta(0.5, 1.0, size=(4000, 60))
    means = metrics.pass_at_k(10, world.binomial(10, rates).ravel(), 4).reshape(4000, 60).mean(1)
    widths = [
        np.ptp([band.low, band.high])
        for seed in range(30)
        for band in [
            metrics.bootstrap_mean(
                metrics.pass_at_k(10, world.binomial(10, world.beta(0.5, 1.0, 60)), 4),
                seed=seed,
                rounds=600,
            )
        ]
    ]
    # Drawing the samples inside each problem again would make this a good tenth wider.
    assert fmean(widths) / (2 * 1.96 * means.std()) == pytest.approx(1, abs=0.06)


def test_every_problem_is_drawn_as_often():
    values = np.zeros(50)
    values[-1] = 1  # its draws are binomial, 50 of chance 1/50, with these quantiles
    band = metrics.bootstrap_mean(values, rounds=4000)
    assert (float(band.low), float(band.high)) == (0, 3 / 50)


def test_a_band_has_the_shape_of_a_curve_and_repeats_with_its_seed():
    values = metrics.pass_at_k(np.full(30, 20), np.arange(30) % 21, np.array([1, 5, 10]))
    band = metrics.bootstrap_mean(values, rounds=300, seed=2)
    assert band.value == pytest.approx(values.mean(axis=0))
    assert band.low.shape == band.high.shape == (3,)
    assert (band.low < band.value).all()
    assert (band.value < band.high).all()
    assert (metrics.bootstrap_mean(values, rounds=300, seed=2).low == band.low).all()
    assert (metrics.bootstrap_mean(values, rounds=300, seed=3).low != band.low).any()


def test_pairs_tell_a_steady_gain_from_the_difference_of_problems():
    theirs = np.linspace(0, 0.9, 50)
    gain = metrics.bootstrap_difference(theirs + 0.1, theirs, rounds=300)
    assert gain.value == pytest.approx(0.1)
    assert gain.high - gain.low == pytest.approx(0, abs=1e-9)
    alone = metrics.bootstrap_mean(theirs, rounds=300)
    assert alone.high - alone.low > 0.1


@pytest.mark.parametrize("values", [[], 0.5, [[]], [0.5, math.nan]])
def test_a_bootstrap_of_nothing_is_an_error(values):
    if values == [[]]:
        assert metrics.bootstrap_mean(values, rounds=5).value.size == 0
        return
    with pytest.raises(ValueError, match="at least one problem"):
        metrics.bootstrap_mean(values)


def test_a_difference_needs_pairs():
    with pytest.raises(ValueError, match="no pairs"):
        metrics.bootstrap_difference([0.1, 0.2], [0.1])


def test_a_greedy_point_is_a_rate_at_the_cost_of_one_answer():
    point = metrics.greedy_point([True, False, True, True], 10.41)
    assert point.cost == 10.41
    assert point.rate == metrics.wilson(3, 4)


def test_estimators_are_exported_here_too():
    for name in set(statistics.__all__) & set(vars(estimators)):
        if name not in {"pass_at_k", "rank_score_at_k"}:
            assert getattr(metrics, name) is getattr(estimators, name)
    assert {"averaged_nll", "treat_cut", "pass_flops_at_f"} <= set(statistics.__all__)


def test_the_short_name_has_all_that_the_package_exports():
    for name in statistics.__all__:
        assert getattr(metrics, name) is getattr(statistics, name)
    with pytest.raises(AttributeError, match="no attribute 'mode'"):
        _ = statistics.mode


def test_a_share_is_of_sums_and_its_interval_over_problems():
    part, whole = np.array([1, 0, 8, 2]), np.array([2, 0, 8, 10])
    share = metrics.bootstrap_share(part, whole, rounds=400)
    assert share.value == 11 / 20
    assert 0.2 <= share.low < share.value < share.high <= 1.0
    assert metrics.bootstrap_share(part, whole, rounds=400) == share
    # By problems: ten times the samples of each say no more of how problems differ.
    assert metrics.bootstrap_share(part * 10, whole * 10, rounds=400) == share
    # Where all problems have as many, it is the mean's own.
    band = metrics.bootstrap_mean(part / 8, rounds=400, seed=5)
    even = metrics.bootstrap_share(part, np.full(4, 8), rounds=400, seed=5)
    assert (even.value, even.low, even.high) == pytest.approx(
        tuple(map(float, (band.value, band.low, band.high)))
    )


@pytest.mark.parametrize(
    ("part", "whole"), [([], []), ([0], [0]), ([1], [1, 2]), ([2], [1]), ([-1], [1]), (1, 2)]
)
def test_what_is_no_share_is_an_error(part, whole):
    with pytest.raises(ValueError, match=r"share|whole"):
        metrics.bootstrap_share(part, whole)
