import asyncio
import gc
import weakref
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field

import pytest
from fakes import ByHand, ScriptedJudge, ScriptedSampler, Sent, Step, answers
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from world import COST, task

from evaluation.calibration.clock import simulate
from policies.cost import CostModel
from policies.plans.auto import Auto
from policies.plans.best_of_n import BestOfN
from policies.plans.cascade import Cascade
from policies.plans.single import Single
from policies.policy import Policy
from policies.protocol import (
    Cancel,
    Done,
    Draw,
    Judged,
    Plan,
    PlanError,
    Refused,
    Started,
    Wait,
)
from policies.values import NLL, Budget, BudgetTooSmall, Remaining, Task, Verdict
from router.metrics import Metrics
from router.plan.draws import RunningDraw
from router.plan.outcome import Outcome
from router.plan.paying.ledger import Ledger
from router.plan.ports import Place
from router.plan.programs import Gap
from router.plan.run import Run
from router.plan.samples import Sample
from router.request import Judgement, PromptLength
from router.upstream.failures import UpstreamError
from router.upstream.said.chunks import Chunk, TokenLogprob, Usage

steps = st.one_of(
    st.tuples(st.sampled_from(["token", "token", "flood", "text", "finish"]), st.integers(0, 3)),
    st.sampled_from(["pause", "pause", "stray", "hang", "die", "end"]),
)
policies = st.one_of(
    st.just(Single()),
    st.builds(BestOfN, n=st.integers(1, 8)),
    st.builds(Cascade, n=st.integers(1, 6), n_last=st.integers(1, 3)),
    st.just(Auto()),
)


async def others_ended() -> None:
    """Fail if any task but this one is left."""
    assert asyncio.all_tasks() == {asyncio.current_task()}


def recount(sampler: ScriptedSampler, cost: CostModel, prompt_tokens: int) -> float:
    return sum(cost.draw(s.draw.model, prompt_tokens, s.tokens) for s in sampler.sent)


@settings(max_examples=400, deadline=None)
@given(
    policy=policies,
    scripts=st.lists(st.lists(steps, max_size=40), min_size=1, max_size=4),
    budget=st.floats(1e10, 1e13)
    | st.tuples(st.sampled_from(["small", "large"]), st.integers(1, 4)),
    max_tokens=st.integers(1, 8),
    n=st.integers(1, 3),
    verifiable=st.booleans(),
    passing=st.frozensets(st.integers(0, 8), max_size=2),
    pauses=st.integers(0, 3),
    cancel_after=st.one_of(st.none(), st.integers(0, 30)),
)
def test_the_budget_binds_whatever_happens_and_nothing_is_left(
    policy: Policy,
    scripts: list[list[Step]],
    budget: float | tuple[str, int],
    max_tokens: int,
    n: int,
    verifiable: bool,
    passing: frozenset[int],
    pauses: int,
    cancel_after: int | None,
) -> None:
    asked = task(prompt=7, batch=6, n=n, verifiable=verifiable, max_tokens=max_tokens)
    # Half of the budgets have no room for a token more than so many whole samples.
    flops = (
        budget if isinstance(budget, float) else COST.draw(budget[0], 7, [max_tokens] * budget[1])
    )
    order = iter(range(10**6))
    sampler = ScriptedSampler(lambda _draw: scripts[next(order) % len(scripts)])
    judge = ScriptedJudge(passing, pauses)

    async def scenario() -> Outcome | None:
        loop = asyncio.get_running_loop()
        run = Run(policy, asked, Budget(flops), COST, sampler=sampler, judge=judge)
        # A hanging upstream ends by the deadline, unless the client goes first.
        work = asyncio.create_task(run.perform(deadline=loop.time() + 0.005))
        if cancel_after is not None:
            for _ in range(cancel_after):
                await asyncio.sleep(0)
            work.cancel()
        (result,) = await asyncio.gather(work, return_exceptions=True)
        await others_ended()
        if isinstance(result, Outcome):
            return result
        assert isinstance(result, BudgetTooSmall | asyncio.CancelledError), repr(result)
        return None

    outcome = simulate(scenario())
    assert recount(sampler, COST, 7) <= flops
    assert all(sent.closed for sent in sampler.sent)
    assert judge.running == 0
    if outcome is not None:
        assert outcome.ledger.held == 0
        assert outcome.ledger.used <= flops
        assert outcome.ledger.used == pytest.approx(sum(d.flops(COST) for d in outcome.draws))
        for draw, sent in zip(outcome.draws, sampler.sent, strict=False):
            if not draw.overrun and all(sample.counted for sample in draw.samples):
                assert [sample.tokens for sample in draw.samples] == sent.tokens


