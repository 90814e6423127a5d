"""A run over recorded samples: what it costs, chooses and takes is what it would live."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import fake_upstream
import pytest
from fake_upstream import Call, FakeUpstream
from hypothesis import given
from hypothesis import strategies as st
from world import COST, task

from evaluation.calibration.clock import simulate
from evaluation.calibration.replay import (
    OutOfSamples,
    Pace,
    RecordedModel,
    RecordedSample,
    ReplayJudge,
    ReplaySampler,
)
from policies.ladder import Calibration, Domain, Interval, Ladder, Length, Rung
from policies.plans.best_of_n import BestOfN
from policies.plans.cascade import Cascade
from policies.plans.climb import Climb
from policies.plans.single import Single
from policies.policy import Policy
from policies.protocol import Draw
from policies.values import NLL, Budget, Task, Verdict
from router.plan.outcome import Outcome
from router.plan.run import Run
from router.request import Judgement, SampleRequest, TextPrompt
from router.upstream import transport
from router.upstream.client import Upstream
from router.upstream.servers import SERVERS

PASSED, FAILED = (Judgement(verdict, verdict.value) for verdict in (Verdict.PASSED, Verdict.FAILED))
PACE = Pace(first_token_s=0.5, token_s=0.1)


def said(at: int, tokens: int, *, passes: bool = False) -> RecordedSample:
    """A sample of so many tokens of five characters."""
    text = "".join(f"{at:02}{token:02} " for token in range(tokens))
    judgement = PASSED if passes else FAILED
    return RecordedSample(text, tokens, "stop", nll=0.25, judgement=judgement)


def replayed(
    policy: Policy,
    asked: Task,
    recorded: dict[str, Sequence[RecordedSample]],
    *,
    flops: float | None = None,
    timeout: float | None = None,
    greedy: RecordedSample | None = None,
) -> Outcome:
    models = {name: RecordedModel(of, PACE, greedy) for name, of in recorded.items()}
    judge = ReplayJudge.of(sample for of in recorded.values() for sample in of)
    sampler = ReplaySampler(models)
    run = Run(policy, asked, Budget(flops), COST, sampler=sampler, judge=judge)
    return simulate(run.perform(timeout))


@dataclass
class Live:
    """A server that says what was recorded, in step, and a judge; both in real time.

    After a sample ends it goes on only when that sample is judged, as a real judge is faster than
    a real token: after a pass the client is waited for, which then goes.
    """

    recorded: Sequence[RecordedSample]
    judged: dict[str, asyncio.Event] = field(default_factory=dict)
    drawn: int = 0

    async def play(self, call: Call, server: FakeUpstream) -> None:
        mine = self.recorded[self.drawn : self.drawn + call.body["n"]]
        self.drawn += len(mine)
        for step in range(max(sample.tokens for sample in mine)):
            for index, sample in enumerate(mine):
                if step < sample.tokens:
                    await call.token(index, sample.text[5 * step : 5 * step + 5], server)
            for index, sample in enumerate(mine):
                if step == sample.tokens - 1:
                    await call.finish(index, "stop", server)
                    await self._event(sample.text).wait()
                    if sample.judgement is PASSED:
                        await call.closed_by_client.wait()
        await call.done(server)

    async def judge(self, text: str) -> Judgement:
        (sample,) = (sample for sample in self.recorded if sample.text == text)
        asyncio.get_running_loop().call_soon(self._event(text).set)
        assert sample.judgement is not None
        return sample.judgement

    def _event(self, text: str) -> asyncio.Event:
        return self.judged.setdefault(text, asyncio.Event())

    def token_per_chunk(self, model: str) -> bool:
        return True

    async def perform(self, policy: Policy, asked: Task, flops: float) -> Outcome:
        async with (
            fake_upstream.running(FakeUpstream(self.play)) as server,
            transport.Client(connect_s=5, read_s=60) as client,
        ):
            upstream = Upstream(
                "small", client, lambda: server.url, "small", 8, server=SERVERS["llama.cpp"]
            )

            class Sampler:
                token_per_chunk = self.token_per_chunk
                sample = staticmethod(
                    lambda draw: upstream.sample(draw, SampleRequest(TextPrompt("x"), logprobs=0))
                )

            run = Run(policy, asked, Budget(flops), COST, sampler=Sampler(), judge=self)
            return await run.perform()


def figures(outcome: Outcome) -> object:
    """All that a run spent and chose."""
    return (
        outcome.ledger.used,
        [(c.text, c.verdict, c.tokens, c.scores) for c in outcome.choice.candidates],
        [(d.command, [(s.tokens, s.ending) for s in d.samples]) for d in outcome.draws],
    )


@pytest.mark.parametrize("passing", [None, 0, 3, 5])
def test_the_same_plan_on_the_same_samples_costs_the_same_live_and_replayed(
    passing: int | None,
) -> None:
    lengths = [7, 12, 9, 4, 20, 6, 15, 3]
    recorded = [said(at, tokens, passes=at == passing) for at, tokens in enumerate(lengths)]
    # The server's prompt has one token, and it says so.
    asked = task("small", prompt=1, max_tokens=32)
    policy, flops = BestOfN(n=8), 1e14
    live = asyncio.run(Live(recorded).perform(policy, asked, flops))
    again = replayed(policy, asked, {"small": recorded}, flops=flops)
    assert figures(again) == figures(live)
    stopped = passing is not None
    assert any(s.ending == "cancelled" for d in again.draws for s in d.samples) == stopped


def test_an_early_pass_costs_only_what_was_said_by_then() -> None:
    samples = [said(0, 5, passes=True), said(1, 200)]
    outcome = replayed(BestOfN(n=2), task("small", prompt=10), {"small": samples}, flops=1e14)
    assert outcome.ledger.used == COST.draw("small", 10, [5, 5])
    assert outcome.choice.candidates[0].text == samples[0].text
    assert outcome.choice.candidates[0].scores == {NLL: pytest.approx(0.25)}


def test_time_is_that_of_the_tokens() -> None:
    samples = [said(0, 5), said(1, 9)]
    # The first token of both after half a second, the ninth of the second eight tenths later.
    for timeout, endings in ((1.29, ["stop", "cancelled"]), (1.31, ["stop", "stop"])):
        asked = task("small", verifiable=False)
        outcome = replayed(BestOfN(n=2), asked, {"small": samples}, timeout=timeout)
        assert [s.ending for d in outcome.draws for s in d.samples] == endings
        assert outcome.deadline_passed == ("cancelled" in endings)


def test_samples_are_drawn_once_and_a_plan_that_outruns_them_is_told() -> None:
    samples = [said(at, 3) for at in range(6)]
    outcome = replayed(BestOfN(n=6), task("small"), {"small": samples})
    assert {c.text for c in outcome.choice.candidates} == {s.text for s in samples}
    outrun = replayed(BestOfN(n=8), task("small"), {"small": samples})
    assert any(isinstance(failure, OutOfSamples) for failure in outrun.failures)


def test_an_answer_that_is_cut_shorter_than_recorded_is_taken_to_fail() -> None:
    asked = task("small", max_tokens=4, temperature=0.5)
    outcome = replayed(Single(), asked, {"small": [said(0, 9, passes=True)]})
    (candidate,) = outcome.choice.candidates
    assert (candidate.finish_reason, candidate.tokens) == ("length", 4)
    assert candidate.verdict is Verdict.FAILED


def test_the_greedy_answer_is_a_sample_of_its_own() -> None:
    greedy = replace(said(99, 2), text="greedy")
    outcome = replayed(Single(), task("small"), {"small": [said(0, 3)]}, greedy=greedy)
    assert [c.text for c in outcome.choice.candidates] == ["greedy"]


@given(
    lengths=st.lists(st.integers(0, 40), min_size=24, max_size=24),
    passing=st.frozensets(st.integers(0, 23), max_size=2),
    flops=st.floats(2e11, 2e13),
    policy=st.sampled_from([BestOfN(n=8), Cascade(n=4, n_last=2), Single()]),
)
def test_a_replay_binds_its_budget_and_is_the_same_twice(
    lengths: list[int], passing: frozenset[int], flops: float, policy: Policy
) -> None:
    samples = [said(at, n, passes=at in passing) for at, n in enumerate(lengths)]
    recorded = {"small": samples[:16], "large": samples[16:]}
    asked = task(prompt=20, max_tokens=32)
    first = replayed(policy, asked, recorded, flops=flops, greedy=samples[0])
    assert first.ledger.used <= flops
    assert first.ledger.held == 0
    assert figures(replayed(policy, asked, recorded, flops=flops, greedy=samples[0])) == figures(
        first
    )


@pytest.mark.parametrize(("first", "token"), [(-1.0, 0.1), (0.0, 0.0), (float("nan"), 0.1)])
def test_a_token_takes_time(first: float, token: float) -> None:
    with pytest.raises(ValueError, match="takes time"):
        Pace(first, token)


def test_a_further_draw_tells_what_of_its_prompt_was_cached() -> None:
    async def told(cached: dict[str, int]) -> list[list[tuple[int, int | None, int | None]]]:
        models = {"small": RecordedModel([said(at, 3) for at in range(4)], PACE)}
        sampler, draws = ReplaySampler(models, cached), []
        for _ in range(2):
            draw = Draw("small", n=2, max_tokens=9, temperature=0.8, verify=False)
            usages = [chunk.usage async for chunk in sampler.sample(draw)]
            draws.append(
                [(u.prompt_tokens, u.completion_tokens, u.cached_tokens) for u in usages if u]
            )
        return draws

    assert simulate(told({"small": 20})) == [
        [(20, None, found), (20, 3, found), (20, 3, found)] for found in (0, 19)
    ]
    assert simulate(told({})) == [[(0, 3, 0)] * 2] * 2


def test_what_a_climb_finds_in_the_cache_costs_nothing() -> None:
    rungs = (Rung("small", 2, 0.8), Rung("small", 2, 0.8))
    ladder = Ladder(1.0, rungs, Interval(0.5, 0, 1), Interval(0.5, 0, 1))
    lengths = (Length(50, (ladder,), (ladder,)),)
    climb = Climb(Calibration(("small",), {}, Domain("any", lengths, {}), {}))
    samples = [said(at, 9) for at in range(4)]
    models = {"small": RecordedModel(samples, PACE)}

    def used(cached: dict[str, int]) -> float:
        asked = task("small", prompt=50)
        sampler, judge = ReplaySampler(models, cached), ReplayJudge.of(samples)
        run = Run(climb, asked, Budget(1e14), COST, sampler=sampler, judge=judge)
        return simulate(run.perform()).ledger.used

    first = COST.draw("small", 50, [9, 9])
    assert used({}) == 2 * first
    assert used({"small": 50}) == first + COST.draw("small", 50, [9, 9], 49)
