"""What the policies share: sizing a draw to what is left, and waiting for it."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from policies.cost import CostModel
from policies.protocol import (
    Command,
    Done,
    Draw,
    Event,
    Judged,
    Refused,
    Sampled,
    Start,
    Started,
    Wait,
)
from policies.selectors import Selector
from policies.values import (
    NOTHING,
    Budget,
    BudgetTooSmall,
    Candidate,
    ModelView,
    Remaining,
    Task,
    Verdict,
)

SAMPLING_TEMPERATURE: Final = 0.8
"""Several samples of one model must differ; 0.8 is the paper's temperature (section 2.3)."""

SAMPLING_TOP_P: Final = 0.95
"""The paper's nucleus, which goes with its temperature."""

FIRST_DRAW: Final = 2
"""Samples in the first draw where tests can end a plan early."""

USEFUL_TOKENS: Final = 32
"""An answer cut shorter than this is rarely a program, so no draw goes below it."""


def draw(
    task: Task, model: ModelView, *, n: int, max_tokens: int, alone: bool, reason: str
) -> Draw:
    """A draw of this task, tests and all; `alone` where the plan has no other sample.

    The caller's temperature and nucleus, where there are any; else greedy for a lone sample and
    the paper's for several. Where only the temperature is the caller's, the server's nucleus is.
    """
    if task.temperature is not None:
        temperature, top_p = task.temperature, task.top_p
    elif alone:
        temperature, top_p = 0.0, task.top_p
    else:
        temperature = SAMPLING_TEMPERATURE
        top_p = SAMPLING_TOP_P if task.top_p is None else task.top_p
    if max_tokens < task.max_tokens:
        reason = f"{reason}, shortened to what is left"
    return Draw(
        model=model.id,
        n=n,
        max_tokens=max_tokens,
        temperature=temperature,
        verify=task.verifiable,
        top_p=top_p,
        reason=reason,
    )


def least_tokens(task: Task) -> int:
    """The fewest tokens worth drawing for this task."""
    return min(task.max_tokens, USEFUL_TOKENS)


