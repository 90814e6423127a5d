"""Courses without tests: what is drawn, what ends it, and that budgets bind."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import COST, Caching, World, task

from evaluation.calibration.clock import simulate
from policies.cost import CostModel
from policies.forecast import Forecast, Trend
from policies.ladder import CALL_TOKENS, Interval, Rung
from policies.plans.auto import Auto
from policies.plans.sift import Course, Courses, CoursesAt, Sift
from policies.plans.single import Single
from policies.policy import Policy
from policies.protocol import Command, Done, Draw, Execute, Started
from policies.selection.choosing import SELECTORS
from policies.values import (
    Budget,
    BudgetTooSmall,
    Candidate,
    Choice,
    Example,
    Output,
    Remaining,
    Task,
)
from router.plan.ports import Tell
from router.plan.run import Run
from router.upstream.said.chunks import Chunk

SURE = Interval(0.5, 0.4, 0.6)
SMALL, LARGE = Rung("small", 1, 0.8), Rung("large", 1, 0.0)
CALL = COST.ceiling("large", 100, 1, CALL_TOKENS)
ANY_LENGTH = CoursesAt(
    None,
    shown=(
        Course(0.5, (SMALL,), SURE, SURE),
        Course(1.0, (SMALL, SMALL, LARGE), SURE, SURE),
        Course(4.0, (SMALL, SMALL, LARGE, Rung("large", 2, 0.8)), SURE, SURE),
    ),
    plain=(Course(1.0, (LARGE,), SURE, SURE), Course(2.0, (Rung("small", 7, 0.8),), SURE, SURE)),
    usual_shown=Course(1.0, (SMALL, SMALL, LARGE), SURE, SURE),
    usual_plain=Course(1.0, (LARGE,), SURE, SURE),
)
COURSES = Courses(("small", "large"), (ANY_LENGTH,))
SIFT = Sift(COURSES)
EXAMPLES = (Example("f(1)", "1"), Example("f(2)", "4"))


@dataclass
class Executing:
    """Programs that pass as many of the examples as they are told to, by their number."""

    passing: Callable[[int], int] = lambda _: 0
    seconds: float = 0.0

    async def execute(self, command: Execute, tell: Tell) -> None:
        right = {example.call: example.expected for example in EXAMPLES}
        for each in command.candidates:
            passed = [example.call for example in EXAMPLES][: self.passing(each.id)]
            said = ((call, right.get(call, "0")) for call in command.inputs)
            tell(each.id, tuple(Output(text if c in passed else "wrong") for c, text in said))
        await asyncio.sleep(self.seconds)


def asked(**fields: object) -> Task:
    given = {"verifiable": False, "examples": EXAMPLES, "inputs": ("f(1)", "f(2)", "f(3)")}
    return task(**given | fields)  # type: ignore[arg-type]


def performed(
    task: Task,
    flops: float | None = None,
    passing: Callable[[int], int] = lambda _: 0,
    policy: Policy = SIFT,
    kind: type[World] = World,
    **world: object,
) -> tuple[World, Choice]:
    made = kind(length=lambda draw: min(20, draw.max_tokens), **world)  # type: ignore[arg-type]
    run = Run(
        *(policy, task, Budget(flops), COST),
        sampler=made,
        executor=Executing(passing),
        observer=made,
    )
    outcome = asyncio.run(run.perform())
    made.spent = outcome.ledger.used
    return made, outcome.choice


def drawn(world: World) -> list[tuple[str, int, float]]:
    return [(draw.model, draw.n, draw.temperature) for draw in world.draws]


def best(choice: Choice) -> Candidate:
    return choice.candidates[0]


def test_the_first_answer_that_passes_every_example_ends_the_plan() -> None:
    world, choice = performed(asked(), passing=lambda at: 2 if at == 1 else 1)
    assert drawn(world) == [("small", 1, 0.8), ("small", 1, 0.8)]
    assert best(choice).id == 1
    assert choice.selected_by == "examples"


def test_where_none_does_the_large_model_answers_and_most_examples_win() -> None:
    world, choice = performed(asked(), passing=lambda at: 1 if at == 0 else 0)
    assert drawn(world) == [("small", 1, 0.8), ("small", 1, 0.8), ("large", 1, 0.0)]
    assert best(choice).id == 0


def test_a_budget_buys_the_dearest_course_that_it_covers_and_binds() -> None:
    for calls, draws in ((0.5, 1), (1.0, 3), (4.0, 4)):
        world, _ = performed(asked(), calls * CALL)
        assert len(world.draws) == draws
        assert world.spent <= calls * CALL
    assert world.draws[-1].n == 2


def test_the_large_model_s_answer_is_held_back_while_small_ones_are_drawn() -> None:
    large = COST.ceiling("large", 100, 1, 128)
    world, _ = performed(asked(max_tokens=256), CALL)
    assert world.draws[-1].model == "large"
    assert COST.ceiling("small", 100, 1, world.draws[0].max_tokens) <= CALL - large


def sifting(*rungs: Rung, enough: float = math.inf) -> Sift:
    """One course, for every prompt, of no budget to speak of."""
    course = Course(0.01, rungs, SURE, SURE, enough)
    every = CoursesAt(None, (course,), (course,), course, course)
    return Sift(Courses(("small", "large"), (every,)))


WIDE = sifting(Rung("small", 10, 0.8), LARGE)


@pytest.mark.parametrize("examples", [EXAMPLES, ()])
def test_a_rung_wider_than_a_batch_is_drawn_in_several(examples: tuple[Example, ...]) -> None:
    wanted = asked(batch=4, examples=examples)
    for flops in (None, 8 * CALL):
        world, choice = performed(wanted, flops, policy=WIDE)
        small, large = ("small", 4, 0.8), ("large", 1, 0.0)
        assert drawn(world) == [small, small, ("small", 2, 0.8), large]
        assert len(choice.candidates) == 11
        assert [draw.counts_on_cache for draw in world.draws] == [False, True, True, False]


def test_no_more_of_a_rung_is_drawn_where_an_answer_passes_every_example() -> None:
    world, choice = performed(asked(batch=4), passing=lambda at: 2 if at == 5 else 0, policy=WIDE)
    assert drawn(world) == [("small", 4, 0.8)] * 2
    assert best(choice).id == 5


def test_no_more_of_a_rung_is_drawn_of_a_model_that_failed() -> None:
    world, _ = performed(asked(batch=4), policy=WIDE, failing=frozenset({"small"}))
    assert drawn(world) == [("small", 4, 0.8), ("large", 1, 0.0)]


@given(
    calls=st.floats(0.05, 3),
    batch=st.integers(1, 12),
    kind=st.sampled_from([World, Caching]),
)
def test_a_budget_binds_on_a_rung_of_several_draws(
    calls: float, batch: int, kind: type[World]
) -> None:
    """As many samples as fit with the large model's answer held back, a whole batch at a time."""
    wanted, flops = asked(batch=batch, max_tokens=64), calls * CALL
    try:
        world, _ = performed(wanted, flops, policy=WIDE, kind=kind)
    except BudgetTooSmall:
        return
    assert 0 < world.spent <= flops
    assert not world.refused
    small = [draw.n for draw in world.draws if draw.model == "small"]
    assert sum(small) <= 10
    assert all(n == batch for n in small[:-1])


