"""Plans without tests, performed on recorded samples: what each succeeds at, and what it spends.

Plans are those that the gateway has, driven by the run that serves requests. A budget is a mean:
of the courses that spend no more than it on other problems, the best one there is taken.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean
from typing import Final, TypeAlias

import numpy as np

from evaluation.calibration.clock import simulate
from evaluation.calibration.replay import (
    OutOfSamples,
    Pace,
    RecordedModel,
    RecordedSample,
    ReplaySampler,
)
from evaluation.selection.measuring import Floats
from evaluation.selection.recorded import Answers, SelectionProblem, Sight
from policies.cost import PAPER_SEQUENCE_LENGTH, Architecture, CostModel
from policies.ladder import CALL_TOKENS, Interval, Rung
from policies.moves import SAMPLING_TEMPERATURE
from policies.plans.sift import Course, Courses, CoursesAt, Sift
from policies.protocol import Execute
from policies.values import NLL, Budget, BudgetTooSmall, Candidate
from router.plan.draws import RunningDraw
from router.plan.ports import Tell
from router.plan.run import Run

PACE: Final = Pace(first_token_s=0.1, token_s=0.01)
ORDERS: Final = 10
"""In which samples are drawn; the same for all plans."""

_Row: TypeAlias = tuple[float, ...]
_NONE: Final = Candidate(-1, "", "", "stop")
_UNKNOWN: Final = Interval(0.0, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Came:
    """What came of a plan, an entry per problem: means over orders. `plus` may be NaN.

    `flops` counts a prompt once for each model whose server has it already, as ours do; `paper` are
    large calls on the paper's basis, on which a sample of a model always costs the same. `costed`
    are the FLOPs as if prompts had the lengths of the setting, one after another.
    """

    success: Floats
    plus: Floats
    flops: Floats
    paper: Floats
    costed: tuple[Floats, ...] = ()

    @classmethod
    def of(cls, rows: Sequence[_Row]) -> Came:
        """Of an entry per problem."""
        success, plus, flops, paper, *costed = (
            np.array(column) for column in zip(*rows, strict=True)
        )
        return cls(success, plus, flops, paper, tuple(costed))

    def after(self, at: int) -> Came:
        """The same, costed at one of the lengths."""
        return replace(self, flops=self.costed[at])


@dataclass(frozen=True, slots=True)
class Route:
    """A plan to be measured: what is drawn.

    What chooses is what usually does in the gateway: examples where there are some, else agreement.
    """

    rungs: tuple[Rung, ...]
    enough: float = math.inf

    def policy(self) -> Sift:
        """The gateway's own, with this course alone."""
        ladder = Course(math.ulp(0.0), self.rungs, _UNKNOWN, _UNKNOWN, self.enough)
        models = tuple(dict.fromkeys(rung.model for rung in self.rungs))
        alone = CoursesAt(None, (ladder,), (ladder,), ladder, ladder)
        return Sift(Courses(models, (alone,)))

    def __str__(self) -> str:
        sure = "" if math.isinf(self.enough) else f", or as {self.enough:g} agree"
        groups = [(str(rung), len(list(same))) for rung, same in itertools.groupby(self.rungs)]
        told = (rung if many == 1 else f"{many} times {rung}" for rung, many in groups)
        return f"{' > '.join(told)}{sure}"


def shown_routes(small: str, large: str) -> Iterator[Route]:
    """Small samples one after another, the large model's greedy answer, then samples of it."""
    for greedy in (False, True):
        for first in (1, 2, 4, 8, 12):
            for last in (0, 1, 3, 7):
                singles = (_sample(small),) * (first - greedy)
                start = (Rung(small, 1, 0.0),) if greedy else ()
                end = (_sample(large),) * last
                yield Route((*start, *singles, Rung(large, 1, 0.0), *end))


WIDE: Final = ((3, 5, 7, 10, 16, 24), (2, 3, 4, 5, 7, 10))
"""Samples of a wide draw: of the small model, and of the large one."""


def wide_routes(model: str, widths: Sequence[int]) -> Iterator[Route]:
    """One wide draw of a model, from which one is chosen."""
    for width in widths:
        yield Route((Rung(model, width, SAMPLING_TEMPERATURE),))


def sure_routes(small: str, large: str) -> Iterator[Route]:
    """A draw of the small model, and the large one's greedy answer unless its samples agree."""
    for width in (2, 3, 5, 7):
        for enough in (0.2, 0.4, 0.6):
            start = Rung(small, width, SAMPLING_TEMPERATURE)
            yield Route((start, Rung(large, 1, 0.0)), enough)


def _sample(model: str) -> Rung:
    return Rung(model, 1, SAMPLING_TEMPERATURE)


@dataclass(frozen=True, slots=True)
class Setting:
    """In which plans are performed: what they see, and what a request may spend at most.

    The cap is in ceilings of one large call after the request's prompt; None is no budget. Samples
    are drawn in so many `orders`. What is drawn without a cap is the same after any prompt, so it
    is also costed at other `lengths` of it.
    """

    cost: CostModel
    sight: Sight
    cap: float | None = None
    orders: int = ORDERS
    lengths: tuple[int, ...] = ()

    def budget(self, problem: SelectionProblem) -> Budget:
        """Of a request."""
        return Budget(None if self.cap is None else self.cap * ceiling(problem, self.cost))