def useful_tokens(task: Task) -> int:
    """The fewest worth holding back for, or drawing as a further answer: half of what is asked for.

    Answers are mostly far shorter than their limit.
    """
    return max(least_tokens(task), task.max_tokens // 2)


def least_ceiling(task: Task, cost: CostModel, model: ModelView) -> float:
    """FLOPs to hold for the least that is worth drawing from a model: one short sample."""
    return cost.ceiling(model.id, model.reserved_tokens, 1, least_tokens(task))


def sized(
    task: Task, cost: CostModel, model: ModelView, *, n: int, left: Remaining, shortest: int
) -> tuple[int, int] | None:
    """(samples, max_tokens) of the largest draw that fits what is left, None if none does.

    As many whole answers as fit, up to `n` and the batch limit; failing that one answer whose
    max_tokens is lowered, as far as `shortened` lets it. A whole answer must be paid for in full,
    but in time it has the usual length, and max_tokens is what there is the time for.
    """
    n, asked = min(n, model.max_batch), task.max_tokens
    paid, likely = (model.id, model.reserved_tokens), (model.id, model.prompt_tokens)
    if not math.isinf(left.flops):
        n = cost.samples_within(*paid, asked, left.flops, at_most=n)
    usual = cost.usual_tokens(model.id, asked)
    samples = cost.samples_in_time(*likely, usual, left.seconds, at_most=n)
    if samples:
        return samples, cost.tokens_in_time(*likely, samples, left.seconds, at_most=asked)
    most = asked
    if not math.isinf(left.flops):
        most = cost.tokens_within(*paid, left.flops, at_most=asked)
    tokens = shortened(cost, model, most=most, seconds=left.seconds, shortest=shortest)
    return None if tokens is None else (1, tokens)


def shortened(
    cost: CostModel, model: ModelView, *, most: int, seconds: float, shortest: int
) -> int | None:
    """The max_tokens of one answer of which `most` tokens can be paid; None where it is too short.

    Paid must be `shortest` at least. Time is enough for as many, or for a usual answer: who holds
    time back for one holds no more.
    """
    tokens = cost.tokens_in_time(model.id, model.prompt_tokens, 1, seconds, most)
    in_time = tokens >= min(shortest, cost.usual_tokens(model.id, most))
    return tokens if in_time and most >= shortest else None


def held_for(task: Task, cost: CostModel, model: ModelView, left: Remaining) -> Remaining:
    """What a useful answer of a model takes of what is left; nothing where that is too little.

    So it can be held back while others are drawn.
    """
    tokens, flops, latency_ms = useful_tokens(task), 0.0, 0.0
    if not math.isinf(left.flops):
        flops = cost.ceiling(model.id, model.reserved_tokens, 1, tokens)
    if not math.isinf(left.latency_ms):
        usual = cost.usual_tokens(model.id, tokens)
        latency_ms = 1000 * cost.seconds(model.id, model.prompt_tokens, 1, usual)
    fits = flops <= left.flops and latency_ms <= left.latency_ms
    return Remaining(flops, latency_ms) if fits else NOTHING


def require_affordable(
    task: Task, budget: Budget, cost: CostModel, models: Sequence[ModelView]
) -> None:
    """Raise `BudgetTooSmall` if not even one short sample of any of these models fits."""
    if budget.flops is None:
        return
    least = min(least_ceiling(task, cost, model) for model in models)
    if least > budget.flops:
        raise BudgetTooSmall(budget.flops, least)


@dataclass(frozen=True, slots=True)
class Drawn:
    """How a draw ended, or several: its passes, and what remains for what follows.

    `whole` is false where it was refused or failed, so that its model is of no more use.
    `candidates` are its samples, where no pass ended it early. `kept_tokens` of its prompt may be
    counted on by a further draw, and `flops` are what it has cost (see `Done`).
    """

    passed: int
    left: Remaining
    whole: bool = True
    candidates: tuple[Candidate, ...] = ()
    kept_tokens: int = 0
    flops: float = 0.0

    def then(self, further: Drawn) -> Drawn:
        """Both, one after the other."""
        return replace(
            further,
            passed=self.passed + further.passed,
            candidates=self.candidates + further.candidates,
            flops=self.flops + further.flops,
        )


def performed(commands: Sequence[Start]) -> Generator[Command, Event, list[Event]]:
    """Perform these, one after another; all that happened. What is refused, or fails, is over.

    Of tests, what fits is drawn: fewer tell less, and not nothing.
    """
    heard = list[Event]()
    for command in commands:
        started = yield command
        while isinstance(started, Refused) and isinstance(command, Draw) and command.n > 1:
            command = replace(command, n=command.n // 2)  # noqa: PLW2901 the same, with fewer
            started = yield command
        if not isinstance(started, Started):
            continue
        while not isinstance(event := (yield Wait()), Done) or event.ticket != started.ticket:
            heard.append(event)
        heard.append(event)
    return heard


def informed(selector: Selector, candidates: Sequence[Candidate]) -> Generator[Command, Event]:
    """Perform what a selector wants done before it orders these candidates."""
    yield from performed(selector.wants(candidates))


def draw_and_wait(draw: Draw, *, enough: int) -> Generator[Command, Event, Drawn]:
    """Perform one draw until it ends, or until `enough` of its candidates have passed."""
    started = yield draw
    if isinstance(started, Refused):
        return Drawn(0, started.remaining, whole=False)
    assert isinstance(started, Started)  # noqa: S101 the run's contract, for the type checker
    passed, candidates = 0, list[Candidate]()
    while True:
        match (yield Wait()):
            case Sampled(candidate=candidate):
                candidates.append(candidate)
            case Judged(verdict=Verdict.PASSED):
                passed += 1
                if passed >= enough:
                    return Drawn(passed, NOTHING)
            case Done(ticket=started.ticket) as done:
                whole = done.failure is None
                kept, flops = done.kept_tokens, done.flops
                return Drawn(passed, done.remaining, whole, tuple(candidates), kept, flops)
            case _:
                pass


def draw_together(draws: Sequence[Draw], *, enough: int) -> Generator[Command, Event]:
    """Perform several draws side by side until all end, or until `enough` candidates passed."""
    running = set[int]()
    for each in draws:
        if isinstance(started := (yield each), Started):
            running.add(started.ticket)
    passed = 0
    while running and passed < enough:
        match (yield Wait()):
            case Judged(verdict=Verdict.PASSED):
                passed += 1
            case Done(ticket=ticket):
                running.discard(ticket)
            case _:
                pass


def hurried(
    task: Task, budget: Budget, cost: CostModel, models: Sequence[ModelView]
) -> Generator[Command, Event, bool]:
    """Where nothing is expected to end in time: a short answer of the fastest, and that is all.

    What there is of it at the deadline goes out. Gives whether it was so.
    """
    if budget.latency_ms is None:
        return False
    left, shortest = Remaining.of(budget), least_tokens(task)
    if any(sized(task, cost, model, n=1, left=left, shortest=shortest) for model in models):
        return False
    for model in sorted(models, key=lambda m: cost.seconds(m.id, m.prompt_tokens, 1, shortest)):
        reason = "nothing is expected to end in time: the fastest"
        hasty = draw(task, model, n=1, max_tokens=shortest, alone=True, reason=reason)
        if (yield from draw_and_wait(hasty, enough=1)).whole:
            break
    return True


def draw_repeatedly(
    task: Task,
    cost: CostModel,
    model: ModelView,
    *,
    n: int,
    left: Remaining,
    hold_back: Remaining = NOTHING,
    before: int = 0,
    passed: int = 0,
    reason: str,
) -> Generator[Command, Event, Drawn]:
    """Draw up to `n` samples of one model, those included that were drawn `before`.

    With tests each draw is as large as all before it together: its samples advance in step, so a
    larger one would pay for many samples when the first passes, and a smaller one pays for the
    prompt again. Without tests nothing ends the plan early, and one draw is cheapest.

    Draws reserve their ceiling and mostly cost far less, so what a draw leaves over buys the next.
    `hold_back` is never reserved. Ends early once the task's n candidates have passed, with those
    that have `passed` of whatever model before, when no further draw fits, and when the upstream
    fails.
    """
    so_far = Drawn(passed, left)
    drawn_samples, limit = before, 1 if task.greedy else n
    # A first short sample is better than none; as a further one it is mostly waste.
    shortest = useful_tokens(task) if before else least_tokens(task)
    while so_far.whole and so_far.passed < task.wanted and drawn_samples < limit:
        wanted = limit - drawn_samples
        if task.verifiable:
            wanted = min(wanted, max(drawn_samples, FIRST_DRAW, task.n))
        free = so_far.left.without(hold_back)
        size = sized(task, cost, model, n=wanted, left=free, shortest=shortest)
        if size is None:
            break
        count, max_tokens = size
        why = f"{reason}, {_failing(so_far)}" if drawn_samples and task.verifiable else reason
        asked = draw(task, model, n=count, max_tokens=max_tokens, alone=n == 1, reason=why)
        drawn = yield from draw_and_wait(asked, enough=task.wanted - so_far.passed)
        so_far, drawn_samples = so_far.then(drawn), drawn_samples + count
        shortest = useful_tokens(task)
    return so_far


def _failing(drawn: Drawn) -> str:
    return "too few have passed so far" if drawn.passed else "none has passed so far"