def test_a_rungs_further_draw_counts_on_the_prompt_that_the_first_has_had_read() -> None:
    """The budget has no room for the prompt and an answer, once more."""
    again = _further(kept=999)
    assert again is not None
    assert (again.n, again.max_tokens, again.counts_on_cache) == (2, 64, True)
    assert _further(kept=0) is None


def _further(kept: int) -> Draw | None:
    """The second draw of a rung of 6, where of the first one's prompt so much was kept."""
    wanted = asked(prompt=1000, batch=4, max_tokens=64)
    plan = sifting(Rung("small", 6, 0.8)).plan(wanted, Budget(8 * CALL), COST)
    first = next(plan)
    assert isinstance(first, Draw)
    plan.send(Started(0, 0.0))
    left = COST.ceiling("small", 1000, 2, 64, 999)
    try:
        further = plan.send(Done(0, Remaining(left), kept_tokens=kept))
    except StopIteration:
        return None
    assert isinstance(further, Draw)
    return further


@dataclass
class Stalling(World):
    """Its first draw ends, and no other."""

    async def sample(self, draw: Draw) -> AsyncGenerator[Chunk, None]:
        if self.draws:
            self.draws.append(draw)
            await asyncio.Event().wait()
        async for chunk in super().sample(draw):
            yield chunk