def perform(
    policy: Policy,
    sampler: ScriptedSampler,
    *,
    judge: ScriptedJudge | None = None,
    asked: Task | None = None,
    flops: float | None = None,
    timeout: float | None = None,
) -> Outcome:
    async def scenario() -> Outcome:
        asked_ = asked or task(verifiable=judge is not None)
        run = Run(policy, asked_, Budget(flops), COST, sampler=sampler, judge=judge)
        at = None if timeout is None else asyncio.get_running_loop().time() + timeout
        outcome = await run.perform(at)
        await others_ended()
        return outcome

    return simulate(scenario())


def test_the_first_pass_stops_the_draw_that_still_runs() -> None:
    def script(draw: Draw) -> Sequence[Step]:
        return [("token", 0), ("finish", 0), "pause", "pause", ("token", 1), "hang"]

    sampler = ScriptedSampler(script)
    outcome = perform(BestOfN(n=4), sampler, judge=ScriptedJudge(frozenset({0})))
    assert outcome.choice.candidates[0].verdict is Verdict.PASSED
    assert outcome.choice.selected_by == "tests"
    assert sampler.sent[0].closed
    assert [s.ending for s in outcome.draws[0].samples] == ["stop", "cancelled"]


class Turn:
    """A stream that tells its sample, and ends when a verdict of it comes: both in one turn."""

    def __init__(self, *, verdict_first: bool) -> None:
        self.judging, self.streaming = asyncio.Event(), asyncio.Event()
        ends = [self.judging, self.streaming]
        self.ends = ends if verdict_first else ends[::-1]
        self.waiting = 0

    def token_per_chunk(self, model: str) -> bool:
        return True

    async def sample(self, draw: Draw) -> AsyncGenerator[Chunk, None]:
        for index in range(draw.n):
            yield Chunk(index, "x", finish_reason="stop", usage=Usage(100, 50), said=True)
        self.waiting += 1
        await self.streaming.wait()

    async def judge(self, text: str) -> Judgement:
        self.waiting += 1
        await self.judging.wait()
        return Judgement(Verdict.PASSED, "passed")

    async def come(self) -> None:
        while self.waiting < len(self.ends):  # noqa: ASYNC110 - a turn is what this is about
            await asyncio.sleep(0)
        for end in self.ends:
            end.set()


def turned(policy: Policy, turn: Turn) -> tuple[float, float, float]:
    """FLOPs used and held, and those of all work, in the turn in which the plan has ended."""

    async def served() -> tuple[float, float, float]:
        run = Run(policy, task(), Budget(1e13), COST, sampler=turn, judge=turn)
        outcome = await run.perform()
        work = sum(each.flops(COST) for each in outcome.work)
        return outcome.ledger.used, outcome.ledger.held, work

    async def scenario() -> tuple[float, float, float]:
        found, _ = await asyncio.gather(served(), turn.come())
        await others_ended()
        return found

    return asyncio.run(scenario())


@pytest.mark.parametrize("verdict_first", [True, False])
def test_a_stream_that_ends_in_the_turn_of_the_last_verdict_is_booked(
    verdict_first: bool,
) -> None:
    used, held, work = turned(BestOfN(n=1), Turn(verdict_first=verdict_first))
    assert used == work == COST.draw("small", 100, [50])
    assert held == 0


