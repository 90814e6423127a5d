import math
from dataclasses import replace

import pytest
from calibrations import CALLS, SUCCESS, calibration, ladder, ladders
from hypothesis import example, given
from hypothesis import strategies as st
from world import COST, task

from policies.cost import CostModel, UnknownCost
from policies.forecast import Forecast, Seen, Trend
from policies.ladder import Domain, Length
from policies.plans.auto import Auto
from policies.plans.best_of_n import BestOfN
from policies.plans.cascade import Cascade
from policies.plans.climb import Climb
from policies.plans.single import Single
from policies.policy import Policy
from policies.values import Budget, TargetTooHigh

CLIMB = Climb(calibration())
CALL = COST.ceiling("large", 100, 1, 256)
TASK = task()
SLOW = Trend.of([Seen(1, 0.01)])


@pytest.mark.parametrize("policy", [Single(), BestOfN(), Cascade(), Auto()])
def test_what_was_not_calibrated_foresees_nothing(policy: Policy) -> None:
    assert policy.foresees(TASK, Budget(), COST) is None
    assert policy.offers(TASK, Budget(), COST) is None


@pytest.mark.parametrize("models", [("small",), ("large",), ("small", "other")])
def test_auto_foresees_nothing_where_it_does_not_climb(models: tuple[str, ...]) -> None:
    auto = Auto(climb=CLIMB)
    assert auto.foresees(task(*models), Budget(), COST) is None
    assert auto.foresees(TASK, Budget(), COST) == CLIMB.foresees(TASK, Budget(), COST)
    assert auto.offers(TASK, Budget(), COST) == CLIMB.offers(TASK, Budget(), COST)


@pytest.mark.parametrize(
    ("calls", "at"), [(0.1, 0), (0.25, 0), (0.99, 0), (1, 1), (3.9, 2), (4, 3), (9, 3)]
)
def test_a_budget_is_counted_in_large_calls_after_its_own_prompt(calls: float, at: int) -> None:
    for prompt in (10, 100, 1500):
        asked = task(prompt=prompt)
        call = COST.ceiling("large", prompt, 1, 256)
        found = CLIMB.foresees(asked, Budget(calls * call), COST)
        assert found.ladder.calls == CALLS[at]
        assert found.call == call
        assert ("fewer" in found.extrapolates) == (calls < CALLS[0])
        assert ("more" in found.extrapolates) == (calls > CALLS[-1])


def test_time_counts_in_large_calls_where_it_is_known() -> None:
    timed = CostModel(COST.rates, {"large": Forecast(step=SLOW)})
    call_ms = 1000 * timed.seconds("large", 100, 1, 256)
    for calls in CALLS:
        found = CLIMB.foresees(TASK, Budget(latency_ms=calls * call_ms), timed)
        assert found.ladder.calls == calls
        unknown = CLIMB.foresees(TASK, Budget(latency_ms=calls * call_ms), COST)
        assert unknown.ladder.calls == CALLS[-1]
        assert not unknown.extrapolates
    both = CLIMB.foresees(TASK, Budget(CALL, 4 * call_ms), timed)
    assert both.ladder.calls == 1


def test_what_is_offered_is_what_such_a_budget_buys() -> None:
    timed = CostModel(COST.rates, {"large": Forecast(step=SLOW)})
    offers = CLIMB.offers(TASK, Budget(), timed)
    assert [offer.found.ladder.calls for offer in offers] == list(CALLS)
    for offer in offers:
        assert CLIMB.foresees(TASK, Budget(offer.flops), timed) == offer.found
        assert offer.seconds is not None
        assert CLIMB.foresees(TASK, Budget(latency_ms=1000 * offer.seconds), timed) == offer.found
        assert offer.expected_flops == offer.found.ladder.spent.value * CALL
    assert {offer.seconds for offer in CLIMB.offers(TASK, Budget(), COST)} == {None}


budgets = st.none() | st.floats(0.01, 20)
targets = st.none() | st.floats(0.01, 0.99)


