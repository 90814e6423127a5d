"""Forecasts: lines through what was seen, and plans that keep to them."""

import math
from collections import deque
from dataclasses import dataclass, field, replace

import pytest
from calibrations import calibration
from hypothesis import given
from hypothesis import strategies as st
from world import COST, task

from policies.cost import CostModel
from policies.forecast import Forecast, Length, Seen, Trend, usual_length
from policies.plans.auto import Auto
from policies.plans.best_of_n import BestOfN
from policies.plans.cascade import Cascade
from policies.plans.climb import Climb
from policies.plans.single import Single
from policies.policy import Policy
from policies.protocol import Done, Draw, Event, Judged, Refused, Sampled, Started, Wait
from policies.sizing import least_tokens
from policies.values import Budget, BudgetTooSmall, Candidate, Remaining, Task, Verdict

seconds = st.floats(0, 5)
trends = st.builds(Trend, seconds, st.floats(0, 0.5), st.floats(0, 100), st.floats(0, 1))
forecasts = st.builds(Forecast, trends, trends, st.floats(0, 20), st.none() | st.integers(1, 300))
policies = st.one_of(
    st.just(Single()),
    st.builds(BestOfN, n=st.integers(1, 20)),
    st.builds(Cascade, n=st.integers(1, 12), n_last=st.integers(1, 6)),
    st.just(Auto()),
    st.just(Climb(calibration())),
)
tasks = st.builds(
    task,
    prompt=st.integers(1, 500),
    n=st.integers(1, 4),
    verifiable=st.booleans(),
    temperature=st.sampled_from([None, 0.0, 0.7]),
    max_tokens=st.integers(1, 300),
)


@dataclass
class Performed:
    """A plan performed on a clock that runs `haste` times as fast as was forecast."""

    cost: CostModel
    asked: Task
    haste: float = 1.0
    failing: frozenset[str] = frozenset()
    draws: list[tuple[Draw, Remaining]] = field(default_factory=list)
    left: Remaining = field(default_factory=Remaining)

    def perform(self, policy: Policy, budget: Budget) -> None:
        self.left = Remaining.of(budget)
        plan = policy.plan(self.asked, budget, self.cost)
        events: deque[Event] = deque()
        command = next(plan)
        while True:
            match command:
                case Draw():
                    answer = self._draw(command, events)
                case Wait():
                    answer = events.popleft()
                case _:
                    raise AssertionError(command)
            try:
                command = plan.send(answer)
            except StopIteration:
                return

    def _draw(self, draw: Draw, events: deque[Event]) -> Event:
        prompt = self.asked.models[0].prompt_tokens
        ceiling = self.cost.ceiling(draw.model, prompt, draw.n, draw.max_tokens)
        if ceiling > self.left.flops:
            return Refused(self.left)
        self.draws.append((draw, self.left))
        took = self.seconds(draw) / self.haste
        self.left = self.left.without(Remaining(ceiling, 1000 * took))
        failed = draw.model in self.failing
        for at in range(0 if failed else draw.n):
            candidate = Candidate(at, draw.model, "", "stop", draw.max_tokens)
            events.append(Sampled(0, candidate))
            if draw.verify:
                events.append(Judged(candidate, Verdict.FAILED))
        events.append(Done(0, self.left, "is down" if failed else None))
        return Started(0, ceiling)

    def seconds(self, draw: Draw) -> float:
        prompt = self.asked.models[0].prompt_tokens
        return self.cost.seconds(draw.model, prompt, draw.n, draw.max_tokens)


def ends_in_time(cost: CostModel, asked: Task, latency_ms: float) -> list[str]:
    """The models whose shortest useful answer does; one may be usually shorter than useful."""
    return [
        m.id
        for m in asked.models
        if cost.seconds(m.id, m.prompt_tokens, 1, min(
            least_tokens(asked), cost.usual_tokens(m.id, asked.max_tokens)
        )) <= latency_ms / 1000
    ]  # fmt: skip