def test_where_a_deadline_ends_a_further_draw_what_was_there_before_agrees_all_the_same() -> None:
    """Of three answers alike in likelihood the first is alone with its results."""
    world = Stalling()
    executing = Executing(lambda at: 0 if at else 2)

    async def scenario() -> Choice:
        wanted = asked(batch=3, examples=())
        policy, budget = sifting(Rung("small", 6, 0.8)), Budget(latency_ms=10_000)
        run = Run(policy, wanted, budget, COST, sampler=world, executor=executing)
        outcome = await run.perform(asyncio.get_running_loop().time() + 10)
        assert outcome.deadline_passed
        return outcome.choice

    choice = simulate(scenario())
    assert [draw.n for draw in world.draws] == [3, 3]
    assert (best(choice).id, choice.selected_by) == (1, "agreement")


@pytest.mark.parametrize(
    ("latency_ms", "examples", "commands"),
    [
        (None, (), [Draw, Draw, Execute]),
        (10_000, (), [Draw, Execute, Draw, Execute]),
        (10_000, EXAMPLES, [Draw, Execute, Draw, Execute, Execute]),
    ],
    ids=["all at once", "what may not be done later", "examples were run as they came"],
)
def test_programs_are_run_before_more_is_drawn_only_where_a_deadline_may_end_that(
    latency_ms: float | None, examples: tuple[Example, ...], commands: list[type[Command]]
) -> None:
    wanted = asked(batch=3, examples=examples)
    assert heard(sifting(Rung("small", 6, 0.8)), wanted, latency_ms) == commands


def test_time_that_is_held_for_a_larger_model_is_not_spent_on_running() -> None:
    known = Forecast(Trend(0.01), Trend(0.001))
    cost = replace(COST, forecasts={"small": known, "large": known})
    policy = sifting(Rung("small", 6, 0.8), LARGE)
    assert heard(policy, asked(batch=3, examples=()), 10_000, cost) == [Draw, Draw, Draw, Execute]


def heard(
    policy: Sift, wanted: Task, latency_ms: float | None, cost: CostModel = COST
) -> list[type[Command]]:
    """What is drawn and run, in its order."""
    told = list[type[Command]]()

    class Listening(World):
        def on_command(self, command: Command) -> None:
            if isinstance(command, Draw | Execute):
                told.append(type(command))

    budget, world = Budget(latency_ms=latency_ms), Listening()
    run = Run(policy, wanted, budget, cost, sampler=world, executor=Executing(), observer=world)

    async def scenario() -> None:
        now = asyncio.get_running_loop().time()
        await run.perform(None if latency_ms is None else now + latency_ms / 1000)

    asyncio.run(scenario())
    return told


