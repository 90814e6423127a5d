"""Rates and differences with their intervals, by known values and by their laws."""

import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.statistics import paired_difference, percentile, wilson
from evaluation.statistics.intervals import Estimate, paired_ratio, quantile

counts = st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("passed", "n", "low", "high"),
    # R: prop.test(passed, n, correct = FALSE), which is Wilson's interval
    [
        (85, 164, 0.4423, 0.5935),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (1, 2, 0.0945, 0.9055),
    ],
)
def test_wilson_against_known_values(passed, n, low, high):
    interval = wilson(passed, n)
    assert (interval.low, interval.high) == (
        pytest.approx(low, abs=2e-4),
        pytest.approx(high, abs=2e-4),
    )


@given(counts)
def test_wilson_contains_the_rate_and_stays_a_rate(count):
    passed, n = count
    interval = wilson(passed, n)
    assert interval.value == passed / n
    assert 0 <= interval.low <= interval.value <= interval.high <= 1
    assert interval.low < interval.high


@given(counts)
def test_wilson_mirrors_passes_and_failures(count):
    passed, n = count
    one, other = wilson(passed, n), wilson(n - passed, n)
    assert one.low == pytest.approx(1 - other.high, abs=1e-12)


@given(counts, st.integers(2, 50))
def test_more_problems_narrow_the_interval(count, times):
    passed, n = count
    few, many = wilson(passed, n), wilson(passed * times, n * times)
    assert many.high - many.low < few.high - few.low


@given(counts, st.floats(0.5, 0.9), st.floats(0.91, 0.999))
def test_more_confidence_widens_the_interval(count, less, more):
    narrow, wide = wilson(*count, confidence=less), wilson(*count, confidence=more)
    assert wide.low <= narrow.low
    assert wide.high >= narrow.high


@pytest.mark.parametrize(("passed", "n"), [(0, 0), (-1, 3), (4, 3)])
def test_wilson_refuses_what_is_no_rate(passed, n):
    with pytest.raises(ValueError, match="no rate"):
        wilson(passed, n)


floats = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)


@given(floats, st.floats(0, 1))
def test_a_percentile_lies_among_the_values(values, fraction):
    assert min(values) <= percentile(values, fraction) <= max(values)


@given(floats)
def test_the_ends_and_the_order_of_percentiles(values):
    assert percentile(values, 0) == min(values)
    assert percentile(values, 1) == max(values)
    assert percentile(values, 0.25) <= percentile(values, 0.95)


@given(st.floats(-1e9, 1e9), st.integers(1, 50), st.floats(0, 1))
def test_a_percentile_of_values_that_are_the_same_is_each_of_them(value, n, fraction):
    assert percentile([value] * n, fraction) == value


def test_a_percentile_between_two_values_is_interpolated():
    assert percentile([40, 10, 30, 20], 0.95) == pytest.approx(38.5)  # numpy.percentile's default
    with pytest.raises(ValueError, match="no quantile"):
        percentile([], 0.5)


pairs = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40)


@given(pairs)
def test_a_difference_is_that_of_the_rates_and_turns_with_the_sides(results):
    ours, theirs = zip(*results, strict=True)
    one = paired_difference(ours, theirs, rounds=200)
    other = paired_difference(theirs, ours, rounds=200)
    assert one.value == pytest.approx((sum(ours) - sum(theirs)) / len(ours))
    assert (one.low, one.high) == (pytest.approx(-other.high), pytest.approx(-other.low))


def test_pairing_tells_a_small_but_steady_gain_from_chance():
    theirs = [n % 2 == 0 for n in range(160)]
    ours = [passed or n % 16 == 1 for n, passed in enumerate(theirs)]
    gain = paired_difference(ours, theirs)
    assert gain.value == pytest.approx(1 / 16)
    assert 0 < gain.low < gain.value < gain.high < 0.12
    assert gain == paired_difference(ours, theirs)
    assert paired_difference(ours, ours).low == 0 == paired_difference(ours, ours).high


def test_the_interval_of_a_difference_has_the_width_of_its_normal_limit():
    ours, theirs = [n % 5 < 2 for n in range(400)], [n % 7 < 2 for n in range(400)]
    gain = paired_difference(ours, theirs)
    square = sum((a - b) ** 2 for a, b in zip(ours, theirs, strict=True)) / 400
    error = ((square - gain.value**2) / 400) ** 0.5
    assert (gain.high - gain.low) / (2 * error) == pytest.approx(1.96, abs=0.06)
    narrow = paired_difference(ours, theirs, confidence=0.68)
    assert (narrow.high - narrow.low) / (2 * error) == pytest.approx(0.994, abs=0.06)


def test_a_difference_needs_pairs():
    with pytest.raises(ValueError, match="no pairs"):
        paired_difference([True], [True, False])


costs = st.lists(st.tuples(st.floats(0, 9), st.floats(0.5, 9)), min_size=1, max_size=40)


@given(costs, st.floats(0.1, 10))
def test_a_ratio_is_that_of_the_sums_and_scales_with_ours(results, factor):
    ours, theirs = zip(*results, strict=True)
    one = paired_ratio(ours, theirs, rounds=200)
    assert one.value == pytest.approx(sum(ours) / sum(theirs))
    assert one.low <= one.high
    scaled = paired_ratio([factor * each for each in ours], theirs, rounds=200)
    assert (scaled.low, scaled.high) == (
        pytest.approx(factor * one.low),
        pytest.approx(factor * one.high),
    )


def test_the_interval_of_a_ratio_has_the_width_of_its_normal_limit():
    ours, theirs = [1 + n % 5 for n in range(400)], [2 + n % 7 for n in range(400)]
    ratio = paired_ratio(ours, theirs)
    squares = sum((a - ratio.value * b) ** 2 for a, b in zip(ours, theirs, strict=True))
    error = squares**0.5 / sum(theirs)  # the delta method
    assert (ratio.high - ratio.low) / (2 * error) == pytest.approx(1.96, abs=0.08)


def test_a_ratio_needs_pairs_and_something_to_be_held_against():
    with pytest.raises(ValueError, match="no pairs"):
        paired_ratio([1.0], [])
    with pytest.raises(ValueError, match="not positive"):
        paired_ratio([1.0, 1.0], [1.0, 0.0])


@pytest.mark.parametrize("module", ["evaluation.statistics", "evaluation.gateway.comparison"])
def test_a_table_of_rates_needs_no_numpy(module):
    script = f"import sys\nsys.modules['numpy'] = None\nimport {module}"
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([1.0], 0.5, 1.0),
        ([1.0, 2.0], 0.5, 1.0),
        ([3.0, 1.0, 2.0], 0.5, 2.0),
        (range(1, 101), 0.99, 99),
        (range(1, 102), 0.99, 100),
        ([1.0, 2.0, 3.0, 4.0], 0.9, 4.0),
        ([1.0, 2.0], 0.0, 1.0),
    ],
)
def test_quantiles_are_values_that_are_there(values, share, expected):
    assert quantile(list(values), share) == expected


def test_there_is_no_quantile_of_nothing():
    assert math.isnan(quantile([], 0.5))


def test_an_estimate_in_percent():
    assert Estimate(0.61, 0.5336, 0.6811).percent() == "61.0 (53.4 to 68.1)"
    assert Estimate(0.0012, -0.02, 0.1).percent("+") == "+0.1 (-2.0 to +10.0)"
