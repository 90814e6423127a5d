"""What an observer hears, what events carry, and work that is no draw."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from fakes import ByHand, ScriptedJudge, ScriptedSampler, answers
from http_world import eventually
from world import COST, task

from policies.cost import CostModel
from policies.lengths import most_tokens
from policies.plans.best_of_n import BestOfN
from policies.protocol import (
    Cancel,
    Command,
    Done,
    Draw,
    Event,
    Execute,
    Executed,
    Plan,
    PlanError,
    Rank,
    Ranked,
    Refused,
    Sampled,
    Started,
    Wait,
)
from policies.selectors import Plain, in_order
from policies.values import Budget, Candidate, Choice, ModelView, Output
from router.plan.outcome import Outcome
from router.plan.paying.prices import Prices
from router.plan.ports import Book, Observer, Tell
from router.plan.run import Run
from router.plan.work import Errand
from router.upstream.failures import UpstreamError

SMALL = Draw("small", 2, 8, 0.8, verify=False)


@dataclass
class Heard(Observer):
    """All that was told, in order."""

    commands: list[Command] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    chunks: int = 0

    def on_command(self, command: Command) -> None:
        self.commands.append(command)

    def on_event(self, event: Event) -> None:
        self.events.append(event)

    def on_chunk(self, *_: object) -> None:
        self.chunks += 1

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.events]


@dataclass
class ScriptedRanker:
    """Scores candidates by their ids, or fails at the first, whose pass was sent by then."""

    failing: bool = False
    status: int | None = None

    async def rank(self, command: Rank, book: Book) -> Mapping[int, float]:
        for candidate in command.candidates:
            with book(100, candidate.tokens):
                if self.failing:
                    raise UpstreamError(command.model, "is down", status=self.status)
        return {candidate.id: float(candidate.id) for candidate in command.candidates}


class ScriptedExecutor:
    """Every program gives back its input."""

    async def execute(self, command: Execute, tell: Tell) -> None:
        for candidate in command.candidates:
            tell(candidate.id, tuple(Output(text) for text in command.inputs))


def performed(plan: Plan, *, flops: float | None = None, **ports: object) -> tuple[Outcome, Heard]:
    heard = Heard()
    asked = task(verifiable=False)
    sampler = ScriptedSampler(answers(tokens=2))
    run = Run(ByHand(plan), asked, Budget(flops), COST, sampler=sampler, observer=heard, **ports)
    return asyncio.run(run.perform()), heard


def drawn(draw: Draw = SMALL) -> Plan:
    """Draw, and return the candidates when the draw is done."""
    yield draw
    candidates = []
    while not isinstance(event := (yield Wait()), Done):
        if isinstance(event, Sampled):
            candidates.append(event.candidate)
    return tuple(candidates)


def test_an_observer_hears_every_command_and_event() -> None:
    def plan() -> Plan:
        refused = yield Draw("large", 8, 256, 0.8, verify=False)
        assert isinstance(refused, Refused)
        yield from drawn()

    _, heard = performed(plan(), flops=1e12)
    assert [type(c).__name__ for c in heard.commands] == ["Draw", "Draw", "Wait", "Wait", "Wait"]
    assert heard.kinds() == ["Refused", "Started", "Sampled", "Sampled", "Done"]
    assert heard.chunks == 6


def test_an_observer_hears_the_end_of_what_was_cancelled() -> None:
    def script(draw: Draw) -> list[object]:
        return [("token", 0), ("finish", 0), ("token", 1), "hang"]

    heard = Heard()
    run = Run(
        BestOfN(n=2),
        task("small"),
        Budget(1e14),
        COST,
        sampler=ScriptedSampler(script),
        judge=ScriptedJudge(frozenset({0})),
        observer=heard,
    )
    outcome = asyncio.run(run.perform())
    assert heard.kinds() == ["Started", "Sampled", "Judged", "Done"]
    done = heard.events[-1]
    assert isinstance(done, Done)
    assert done.remaining.flops == 1e14 - outcome.ledger.used


def test_an_observer_hears_of_a_run_that_was_cancelled() -> None:
    async def scenario() -> Heard:
        heard = Heard()
        sampler = ScriptedSampler(lambda _: ["hang"])
        run = Run(BestOfN(), task("small"), Budget(), COST, sampler=sampler, observer=heard)
        work = asyncio.create_task(run.perform())
        await eventually(heard.kinds)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        return heard

    assert asyncio.run(scenario()).kinds() == ["Started", "Done"]


def test_a_cancelled_draw_is_done_once() -> None:
    seen: list[Event] = []

    def plan() -> Plan:
        started = yield SMALL
        assert isinstance(started, Started)
        seen.append((yield Cancel(started.ticket)))

    _, heard = performed(plan())
    assert [type(event).__name__ for event in seen] == ["Done"]
    assert heard.kinds() == ["Started", "Done"]


def test_what_was_never_started_cannot_be_cancelled() -> None:
    def plan() -> Plan:
        yield Cancel(7)

    with pytest.raises(PlanError, match="7"):
        performed(plan())


def test_events_carry_what_remains_of_every_budget() -> None:
    async def scenario(within_s: float | None) -> Done:
        heard, sampler = Heard(), ScriptedSampler(answers(tokens=2))
        run = Run(ByHand(drawn()), task(), Budget(1e13), COST, sampler=sampler, observer=heard)
        now = asyncio.get_running_loop().time()
        await run.perform(None if within_s is None else now + within_s)
        done = heard.events[-1]
        assert isinstance(done, Done)
        assert done.remaining.flops == 1e13 - COST.draw("small", 100, [2, 2])
        return done

    assert asyncio.run(scenario(None)).remaining.latency_ms == float("inf")
    assert 0 < asyncio.run(scenario(60.0)).remaining.latency_ms < 60_000


def test_a_ranking_is_paid_for_and_its_scores_are_the_candidates() -> None:
    def plan() -> Plan:
        candidates = yield from drawn()
        yield Rank("large", candidates)
        while not isinstance((yield Wait()), Done):
            pass

    outcome, heard = performed(plan(), flops=1e13, ranker=ScriptedRanker())
    scores = [candidate.scores["large"] for candidate in outcome.choice.candidates]
    assert sorted(scores) == [0.0, 1.0]
    assert heard.kinds()[-3:] == ["Started", "Ranked", "Done"]
    (errand,) = (work for work in outcome.work if isinstance(work, Errand))
    assert errand.flops(COST) == 2 * COST.score("large", 100, 2)
    assert outcome.ledger.used == COST.draw("small", 100, [2, 2]) + errand.flops(COST)
    # What was reserved is enough by any tokenizer.
    assert errand.hold.ceiling == 2 * COST.score("large", 100, most_tokens("xx"))


def test_a_policy_performs_what_its_selector_wants_and_then_it_orders_by_that() -> None:
    @dataclass(frozen=True)
    class ByLarge(Plain):
        name = "large"
        reads_logprobs = False

        def wants(self, candidates: Sequence[Candidate]) -> tuple[Rank, ...]:
            return (Rank("large", tuple(candidates)),)

        def order(self, candidates: Sequence[Candidate]) -> Choice:
            return in_order(candidates, lambda c: (-(c.score("large") or 0.0),), self.name)

    run = Run(
        BestOfN(n=3, selector=ByLarge()),
        task("small", "large", verifiable=False),
        Budget(),
        COST,
        sampler=ScriptedSampler(answers()),
        ranker=ScriptedRanker(),
    )
    choice = asyncio.run(run.perform()).choice
    assert [candidate.id for candidate in choice.candidates] == [2, 1, 0]
    assert choice.selected_by == "large"


def test_a_ranker_sees_what_programs_gave_before_it_was_asked() -> None:
    class Reader(ScriptedRanker):
        async def rank(self, command: Rank, *_: object) -> Mapping[int, float]:
            return {each.id: float(len(each.outputs)) for each in command.candidates}

    def plan() -> Plan:
        candidates = yield from drawn()
        for command in (Execute(candidates, ("1", "2")), Rank("verifier", candidates)):
            yield command
            while not isinstance((yield Wait()), Done):
                pass

    outcome, _ = performed(plan(), ranker=Reader(), executor=ScriptedExecutor())
    assert [each.scores["verifier"] for each in outcome.choice.candidates] == [2.0, 2.0]
    assert outcome.ledger.used == COST.draw("small", 100, [2, 2])  # no price is known of that model


def test_a_ranking_that_does_not_fit_is_refused() -> None:
    answers_: list[Event] = []
    flops = COST.ceiling("small", 100, 2, 8)

    def plan() -> Plan:
        candidates = yield from drawn()
        answers_.append((yield Rank("large", candidates)))

    performed(plan(), flops=flops, ranker=ScriptedRanker())
    assert isinstance(answers_[0], Refused)


@pytest.mark.parametrize(
    ("status", "paid"), [(None, True), (500, True), (400, False), (503, False)]
)
def test_a_ranker_that_fails_is_an_upstream_that_failed(*, status: int | None, paid: bool) -> None:
    """Its pass is paid for, unless it was refused as it came."""

    def plan() -> Plan:
        candidates = yield from drawn()
        yield Rank("large", candidates)
        while not isinstance((yield Wait()), Done):
            pass

    ranker = ScriptedRanker(failing=True, status=status)
    outcome, heard = performed(plan(), flops=1e13, ranker=ranker)
    assert "is down" in str(outcome.failures[0])
    assert "Ranked" not in heard.kinds()
    assert len(outcome.choice.candidates) == 2
    (errand,) = (work for work in outcome.work if isinstance(work, Errand))
    assert errand.flops(COST) == (COST.score("large", 100, 2) if paid else 0)


def test_a_review_reserves_a_second_pass_and_has_a_score_of_its_own() -> None:
    def plan() -> Plan:
        candidates = yield from drawn()
        yield Rank("large", candidates, reviews=True)
        while not isinstance((yield Wait()), Done):
            pass

    outcome, _ = performed(plan(), flops=1e13, ranker=ScriptedRanker())
    assert all("large" not in each.scores for each in outcome.choice.candidates)
    assert {each.scores["large review"] for each in outcome.choice.candidates} == {0.0, 1.0}
    (errand,) = (work for work in outcome.work if isinstance(work, Errand))
    most = most_tokens("xx")
    both = COST.score("large", 100, most) + COST.score("large", most + 1, 100)
    assert errand.hold.ceiling == 2 * both


def test_a_ranking_costs_no_more_than_it_holds_whatever_its_server_counts() -> None:
    class Babbling(ScriptedRanker):
        async def rank(self, command: Rank, book: Book) -> Mapping[int, float]:
            with book(10_000, 10_000):
                return {}

    def plan() -> Plan:
        yield Rank("large", (yield from drawn()))
        yield Wait()

    outcome, _ = performed(plan(), flops=1e13, ranker=Babbling())
    (errand,) = (work for work in outcome.work if isinstance(work, Errand))
    assert errand.flops(COST) == errand.hold.ceiling == errand.hold.settled


def test_a_model_that_only_ranks_is_priced_by_its_own_count_of_the_prompt() -> None:
    ranker = ModelView("large", 120, 16)
    prices = Prices.of(task("small", rankers=(ranker,)), COST)
    command = Rank("large", (Candidate(0, "small", "é", "stop", tokens=1),))
    assert prices.ceiling(command) == COST.score("large", 120, most_tokens("é"))


def test_executions_cost_no_flops() -> None:
    def plan() -> Plan:
        candidates = yield from drawn()
        yield Execute(candidates, ("1", "2"))
        while not isinstance((yield Wait()), Done):
            pass

    outcome, heard = performed(plan(), flops=1e13, executor=ScriptedExecutor())
    given = (Output("1"), Output("2"))
    assert heard.events[-2] == Executed(1, {0: given, 1: given})
    for candidate in outcome.choice.candidates:
        assert candidate.outputs == {"1": Output("1"), "2": Output("2")}
    assert outcome.ledger.used == COST.draw("small", 100, [2, 2])


@pytest.mark.parametrize("command", [Rank("large", ()), Execute((), ("1",))])
def test_a_command_that_nobody_performs_is_a_fault(command: Command) -> None:
    def plan() -> Plan:
        yield command
        while not isinstance((yield Wait()), Done):
            pass

    with pytest.raises(BaseExceptionGroup) as raised:
        performed(plan())
    assert raised.group_contains(PlanError, match="performs")


def test_a_prompt_of_the_plans_own_reserves_by_its_bound() -> None:
    reserved: list[float] = []

    def plan() -> Plan:
        started = yield Draw("small", 1, 8, 0.8, verify=False, prompt="é" * 50)
        assert isinstance(started, Started)
        reserved.append(started.reserved)

    performed(plan())
    assert most_tokens("é" * 50) == 101
    assert reserved == [COST.ceiling("small", 101, 1, 8)]


def test_a_model_of_unknown_cost_reserves_nothing() -> None:
    run = Run(ByHand(drawn()), task(), Budget(), CostModel({}), sampler=ScriptedSampler(answers()))
    outcome = asyncio.run(run.perform())
    assert outcome.ledger.used == 0
    assert len(outcome.choice.candidates) == 2


def test_scores_are_ranked_events_of_their_ticket() -> None:
    candidate = Candidate(0, "small", "", "stop")

    def plan() -> Plan:
        yield from drawn()
        yield Rank("small", (candidate,))
        seen.append((yield Wait()))

    seen: list[Event] = []
    performed(plan(), ranker=ScriptedRanker())
    assert seen == [Ranked(1, {0: 0.0})]