def test_a_program_that_gives_nothing_is_not_run_before_each_further_draw() -> None:
    tried = list[list[int]]()

    class Mute(Executing):
        async def execute(self, command: Execute, tell: Tell) -> None:
            tried.append([each.id for each in command.candidates])

    async def scenario() -> None:
        wanted, policy = asked(batch=2, examples=()), sifting(Rung("small", 6, 0.8))
        budget = Budget(latency_ms=10_000)
        run = Run(policy, wanted, budget, COST, sampler=World(), executor=Mute())
        await run.perform(asyncio.get_running_loop().time() + 10)

    asyncio.run(scenario())
    assert tried == [[0, 1], [2, 3], [0, 1, 2, 3, 4, 5]]


def test_what_was_drawn_before_is_counted_on_in_the_cache() -> None:
    world, _ = performed(asked())
    assert [draw.counts_on_cache for draw in world.draws] == [False, True, False]


def test_nothing_is_held_back_for_a_model_that_has_answered() -> None:
    again = sifting(LARGE, SMALL, Rung("large", 1, 0.8))
    world, _ = performed(asked(), CALL, policy=again)
    assert [draw.model for draw in world.draws][:2] == ["large", "small"]


def test_a_further_answer_is_not_drawn_that_is_mostly_too_short() -> None:
    thrice = sifting(SMALL, SMALL, SMALL)
    for tokens, drawn in ((127, 2), (128, 3)):
        flops = 2 * COST.draw("small", 100, [20]) + COST.ceiling("small", 100, 1, tokens)
        world, _ = performed(asked(), flops, policy=thrice)
        assert len(world.draws) == drawn


@pytest.mark.parametrize(
    ("width", "enough", "models"),
    [
        (3, 0.60, ["small"]),
        (3, 0.61, ["small", "large"]),
        (2, 0.60, ["small"]),
        (2, 0.61, ["small", "large"]),
        (1, 0.01, ["small", "large"]),
    ],
)
def test_a_course_ends_where_its_answers_agree_enough(
    width: int, enough: float, models: list[str]
) -> None:
    """The best has two of three results in common with each other, at exp(-0.1) per token."""
    sure = sifting(Rung("small", width, 0.8), LARGE, enough=enough)
    world, _ = performed(asked(examples=()), passing=lambda at: at, policy=sure)
    assert [draw.model for draw in world.draws] == models


def test_without_examples_one_wide_draw_or_one_greedy_answer() -> None:
    assert drawn(performed(asked(examples=()))[0]) == [("large", 1, 0.0)]
    assert drawn(performed(asked(examples=()), 3 * CALL)[0]) == [("small", 7, 0.8)]


@pytest.mark.parametrize(
    "fields",
    [{"n": 2}, {"inputs": (), "examples": ()}, {"models": ()}],
    ids=["several are wanted", "nothing can be run", "another model"],
)
def test_where_no_course_is_for_it_the_plan_is_the_other(fields: dict[str, object]) -> None:
    wanted = asked(**fields) if "models" not in fields else task("large", verifiable=False)
    world, _ = performed(wanted)
    alone, _ = performed(wanted, policy=Single())
    assert drawn(world) == drawn(alone)
    assert SIFT.most_samples(wanted) == wanted.n


def test_a_model_that_is_away_is_passed_over_and_something_is_drawn() -> None:
    world, choice = performed(asked(), failing=frozenset({"small"}))
    assert drawn(world)[-1] == ("large", 1, 0.0)
    assert best(choice).model == "large"
    only_small = performed(asked(examples=()), failing=frozenset({"large"}))
    assert best(only_small[1]).model == "small"


def test_at_temperature_0_no_model_is_drawn_twice() -> None:
    world, _ = performed(asked(temperature=0.0), 4 * CALL)
    assert drawn(world) == [("small", 1, 0.0), ("large", 1, 0.0)]


def test_an_answer_that_was_cut_ends_no_plan() -> None:
    """It comes after every whole one, so that another would be returned in its place."""
    world, choice = performed(asked(max_tokens=20), passing=lambda _: 2, reason="length")
    assert drawn(world)[-1] == ("large", 1, 0.0)
    assert choice.candidates[0].cut


