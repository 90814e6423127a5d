"""Climbing calibrated ladders: which rungs, how wide, how long, and what ends a climb."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest
from calibrations import calibration, ladder
from world import COST, World, task

from policies.cost import CostModel
from policies.forecast import Forecast, Trend
from policies.ladder import Answers, Domain, Interval, Length, Rung
from policies.plans.auto import Auto
from policies.plans.best_of_n import BestOfN
from policies.plans.cascade import Cascade
from policies.plans.climb import Climb
from policies.plans.pinning import PolicyMismatch
from policies.protocol import Done, Draw, Started, Wait
from policies.values import (
    Budget,
    InvalidBudget,
    InvalidTarget,
    ModelView,
    Remaining,
    TargetTooHigh,
    Task,
)
from router.plan.run import Run
from router.upstream.failures import UpstreamError
from router.upstream.said.chunks import Chunk, TokenLogprob

CLIMB = Climb(calibration())
CALL = CLIMB.calibration.call(100, COST)


def drawn(world: World) -> list[tuple[str, int, float]]:
    return [(draw.model, draw.n, draw.temperature) for draw in world.draws]


def test_rungs_are_drawn_in_order_until_one_passes() -> None:
    world = World(length=lambda _: 20)
    world.perform(CLIMB, task(), 4 * CALL)
    assert drawn(world) == [("small", 1, 0.0), ("small", 4, 0.8), ("large", 3, 0.8)]
    stopped = World(passes=lambda at, _: at == 2, length=lambda _: 20)
    stopped.perform(CLIMB, task(), 4 * CALL)
    assert drawn(stopped) == [("small", 1, 0.0), ("small", 4, 0.8)]


def test_an_answer_may_be_as_long_as_is_left_and_the_width_is_by_usual_lengths() -> None:
    world = World(length=lambda _: 20)
    world.perform(CLIMB, task(), CALL)
    greedy, second = world.draws[:2]
    assert greedy.max_tokens == 256
    assert second.n == 2
    assert COST.ceiling("small", 100, 2, second.max_tokens) <= CALL


def test_a_kind_that_was_not_calibrated_reserves_whole_answers() -> None:
    budget = 2 * CALL
    known, other = World(length=lambda _: 20), World(length=lambda _: 20)
    known.perform(CLIMB, task(max_tokens=1024), budget)
    other.perform(CLIMB, task(max_tokens=1024, kind="chat"), budget)
    assert max(draw.n for draw in known.draws) == 4
    assert max(draw.n for draw in other.draws) < 4
    assert CLIMB.foresees(task(kind="chat"), Budget(budget), COST).extrapolates
    assert not CLIMB.foresees(task(), Budget(budget), COST).extrapolates


def test_the_operator_may_know_the_kind_better_than_the_request() -> None:
    told = Climb(calibration(), domain="code")
    assert told.foresees(task(kind="chat"), Budget(CALL), COST).domain.name == "code"


@pytest.mark.parametrize(
    ("calls", "found", "extrapolates"),
    [
        *[(0.1, 0.25, True), (0.25, 0.25, False), (0.99, 0.25, False), (1, 1, False)],
        *[(3.9, 2, False), (4, 4, False), (9, 4, True)],
    ],
)
def test_the_largest_budget_that_is_not_above_is_taken(
    calls: float, found: float, extrapolates: bool
) -> None:
    foreseen = CLIMB.foresees(task(), Budget(calls * CALL), COST)
    assert foreseen.ladder.calls == found
    assert bool(foreseen.extrapolates) is extrapolates


def test_without_a_budget_the_longest_ladder_is_climbed() -> None:
    foreseen = CLIMB.foresees(task(), Budget(), COST)
    assert (foreseen.ladder.calls, foreseen.extrapolates) == (4, "")


def test_a_rung_that_does_not_fit_is_passed_over_and_the_rest_buys_a_shorter_answer() -> None:
    world = World(length=lambda draw: draw.max_tokens)
    world.perform(CLIMB, task(), 0.25 * CALL)
    assert world.draws
    assert world.spent <= 0.25 * CALL
    assert world.draws[-1].max_tokens < 256


def climbing(*rungs: Rung, answers: Answers) -> Climb:
    """One ladder of these rungs, of models whose passing answers have these lengths."""
    made = (ladder(1.0, 0.5, rungs),)
    known = dict.fromkeys(("small", "large"), answers)
    domains = {"code": Domain("code", (Length(100, made, made),), known)}
    return Climb(replace(calibration(), domains=domains))


@pytest.mark.parametrize(("tokens", "drawn"), [(99, 99), (60, 60), (59, None)])
def test_what_is_left_buys_an_answer_that_half_of_those_that_pass_would_fit(
    tokens: int, drawn: int | None
) -> None:
    """Of the model whose rung did not fit, and of no other: its own was drawn in full."""
    rungs = (Rung("small", 1, 0.0), Rung("large", 1, 0.0))
    plan = climbing(*rungs, answers=Answers(60, 100)).plan(task(), Budget(CALL), COST)
    first = next(plan)
    assert isinstance(first, Draw)
    assert (first.model, first.reason) == ("small", "rung 1 of 2 for 1 large calls")
    assert isinstance(plan.send(Started(0, 0.0)), Wait)
    left = Done(0, Remaining(COST.ceiling("large", 100, 1, tokens)))
    if drawn is None:
        with pytest.raises(StopIteration):
            plan.send(left)
        return
    last = plan.send(left)
    assert isinstance(last, Draw)
    assert (last.model, last.n, last.max_tokens) == ("large", 1, drawn)
    assert last.reason.startswith("what is left buys a shorter answer")


def test_the_largest_model_whose_rungs_were_cut_answers_with_what_is_left() -> None:
    rungs = (Rung("small", 4, 0.8), Rung("large", 2, 0.8))
    world = World(length=lambda _: 20)
    climb = climbing(*rungs, answers=Answers(48, 256))
    world.perform(climb, task(), COST.ceiling("small", 100, 4, 256) - 1)
    assert [draw.n for draw in world.draws] == [3, 1, 1]
    assert world.draws[1].model == "large"
    assert 48 <= world.draws[1].max_tokens < 256


def test_a_model_whose_upstream_fails_is_left_out() -> None:
    world = World(length=lambda _: 20, failing=frozenset({"small"}))
    world.perform(CLIMB, task(), 4 * CALL)
    assert drawn(world) == [("small", 1, 0.0), ("large", 3, 0.8)]


def test_at_temperature_0_no_model_is_drawn_from_twice() -> None:
    world = World(length=lambda _: 20)
    world.perform(CLIMB, task(temperature=0.0), 4 * CALL)
    assert drawn(world) == [("small", 1, 0.0), ("large", 1, 0.0)]


def test_the_callers_temperature_wins() -> None:
    world = World(length=lambda _: 20)
    world.perform(CLIMB, task(temperature=0.3), 4 * CALL)
    assert {temperature for _, _, temperature in drawn(world)} == {0.3}


def test_several_choices_widen_the_rungs() -> None:
    world = World(passes=lambda *_: True, length=lambda _: 20)
    candidates = world.perform(CLIMB, task(n=3), 4 * CALL)
    assert [draw.n for draw in world.draws] == [3]
    assert len(candidates) == 3


def test_a_narrow_rung_is_no_wider_than_what_is_still_wanted() -> None:
    rungs = (Rung("small", 1, 0.0), Rung("small", 1, 0.8))
    climb = climbing(*rungs, answers=Answers(20, 48))
    world = World(passes=lambda at, _: at == 0, length=lambda _: 20)
    world.perform(climb, task(n=3), 4 * CALL)
    assert [draw.n for draw in world.draws] == [3, 2]


@pytest.mark.parametrize(
    ("fields", "most"), [({}, 1 + 4 + 3 + 2), ({"n": 3}, 3 + 4 + 3 + 2), ({"temperature": 0.0}, 2)]
)
def test_a_climb_draws_its_longest_ladder_and_an_answer_of_each_model_at_most(
    fields: dict[str, object], most: int
) -> None:
    assert CLIMB.most_samples(task(**fields)) == most  # type: ignore[arg-type]


def test_a_target_takes_the_cheapest_ladder_that_reaches_it() -> None:
    wanted = Budget(4 * CALL, target=0.5)
    assert CLIMB.foresees(task(), wanted, COST).ladder.calls == 1
    with pytest.raises(TargetTooHigh, match=r"0\.6"):
        CLIMB.foresees(task(), Budget(2 * CALL, target=0.65), COST)


def test_a_target_keeps_to_the_budget_of_its_ladder() -> None:
    plan = CLIMB.plan(task(), Budget(target=0.3), COST)
    first = next(plan)
    assert isinstance(first, Draw)
    assert COST.ceiling("small", 100, first.n, first.max_tokens) <= 0.25 * CALL


@pytest.mark.parametrize(("slope", "free"), [(0.0169, True), (0.0171, False)])
def test_width_is_free_where_a_full_batch_takes_at_most_a_quarter_longer(
    slope: float, free: bool
) -> None:
    forecast = Forecast(step=Trend(1.0, slope))
    cost = CostModel(COST.rates, dict.fromkeys(("small", "large"), forecast))
    told = CLIMB.foresees(task(), Budget(latency_ms=1e9), cost).extrapolates
    assert ("width costs no time" in told) is free
    alone = CLIMB.foresees(task(batch=1), Budget(latency_ms=1e9), cost).extrapolates
    assert "width costs no time" not in alone


@pytest.mark.parametrize("target", [0, 1, -0.5, 2, float("nan")])
def test_a_target_is_a_probability(target: float) -> None:
    with pytest.raises(InvalidTarget):
        Budget(target=target)


def test_a_latency_budget_is_worth_as_many_calls_as_end_in_it() -> None:
    slow = {name: Forecast(Trend(0.1), Trend(0.0, 0.01)) for name in ("small", "large")}
    cost = replace(COST, forecasts=slow)
    call_s = cost.seconds("large", 100, 1, 256)
    found = CLIMB.foresees(task(), Budget(latency_ms=2500 * call_s), cost)
    assert found.ladder.calls == 2
    both = Budget(CALL, latency_ms=2500 * call_s)
    assert CLIMB.foresees(task(), both, cost).ladder.calls == 1


def test_where_width_is_free_both_models_draw_at_once_at_full_width() -> None:
    forecast = Forecast(Trend(0.02), Trend(0.01, 0.0001), usual_tokens=60)
    cost = CostModel(COST.rates, dict.fromkeys(("small", "large"), forecast))
    first, second = _commands(Budget(latency_ms=60_000), cost)
    assert [(each.model, each.n) for each in (first, second)] == [("small", 16), ("large", 16)]
    first, second = _commands(Budget(4 * CALL, latency_ms=60_000), cost)
    reserved = [COST.ceiling(d.model, 100, d.n, d.max_tokens) for d in (first, second)]
    assert sum(reserved) <= 4 * CALL


def test_where_every_sample_takes_time_the_ladder_is_climbed() -> None:
    forecast = Forecast(Trend(0.02), Trend(0.001, 0.01), usual_tokens=60)
    cost = CostModel(COST.rates, dict.fromkeys(("small", "large"), forecast))
    plan = CLIMB.plan(task(), Budget(latency_ms=60_000), cost)
    assert isinstance(next(plan), Draw)
    assert isinstance(plan.send(Started(0, 0.0)), Wait)


def _commands(budget: Budget, cost: CostModel) -> tuple[Draw, Draw]:
    plan = CLIMB.plan(task(), budget, cost)
    first = next(plan)
    second = plan.send(Started(0, 0.0))
    assert isinstance(first, Draw)
    assert isinstance(second, Draw)
    return first, second


def test_models_without_a_calibration_are_not_climbed() -> None:
    with pytest.raises(PolicyMismatch, match="large"):
        CLIMB.restrict(["small"], pinned=None)
    with pytest.raises(PolicyMismatch, match="auto"):
        CLIMB.restrict(["small", "large"], pinned="small")
    assert CLIMB.restrict(["small", "other", "large"], pinned=None) == ("small", "large")


def test_auto_climbs_where_all_models_of_the_calibration_are_there() -> None:
    auto = Auto(CLIMB)
    assert auto._policy(task()) is CLIMB
    assert auto._policy(task("small", "other", "large")) is CLIMB
    assert isinstance(auto._policy(task("small", "other")), Cascade)
    assert isinstance(auto._policy(task("small")), BestOfN)


def test_what_cannot_be_is_not_built() -> None:
    for wrong in ((0, 0.8), (2, 0.0), (1, -1.0), (1, float("inf"))):
        with pytest.raises(ValueError, match=r"draw|greedy"):
            Rung("small", *wrong)
    with pytest.raises(ValueError, match=r"0\.5"):
        Interval(0.5, 0.6, 0.7)
    with pytest.raises(InvalidBudget):
        Budget(flops=-1, target=0.5)


def test_a_rung_counts_on_the_prompt_that_the_climb_has_had_read() -> None:
    models = tuple(ModelView(name, 1000, 16, caches=True) for name in ("small", "large"))
    asked = replace(task(), models=models)
    budget = 1.2 * CLIMB.calibration.call(1000, COST)
    again, paid = (_second(asked, budget, kept) for kept in (999, 0))
    assert (again.counts_on_cache, paid.counts_on_cache) == (True, False)


def _second(asked: Task, flops: float, kept: int) -> Draw:
    """The draw after a first one that failed, of whose prompt so much was kept."""
    plan = CLIMB.plan(asked, Budget(flops), COST)
    first = next(plan)
    assert isinstance(first, Draw)
    plan.send(Started(0, 0.0))
    cost = COST.draw(first.model, 1000, [20])
    second = plan.send(Done(0, Remaining(flops - cost), kept_tokens=kept))
    assert isinstance(second, Draw)
    assert second.model == first.model
    return second


def test_a_target_spends_no_more_than_its_ladder_was_made_for_however_long_answers_are() -> None:
    world = World(length=lambda draw: draw.max_tokens)
    asked = task(max_tokens=2000)
    run = Run(CLIMB, asked, Budget(target=0.6), COST, sampler=world, judge=world, observer=world)
    outcome = asyncio.run(run.perform())
    assert outcome.ledger.used <= 2 * CALL


class Breaking(World):
    """The streams of `failing` models break after so many tokens of each sample."""

    said = 200

    async def sample(self, draw: Draw) -> AsyncGenerator[Chunk, None]:
        if draw.model not in self.failing:
            async for chunk in super().sample(draw):
                yield chunk
            return
        for index in range(draw.n):
            yield Chunk(index, "x", (TokenLogprob("", -0.1),) * min(self.said, draw.max_tokens))
        raise UpstreamError(draw.model, "broke off")


@pytest.mark.parametrize(("target", "calls"), [(0.3, 0.25), (0.5, 1), (0.6, 2), (0.7, 4)])
@pytest.mark.parametrize("failing", [("small",), ("large",), ("small", "large")])
def test_a_target_spends_no_more_than_its_ladder_also_on_draws_that_fail(
    failing: tuple[str, ...], target: float, calls: float
) -> None:
    world = Breaking(length=lambda draw: draw.max_tokens, failing=frozenset(failing))
    budget = Budget(target=target)
    run = Run(CLIMB, task(), budget, COST, sampler=world, judge=world, observer=world)
    outcome = asyncio.run(run.perform())
    assert 0 < outcome.ledger.used <= calls * CALL
    found = CLIMB.foresees(task(), budget, COST)
    assert found.within(budget).flops == calls * CALL
    assert found.within(Budget(0.1 * CALL, target=target)).flops == 0.1 * CALL
    assert found.within(Budget(latency_ms=5)) == Budget(latency_ms=5)


def test_something_is_drawn_where_the_ladders_model_cannot_be() -> None:
    small, large = task().models
    slow = {"small": Forecast(Trend(5), Trend(0.2)), "large": Forecast(Trend(0.1), Trend(0, 0.001))}
    cost = CostModel(COST.rates, slow)
    drawn = _first(Climb(calibration()), task(), Budget(latency_ms=1000), cost)
    assert drawn.model == "large"
    alone = replace(task(), models=(large,))
    assert _first(CLIMB, alone, Budget(0.6 * CALL), COST).model == "large"
    assert small.id == "small"


@pytest.mark.parametrize("usual", [None, 6])
@pytest.mark.parametrize("slow", ["small", "large"])
@pytest.mark.parametrize("calls", [None, 0.3, 0.6, 1.0, 4.0])
def test_a_plan_for_a_time_in_which_some_model_can_answer_is_never_empty(
    calls: float | None, slow: str, usual: int | None
) -> None:
    for latency_ms in (60, 150, 250, 1000, 2000, 5000):
        pace = {"small": 0.002, "large": 0.002, slow: 0.2}
        forecasts = {m: Forecast(Trend(0.02), Trend(0, s), 0, usual) for m, s in pace.items()}
        budget = Budget(None if calls is None else calls * CALL, latency_ms)
        _first(CLIMB, task(), budget, CostModel(COST.rates, forecasts))


def paced(step: float, *, free: bool = False) -> CostModel:
    """Small takes so long for a token, and large is fast; width costs time unless it is free."""
    pace = {"small": step, "large": 0.001}
    trends = {m: Trend(s, s / 1000) if free else Trend(0, s) for m, s in pace.items()}
    return CostModel(COST.rates, {m: Forecast(Trend(0.02), trend) for m, trend in trends.items()})


@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize(("step", "latency_ms"), [(0.2, 1000), (0.2, 3000), (1 / 60, 600)])
def test_a_target_is_not_promised_of_answers_that_do_not_end_in_time(
    step: float, latency_ms: float, free: bool
) -> None:
    cost, budget = paced(step, free=free), Budget(latency_ms=latency_ms, target=0.3)
    for tell in (CLIMB.foresees, CLIMB.offers):
        with pytest.raises(TargetTooHigh) as refused:
            tell(task(), budget, cost)
        assert refused.value.best == 0
    assert "in time" in CLIMB.foresees(task(), Budget(latency_ms=latency_ms), cost).extrapolates


def test_a_target_is_promised_where_every_rungs_answer_ends_in_time() -> None:
    cost, answer_s = paced(1 / 60), 0.02 + 47 / 60
    just, less = (Budget(latency_ms=1000 * answer_s * part, target=0.3) for part in (1.01, 0.99))
    found = CLIMB.foresees(task(), just, cost)
    assert (found.ladder.calls, found.extrapolates) == (0.25, "")
    assert _first(CLIMB, task(), just, cost).max_tokens >= 48
    with pytest.raises(TargetTooHigh):
        CLIMB.foresees(task(), less, cost)
    for offer in CLIMB.offers(task(), Budget(), cost):
        assert offer.seconds is not None
        bought = Budget(latency_ms=1001 * offer.seconds, target=offer.found.ladder.success.value)
        assert CLIMB.foresees(task(), bought, cost).ladder == offer.found.ladder


def test_where_one_model_fails_the_other_answers_though_no_rung_names_it() -> None:
    world = World(failing=frozenset({"small"}), length=lambda _: 20)
    candidates = world.perform(CLIMB, task(), 0.9 * CALL)
    assert [candidate.model for candidate in candidates] == ["large"]


FREE = CostModel(
    COST.rates,
    dict.fromkeys(("small", "large"), Forecast(Trend(0.02), Trend(0.01, 0.0001), usual_tokens=60)),
)


def test_at_temperature_0_width_is_one_also_where_it_is_free() -> None:
    plan = CLIMB.plan(task(temperature=0.0), Budget(latency_ms=60_000), FREE)
    first, second = next(plan), plan.send(Started(0, 0.0))
    assert isinstance(first, Draw)
    assert isinstance(second, Draw)
    assert (first.n, second.n) == (1, 1)


def test_draws_at_once_leave_each_other_room() -> None:
    asked = task(max_tokens=1024)
    plan = CLIMB.plan(asked, Budget(4 * CALL, latency_ms=60_000), FREE)
    first, second = next(plan), plan.send(Started(0, 0.0))
    assert isinstance(first, Draw)
    assert isinstance(second, Draw)
    assert (second.model, second.n) == ("large", 3)
    assert second.max_tokens >= 48


def test_what_draws_at_once_is_not_told_as_the_ladder() -> None:
    found = CLIMB.foresees(task(), Budget(latency_ms=2000, target=0.55), FREE)
    assert "at once" in found.extrapolates


def test_a_rung_wider_than_a_batch_is_drawn_in_several() -> None:
    world = World(length=lambda _: 20)
    world.perform(CLIMB, task(batch=2), 4 * CALL)
    assert [draw.n for draw in world.draws] == [1, 2, 2, 2, 1]


def _first(policy: Climb, asked: Task, budget: Budget, cost: CostModel) -> Draw:
    first = next(policy.plan(asked, budget, cost))
    assert isinstance(first, Draw)
    return first
