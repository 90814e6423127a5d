from dataclasses import replace

import pytest
from calibrations import calibration
from hypothesis import given
from hypothesis import strategies as st
from world import COST, Caching, World, task

from policies.plans.auto import Auto
from policies.plans.best_of_n import MOST_SAMPLES, UNBUDGETED_SAMPLES, BestOfN
from policies.plans.cascade import Cascade
from policies.plans.climb import Climb
from policies.plans.pinning import PolicyMismatch
from policies.plans.single import Single
from policies.policy import Policy
from policies.protocol import Command, Done, Draw, Execute, Sampled, Started
from policies.selection.executions import ByExamples
from policies.selectors import LIKELIEST
from policies.values import (
    Budget,
    BudgetTooSmall,
    Candidate,
    Example,
    InvalidBudget,
    ModelView,
    Remaining,
    Task,
    Verdict,
)

SHOWN = (Example("f(1)", "1"),)
LARGE_CALL = COST.ceiling("large", 100, 1, 256)
SMALL_CALL = COST.ceiling("small", 100, 1, 256)

policies = st.one_of(
    st.just(Single()),
    st.builds(BestOfN, n=st.integers(1, 20)),
    st.builds(Cascade, n=st.integers(1, 12), n_last=st.integers(1, 6)),
    st.just(Auto()),
    st.just(Auto(Climb(calibration()))),
)


@given(
    policies,
    st.floats(1e9, 1e14),
    st.integers(1, 4),
    st.booleans(),
    st.sampled_from([None, 0.0, 0.7]),
    st.integers(1, 400),
    st.integers(0, 3),
)
def test_no_plan_overspends_or_is_refused_and_every_plan_ends(
    policy: Policy,
    flops: float,
    n: int,
    verifiable: bool,
    temperature: float | None,
    length: int,
    passing: int,
) -> None:
    asked = task(n=n, verifiable=verifiable, temperature=temperature)
    world = World(passes=lambda at, _: at == passing, length=lambda d: min(length, d.max_tokens))
    try:
        candidates = world.perform(policy, asked, flops)
    except BudgetTooSmall as error:
        least = error.least_flops
        candidates = world.perform(policy, asked, least)  # the least that would do, does
        flops = least if least > flops else 0.0
    assert world.spent <= flops
    assert not world.refused
    assert candidates
    if temperature == 0:
        drawn = [draw.model for draw in world.draws]
        assert len(drawn) == len(set(drawn))
        assert all(draw.n == 1 for draw in world.draws)
    assert sum(draw.n for draw in world.draws) <= policy.most_samples(asked)


def test_single_takes_the_largest_model_that_fits_whole() -> None:
    for flops, model in [(None, "large"), (LARGE_CALL, "large"), (LARGE_CALL - 1, "small")]:
        world = World()
        world.perform(Single(), task(verifiable=False), flops)
        assert [(d.model, d.n, d.max_tokens) for d in world.draws] == [(model, 1, 256)]


def test_single_lowers_max_tokens_of_the_cheapest_model_only_when_nothing_fits_whole() -> None:
    world = World()
    world.perform(Single(), task(), SMALL_CALL * 0.7)
    (draw,) = world.draws
    assert draw.model == "small"
    assert 32 <= draw.max_tokens < 256


def test_single_asks_the_next_model_when_an_upstream_fails() -> None:
    world = World(failing=frozenset({"large"}))
    assert world.perform(Single(), task())
    assert [draw.model for draw in world.draws] == ["large", "small"]


def test_best_of_n_stops_at_the_first_pass() -> None:
    world = World(passes=lambda at, _: at == 5)
    world.perform(BestOfN(n=16), task("small"))
    assert [draw.n for draw in world.draws] == [2, 2, 4]


def test_with_tests_each_draw_is_as_large_as_all_before_it() -> None:
    world = World()
    world.perform(BestOfN(n=20), task("small", batch=8))
    assert [draw.n for draw in world.draws] == [2, 2, 4, 8, 4]


def test_best_of_n_spends_what_short_answers_leave_over() -> None:
    world = World()
    world.perform(BestOfN(n=16), task("small"), 3 * SMALL_CALL)
    assert len(world.draws) > 1
    assert sum(draw.n for draw in world.draws) > world.draws[0].n