@pytest.mark.parametrize("name", ["first", "random", "nll"])
def test_what_looks_at_no_program_has_no_course(name: str) -> None:
    world, _ = performed(asked(), policy=replace(SIFT, selector=SELECTORS[name]))
    assert drawn(world) == [("large", 1, 0.0)]


@pytest.mark.parametrize("name", ["agreement", "majority", "weighted"])
def test_what_reads_no_examples_takes_the_courses_of_prompts_without(name: str) -> None:
    sift = replace(SIFT, selector=SELECTORS[name])
    assert drawn(performed(asked(), 3 * CALL, policy=sift)[0]) == [("small", 7, 0.8)]


def test_auto_sifts_where_it_has_courses_and_no_tests() -> None:
    auto = Auto(courses=COURSES)
    assert auto.most_samples(asked()) == SIFT.most_samples(asked()) == 5
    assert Auto().most_samples(asked()) == 1
    assert isinstance(next(auto.plan(asked(), Budget(), COST)), Draw)


def telling(tokens: int) -> CoursesAt:
    """Courses whose first draw is as wide as their length and budget say."""
    at = {32: 0, 256: 1, 2048: 2}[tokens]
    courses = tuple(
        Course(calls, (Rung("small", 3 * at + number, 0.8),), SURE, SURE)
        for number, calls in enumerate((0.5, 2.0, 8.0), 1)
    )
    usual = Course(1.0, (Rung("small", 10 + at, 0.8),), SURE, SURE)
    return CoursesAt(tokens, courses, courses, usual, usual)


BY_LENGTH = Sift(Courses(("small", "large"), tuple(map(telling, (32, 256, 2048)))))


@given(
    prompt=st.integers(1, 8000),
    calls=st.floats(0.4, 20),
    examples=st.sampled_from([EXAMPLES, ()]),
)
def test_a_course_fits_the_budget_after_the_request_s_own_prompt(
    prompt: int, calls: float, examples: tuple[Example, ...]
) -> None:
    """Those of the nearest length, by ratio: below 91 tokens 32, from 725 on 2048."""
    wanted = asked(prompt=prompt, examples=examples, max_tokens=1)
    budget = calls * COST.ceiling("large", prompt, 1, CALL_TOKENS)
    command = next(BY_LENGTH.plan(wanted, Budget(budget), COST))
    assert isinstance(command, Draw)
    if calls < 0.5:
        assert "rung" not in command.reason  # there is no course for so little
        return
    at, most = divmod(command.n - 1, 3)
    assert at == (prompt > 90) + (prompt > 724)
    assert (0.5, 2.0, 8.0)[most] <= calls < (2.0, 8.0, 100.0)[most]
    world, _ = performed(wanted, budget, policy=BY_LENGTH)
    assert 0 < world.spent <= budget


@pytest.mark.parametrize(("prompt", "width"), [(20, 10), (300, 11), (9000, 12)])
def test_without_a_budget_the_usual_course_is_that_of_the_length(prompt: int, width: int) -> None:
    assert drawn(performed(asked(prompt=prompt), policy=BY_LENGTH)[0])[0] == ("small", width, 0.8)
    assert BY_LENGTH.most_samples(asked(prompt=prompt)) == width


def test_the_length_of_a_course_is_told() -> None:
    call = COST.ceiling("large", 300, 1, CALL_TOKENS)
    world, _ = performed(asked(prompt=300), 3 * call, policy=BY_LENGTH)
    assert world.draws[0].reason == (
        "rung 1 of 1 for 2 large calls, prompts of about 256 tokens, without tests"
    )
    usual, _ = performed(asked(prompt=300), policy=BY_LENGTH)
    assert usual.draws[0].reason == ("rung 1 of 1, prompts of about 256 tokens, without tests")
    assert performed(asked())[0].draws[0].reason == "rung 1 of 3, without tests"