def paper_cost(cost: CostModel, model: str) -> float:
    """FLOPs of one sample on the paper's basis: of as many tokens as one has there."""
    rate = cost.rates[model]
    if isinstance(rate, Architecture):
        return rate.paper()
    return rate.flops_per_token * PAPER_SEQUENCE_LENGTH


def ceiling(problem: SelectionProblem, cost: CostModel) -> float:
    """The most that one large call after this prompt can cost, in FLOPs: the unit of budgets."""
    model, answers = list(problem.models.items())[-1]
    return cost.ceiling(model, answers.prompt_tokens, 1, CALL_TOKENS)


def perform(
    problems: Sequence[SelectionProblem],
    setting: Setting,
    routes: Sequence[Route],
    advance: Callable[[int], None],
) -> dict[Route, Came]:
    """What comes of each route; one that outruns the samples of a problem is left out."""
    rows: dict[Route, list[_Row]] = {route: [] for route in routes}
    for problem in problems:
        for route, row in simulate(_all(problem, setting, tuple(rows))).items():
            if row is None:
                del rows[route]
            else:
                rows[route].append(row)
        advance(1)
    return {route: Came.of(each) for route, each in rows.items()}


async def _all(
    problem: SelectionProblem, setting: Setting, routes: Sequence[Route]
) -> dict[Route, _Row | None]:
    return {route: await _mean(problem, setting, route) for route in routes}


async def _mean(problem: SelectionProblem, setting: Setting, route: Route) -> _Row | None:
    rows = list[_Row]()
    for order in range(setting.orders):
        row = await _run(problem, setting, route, order)
        if row is None:
            return None
        rows.append(row)
        if all(rung.greedy for rung in route.rungs):  # the same in any order
            break
    return tuple(mean(column) for column in zip(*rows, strict=True))


async def _run(
    problem: SelectionProblem, setting: Setting, route: Route, order: int
) -> _Row | None:
    known = {_name(each): each for of in problem.models.values() for each in of.all}
    sampler = ReplaySampler(
        {
            model: _recorded(answers, f"{order}/{problem.task_id}/{model}")
            for model, answers in problem.models.items()
        },
        {model: answers.prompt_tokens for model, answers in problem.models.items()},
    )
    run = Run(
        route.policy(),
        problem.tasks[setting.sight],
        setting.budget(problem),
        setting.cost,
        sampler=sampler,
        executor=RecordedExecutor(known),
    )
    try:
        outcome = await run.perform()
    except BudgetTooSmall:
        nothing = (0.0,) * len(setting.lengths)
        return 0.0, 0.0 if problem.covered else np.nan, 0.0, 0.0, *nothing
    if any(isinstance(failure, OutOfSamples) for failure in outcome.failures):
        return None
    best = known.get(next(iter(outcome.choice.candidates), _NONE).text)
    drawn = sum(draw.command.n * paper_cost(setting.cost, draw.model) for draw in outcome.draws)
    paper = drawn / paper_cost(setting.cost, list(problem.models)[-1])
    right = best is not None and problem.passes(best, plus=False) is True  # what was cut is not
    plus = best is not None and problem.passes(best, plus=True) is True
    second = float(plus) if problem.covered else np.nan
    costed = (_costed(outcome.draws, setting.cost, tokens) for tokens in setting.lengths)
    return float(right), second, outcome.ledger.used, paper, *costed


def _costed(draws: Sequence[RunningDraw], cost: CostModel, prompt_tokens: int) -> float:
    """FLOPs of these draws after such a prompt: a model's further ones find it in the cache."""
    flops, read = 0.0, set[str]()
    for draw in draws:
        tokens = [sample.tokens for sample in draw.samples]
        cached = prompt_tokens - 1 if draw.model in read else 0
        flops += cost.draw(draw.model, prompt_tokens, tokens, cached)
        read.add(draw.model)
    return flops


@dataclass(frozen=True, slots=True)
class RecordedExecutor:
    """Tells what recorded programs gave; an answer that was cut shorter gave nothing."""

    known: Mapping[str, Candidate]

    async def execute(self, command: Execute, tell: Tell) -> None:
        """Tell the outputs of each candidate, in the order of the inputs."""
        for each in command.candidates:
            outputs = self.known[each.text].outputs if each.text in self.known else {}
            tell(each.id, tuple(outputs.get(call) for call in command.inputs))


def _name(candidate: Candidate) -> str:
    """What stands for an answer's text; no beginning of one is another."""
    return f"{candidate.model}/{candidate.id}\n"


def _recorded(answers: Answers, seed: str) -> RecordedModel:
    order = [_as_recorded(each) for each in answers.samples]
    random.Random(seed).shuffle(order)  # noqa: S311 an order that repeats, not a secret
    greedy = None if answers.greedy is None else _as_recorded(answers.greedy)
    return RecordedModel(order, PACE, greedy)


def _as_recorded(candidate: Candidate) -> RecordedSample:
    nll = candidate.scores.get(NLL)
    return RecordedSample(_name(candidate), candidate.tokens, candidate.finish_reason, nll)