@given(
    policies,
    tasks,
    st.dictionaries(st.sampled_from(["small", "large"]), forecasts),
    st.floats(1, 20_000),
    st.none() | st.floats(1e9, 1e14),
    st.floats(1, 4),
    st.frozensets(st.sampled_from(["small", "large"]), max_size=1),
)
def test_no_plan_asks_for_what_is_forecast_to_end_too_late(
    policy: Policy,
    asked: Task,
    known: dict[str, Forecast],
    latency_ms: float,
    flops: float | None,
    haste: float,
    failing: frozenset[str],
) -> None:
    cost = CostModel(COST.rates, known)
    done = Performed(cost, asked, haste, failing)
    try:
        done.perform(policy, Budget(flops, latency_ms))
    except BudgetTooSmall:
        assert flops is not None  # no forecast alone refuses
        return
    assert done.draws  # also where nothing can end, something is asked for
    models = asked.models[:1] if isinstance(policy, BestOfN) else asked.models
    can = {m.id for m in models} & set(ends_in_time(cost, asked, latency_ms))
    affordable = flops is None or any(
        COST.ceiling(m, asked.models[0].prompt_tokens, 1, least_tokens(asked)) <= flops for m in can
    )
    late = [draw for draw, left in done.draws if done.seconds(draw) > left.seconds]
    if can and affordable:
        assert not late
        assert done.left.latency_ms >= -1e-6
    for draw in late:
        assert (draw.n, draw.max_tokens) == (1, least_tokens(asked))


@given(policies, tasks, st.floats(1, 1e6), st.none() | st.floats(1e11, 1e14))
def test_without_knowledge_time_changes_no_plan_and_without_a_deadline_knowledge_none(
    policy: Policy, asked: Task, latency_ms: float, flops: float | None
) -> None:
    slow = Forecast(Trend(9.0), Trend(9.0), 3, 7)
    seen = []
    for latency, known in [(None, {}), (latency_ms, {}), (None, {"small": slow, "large": slow})]:
        done = Performed(CostModel(COST.rates, known), asked)
        try:
            done.perform(policy, Budget(flops, latency))
        except BudgetTooSmall:
            assert flops is not None
            done.draws.clear()
        seen.append([draw for draw, _ in done.draws])
    assert seen[0] == seen[1] == seen[2]


def pace(first_s: float, token_s: float, *, usual: int | None = None) -> Forecast:
    """Of a model that computes many samples in the time of one."""
    return Forecast(Trend(first_s), Trend(token_s), usual_tokens=usual)


def drawn(
    policy: Policy, latency_ms: float, *, small: Forecast, large: Forecast, **fields: object
) -> list[tuple[str, int, int]]:
    asked = task(**{"verifiable": False, "max_tokens": 100} | fields)
    done = Performed(CostModel(COST.rates, {"small": small, "large": large}), asked)
    done.perform(policy, Budget(None, latency_ms))
    return [(draw.model, draw.n, draw.max_tokens) for draw, _ in done.draws]


@pytest.mark.parametrize(
    ("latency_ms", "expected"),
    [
        (4000, ("large", 100)),
        (3500, ("small", 100)),
        (1100, ("small", 100)),
        (600, ("small", 50)),
        (330, ("small", 32)),
        (50, ("small", 32)),
    ],
)
@pytest.mark.parametrize("policy", [Single(), Auto()])
def test_the_largest_model_that_can_end_in_time_answers(
    policy: Policy, latency_ms: float, expected: tuple[str, int]
) -> None:
    said = drawn(policy, latency_ms, small=pace(0.105, 0.01), large=pace(0.5, 0.0333))
    assert said == [(expected[0], 1, expected[1])]


def test_an_answer_of_usual_length_is_whole_and_may_be_as_long_as_there_is_time() -> None:
    small, large = pace(0.1, 0.01, usual=20), pace(0.5, 0.05, usual=20)
    assert drawn(Auto(), 2000, small=small, large=large) == [("large", 1, 31)]
    assert drawn(Auto(), 1000, small=small, large=large) == [("small", 1, 91)]