def test_what_a_plan_cancels_in_the_turn_of_its_end_is_settled_when_it_hears_of_it() -> None:
    left, told = list[float](), list[float]()

    def plan() -> Plan:
        started = yield Draw("small", 1, 64, 0.0, verify=True)
        assert isinstance(started, Started)
        while not isinstance((yield Wait()), Judged):
            pass
        done = yield Cancel(started.ticket)
        assert isinstance(done, Done)
        left.append(done.remaining.flops)
        told.append(done.flops)

    used, _, _ = turned(ByHand(plan()), Turn(verdict_first=True))
    assert used == COST.draw("small", 100, [50])
    assert left == [1e13 - used]
    assert told == [used]


def test_a_cancelled_draw_is_settled_by_the_tokens_seen() -> None:
    def script(draw: Draw) -> Sequence[Step]:
        return [("token", 0), ("token", 1), ("token", 0), ("finish", 0), "hang"]

    outcome = perform(BestOfN(n=2), ScriptedSampler(script), judge=ScriptedJudge(frozenset({0})))
    assert outcome.ledger.used == COST.draw("small", 100, [2, 1])


def test_the_deadline_keeps_what_is_finished() -> None:
    def script(draw: Draw) -> Sequence[Step]:
        return [("token", 0), ("finish", 0), ("token", 1), "hang"]

    outcome = perform(BestOfN(n=2), ScriptedSampler(script), timeout=0.02)
    assert outcome.deadline_passed
    assert [c.id for c in outcome.choice.candidates] == [0]


@dataclass(frozen=True, slots=True)
class WritesTests(Single):
    """It draws tests, and waits for something else."""

    def plan(self, task: Task, budget: Budget, cost: CostModel) -> Plan:
        yield Draw("small", 2, 8, 0.8, verify=True, prompt="assert", for_tests=True)
        while True:
            yield Wait()


def test_tests_are_no_answers_finished_or_not() -> None:
    def script(draw: Draw) -> Sequence[Step]:
        return [("token", 0), ("finish", 0), ("token", 1), "hang"]

    judge = ScriptedJudge(frozenset({0, 1}))
    outcome = perform(WritesTests(), ScriptedSampler(script), judge=judge, timeout=0.02)
    assert outcome.deadline_passed
    assert outcome.choice.candidates == ()
    assert outcome.draws == ()
    (draw,) = outcome.all_draws
    assert [sample.tokens for sample in draw.samples] == [1, 1]
    assert outcome.judgements == {}
    assert outcome.ledger.used == draw.flops(COST) > 0


def test_tokens_that_cannot_be_counted_cost_the_ceiling() -> None:
    def script(draw: Draw) -> Sequence[Step]:
        return [("text", 0), ("finish", 0)]

    outcome = perform(Single(), ScriptedSampler(script), flops=1e13)
    (draw,) = outcome.draws
    assert outcome.ledger.used == draw.hold.ceiling


def test_an_overrun_books_the_ceiling_and_keeps_what_had_finished() -> None:
    def script(draw: Draw) -> Sequence[Step]:
        return [("token", 0), ("finish", 0), *[("token", 1)] * 999]

    sampler = ScriptedSampler(script)
    asked = task(max_tokens=8, n=2, verifiable=False, temperature=0.5)
    outcome = perform(Single(), sampler, asked=asked, flops=1e13)
    first = outcome.draws[0]
    assert first.overrun
    assert first.hold.settled == first.hold.ceiling
    assert sampler.sent[0].tokens == [1, 9]
    assert outcome.choice.candidates


def test_half_an_answer_is_a_failure_not_a_candidate() -> None:
    outcome = perform(BestOfN(), ScriptedSampler(lambda _: [("token", 0), "end"]))
    assert not outcome.choice.candidates
    assert "ended its answer early" in str(outcome.failures[0])