@given(budgets, targets)
def test_offers_and_targets_keep_to_the_budget(calls: float | None, target: float | None) -> None:
    budget = Budget(None if calls is None else calls * CALL, target=target)
    fitting = [s for c, s in zip(CALLS, SUCCESS, strict=True) if calls is None or c <= calls]
    if target is not None and target > max(fitting, default=0):
        for tell in (CLIMB.foresees, CLIMB.offers):
            with pytest.raises(TargetTooHigh) as refused:
                tell(TASK, budget, COST)
            assert refused.value.best == max(fitting, default=0)
        return
    offers = CLIMB.offers(TASK, budget, COST)
    told = [offer.found.ladder.success.value for offer in offers]
    assert told == [success for success in fitting if success >= (target or 0)]
    if target is not None:
        found = CLIMB.foresees(TASK, budget, COST)
        assert found == offers[0].found
        assert not found.extrapolates
        plan = CLIMB.plan(TASK, budget, COST)
        assert next(plan)


probabilities = st.floats(0.06, 0.9)


@given(
    st.lists(st.tuples(probabilities, st.floats(0.1, 1.0)), min_size=4, max_size=4),
    st.floats(0.01, 0.9),
    st.floats(0.5, 9),
)
@example([(0.1, 0.5), (0.2, 0.5), (0.3, 0.5), (0.4, 0.5)], 0.1, 0.538)
def test_whatever_was_calibrated_offers_are_what_is_bought(
    given_ladders: list[tuple[float, float]], target: float, unit: float
) -> None:
    """Also where more budget promises less, or hardly more for much more, or divides unevenly."""
    made = tuple(
        ladder(each.calls * unit, success, each.rungs, spent=share * each.calls)
        for each, (success, share) in zip(ladders(), given_ladders, strict=True)
    )
    domain = Domain("code", (Length(100, made, made),), {})
    climb = Climb(replace(calibration(), domains={"code": domain}))
    offers = climb.offers(TASK, Budget(), COST)
    assert offers
    for offer in offers:
        assert climb.foresees(TASK, Budget(offer.flops), COST) == offer.found
        assert not offer.found.extrapolates
    if target > max(success for success, _ in given_ladders):
        return
    reaching = climb.offers(TASK, Budget(target=target), COST)
    assert reaching[0].found == climb.foresees(TASK, Budget(target=target), COST)
    for offer in reaching:
        wanted = Budget(target=offer.found.ladder.success.value)
        assert climb.foresees(TASK, wanted, COST) == offer.found
    spent = [offer.expected_flops for offer in reaching]
    assert spent == sorted(spent)


trends = st.builds(Trend, st.floats(0.001, 1), st.floats(0, 0.1))


@given(
    st.lists(st.tuples(probabilities, st.floats(0.1, 1.0)), min_size=4, max_size=4),
    st.integers(1, 5000),
    st.fixed_dictionaries(
        {name: st.builds(Forecast, trends, trends) for name in ("small", "large")}
    ),
    st.none() | st.floats(1, 100_000),
)
def test_what_is_offered_can_be_drawn_and_ends_in_the_time_that_there_is(
    given_ladders: list[tuple[float, float]],
    prompt: int,
    forecasts: dict[str, Forecast],
    latency_ms: float | None,
) -> None:
    made = tuple(
        ladder(each.calls, success, each.rungs, spent=share * each.calls)
        for each, (success, share) in zip(ladders(), given_ladders, strict=True)
    )
    domain = Domain("code", (Length(100, made, made),), {})
    climb = Climb(replace(calibration(), domains={"code": domain}))
    asked, timed = task(prompt=prompt), CostModel(COST.rates, forecasts)
    for offer in climb.offers(asked, Budget(latency_ms=latency_ms), timed):
        assert climb.foresees(asked, Budget(offer.flops, latency_ms), timed) == offer.found
        assert next(climb.plan(asked, Budget(offer.flops, latency_ms), timed))
        assert offer.seconds is not None
        assert latency_ms is None or 1000 * offer.seconds <= latency_ms * (1 + 1e-6)


