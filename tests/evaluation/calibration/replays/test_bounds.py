import pytest
from made_problems import COST, problem

from evaluation.calibration.replays.bounds import by_outcomes, by_rates
from policies.estimators import pass_at_k


def test_who_knows_the_outcomes_asks_for_the_cheapest_pass_or_for_nothing():
    found = problem(small=[(50, False), (40, True)], large=[(5, True)])
    small, large = (COST.draw(m, 100, [n]) for m, n in (("small", 40), ("large", 5)))
    assert small < large
    nothing, least, most = by_outcomes(found, COST, [small * 0.99, small, 10 * large])
    assert (nothing.success, nothing.flops) == (0, 0)
    assert (least.success, least.flops) == (most.success, most.flops) == (1, small)


def test_by_the_second_tests_another_answer_may_be_the_one():
    found = problem(plus=frozenset({"large/0\n"}))
    large = COST.draw("large", 100, [60])
    less, enough = by_outcomes(found, COST, [0.99 * large, large])
    assert (less.success, less.plus) == (1, 0)
    assert (enough.success, enough.plus) == (1, 1)


def test_an_answer_beyond_a_large_call_is_none():
    (found,) = by_outcomes(problem(small=[(257, True)], large=[(9, False)]), COST, [1e20])
    assert found.success == 0


def test_who_knows_the_rates_draws_nothing_where_nothing_passes():
    hopeless = problem(small=[(50, False)] * 4, large=[(60, False)] * 4)
    assert [(e.success, e.flops) for e in by_rates(hopeless, COST, [1e13])] == [(0, 0)]


def test_who_knows_the_rates_takes_what_a_sure_pass_costs():
    sure = problem(small=[(50, False)] * 4, large=[(60, True)] * 4)
    (found,) = by_rates(sure, COST, [1e14])
    assert found.success == 1
    assert found.flops == pytest.approx(COST.draw("large", 100, [60]), rel=0.01)


def test_who_knows_the_rates_is_ahead_of_every_width_of_one_model():
    found = problem(small=[(50, True), *[(50, False)] * 7], large=[(60, False)] * 4)
    cap = COST.draw("small", 100, [51] * 4)
    (known,) = by_rates(found, COST, [cap])
    # It draws with replacement, since it knows a rate and not the samples.
    assert known.success == pytest.approx(1 - (7 / 8) ** 4)
    assert known.success <= pass_at_k(8, 1, 4)
    assert known.flops <= cap


def test_what_a_draw_takes_until_its_first_pass_is_the_mean_over_all_draws():
    """By hand: of two samples out of (20, passes) and (0, fails), with replacement."""
    found = problem(small=[(20, True), (0, False)], large=[(60, False)])
    prompt, token = COST.prefill("small", 100), COST.decode("small", 100, 100) / 100
    pairs = [40, 20, 20, 0]  # both that pass, which end together; one that says nothing; neither
    widths = {1: 20 / 2, 2: sum(pairs) / 4}
    for width, spoken in widths.items():
        cap = prompt + token * spoken
        (known,) = by_rates(found, COST, [cap * (1 + 1e-9)])
        assert known.success == pytest.approx(1 - 0.5**width)
        assert known.flops == pytest.approx(cap)


def test_an_answer_that_is_too_long_is_right_by_no_tests():
    long = problem(small=[(300, True), (20, True)], plus=frozenset({"small/0\n", "small/1\n"}))
    (known,) = by_rates(long, COST, [1e13])
    assert known.plus <= known.success <= 1


@pytest.mark.parametrize("caps", [[1e11, 1e12, 1e13, 1e14]])
def test_more_to_spend_is_never_worse(caps):
    found = problem(small=[(50, True), *[(40, False)] * 7], large=[(60, False), (90, True)])
    success = [each.success for each in by_rates(found, COST, caps)]
    assert success == sorted(success)