def test_a_large_budget_buys_more_samples_than_none_unless_the_operator_says_how_many() -> None:
    for n, most in [(None, MOST_SAMPLES), (5, 5)]:
        world = World()
        world.perform(BestOfN(n=n), task("small"), 1000 * SMALL_CALL)
        assert sum(draw.n for draw in world.draws) == most


def test_at_temperature_0_a_plan_has_one_sample_of_a_model() -> None:
    """So that it is streamed as it comes."""
    greedy = task(temperature=0.0, n=3)
    for policy, most in ((BestOfN(n=5), 1), (Single(), 1), (Cascade(), 2), (Auto(), 2)):
        assert policy.most_samples(greedy) == most


@pytest.mark.parametrize("policy", [Cascade(), Climb(calibration())])
def test_at_temperature_0_one_pass_is_all_there_can_be(policy: Policy) -> None:
    world = World(passes=lambda *_: True)
    world.perform(policy, task(temperature=0.0, n=2))
    assert [draw.model for draw in world.draws] == ["small"]


def test_a_cascade_has_as_many_samples_as_its_models_may_draw() -> None:
    assert Cascade(n=8, n_last=4).most_samples(task()) == 8 + 4
    assert Cascade(n=2, n_last=1).most_samples(task("small", "middle", "large", n=3)) == 3 * 3
    assert Cascade().most_samples(task(verifiable=False, n=2)) == 2


def test_of_two_answers_of_one_call_the_selector_has_its_say() -> None:
    asked = task("large", n=2, verifiable=False, inputs=("f(1)",))
    plan = Single(selector=ByExamples()).plan(replace(asked, examples=SHOWN), Budget(), COST)
    assert isinstance(next(plan), Draw)
    plan.send(Started(0, 0.0))
    for at in range(2):
        plan.send(Sampled(0, Candidate(at, "large", f"#{at}", "stop")))
    assert isinstance(plan.send(Done(0, Remaining())), Execute)


@pytest.mark.parametrize("failure", [None, "broke off"])
def test_what_a_model_said_before_it_failed_is_looked_at_beside_the_answers_of_the_next(
    failure: str | None,
) -> None:
    """Whether or not the next one fails as well: what was not run comes last."""
    asked = task(n=2, verifiable=False, inputs=("f(1)",))
    plan = Single().plan(asked, Budget(), COST)
    drawn = [Candidate(0, "large", "a", "stop"), Candidate(1, "small", "b", "stop")]
    command: Command = next(plan)
    for ticket, (candidate, failed) in enumerate(zip(drawn, ["broke off", failure], strict=True)):
        assert isinstance(command, Draw)
        assert command.model == candidate.model
        plan.send(Started(ticket, 0.0))
        plan.send(Sampled(ticket, candidate))
        command = plan.send(Done(ticket, Remaining(), failed))
    assert command == Execute(tuple(drawn), ("f(1)",))


def test_best_of_n_without_tests_draws_all() -> None:
    world = World()
    assert len(world.perform(BestOfN(n=6), task("small", verifiable=False))) == 6
    assert not world.draws[0].verify


def test_cascade_climbs_only_when_nothing_small_passes() -> None:
    climbed, stayed = World(), World(passes=lambda at, _: at == 0)
    climbed.perform(Cascade(n=4), task())
    stayed.perform(Cascade(n=4), task())
    assert [draw.model for draw in climbed.draws] == ["small", "small", "large"]
    assert [draw.model for draw in stayed.draws] == ["small"]


def test_cascade_holds_back_a_useful_large_call() -> None:
    world = World(length=lambda draw: draw.max_tokens)
    world.perform(Cascade(n=16), task(), LARGE_CALL * 1.3)
    assert [draw.model for draw in world.draws] == ["small", "large"]
    assert world.draws[-1].max_tokens >= 128


def test_cascade_spends_on_small_samples_what_no_large_call_could_use() -> None:
    world = World()
    world.perform(Cascade(n=16), task(), SMALL_CALL * 1.1)
    assert {draw.model for draw in world.draws} == {"small"}


