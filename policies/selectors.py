"""What puts candidates in order: a value that a policy holds.

Every selector keeps one rule: passed, then unverified, then failed, and within these whole answers
before cut ones; beginnings that the deadline cut count only where nothing was finished, and of them
the longest comes first. It differs from others in the score that orders the rest, and in what that
score needs. An order is valid at every moment: of no candidates it is an empty choice.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final, Protocol, Self

from policies.protocol import Start
from policies.values import (
    LOOSE,
    NLL,
    REPEATS,
    TOTAL_NLL,
    UNPARSED,
    Candidate,
    Choice,
    Task,
    Verdict,
)

FIM: Final = "fim"
"""What chose, where answers fit differently well between prompt and suffix."""

_VERDICT_ORDER: Final = (Verdict.PASSED, Verdict.UNVERIFIED, Verdict.FAILED)


class Selector(Protocol):
    """An order of candidates, and what it needs to be one."""

    @property
    def name(self) -> str:
        """What `X-Router-Selected-By` says where it decided."""
        ...

    @property
    def reads_logprobs(self) -> bool:
        """Whether samples must come with their log-probabilities."""
        ...

    @property
    def runs_programs(self) -> bool:
        """Whether it is another one where no program can be run."""
        ...

    @property
    def reads_examples(self) -> bool:
        """Whether an answer that passes every example of the prompt comes first."""
        ...

    def of(self, task: Task) -> Selector:
        """The same for one task: with what its prompt tells, or without what it lacks."""
        ...

    def wants(self, candidates: Sequence[Candidate]) -> tuple[Start, ...]:
        """The commands to perform before these candidates are in their best order."""
        ...

    def order(self, candidates: Sequence[Candidate]) -> Choice:
        """The candidates, the best first, by what is known of them now."""
        ...


class Plain:
    """A selector that needs nothing of the task, mostly, and nothing to be done."""

    __slots__ = ()
    runs_programs: ClassVar[bool] = False
    reads_examples: ClassVar[bool] = False

    def of(self, task: Task) -> Self:  # noqa: ARG002 of Selector
        """Itself."""
        return self

    def wants(self, candidates: Sequence[Candidate]) -> tuple[Start, ...]:  # noqa: ARG002 of Selector
        """Nothing."""
        return ()


@dataclass(frozen=True, slots=True)
class First(Plain):
    """The earliest."""

    name: ClassVar[str] = "first"
    reads_logprobs: ClassVar[bool] = False

    def order(self, candidates: Sequence[Candidate]) -> Choice:
        """By verdict and wholeness, then the earlier."""
        return in_order(candidates, lambda _: (), self.name)


@dataclass(frozen=True, slots=True)
class Random(Plain):
    """Any of them, always the same for one seed and one set."""

    seed: int = 0
    name: ClassVar[str] = "random"
    reads_logprobs: ClassVar[bool] = False

    def order(self, candidates: Sequence[Candidate]) -> Choice:
        """By verdict and wholeness, then at random."""
        places = sorted(candidate.id for candidate in candidates)
        random.Random(self.seed).shuffle(places)  # noqa: S311 no secret
        return in_order(candidates, lambda c: (places.index(c.id),), self.name)


@dataclass(frozen=True, slots=True)
class LowestNLL(Plain):
    """The lowest averaged negative log-likelihood under the candidate's own model (Eq. 7).

    Where candidates have that of their whole text, it is the lowest of these.
    Likelihoods of different models do not compare: of the task's `models`, the cheapest first, the
    last is the strongest, and its answers come first, whenever they were drawn.
    """

    models: tuple[str, ...] = ()
    name: ClassVar[str] = NLL
    reads_logprobs: ClassVar[bool] = True

    def of(self, task: Task) -> Self:
        """With the task's models; without, where one has written all."""
        return replace(self, models=models_of(task)) if len(task.models) > 1 else self

    def order(self, candidates: Sequence[Candidate]) -> Choice:
        """By verdict, wholeness, model and likelihood, then the earlier."""

        def by(candidate: Candidate) -> tuple[float, ...]:
            nll = _nll(candidate)
            return stronger(self.models, candidate), nll is None, nll or 0.0

        known = any(_nll(candidate) is not None for candidate in candidates)
        return in_order(candidates, by, self.name if known else "first")


