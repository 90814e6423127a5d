"""What the policies share: making draws, and waiting for them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
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
from policies.sizing import least_tokens, sized, useful_tokens
from policies.values import (
    NOTHING,
    Budget,
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


def in_batches(
    n: int, model: ModelView, once: Callable[[int], Generator[Command, Event, int | None]]
) -> Generator[Command, Event, int | None]:
    """Have n samples of a model drawn, in as many draws as its server's batch makes of them.

    `once` draws up to so many in one draw: it gives how many these were, or None where all is done.
    A draw that is narrower than it might have been is the last, though more may fit once it has
    settled: plans were measured with rungs of one draw, and what one leaves is for the next rung.
    Gives how many are missing, None where all is done.
    """
    while n > 0:
        drawn = yield from once(n)
        if drawn is None:
            return None
        whole = min(n, model.max_batch)
        n -= drawn
        if drawn < whole:
            break
    return n


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