@pytest.mark.parametrize(
    ("passing", "drawn"), [(None, [2, 2, 1]), (2, [2, 2]), (1, [2])], ids=["none", "late", "early"]
)
def test_cascade_draws_its_last_model_in_as_many_draws_as_its_batch_makes_of_it(
    passing: int | None, drawn: list[int]
) -> None:
    world = World(passes=lambda at, draw: draw.model == "large" and at - 2 == passing)
    world.perform(Cascade(n=2, n_last=5), task(batch=2))
    assert [draw.n for draw in world.draws if draw.model == "large"] == drawn
    assert {draw.temperature for draw in world.draws} == {0.8}


@pytest.mark.parametrize(("kept", "further"), [(999, ("large", 2, 64, True)), (0, None)])
def test_a_further_draw_of_the_last_model_counts_on_the_prompt_that_the_first_has_had_read(
    kept: int, further: tuple[str, int, int, bool] | None
) -> None:
    """The budget has no room for the prompt and an answer, once more."""
    asked = task(prompt=1000, batch=2, max_tokens=64)
    plan = Cascade(n=2, n_last=4).plan(asked, Budget(8 * LARGE_CALL), COST)
    next(plan)
    plan.send(Started(0, 0.0))
    first = plan.send(Done(0, Remaining(8 * LARGE_CALL), kept_tokens=999))
    assert isinstance(first, Draw)
    assert (first.model, first.n, first.counts_on_cache) == ("large", 2, False)
    plan.send(Started(1, 0.0))
    left = Remaining(COST.ceiling("large", 1000, 2, 64, 999))
    try:
        again = plan.send(Done(1, left, kept_tokens=kept))
    except StopIteration:
        assert further is None
        return
    assert isinstance(again, Draw)
    assert (again.model, again.n, again.max_tokens, again.counts_on_cache) == further


@given(
    calls=st.floats(0.3, 12),
    batch=st.integers(1, 6),
    length=st.integers(1, 256),
    n_last=st.integers(1, 6),
)
def test_a_cascades_budget_binds_also_where_draws_count_on_a_cache(
    calls: float, batch: int, length: int, n_last: int
) -> None:
    world = Caching(length=lambda draw: min(length, draw.max_tokens))
    try:
        world.perform(Cascade(n=2, n_last=n_last), task(batch=batch), calls * LARGE_CALL)
    except BudgetTooSmall:
        return
    assert 0 < world.spent <= calls * LARGE_CALL
    assert not world.refused
    assert sum(draw.n for draw in world.draws if draw.model == "large") <= n_last


def test_cascade_survives_a_lost_small_model() -> None:
    world = World(failing=frozenset({"small"}), passes=lambda _, draw: draw.model == "large")
    (chosen, *_) = LIKELIEST.order(world.perform(Cascade(), task())).candidates
    assert (chosen.model, chosen.verdict) == ("large", Verdict.PASSED)


@pytest.mark.parametrize(
    ("temperature", "n", "drawn"),
    [(0.0, 8, ["small"]), (0.7, 4, ["small", "small"]), (None, 2, ["small"])],
)
def test_cascade_draws_no_more_of_a_small_model_where_its_large_one_is_lost(
    temperature: float | None, n: int, drawn: list[str]
) -> None:
    world = World(failing=frozenset({"large"}))
    policy, asked = Cascade(n=n), task(temperature=temperature)
    world.perform(policy, asked, 20 * LARGE_CALL)
    assert [draw.model for draw in world.draws] == [*drawn, "large"]
    assert sum(draw.n for draw in world.draws[:-1]) <= (1 if asked.greedy else n)


def test_cascade_draws_the_rest_of_its_samples_by_what_a_lost_large_model_leaves() -> None:
    world = World(failing=frozenset({"large"}), length=lambda draw: draw.max_tokens)
    world.perform(Cascade(n=3), task(), LARGE_CALL * 1.3)
    assert [(draw.model, draw.n) for draw in world.draws] == [
        ("small", 2),
        ("large", 1),
        ("small", 1),
    ]


def test_what_has_passed_of_any_model_counts_in_a_cascade() -> None:
    world = World(passes=lambda at, _: at in {0, 4})
    world.perform(Cascade(n=4), task("small", "middle", "large", n=2))
    assert [draw.model for draw in world.draws] == ["small", "small", "middle"]
    assert world.draws[1].reason == "small samples first, too few have passed so far"


