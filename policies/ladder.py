"""What calibration found: which ladder to climb for a kind of task, a prompt and a budget.

A ladder is a fixed list of draws, made offline and stopped at the first pass. All a plan sees are
failures, so what it should do after them can be worked out before; this module only looks it up.

Budgets and costs are in *large calls* here: what one answer of `CALL_TOKENS` by the largest model
of the calibration costs after the request's own prompt. So one ladder serves models on any machine
and prompts of about one length.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeVar

from policies.cost import CostModel
from policies.values import Budget, ModelView

CALL_TOKENS: Final = 256
"""The tokens of the answer that a large call is counted with."""

ROUNDING: Final = 1e-9
"""A budget that is this part off a ladder's is that ladder's: it went through a division."""


@dataclass(frozen=True, slots=True)
class Rung:
    """A draw of `n` samples of a model. At temperature 0 it is one sample."""

    model: str
    n: int
    temperature: float

    def __post_init__(self) -> None:
        if self.n < 1 or not 0 <= self.temperature < math.inf:
            raise ValueError(f"no draw is like this: {self}")
        if self.greedy and self.n > 1:
            raise ValueError(f"greedy samples of one model are all the same: {self}")

    @property
    def greedy(self) -> bool:
        """Whether it is the model's answer at temperature 0."""
        return self.temperature == 0

    def __str__(self) -> str:
        return f"{self.model}*{'greedy' if self.greedy else self.n}"


@dataclass(frozen=True, slots=True)
class Interval:
    """A value that is expected, with its 95 % interval."""

    value: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.value <= self.high:
            raise ValueError(f"{self.value} is not in {self.low} to {self.high}")


@dataclass(frozen=True, slots=True)
class Ladder:
    """The rungs for a budget of so many large calls, in order, and what comes of them.

    `success` is the expected probability that one of its samples passes, `spent` the expected
    cost in large calls, early stop included.
    """

    calls: float
    rungs: tuple[Rung, ...]
    success: Interval
    spent: Interval

    def __str__(self) -> str:
        return " > ".join(map(str, self.rungs))


@dataclass(frozen=True, slots=True)
class Length:
    """The ladders for prompts of about so many tokens, the smallest budget first; at least one.

    Some make the most of a budget, others spend little of a larger one: those are for who wants no
    more than some probability of success.

    `own` are those of a plan that pays its prompt at each draw, `cached` those of one that finds
    it in the cache that its first draw of a model has filled.
    """

    prompt_tokens: int
    own: tuple[Ladder, ...]
    cached: tuple[Ladder, ...]


@dataclass(frozen=True, slots=True)
class Answers:
    """Tokens of a model's passing answers: half have at most `half`, nearly all at most `most`."""

    half: int
    most: int


@dataclass(frozen=True, slots=True)
class Domain:
    """One kind of task: its ladders by length of prompt, the shortest first.

    `answers` by model is empty where nobody counted tokens, or where it is no one kind of task.
    """

    name: str
    lengths: tuple[Length, ...]
    answers: Mapping[str, Answers]

    def at(self, prompt_tokens: int) -> Length:
        """The ladders for the length that is nearest."""
        return nearest(self.lengths, prompt_tokens)


@dataclass(frozen=True, slots=True)
class Found:
    """A ladder for a request, and how far it is to be believed.

    `extrapolates` says in words what the calibration has not seen; empty where it has. `call` are
    the FLOPs of one large call after this request's prompt, None where nobody knows them.
    """

    ladder: Ladder
    domain: Domain
    extrapolates: str = ""
    call: float | None = None

    def within(self, budget: Budget) -> Budget:
        """What a plan for this budget may spend: on a target, no more than its ladder is worth."""
        if budget.target is None or self.call is None:
            return budget
        return replace(budget, flops=min(budget.flops_limit, self.ladder.calls * self.call))

    def but(self, unlike: Iterable[str]) -> Found:
        """The same, with more that the calibration has not seen."""
        return replace(self, extrapolates="; ".join(filter(None, (self.extrapolates, *unlike))))


