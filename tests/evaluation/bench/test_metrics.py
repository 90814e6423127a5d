"""The metrics beside two other ways: what is compared, what is extrapolated, what is printed."""

import numpy as np
import pytest

from evaluation.bench.metrics import MadeUpVerdicts, figure_7, measure, product_formula


def test_the_bench_compares_the_ways_and_says_what_is_extrapolated():
    timings = measure(MadeUpVerdicts.of(6, 120), 50, 1)
    assert [timing.extrapolated for timing in timings] == [False] * 3 + [True] * 2
    assert {timing.pairs for timing in timings[:3]} == {6 * 50}
    assert all(timing.seconds > 0 for timing in timings)


def test_a_bench_of_wrong_values_fails():
    def wrong(n, c, k):
        return np.full((len(n), len(k)), 0.5)

    with pytest.raises(ArithmeticError, match="product formula"):
        measure(MadeUpVerdicts.of(4, 100), 50, 1, ours=wrong)


def test_the_other_ways_are_the_papers():
    """Of 4 samples 2 passed; by an oracle they stand first. By hand: 1 - C(2, 2) / C(4, 2)."""
    assert figure_7(4, 2, [True, True, False, False]) == pytest.approx(5 / 6)
    assert product_formula(4, 2, 2) == pytest.approx(5 / 6)
    assert product_formula(4, 3, 2) == 1.0


def test_the_bench_prints_its_table(cli):
    result = cli("evaluate", "bench-metrics", "--rounds", 1)
    assert result.exit_code == 0, result.output
    assert "500 problems" in result.stdout
    assert "extrapolated" in result.stdout
    assert "Figure 7" in result.stdout