def test_a_whole_answer_of_the_large_model_comes_before_those_of_a_smaller_that_took_over() -> None:
    def script(draw: Draw) -> Sequence[Step]:
        if draw.model == "large":
            return [("token", 0), ("finish", 0), ("token", 1), "die"]
        return answers()(draw)

    asked = task(verifiable=False, n=2)
    outcome = perform(Single(), ScriptedSampler(script), asked=asked)
    assert [draw.model for draw in outcome.draws] == ["large", "small"]
    assert [each.model for each in outcome.choice.candidates] == ["large", "small", "small"]


@dataclass
class Erring(ScriptedSampler):
    """Three tokens of each sample and their end; what it does then is no part of an answer."""

    behind: Chunk | UpstreamError | None = None

    async def sample(self, draw: Draw) -> AsyncGenerator[Chunk, None]:
        self.sent.append(Sent(draw, [3] * draw.n))
        for at in range(draw.n):
            for _ in range(3):
                yield Chunk(at, "x", (TokenLogprob("x", -0.5),))
            yield Chunk(at, finish_reason="stop")
        if isinstance(self.behind, Chunk):
            yield self.behind
        elif self.behind is not None:
            raise self.behind


BEHIND: dict[str, Chunk | UpstreamError] = {
    "a lost connection": UpstreamError("large", "failed: reset"),
    "an error": UpstreamError("large", "answered 503", status=503),
    "a token": Chunk(0, "x", (TokenLogprob("x", -0.5),)),
    "another choice": Chunk(9, "x", (TokenLogprob("x", -0.5),)),
    "too many tokens": Chunk(0, usage=Usage(100, 65)),
}


@pytest.mark.parametrize("behind", BEHIND.values(), ids=BEHIND)
@pytest.mark.parametrize("n", [1, 2])
def test_an_answer_that_is_whole_stays_whatever_its_server_does_behind_it(
    behind: Chunk | UpstreamError, n: int
) -> None:
    asked = task(verifiable=False, n=n, temperature=0.5, max_tokens=64)
    sampler = Erring(answers(), behind=behind)
    outcome = perform(Single(), sampler, asked=asked, flops=1e14)
    (draw,) = outcome.draws
    assert [(c.model, c.text) for c in outcome.choice.candidates] == [("large", "xxx")] * n
    assert outcome.failures == []
    assert draw.overrun == isinstance(behind, Chunk)
    booked = draw.hold.ceiling if draw.overrun else COST.draw("large", 100, [3] * n)
    assert outcome.ledger.used == booked


@pytest.mark.parametrize("behind", BEHIND.values(), ids=BEHIND)
def test_a_model_that_answered_is_drawn_again_whatever_its_server_did_behind_an_answer(
    behind: Chunk | UpstreamError,
) -> None:
    sampler = Erring(answers(), behind=behind)
    judge = ScriptedJudge(frozenset({3}))
    outcome = perform(BestOfN(n=4), sampler, judge=judge, asked=task(max_tokens=64))
    assert [sent.draw.n for sent in sampler.sent] == [2, 2]
    assert outcome.choice.candidates[0].verdict is Verdict.PASSED


def test_nll_is_the_mean_negative_log_probability() -> None:
    outcome = perform(Single(), ScriptedSampler(answers(tokens=4)))
    assert outcome.choice.candidates[0].scores == {NLL: pytest.approx(0.5)}


class BrokenJudge(ScriptedJudge):
    async def judge(self, text: str) -> Judgement:
        raise KeyError("a bug")


def test_a_fault_of_ours_in_a_judge_is_raised_and_hangs_nothing() -> None:
    with pytest.raises(BaseExceptionGroup):
        perform(BestOfN(n=2), ScriptedSampler(answers()), judge=BrokenJudge())


def large_hangs(draw: Draw) -> Sequence[Step]:
    return ["hang"] if draw.model == "large" else answers()(draw)


def test_a_fault_of_ours_is_raised_where_the_deadline_ends_the_plan_and_is_no_upstreams() -> None:
    sampler, metrics = ScriptedSampler(large_hangs), Metrics()

    async def scenario() -> None:
        run = Run(Cascade(), task(), Budget(), COST, sampler=sampler, judge=BrokenJudge())
        with pytest.raises(ExceptionGroup) as raised:
            await run.perform(asyncio.get_running_loop().time() + 0.02)
        assert raised.group_contains(KeyError)
        await others_ended()
        metrics.observe_work(run.work, COST)

    simulate(scenario())
    assert [sent.draw.model for sent in sampler.sent] == ["small", "large"]
    for model in ("small", "large"):
        labels = {"model": model}
        assert metrics.registry.get_sample_value("router_upstream_failures_total", labels) == 0