def test_the_fastest_is_asked_where_nothing_can_end_whichever_is_larger() -> None:
    for small, large, fastest in [(0.5, 0.6, "small"), (0.6, 0.5, "large")]:
        said = drawn(Auto(), 100, small=pace(small, 0.01), large=pace(large, 0.01))
        assert said == [(fastest, 1, 32)]


def test_the_width_is_what_there_is_time_for() -> None:
    step = Trend(0.0, 0.01)
    asked = {"small": Forecast(step=step), "large": Forecast(step=step), "n": 8, "max_tokens": 101}
    assert drawn(Single(), 5000, **asked) == [("large", 5, 101)]
    busy = asked | {"large": Forecast(step=step, busy=3.0)}
    assert drawn(Single(), 5000, **busy) == [("large", 2, 101)]
    waits = asked | {"large": Forecast(step=step, waits=2.0)}
    assert drawn(Single(), 5000, **waits) == [("large", 3, 101)]


def test_a_cascade_keeps_the_time_for_its_large_call() -> None:
    small, large = pace(0.0, 0.01), pace(0.0, 0.05)
    ask = {"small": small, "large": large, "verifiable": True}
    assert drawn(Cascade(n=2), 4000, **ask) == [("small", 2, 100), ("large", 1, 61)]
    # The large call would not end anyway, so that all of the time is the small model's.
    assert drawn(Cascade(n=4), 2000, **ask) == [("small", 2, 100), ("small", 2, 100)]


def test_a_large_call_that_was_kept_back_is_made_where_its_answers_are_usually_short() -> None:
    """Its FLOPs are those of a shortened answer, and its time is that of a usual one."""
    cost = CostModel(COST.rates, {"small": pace(0.0, 0.01), "large": pace(0.0, 0.05, usual=5)})
    done = Performed(cost, task(max_tokens=100))
    done.perform(Cascade(), Budget(COST.ceiling("large", 100, 1, 60), 500))
    assert [(draw.model, draw.max_tokens) for draw, _ in done.draws] == [("large", 11)]


def test_a_target_is_answered_where_a_usual_answer_is_shorter_than_a_useful_one() -> None:
    cost = CostModel(COST.rates, {"small": pace(0.0, 0.05, usual=1), "large": pace(0.0, 0.0)})
    done = Performed(cost, task(kind="chat"))
    done.perform(Climb(calibration()), Budget(latency_ms=500, target=0.2))
    assert [(draw.model, draw.max_tokens) for draw, _ in done.draws] == [("small", 11)]


def test_one_size_says_nothing_of_others_but_that_more_takes_longer() -> None:
    trend = Trend.of([Seen(4, 0.2), Seen(4, 0.4, weight=0.0)])
    assert trend.at(4) == trend.at(1) == pytest.approx(0.2)
    assert trend.at(8) == pytest.approx(0.4)


def test_sizes_that_hardly_differ_are_one() -> None:
    trend = Trend.of([Seen(100, 0.1), Seen(104, 0.3)])
    assert trend.at(1) == trend.at(101) == pytest.approx(0.2, rel=0.02)
    assert trend.at(204) == pytest.approx(0.4, rel=0.02)
    apart = Trend.of([Seen(100, 0.1), Seen(130, 0.11)])
    assert apart.at(160) == pytest.approx(0.12)


def test_what_is_cached_of_a_prompt_takes_no_time_but_its_last_token() -> None:
    forecast = Forecast(first=Trend(0.1, 0.01), cached=0.75)
    assert forecast.first_token(100) == pytest.approx(0.1 + 0.25)
    assert replace(forecast, cached=1.0).first_token(100) == pytest.approx(0.11)


def test_several_sizes_are_a_line() -> None:
    trend = Trend.of([Seen(1, 0.03), Seen(3, 0.05), Seen(5, 0.07)])
    assert [trend.at(size) for size in (1, 2, 10)] == pytest.approx([0.03, 0.04, 0.12])