def test_what_passed_before_a_large_model_was_lost_counts_after_it() -> None:
    world = World(
        failing=frozenset({"large"}),
        length=lambda draw: draw.max_tokens,
        passes=lambda at, _: at in {0, 2},
    )
    world.perform(Cascade(n=6), task(n=2), LARGE_CALL * 1.3)
    assert [(draw.model, draw.n) for draw in world.draws] == [
        ("small", 2),
        ("large", 1),
        ("small", 1),
    ]


def test_cascade_without_tests_is_one_call_of_the_large_model() -> None:
    world = World()
    world.perform(Cascade(), task(verifiable=False))
    assert [(draw.model, draw.n) for draw in world.draws] == [("large", 1)]


def test_auto_is_a_cascade_with_tests_and_a_single_call_without() -> None:
    for verifiable, models in [(True, {"small", "large"}), (False, {"large"})]:
        world = World()
        world.perform(Auto(), task(verifiable=verifiable))
        assert {draw.model for draw in world.draws} == models


def test_auto_with_one_model_and_tests_is_best_of_n() -> None:
    world = World()
    world.perform(Auto(), task("small"))
    assert sum(draw.n for draw in world.draws) == UNBUDGETED_SAMPLES


def test_several_choices_need_several_passes() -> None:
    world = World(passes=lambda at, _: at in {1, 3})
    world.perform(BestOfN(n=16), task("small", n=2))
    assert [draw.n for draw in world.draws] == [2, 2]


@pytest.mark.parametrize(
    ("policy", "pinned", "models"),
    [
        (Single(), None, ("small", "large")),
        (Single(), "large", ("large",)),
        (Single("small"), None, ("small",)),
        (BestOfN(), None, ("small",)),
        (BestOfN(), "large", ("large",)),
        (Cascade(), None, ("small", "large")),
        (Auto(), "small", ("small",)),
    ],
)
def test_restrict(policy: Policy, pinned: str | None, models: tuple[str, ...]) -> None:
    assert policy.restrict(("small", "large"), pinned=pinned) == models


@pytest.mark.parametrize(
    ("policy", "pinned", "there"),
    [
        (Cascade(), "small", ("small", "large")),
        (Cascade(), None, ("small",)),
        (Cascade(models=("small", "huge")), None, ("small", "large")),
        (Single("small"), "large", ("small", "large")),
        (Single("huge"), None, ("small", "large")),
    ],
)
def test_policies_refuse_models_they_cannot_work_with(
    policy: Policy, pinned: str | None, there: tuple[str, ...]
) -> None:
    with pytest.raises(PolicyMismatch):
        policy.restrict(there, pinned=pinned)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_budget_is_positive_and_finite(value: float) -> None:
    with pytest.raises(InvalidBudget):
        Budget(flops=value)
    with pytest.raises(InvalidBudget):
        Budget(latency_ms=value)


def test_single_draws_all_choices_also_where_one_request_cannot() -> None:
    world = World()
    world.perform(Single("small"), task("small", n=10, batch=4, verifiable=False))
    assert sum(draw.n for draw in world.draws) == 10


def test_single_falls_back_to_what_is_cheapest_for_this_prompt() -> None:
    # An upper bound on the small model's prompt can make the large one the cheaper.
    for small in (ModelView("small", 4000, 16), ModelView("small", 10, 16, prompt_bound=4000)):
        views = (small, ModelView("large", 10, 16))
        world = World()
        least = COST.ceiling("large", 10, 1, 32)
        assert world.perform(Single(), Task(views, 256), least)
        assert [draw.model for draw in world.draws] == ["large"]


@pytest.mark.parametrize("policy", [Single(), BestOfN(n=8), Cascade(n=8)])
def test_what_fits_is_decided_by_what_is_reserved(policy: Policy) -> None:
    views = tuple(ModelView(model, 20, 16, prompt_bound=100) for model in ("small", "large"))
    counted = tuple(ModelView(model, 100, 16) for model in ("small", "large"))
    worlds = []
    for models in (views, counted):
        world = World()
        world.perform(
            policy, Task(models, 256, verifiable=True), COST.ceiling("large", 100, 2, 256)
        )
        worlds.append(world)
    guessed, known = worlds
    assert guessed.draws == known.draws
    assert not guessed.refused
