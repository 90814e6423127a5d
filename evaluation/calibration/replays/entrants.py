"""The plans that are compared: the ladder, today's cascade, and every fixed plan.

A fixed plan is a ladder of one rung, so it reserves what a rung reserves and its leftovers buy what
a ladder's do: the only difference that is measured is which draws are made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from evaluation.calibration.replays.problems import RecordedProblem
from policies.ladder import (
    CALL_TOKENS,
    Answers,
    Calibration,
    Domain,
    Interval,
    Ladder,
    Length,
    Rung,
)
from policies.moves import SAMPLING_TEMPERATURE
from policies.plans.cascade import Cascade
from policies.plans.climb import Climb
from policies.policy import Policy
from policies.protocol import Draw

WIDTHS: Final = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""Of fixed plans, as far as a pool goes."""

LADDER, CACHED, CASCADE, RANDOM = "ladder", "ladder-cached", "cascade", "random"

TUNED: Final = "fixed"
"""The fixed plan that was best on the problems for tuning, at every budget."""

_ANYTHING: Final = Interval(0.0, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Entrant:
    """A plan by its name. `cached` is whether servers keep the prompts that it has read.

    A fixed plan has its `rung`, which reserves `most` tokens a sample.
    """

    name: str
    policy: Policy
    cached: bool = False
    rung: Rung | None = None
    most: int = CALL_TOKENS

    def draws_whole(self, first: Draw, rung: Rung) -> bool:
        """Whether a fixed plan's first draw is all of it: then nothing is drawn after it."""
        as_meant = first.n == rung.n and first.temperature == rung.temperature
        return as_meant and first.max_tokens >= self.most


def ladders(calibration: Calibration) -> tuple[Entrant, ...]:
    """The ladder, without a cache and with one."""
    climb = Climb(calibration)
    return Entrant(LADDER, climb), Entrant(CACHED, climb, cached=True)


def adaptive(calibration: Calibration) -> tuple[Entrant, ...]:
    """The ladders, and today's cascade."""
    return *ladders(calibration), Entrant(CASCADE, Cascade())


def fixed(calibration: Calibration, kind: str, rungs: Iterable[Rung]) -> tuple[Entrant, ...]:
    """A plan for each rung, with what the calibration knows of the answers to this kind of task."""
    answers = calibration.domain(kind).answers
    return tuple(_fixed(rung, answers) for rung in rungs)


def fixed_rungs(problems: Iterable[RecordedProblem]) -> Iterator[Rung]:
    """Every model's greedy answer where one is recorded, and every width that a pool has."""
    most, greedy = dict[str, int](), set[str]()
    for problem in problems:
        for model, answers in problem.models.items():
            most[model] = max(most.get(model, 0), len(answers.samples))
            if answers.greedy is not None:
                greedy.add(model)
    for model, samples in most.items():
        if model in greedy:
            yield Rung(model, 1, 0.0)
        for width in WIDTHS:
            if width <= samples:
                yield Rung(model, width, SAMPLING_TEMPERATURE)


def _fixed(rung: Rung, answers: Mapping[str, Answers]) -> Entrant:
    ladder = Ladder(0.0, (rung,), success=_ANYTHING, spent=_ANYTHING)
    domain = Domain(str(rung), (Length(1, (ladder,), (ladder,)),), answers)
    known = answers.get(rung.model)
    return Entrant(
        str(rung),
        Climb(Calibration((rung.model,), {}, domain, {})),
        rung=rung,
        most=CALL_TOKENS if known is None else min(CALL_TOKENS, known.most),
    )