def test_what_takes_long_does_not_blur_what_is_quick() -> None:
    """Errors of new prompts are larger than all that a cached one takes."""
    new = [
        Seen(size, 0.05 + 0.008 * size * off) for size, off in ((150, 1.2), (250, 0.8), (400, 1.1))
    ]
    cached = [Seen(1, 0.05), Seen(1, 0.06), Seen(1, 0.07)]
    trend = Trend.of([*new, *cached])
    assert trend.at(1) == pytest.approx(0.06, rel=0.1)
    assert trend.at(300) == pytest.approx(2.4, rel=0.2)


def test_first_tokens_are_late_by_their_usual_error() -> None:
    forecast = Forecast(Trend.of([Seen(100, 1.0), Seen(100, 1.3), Seen(100, 0.7)]))
    assert forecast.first_token(100) == pytest.approx(1.0)
    assert forecast.seconds(100, 1, 1) == pytest.approx(1 + 0.3 * math.sqrt(2 / 3))
    assert Trend.of([Seen(1, 0.06)] * 30 + [Seen(1, 60.0)]).error <= 1


@given(st.floats(0, 1000), st.floats(1.5, 100), st.floats(0.01, 10), st.floats(1, 1000))
def test_a_line_through_two_points_that_rise_gives_both_back(
    size: float, wider: float, seconds: float, longer: float
) -> None:
    one, other = Seen(size, seconds), Seen((size + 1) * wider, seconds * longer)
    trend = Trend.of([one, other])
    assert trend.at(one.size) == pytest.approx(one.seconds, rel=1e-6)
    assert trend.at(other.size) == pytest.approx(other.seconds, rel=1e-6)
    assert trend.error == pytest.approx(0, abs=1e-6)


def test_long_prompts_are_forecast_by_long_ones() -> None:
    """Also where each of their tokens takes longer, as attention grows."""
    trend = Trend.of([*[Seen(20, 0.02)] * 20, Seen(4000, 10.0)])
    assert (trend.at(1), trend.at(20)) == (pytest.approx(0.02), pytest.approx(0.02))
    assert trend.at(4000) == pytest.approx(10.0)


lengths = st.lists(st.builds(Length, st.integers(0, 50), st.booleans()), max_size=30)


def test_most_answers_are_no_longer_than_is_usual() -> None:
    assert usual_length([Length(10)] * 9 + [Length(50)]) == 10
    assert usual_length([Length(10)] * 8 + [Length(50)] * 2) == 50
    assert usual_length([Length(0)] * 8) == 1


def test_too_few_answers_tell_nothing_of_what_is_usual() -> None:
    assert usual_length([]) is None
    assert usual_length([Length(10)] * 7) is None
    assert usual_length([Length(10)] * 8) == 10
    assert usual_length([Length(20, cut=True)] * 63 + [Length(23)]) is None


def test_of_answers_that_were_cut_nothing_is_known_but_that_they_are_longer() -> None:
    assert usual_length([Length(10)] * 9 + [Length(50)] + [Length(5, cut=True)] * 90) == 10
    assert usual_length([Length(5, cut=True)] * 9) is None
    # Ten are longer than 20, of whom nine end by 30.
    seen = [Length(20, cut=True)] * 90 + [Length(30)] * 9 + [Length(40)]
    assert usual_length(seen) == 30


@given(lengths, st.integers(0, 50))
def test_an_answer_that_was_cut_makes_none_seem_shorter(answers: list[Length], at: int) -> None:
    before, after = usual_length(answers), usual_length([*answers, Length(at, cut=True)])
    assert before is None or after is None or before <= after


@given(
    st.lists(
        st.builds(Seen, st.integers(0, 1000), st.floats(0, 1e3), st.floats(0.01, 1)), min_size=1
    ),
    st.floats(0, 1e4),
    st.floats(0, 1e4),
)
def test_no_line_falls_or_begins_below_nothing(seen: list[Seen], one: float, other: float) -> None:
    trend = Trend.of(seen)
    low, high = sorted((one, other))
    assert 0 <= trend.at(low) <= trend.at(high) * (1 + 1e-9) + 1e-9
    assert math.isfinite(trend.at(high))
    assert 0 <= trend.error <= 1