@dataclass(frozen=True, slots=True)
class Offer:
    """What a budget would buy: this many FLOPs, or this many seconds.

    `expected_flops` is what is spent on average, early stop included; `seconds` is None where
    nobody knows how fast the models are.
    """

    found: Found
    flops: float
    expected_flops: float
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Calibration:
    """Ladders over `models` (the cheapest first), by kind of task.

    `domains` are kinds that a request may be known to be of; `pooled` is all of them together, for
    requests of another kind. `kinds` says which kind of request (see `Task.kind`) is of which
    domain. `worth` is the expected success that one more large call must bring to be spent.
    `basis` is what draws were taken to cost: `exact`, or `paper` (see `policies.cost`).
    """

    models: tuple[str, ...]
    domains: Mapping[str, Domain]
    pooled: Domain
    kinds: Mapping[str, str]
    worth: float = 0.03
    basis: str = "exact"

    def call(self, prompt_tokens: int, cost: CostModel) -> float:
        """FLOPs of one large call after a prompt. Raises `UnknownCost`."""
        return cost.ceiling(self.models[-1], prompt_tokens, 1, CALL_TOKENS)

    def domain(self, kind: str) -> Domain:
        """The domain of a kind of request, or of that name; else all of them together."""
        return self.domains.get(self.kinds.get(kind, kind), self.pooled)

    def ladders(self, kind: str, model: ModelView, *, cached: bool) -> tuple[Ladder, ...]:
        """All ladders for a request of this kind, the smallest budget first."""
        length = self.domain(kind).at(model.prompt_tokens)
        return length.cached if cached else length.own

    def find(self, kind: str, model: ModelView, calls: float, *, cached: bool) -> Found:
        """The best ladder of a budget that is not above `calls`; else that of the smallest one.

        `model` is any that has counted the prompt.
        """
        domain = self.domain(kind)
        ladders = self.ladders(kind, model, cached=cached)
        fitting = bisect_right(ladders, calls * (1 + ROUNDING), key=_calls)
        told = [] if domain is not self.pooled else [f"{kind} is no calibrated kind of task"]
        if not fitting:
            told.append(f"{calls:.3g} large calls are fewer than any that was calibrated")
        elif ladders[-1].calls * (1 + ROUNDING) < calls < math.inf:
            told.append(f"{calls:.3g} large calls are more than any that was calibrated")
        best = max(ladders[:fitting] or ladders[:1], key=self._score)
        return Found(best, domain, "; ".join(told))

    def _score(self, ladder: Ladder) -> float:
        return ladder.success.value - self.worth * ladder.spent.value

    def frontier(self, ladders: Iterable[Ladder], target: float = 0.0) -> Iterator[Ladder]:
        """Those that are expected to reach the target, without what costs more for no more."""
        best = 0.0
        for each in ladders:
            if each.success.value > best and each.success.value >= target:
                best = each.success.value
                yield each

    def cheapest(self, ladders: Sequence[Ladder], target: float) -> Ladder | None:
        """The ladder that is expected to reach `target` for the least; None where none does."""
        reaching = [each for each in ladders if each.success.value >= target]
        return min(reaching, key=lambda each: (each.spent.value, each.calls), default=None)


class OfLength(Protocol):
    """What is for prompts of about so many tokens; for any, where that is None."""

    @property
    def prompt_tokens(self) -> int | None:
        """The length."""


_OfLength = TypeVar("_OfLength", bound=OfLength)


def nearest(lengths: Iterable[_OfLength], prompt_tokens: int) -> _OfLength:
    """What is for the length that is nearest, by ratio."""
    return min(
        lengths,
        key=lambda each: abs(math.log(max(1, prompt_tokens) / max(1, each.prompt_tokens or 1))),
    )


def _calls(ladder: Ladder) -> float:
    return ladder.calls