def test_a_fault_of_ours_is_logged_where_its_client_has_gone() -> None:
    sampler = ScriptedSampler(large_hangs)

    async def scenario() -> None:
        run = Run(Cascade(), task(), Budget(), COST, sampler=sampler, judge=BrokenJudge())
        work = asyncio.create_task(run.perform())
        while len(sampler.sent) < 2:  # noqa: ASYNC110 - the turn does not matter
            await asyncio.sleep(0)
        work.cancel()
        (result,) = await asyncio.gather(work, return_exceptions=True)
        assert isinstance(result, asyncio.CancelledError)
        await others_ended()

    with capture_logs() as logs:
        asyncio.run(scenario())
    assert {type(log["exc_info"]) for log in logs} == {KeyError}


def test_what_dies_of_being_stopped_is_logged_and_spoils_no_answer() -> None:
    class Clumsy(ScriptedJudge):
        async def judge(self, text: str) -> Judgement:
            if not self.judged:
                return await super().judge(text)
            try:
                await asyncio.Event().wait()
            finally:
                raise KeyError("a bug")

    with capture_logs() as logs:
        outcome = perform(BestOfN(n=2), ScriptedSampler(answers()), judge=Clumsy(frozenset({0})))
    assert outcome.choice.candidates[0].verdict is Verdict.PASSED
    assert [type(log["exc_info"]) for log in logs] == [KeyError]


@dataclass
class Stumbling(ScriptedSampler):
    """Its streams say a token, hang, and die of being stopped."""

    of: Exception = field(default_factory=lambda: KeyError("a bug"))

    async def sample(self, draw: Draw) -> AsyncGenerator[Chunk, None]:
        self.sent.append(Sent(draw, [1]))
        yield Chunk(0, "x", (TokenLogprob("x", -0.5),))
        try:
            await asyncio.Event().wait()
        finally:
            raise self.of


DEATHS: list[tuple[Exception, list[type[Exception]]]] = [
    (KeyError("a bug"), [KeyError]),
    (UpstreamError("large", "broke off"), []),
]
"""What a stream dies of, and what is logged: faults of ours."""


@pytest.mark.parametrize(("of", "logged"), DEATHS)
def test_a_lone_draw_that_dies_of_the_deadline_leaves_what_it_said(
    of: Exception, logged: list[type[Exception]]
) -> None:
    """And no other model is asked after it."""
    sampler = Stumbling(answers(), of=of)
    with capture_logs() as logs:
        outcome = perform(Single(), sampler, timeout=0.02)
    assert outcome.deadline_passed
    assert [(each.model, each.text) for each in outcome.choice.candidates] == [("large", "x")]
    assert outcome.ledger.used == COST.draw("large", 100, [1])
    assert len(sampler.sent) == 1
    assert [type(log["exc_info"]) for log in logs] == logged


@pytest.mark.parametrize(("of", "logged"), DEATHS)
def test_a_lone_draw_that_dies_of_its_clients_going_is_cancelled(
    of: Exception, logged: list[type[Exception]]
) -> None:
    sampler = Stumbling(answers(), of=of)

    async def scenario() -> None:
        run = Run(Single(), task(verifiable=False), Budget(), COST, sampler=sampler)
        work = asyncio.create_task(run.perform())
        while not sampler.sent:  # noqa: ASYNC110 - the turn does not matter
            await asyncio.sleep(0)
        work.cancel()
        await asyncio.wait([work])
        assert work.cancelled()
        (draw,) = run.work
        assert draw.hold.settled == COST.draw("large", 100, [1])

    with capture_logs() as logs:
        simulate(scenario())
    assert len(sampler.sent) == 1
    assert [type(log["exc_info"]) for log in logs] == logged


