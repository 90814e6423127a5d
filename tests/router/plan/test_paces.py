"""What is learned of models' paces, on a simulated clock."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace

import pytest
from fakes import ByHand
from simulated import simulated
from world import COST, task

from policies.forecast import Forecast, Seen
from policies.plans.auto import Auto
from policies.policy import Policy
from policies.protocol import Done, Draw, Plan, Started, Wait
from policies.values import Budget
from router.plan.outcome import Outcome
from router.plan.paces import KEPT_LENGTHS, STALE_S, Paces, PaceStart
from router.plan.prefixes import NOTHING_READ, Blocks
from router.plan.queues.occupancy import OwnOccupancy
from router.plan.run import Run
from router.request import TextPrompt
from router.upstream.failures import UpstreamError
from router.upstream.said.chunks import Chunk, TokenLogprob, Usage


@dataclass
class Paced:
    """A machine: seconds per prompt token, and per token where so many samples are computed.

    Where it `caches`, each model keeps the prompt that it read last, and says so.
    """

    prompt_s: dict[str, float] = field(default_factory=lambda: {"small": 0.002, "large": 0.006})
    token_s: dict[str, float] = field(default_factory=lambda: {"small": 0.02, "large": 0.06})
    length: int = 20
    running: dict[str, int] = field(default_factory=lambda: {"small": 0, "large": 0})
    broken: bool = False
    caches: bool = False
    prompt: Blocks = NOTHING_READ
    kept: dict[str, Blocks] = field(default_factory=dict)

    async def sample(self, draw: Draw) -> AsyncGenerator[Chunk, None]:
        model = draw.model
        self.running[model] += draw.n
        try:
            cached = 99 if self.caches and self.kept.get(model) == self.prompt else 0
            await asyncio.sleep((100 - cached) * self.prompt_s[model])
            self.kept[model] = self.prompt
            told = Usage(100, None, cached) if self.caches else None
            if self.broken:
                raise UpstreamError(model, "is down")
            most = min(self.length, draw.max_tokens)
            if not most:
                yield Chunk(0, finish_reason="length", usage=told)
            for at in range(most):
                if at:
                    await asyncio.sleep(self.token_s[model] * self.running[model])
                ending = None if at < most - 1 else ("stop" if most == self.length else "length")
                for index in range(draw.n):
                    token = (TokenLogprob("x", -0.5),)
                    yield Chunk(index, "x", token, said=True, finish_reason=ending, usage=told)
        finally:
            self.running[model] -= draw.n

    def token_per_chunk(self, model: str) -> bool:
        return True


def drawing(*draws: Draw) -> Plan:
    for draw in draws:
        assert isinstance((yield draw), Started)
    for _ in draws:
        while not isinstance((yield Wait()), Done):
            pass


def asked(model: str = "large", n: int = 1, max_tokens: int = 64) -> Draw:
    return Draw(model, n, max_tokens, 0.8, verify=False)


async def performed(
    paces: Paces,
    machine: Paced,
    policy: Policy | None = None,
    *,
    draws: Sequence[Draw] = (),
    within_s: float | None = None,
    prompt: Blocks = NOTHING_READ,
    **fields: object,
) -> Outcome:
    machine.prompt = prompt
    what = task(**{"verifiable": False, "max_tokens": 64} | fields)
    deadline = None
    budget, cost = Budget(), COST
    if within_s is not None:
        deadline = asyncio.get_running_loop().time() + within_s
        budget = Budget(latency_ms=1000 * within_s)
        cost = replace(COST, forecasts=paces.forecasts("text", prompt))
    run = Run(
        policy or ByHand(drawing(*draws)),
        what,
        budget,
        cost,
        sampler=machine,
        observer=paces.watch(what, "text", deadline, prompt),
    )
    return await run.perform(deadline)


def of(paces: Paces, model: str = "large", kind: str = "text") -> Forecast:
    return paces.forecasts(kind)[model]


@simulated
async def test_what_was_seen_is_expected() -> None:
    paces, machine = Paces(), Paced()
    assert paces.forecasts("text") == {}
    await performed(paces, machine, draws=[asked()])
    assert of(paces).seconds(100, 1, 20) == pytest.approx(0.6 + 19 * 0.06)
    assert of(paces).seconds(200, 1, 1) == pytest.approx(1.2)
    assert of(paces).usual_tokens is None
    assert "small" not in paces.forecasts("text")


@simulated
async def test_what_others_compute_for_us_counts_too() -> None:
    computed = {"large": OwnOccupancy()}
    one, other, machine = Paces(None, computed), Paces(None, computed), Paced()
    for n in (1, 5):
        await performed(one, machine, draws=[asked(n=n)])
    running = asyncio.create_task(performed(other, machine, draws=[asked(n=2)]))
    await asyncio.sleep(0.01)
    assert of(one).busy == 2
    await running
    assert of(one).busy == 0


@simulated
async def test_steps_grow_with_what_is_computed_at_once_and_others_count() -> None:
    paces, machine = Paces(), Paced()
    await performed(paces, machine, draws=[asked(n=1)])
    await performed(paces, machine, draws=[asked(n=5)])
    assert of(paces).step.at(3) == pytest.approx(0.18, rel=0.01)
    other = asyncio.create_task(performed(paces, machine, draws=[asked(n=2)]))
    await asyncio.sleep(0.01)
    assert of(paces).busy == 2
    assert of(paces).seconds(100, 1, 2) == pytest.approx(0.6 + 0.18, rel=0.01)
    await other
    assert of(paces).busy == 0


@simulated
async def test_what_is_old_is_forgotten_and_what_is_new_counts_more() -> None:
    paces, machine = Paces(), Paced()
    await performed(paces, machine, draws=[asked()])
    machine.token_s["large"] = 0.6  # the machine is loaded
    await asyncio.sleep(120)
    await performed(paces, machine, draws=[asked()])
    assert of(paces).step.at(1) > 0.55
    await asyncio.sleep(STALE_S + 1)
    assert paces.forecasts("text") == {}


@simulated
async def test_nothing_runs_when_everything_has_ended_however_it_did() -> None:
    paces, machine = Paces(), Paced()
    await performed(paces, machine, draws=[asked(n=4)], within_s=0.7)
    gone = asyncio.create_task(performed(paces, machine, draws=[asked(n=3)]))
    await asyncio.sleep(0.65)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    machine.broken = True
    await performed(paces, machine, draws=[asked(n=3), asked("small", n=2)])
    assert of(paces).busy == 0
    assert "small" not in paces.forecasts("text")  # a failure tells nothing of a pace


@simulated
async def test_answers_of_a_kind_tell_what_is_usual_and_those_that_were_cut_are_longer() -> None:
    paces, machine = Paces(), Paced()
    await performed(paces, machine, draws=[asked(n=8)])
    assert of(paces).usual_tokens == 20
    assert of(paces, kind="chat").usual_tokens is None
    await performed(paces, machine, draws=[asked(n=2, max_tokens=5)])
    assert of(paces).usual_tokens == 20
    machine.length = 40
    await performed(paces, machine, draws=[asked(n=30, max_tokens=30)])
    assert of(paces).usual_tokens is None
    machine.length = 20
    await performed(paces, machine, draws=[asked(n=30), asked(n=30)])
    assert of(paces).usual_tokens == 20
    machine.length = 64
    await performed(paces, machine, draws=[asked(n=8)], within_s=12.0)  # some 22 tokens of each
    assert of(paces).usual_tokens is None


@simulated
async def test_what_was_late_for_its_first_token_says_nothing_of_how_long_answers_are() -> None:
    paces, machine = Paces(), Paced()
    await performed(paces, machine, draws=[asked(n=8)])
    for _ in range(5):
        late = await performed(paces, machine, draws=[asked()], within_s=0.3)
        assert not late.choice.candidates
    assert of(paces).usual_tokens == 20


@simulated
async def test_one_draw_that_is_late_is_enough_and_one_that_is_not_too() -> None:
    paces, machine = Paces(), Paced(length=2)
    for _ in range(10):
        await performed(paces, machine, draws=[asked("small"), asked()])
    machine.prompt_s["large"] = 0.009  # 0.9 s, where it was 0.6

    async def drawn() -> list[str]:
        outcome = await performed(paces, machine, Auto(), within_s=0.8)
        return [draw.model for draw in outcome.draws]

    assert [await drawn() for _ in range(3)] == [["large"], ["small"], ["small"]]
    machine.prompt_s["large"] = 0.006
    await asyncio.sleep(120)
    assert [await drawn() for _ in range(3)] == [["large"], ["large"], ["large"]]


@simulated
async def test_what_is_read_ahead_says_nothing_of_how_long_answers_are() -> None:
    paces, machine = Paces(), Paced()
    await performed(paces, machine, draws=[asked(n=8)])
    known = of(paces)
    for _ in range(KEPT_LENGTHS):
        await performed(paces, machine, draws=[asked(max_tokens=0)], max_tokens=0)
    assert of(paces).usual_tokens == known.usual_tokens == 20
    assert of(paces).first_token(100) == pytest.approx(known.first_token(100))


@simulated
async def test_what_was_read_ahead_is_not_read_again() -> None:
    paces, machine = Paces(), Paced(caches=True)
    one, other, third = (Blocks.of(TextPrompt(text), {}) for text in ("one", "other", "third"))
    for _ in range(2):
        await performed(paces, machine, draws=[asked()], prompt=one)
    assert paces.forecasts("text", other)["large"].cached == 0
    await performed(paces, machine, draws=[asked(max_tokens=0)], prompt=other, max_tokens=0)
    assert paces.forecasts("text", other)["large"].cached > 0.9
    # One whose client goes may not have been read.
    ahead = performed(paces, machine, draws=[asked(max_tokens=0)], prompt=third, max_tokens=0)
    gone = asyncio.create_task(ahead)
    await asyncio.sleep(0.1)
    gone.cancel()
    await asyncio.wait([gone])
    assert paces.forecasts("text", third)["large"].cached == 0


@simulated
async def test_what_came_too_late_for_its_first_token_is_not_tried_again() -> None:
    paces, machine = Paces(), Paced()
    await performed(paces, machine, draws=[asked("small")])
    first = await performed(paces, machine, Auto(), within_s=0.5)
    assert [draw.model for draw in first.draws] == ["large"]
    assert not first.choice.candidates
    assert of(paces).seconds(100, 1, 1) == pytest.approx(1.0)
    second = await performed(paces, machine, Auto(), within_s=0.5)
    assert [draw.model for draw in second.draws] == ["small"]
    assert second.choice.candidates
    # It is no measurement: one that was faster than that stands.
    await performed(paces, machine, draws=[asked()])
    assert of(paces).first.at(100) < 1.0


@simulated
async def test_what_many_cached_prompts_took_is_not_all_that_is_known() -> None:
    paces, machine = Paces(), Paced(caches=True)
    one, other = (Blocks.of(TextPrompt(text), {}) for text in ("one", "other"))
    await performed(paces, machine, draws=[asked()], prompt=one)
    for _ in range(100):
        await performed(paces, machine, draws=[asked(max_tokens=2)], prompt=one)
    known = paces.forecasts("text", other)["large"]
    assert known.first_token(100) == pytest.approx(0.6, rel=0.05)
    assert paces.forecasts("text", one)["large"].first_token(100) == pytest.approx(0.006, rel=0.1)


@simulated
async def test_one_that_was_late_is_believed_until_a_later_one_is_sooner() -> None:
    paces, machine = Paces(), Paced(length=20)
    for _ in range(10):
        await performed(paces, machine, draws=[asked()])
    before = asyncio.create_task(performed(paces, machine, draws=[asked()]))
    await asyncio.sleep(0.7)  # it has its first token, and goes on
    machine.prompt_s["large"] = 0.009
    await performed(paces, machine, draws=[asked()], within_s=0.8)
    await before
    assert of(paces).first_token(100) > 1.5
    await performed(paces, machine, draws=[asked()])  # in 0.9 s: no better
    assert of(paces).first_token(100) > 1.2
    machine.prompt_s["large"] = 0.0075
    await performed(paces, machine, draws=[asked()])
    assert of(paces).first_token(100) < 0.8


@simulated
async def test_answers_that_were_ended_early_are_longer_than_they_came() -> None:
    paces, machine = Paces(), Paced()
    for _ in range(8):
        running = asyncio.create_task(performed(paces, machine, draws=[asked()]))
        await asyncio.sleep(1.0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    await performed(paces, machine, draws=[asked(n=3)])
    assert of(paces).usual_tokens is None


@simulated
async def test_what_was_read_before_is_not_read_again_and_plans_know_it() -> None:
    paces, machine = Paces(), Paced(caches=True)
    one, other = (Blocks.of(TextPrompt(text), {}) for text in ("one", "other"))
    for draw in (asked("small"), asked("small"), asked(), asked()):
        await performed(paces, machine, draws=[draw], prompt=one)
    known, new = (paces.forecasts("text", prompt)["large"] for prompt in (one, other))
    assert known.first_token(100) < 0.05
    assert new.first_token(100) == pytest.approx(0.6, rel=0.05)
    models = []
    for prompt in (one, other, one):  # the large model keeps one prompt only
        machine.kept["large"] = one
        outcome = await performed(
            paces, machine, Auto(), prompt=prompt, within_s=1.5, max_tokens=20
        )
        models.append(outcome.choice.candidates[0].model)
    assert models == ["large", "small", "large"]


@simulated
async def test_a_cache_that_was_not_there_is_not_relied_on_again() -> None:
    paces, machine = Paces(), Paced(caches=True)
    prompt = Blocks.of(TextPrompt("one"), {})
    for draw in (asked("small"), asked(), asked()):
        await performed(paces, machine, draws=[draw], prompt=prompt)
    machine.caches = False
    late = 0
    for _ in range(12):
        outcome = await performed(paces, machine, Auto(), prompt=prompt, within_s=0.5, max_tokens=5)
        late += not outcome.choice.candidates
    assert 1 <= late <= 6


@simulated
async def test_plans_by_what_was_seen_end_in_time_by_themselves() -> None:
    paces, machine = Paces(), Paced()
    await performed(paces, machine, draws=[asked("small"), asked()])
    models = []
    for within_s in (0.9, 1.0, 2.0, 4.0, 5.0, 8.0):
        outcome = await performed(paces, machine, Auto(), within_s=within_s)
        assert not outcome.deadline_passed, within_s
        models.append(outcome.choice.candidates[0].model)
    assert models == ["small", "small", "small", "small", "large", "large"]


@simulated
async def test_the_operators_figures_are_a_start_and_no_more() -> None:
    start = PaceStart((Seen(0, 0.0), Seen(50, 1.0)), (Seen(1, 0.1), Seen(16, 0.4)))
    paces, machine = Paces({"large": start}), Paced()
    assert of(paces).seconds(100, 1, 11) == pytest.approx(3.0)
    assert of(paces).seconds(100, 16, 11) == pytest.approx(6.0)
    for _ in range(10):
        await performed(paces, machine, draws=[asked()])
    assert of(paces).seconds(100, 1, 11) == pytest.approx(0.6 + 0.6, rel=0.1)