def test_an_offer_pays_for_the_shortest_answer_that_is_drawn() -> None:
    """The cheapest ladder is worth most, and the prompt too long for its budget."""
    made = ladders(of=(0.5, 0.5, 0.5, 0.5))
    domain = Domain("code", (Length(100, made, made),), {})
    climb = Climb(replace(calibration(), domains={"code": domain}))
    asked = task(prompt=4000)
    (offer,) = climb.offers(asked, Budget(), COST)
    assert offer.found.ladder.calls == CALLS[0]
    assert next(climb.plan(asked, Budget(offer.flops), COST))


def test_where_width_is_free_an_offer_takes_the_time_of_its_longest_answer() -> None:
    free = Forecast(Trend(0.1), Trend(0.01, 0.00001), usual_tokens=21)
    timed = CostModel(COST.rates, {"small": free, "large": free})
    usual_s = timed.seconds("large", 100, 1, 21)
    offers = CLIMB.offers(TASK, Budget(latency_ms=1001 * usual_s), timed)
    assert [offer.found.ladder.calls for offer in offers] == list(CALLS)
    assert {offer.seconds for offer in offers} == {usual_s}
    told = "all models draw at once, since width costs no time"
    assert {offer.found.extrapolates for offer in offers} == {told}
    assert CLIMB.offers(TASK, Budget(latency_ms=999 * usual_s), timed) == ()


def test_dominated_ladders_are_not_offered() -> None:
    made = CLIMB.calibration
    for of, left in (
        ((0.3, 0.3, 0.6, 0.6), (0.25, 2.0)),
        ((0.3, 0.2, 0.25, 0.4), (0.25, 4.0)),
        ((0.6, 0.5, 0.4, 0.3), (0.25,)),
        ((0.05, 0.05, 0.3, 0.4), (2.0, 4.0)),
    ):
        kept = [each.calls for each in made.frontier(ladders(of=of, less=0.05))]
        assert tuple(kept) == left


def test_what_of_a_task_was_not_calibrated_is_told() -> None:
    def told(**fields: object) -> str:
        return CLIMB.foresees(task(**fields), Budget(), COST).extrapolates  # type: ignore[arg-type]

    assert told() == ""
    assert told(temperature=0.0) == "the temperature 0 is the request's own"
    assert told(n=3) == "3 answers are wanted"
    assert told(max_tokens=47) == "answers are cut at 47 tokens"
    assert told(max_tokens=48) == ""
    assert told(kind="fill") == "fill is no calibrated kind of task"
    assert told(prompt=2000) == ""
    assert told(prompt=2001) == "the prompt has more than twice 1000 tokens"
    counted = replace(CLIMB, calibration=replace(calibration(), basis="paper"))
    by_counts = counted.foresees(task(prompt=2001), Budget(), COST).extrapolates
    assert by_counts == "every sample was taken to cost the same, prompt included"
    alone = CLIMB.foresees(task("small"), Budget(), COST)
    assert alone.extrapolates == "nothing can be drawn from large"
    assert told(kind="chat", n=2).count("; ") == 1


def test_flops_are_not_needed_without_a_budget_of_them() -> None:
    nobody = CostModel({})
    assert CLIMB.foresees(TASK, Budget(), nobody).call is None
    with pytest.raises(UnknownCost):
        CLIMB.foresees(TASK, Budget(1e12), nobody)
    with pytest.raises(UnknownCost):
        CLIMB.offers(TASK, Budget(), nobody)


def test_a_domain_that_the_operator_names_is_that_of_every_request() -> None:
    told = Climb(calibration(), domain="code").foresees(task(kind="chat"), Budget(), COST)
    assert told.domain.name == "code"
    assert not told.extrapolates
    assert math.isclose(told.ladder.success.value, SUCCESS[-1])