@pytest.mark.parametrize("policy", [Single(), BestOfN(n=3), Cascade()])
@pytest.mark.parametrize("judge", [None, ScriptedJudge(pauses=2)])
@pytest.mark.parametrize("hangs", [False, True])
def test_a_run_that_ended_leaves_nothing_to_the_collector(
    policy: Policy, judge: ScriptedJudge | None, *, hangs: bool
) -> None:
    async def scenario() -> None:
        script = (lambda _: [("token", 0), "hang"]) if hangs else answers()
        asked, sampler = task(verifiable=judge is not None), ScriptedSampler(script)
        run = Run(policy, asked, Budget(1e13), COST, sampler=sampler, judge=judge)
        await run.perform(asyncio.get_running_loop().time() + (0.01 if hangs else 60))
        gone.append(weakref.ref(run))

    gone = list[weakref.ref[Run]]()
    gc.disable()
    try:
        asyncio.run(scenario())
        assert gone[0]() is None
    finally:
        gc.enable()


def lone(*others: Draw) -> Plan:
    """A draw of one sample and the others, to their ends."""
    running = 0
    for draw in (LONE, *others):
        yield draw
        running += 1
    while running:
        running -= isinstance((yield Wait()), Done)


LONE = Draw("small", 1, 8, 0.8, verify=False)


@pytest.mark.parametrize("beside", [False, True])
def test_a_lone_draw_has_a_task_only_where_its_plan_does_something_else(*, beside: bool) -> None:
    performers: list[object] = []

    class Watched(ScriptedSampler):
        async def sample(self, draw: Draw) -> AsyncGenerator[Chunk, None]:
            performers.append(asyncio.current_task())
            async for chunk in super().sample(draw):
                yield chunk

    async def scenario() -> Outcome:
        more = [Draw("large", 1, 8, 0.8, verify=False)] if beside else []
        run = Run(ByHand(lone(*more)), task(), Budget(), COST, sampler=Watched(answers()))
        outcome = await run.perform()
        await others_ended()
        assert (asyncio.current_task() in performers) is not beside
        return outcome

    outcome = asyncio.run(scenario())
    assert len(outcome.choice.candidates) == len(performers) == 1 + beside
    assert outcome.ledger.held == 0


def test_a_fault_of_ours_in_a_lone_draw_is_raised_and_settled() -> None:
    class Broken(ScriptedSampler):
        async def sample(self, draw: Draw) -> AsyncGenerator[Chunk, None]:
            yield Chunk(0, "x", (TokenLogprob("x", -0.5),))
            raise KeyError("a bug")

    run = Run(ByHand(lone()), task(), Budget(1e13), COST, sampler=Broken(answers()))
    with pytest.raises(ExceptionGroup) as raised:
        asyncio.run(run.perform())
    assert raised.group_contains(KeyError)
    (work,) = run.work
    assert work.hold.settled == COST.draw("small", 100, [1])
    assert "a fault of ours" in str(work.failure)


def test_a_lone_draw_that_nobody_waits_for_is_never_sent() -> None:
    def plan() -> Plan:
        yield LONE

    sampler = ScriptedSampler(answers())
    outcome = perform(ByHand(plan()), sampler, flops=1e13)
    assert not sampler.sent
    assert (outcome.ledger.used, outcome.ledger.held) == (0, 0)


def test_a_lone_draw_can_be_cancelled_before_it_is_waited_for() -> None:
    def plan() -> Plan:
        started = yield LONE
        assert isinstance(started, Started)
        assert (yield Cancel(started.ticket)) == Done(started.ticket, Remaining(flops=1e13))

    outcome = perform(ByHand(plan()), ScriptedSampler(answers()), flops=1e13)
    assert (outcome.ledger.used, outcome.ledger.held) == (0, 0)


