"""How a run ended, and what it leaves to tell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from policies.values import Candidate, Choice
from router.plan.draws import RunningDraw
from router.plan.paying.ledger import Ledger
from router.plan.work import Work
from router.request import Judgement


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    `choice` is empty when nothing finished; `failures` then say why, unless the deadline did.
    `work` is all that was started, in order. `waited_s` is the time in which the run only waited
    for upstreams and sandbox.
    """

    choice: Choice
    work: tuple[Work, ...]
    judgements: dict[int, Judgement]
    ledger: Ledger
    deadline_passed: bool
    waited_s: float

    @cached_property
    def draws(self) -> tuple[RunningDraw, ...]:
        """The draws of answers among the work."""
        return tuple(draw for draw in self.all_draws if not draw.command.for_tests)

    @cached_property
    def all_draws(self) -> tuple[RunningDraw, ...]:
        """Those of tests as well."""
        return tuple(work for work in self.work if isinstance(work, RunningDraw))

    @property
    def failures(self) -> list[Exception]:
        """What upstreams did wrong, in order."""
        return [work.failure for work in self.work if work.failure is not None]


def partial_candidates(work: Iterable[object]) -> dict[int, Candidate]:
    """What there is, in the draws among this work, of samples that did not end, by their id.

    A sample counts from its first token on, also where that has no text of its own yet.
    """
    return {
        sample.id: draw.beginning(sample)
        for draw in work
        if isinstance(draw, RunningDraw) and not draw.command.for_tests
        for sample in draw.samples
        if sample.finish_reason is None and sample.tokens
    }