class Deferring:
    """A selector that needs what another one does, which decides where it cannot itself."""

    __slots__ = ()
    otherwise: Selector

    @property
    def reads_logprobs(self) -> bool:
        """As the other."""
        return self.otherwise.reads_logprobs

    @property
    def runs_programs(self) -> bool:
        """As the other."""
        return self.otherwise.runs_programs

    @property
    def reads_examples(self) -> bool:
        """As the other."""
        return self.otherwise.reads_examples


@dataclass(frozen=True, slots=True)
class BestFit(Deferring):
    """Between a prompt and its suffix: what compiles, does not repeat it, and has few loose ends.

    These are scores that candidates come with; where they have none, or all the same, `otherwise`
    decides.
    """

    otherwise: Selector
    name: ClassVar[str] = FIM

    def of(self, task: Task) -> BestFit:
        """With the other for this task."""
        otherwise = self.otherwise.of(task)
        return self if otherwise is self.otherwise else replace(self, otherwise=otherwise)

    def wants(self, candidates: Sequence[Candidate]) -> tuple[Start, ...]:
        """As the other."""
        return self.otherwise.wants(candidates)

    def order(self, candidates: Sequence[Candidate]) -> Choice:
        """By verdict, wholeness and fit, then as the other has them."""
        choice = self.otherwise.order(candidates)
        if len(candidates) <= 1:
            return choice
        place = {candidate.id: at for at, candidate in enumerate(choice.candidates)}
        fits = {c.id: tuple(c.score(name) or 0.0 for name in _FIT) for c in candidates}
        if len(set(fits.values())) <= 1:
            return choice
        return in_order(candidates, lambda c: (*fits[c.id], place[c.id]), self.name)


_FIT: Final = (UNPARSED, REPEATS, LOOSE)
"""The first weighs most."""

LIKELIEST: Final = LowestNLL()
"""For texts that nothing stands after."""


def models_of(task: Task) -> tuple[str, ...]:
    """The ids of a task's models, the cheapest first."""
    return tuple(model.id for model in task.models)


def stronger(models: Sequence[str], candidate: Candidate) -> int:
    """How many of these models, the cheapest first, are stronger than a candidate's own.

    All of them, where its own is none of these.
    """
    return len(models) - (models.index(candidate.model) + 1 if candidate.model in models else 0)


def _nll(candidate: Candidate) -> float | None:
    total = candidate.score(TOTAL_NLL)
    return candidate.score(NLL) if total is None else total


def in_order(
    candidates: Sequence[Candidate], by: Callable[[Candidate], tuple[float, ...]], name: str
) -> Choice:
    """The rule of all selectors around a score of their own, lower first; then the earlier.

    No score tells which beginning is worth most, and a longer one is at least more of an answer.

    `name` is the selector's, for where neither the tests nor a lack of others decided.
    """

    def key(candidate: Candidate) -> tuple[int, bool, tuple[float, ...], int]:
        place = _VERDICT_ORDER.index(candidate.verdict)
        return place, candidate.cut, by(candidate), candidate.id

    ordered = tuple(sorted((c for c in candidates if not c.partial), key=key))
    if not ordered:
        ordered = tuple(sorted(candidates, key=lambda c: (-len(c.text), c.id)))
        name = "longest"
    if any(candidate.verdict is not Verdict.UNVERIFIED for candidate in ordered):
        return Choice(ordered, "tests")
    match len(ordered):
        case 0:
            return Choice((), "none")
        case 1:
            return Choice(ordered, "single")
        case _:
            return Choice(ordered, name)