def test_draws_overlap_and_one_can_be_cancelled() -> None:
    seen: list[object] = []

    def plan() -> Plan:
        slow = yield Draw("small", 1, 8, 0.8, verify=False)
        fast = yield Draw("large", 1, 8, 0.8, verify=False)
        assert isinstance(slow, Started)
        assert isinstance(fast, Started)
        seen.extend([(yield Wait()), (yield Wait()), (yield Cancel(slow.ticket))])

    sampler = ScriptedSampler(
        lambda draw: ["hang"] if draw.model == "small" else [("token", 0), ("finish", 0)]
    )
    outcome = perform(ByHand(plan()), sampler)
    assert [type(event).__name__ for event in seen] == ["Sampled", "Done", "Done"]
    assert [c.model for c in outcome.choice.candidates] == ["large"]


def test_what_does_not_fit_is_refused_with_what_remains() -> None:
    answers_: list[object] = []

    def plan() -> Plan:
        answers_.append((yield Draw("large", 8, 256, 0.8, verify=False)))
        answers_.append((yield Draw("small", 1, 8, 0.8, verify=False)))
        while not isinstance((yield Wait()), Done):
            pass

    perform(ByHand(plan()), ScriptedSampler(answers(tokens=2)), flops=1e12)
    assert answers_[0] == Refused(Remaining(flops=1e12))
    assert isinstance(answers_[1], Started)


def test_a_plan_that_waits_for_nothing_is_a_fault() -> None:
    def plan() -> Plan:
        yield Wait()

    with pytest.raises(PlanError):
        perform(ByHand(plan()), ScriptedSampler(answers()))


def test_a_token_held_back_is_a_token() -> None:
    """llama.cpp sends a token that may begin a stop string as an empty text."""

    class HoldingBack(ScriptedSampler):
        async def sample(self, draw: Draw) -> AsyncGenerator[Chunk, None]:
            for text in ("a", "", "", "\n\nb"):
                yield Chunk(0, text, said=True)
            await asyncio.Event().wait()

        def token_per_chunk(self, model: str) -> bool:
            return True

    outcome = perform(Single(), HoldingBack(answers()), timeout=0.05)
    assert outcome.draws[0].samples[0].tokens == 4


@pytest.mark.parametrize(("prompt", "completion"), [(0, 1), (5000, 3)])
def test_no_usage_that_cannot_be_true_frees_budget(prompt: int, completion: int) -> None:
    class Lying(ScriptedSampler):
        async def sample(self, draw: Draw) -> AsyncGenerator[Chunk, None]:
            for _ in range(3):
                yield Chunk(0, "x", (TokenLogprob("x", -0.5),), said=True)
            yield Chunk(0, finish_reason="stop", usage=Usage(prompt, completion))

    outcome = perform(Single(), Lying(answers()), flops=1e13)
    assert outcome.ledger.used >= COST.draw("large", 100, [3])
    assert outcome.choice.candidates


@dataclass
class Telling(ScriptedSampler):
    """Three tokens of each choice, and the usage of all of them together, before or after."""

    prompt: int = 100
    together: int | None = None
    whole: bool = False

    async def sample(self, draw: Draw) -> AsyncGenerator[Chunk, None]:
        usage = Chunk(0, usage=Usage(self.prompt, None, together=self.together))
        if self.whole:  # as where an answer is told at once
            yield usage
        for at in range(draw.n):
            for _ in range(3):
                yield Chunk(at, "x", (TokenLogprob("x", -0.5),), said=True)
            yield Chunk(at, finish_reason="stop")
        if not self.whole:
            yield usage


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("n", [2, 5])
def test_a_prompt_above_what_was_held_is_an_overrun_whoever_shares_it(n: int, whole: bool) -> None:
    asked = task(verifiable=False, n=n, temperature=0.5)
    for prompt in (101, 100 * n, 20_000):
        sampler = Telling(answers(), prompt=prompt, whole=whole)
        outcome = perform(Single(), sampler, asked=asked, flops=1e14)
        (draw,) = outcome.draws
        assert draw.overrun
        assert outcome.ledger.used == draw.hold.ceiling
        assert len(outcome.choice.candidates) == n  # what was said is said
    outcome = perform(Single(), Telling(answers(), whole=whole), asked=asked, flops=1e14)
    (draw,) = outcome.draws
    assert not draw.overrun
    assert outcome.ledger.used == COST.draw("large", 100, [3] * n)


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize(
    ("together", "booked"),
    [
        (0, [3, 3, 3]),  # what was seen was sent
        (9, [3, 3, 3]),
        (10, [4, 3, 3]),
        (16, [8, 5, 3]),
        (24, [8, 8, 8]),
        (25, None),
        (10**9, None),
    ],
)
def test_tokens_that_a_server_counts_beyond_those_seen_are_booked(
    together: int, booked: list[int] | None, whole: bool
) -> None:
    asked = task(verifiable=False, n=3, temperature=0.5, max_tokens=8)
    sampler = Telling(answers(), together=together, whole=whole)
    outcome = perform(Single(), sampler, asked=asked, flops=1e14)
    (draw,) = outcome.draws
    ceiling = draw.hold.ceiling
    used = ceiling if booked is None else COST.draw("large", 100, booked)
    assert outcome.ledger.used == used <= ceiling
    assert draw.overrun == (booked is None)
    assert draw.unseen_tokens == max(0, together - 9)
    assert [sample.tokens for sample in draw.samples] == [3, 3, 3]
    assert len(outcome.choice.candidates) == 3


@given(
    seen=st.lists(st.integers(0, 9), min_size=2, max_size=5),
    hidden=st.lists(st.integers(0, 9), min_size=5, max_size=5),
)
def test_unseen_tokens_cost_no_less_whoever_drew_them(seen: list[int], hidden: list[int]) -> None:
    tokens = [min(9, a + b) for a, b in zip(seen, hidden, strict=False)]
    command = Draw("large", len(seen), 9, 0.5, verify=False)
    samples = tuple(Sample(at, at, tokens=each) for at, each in enumerate(seen))
    ceiling = COST.ceiling("large", 100, len(seen), 9)
    hold = Ledger().hold(ceiling)
    assert hold is not None
    draw = RunningDraw(0, command, PromptLength(100), hold, samples, sent=True)
    draw.take(Chunk(0, usage=Usage(100, None, together=sum(tokens))))
    assert COST.draw("large", 100, tokens) <= draw.flops(COST) <= ceiling


class Rooms:
    """A gate that remembers at which piece of a draw a room of it became free."""

    def __init__(self) -> None:
        self.heard: list[Chunk] = []
        self.freed: list[int] = []

    def place(self, draw: Draw) -> AbstractAsyncContextManager[Place]:
        return nullcontext(self)

    def ended(self) -> None:
        self.freed.append(len(self.heard))


def test_a_sample_needs_its_room_until_its_server_has_ended_it() -> None:
    good, past = "    y = x\n", "print(f(1))\n"
    says = [(0, good), (0, past), (0, past), (1, good), (1, None), (0, None), (2, good), (2, None)]
    rooms = Rooms()

    class Sampler:
        async def sample(self, draw: Draw) -> AsyncGenerator[Chunk, None]:
            for index, text in says:
                rooms.heard.append(
                    Chunk(index, text or "", finish_reason=None if text else "stop", said=True)
                )
                yield rooms.heard[-1]

        def token_per_chunk(self, model: str) -> bool:
            return True

    def plan() -> Plan:
        yield Draw("small", 3, 9, 0.8, verify=False)
        while not isinstance((yield Wait()), Done):
            pass

    gap = Gap("def f(x):\n", "    return y\n")
    made = ByHand(plan())
    run = Run(made, task(), Budget(), COST, sampler=Sampler(), space=gap, gate=rooms)
    outcome = asyncio.run(run.perform())
    (draw,) = outcome.draws
    assert [sample.text for sample in draw.samples] == [good] * 3
    # The first is over for us with its second piece, and for its server with the sixth.
    assert rooms.freed == [5, 6, 8]
    assert [sample.tokens for sample in draw.samples] == [3, 1, 1]
    assert draw.failure is None
