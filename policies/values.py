"""The values that decisions are made of. Frozen, and checked once when they are built."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

NLL: Final = "nll"
"""The score that a candidate's own model gives: averaged negative log-likelihood (Eq. 7)."""

TOTAL_NLL: Final = "total_nll"
"""The score that candidates for a gap have: the negative log-likelihood of the whole text.

There texts compete for one place, where an average would favour those that begin unlikely and then
go on with what is certain.
"""

UNPARSED: Final = "unparsed"
"""The score 1 where prompt, answer and suffix together are no program that compiles, else 0."""

REPEATS: Final = "repeats"
"""The score 1 where an answer says the beginning of the suffix, which stands after it, else 0."""

LOOSE: Final = "loose"
"""The score of an answer's loose ends: how much of the program does not hang together with it."""


class Verdict(StrEnum):
    """What the caller's tests said of a candidate."""

    PASSED = "passed"
    UNVERIFIED = "unverified"
    FAILED = "failed"


class InvalidBudget(ValueError):
    """A budget that is no positive, finite number."""


class InvalidTarget(InvalidBudget):
    """A wanted probability that is none, or that no policy here could promise."""


class TargetTooHigh(InvalidTarget):
    """No plan within the budget is expected to reach the target; `best` is the most that can be."""

    def __init__(self, target: float, best: float) -> None:
        super().__init__(
            f"no plan is expected to reach a probability of {target:g} within this budget: the "
            f"best that can be had is {best:.3f}"
        )
        self.best = best


class BudgetTooSmall(Exception):
    """No plan of this policy fits the budget; `least_flops` is the least that would do."""

    def __init__(self, flops: float, least_flops: float) -> None:
        super().__init__(
            f"a budget of {flops:.6g} FLOPs is too small for this request: the least that would "
            f"do is {least_flops:.6g} FLOPs"
        )
        self.least_flops = least_flops


@dataclass(frozen=True, slots=True)
class Budget:
    """What a request may spend. None is no limit.

    `flops` are total model FLOPs, `latency_ms` the wall time from receipt to the last byte.
    `target` is the probability of success that is wanted: no more is spent than it takes.
    """

    flops: float | None = None
    latency_ms: float | None = None
    target: float | None = None

    def __post_init__(self) -> None:
        if self.target is not None and not 0 < self.target < 1:
            raise InvalidTarget(f"a target is a probability above 0 and below 1, not {self.target}")
        for name, value in (("flops", self.flops), ("latency_ms", self.latency_ms)):
            if value is not None and not (math.isfinite(value) and value > 0):
                raise InvalidBudget(f"budget {name} must be a positive, finite number, not {value}")

    def over(self, other: Budget) -> Budget:
        """What this one says, and what the other says where this says nothing."""
        if self == UNLIMITED:
            return other
        return Budget(
            other.flops if self.flops is None else self.flops,
            other.latency_ms if self.latency_ms is None else self.latency_ms,
            other.target if self.target is None else self.target,
        )

    @property
    def flops_limit(self) -> float:
        """FLOPs as a bound that compares: infinite where there is no limit."""
        return math.inf if self.flops is None else self.flops


UNLIMITED: Final = Budget()
"""No limit, and no target."""


@dataclass(frozen=True, slots=True)
class Remaining:
    """What is left of every budget; infinite where there is none."""

    flops: float = math.inf
    latency_ms: float = math.inf

    @classmethod
    def of(cls, budget: Budget) -> Remaining:
        """All of it."""
        latency_ms = math.inf if budget.latency_ms is None else budget.latency_ms
        return cls(budget.flops_limit, latency_ms)

    @property
    def seconds(self) -> float:
        """The time that is left."""
        return self.latency_ms / 1000

    def without(self, held: Remaining) -> Remaining:
        """What is left beside something that is held back."""
        return Remaining(self.flops - held.flops, self.latency_ms - held.latency_ms)


NOTHING: Final = Remaining(0.0, 0.0)
"""No FLOPs and no time."""


@dataclass(frozen=True, slots=True)
class ModelView:
    """A model as one request sees it.

    `prompt_tokens` is the prompt's length under the model's tokenizer (or an estimate), `max_batch`
    the most samples that one upstream request may ask for, `prompt_bound` what the prompt cannot
    exceed where its length is an estimate. `caches` says that its server keeps a prompt that it has
    just read, so that a second draw need not read it again.
    """

    id: str
    prompt_tokens: int
    max_batch: int
    prompt_bound: int | None = None
    caches: bool = False

    @property
    def reserved_tokens(self) -> int:
        """The prompt's tokens as they are reserved: what fits a budget is decided by these."""
        return self.prompt_tokens if self.prompt_bound is None else self.prompt_bound


@dataclass(frozen=True, slots=True)
class Output:
    """What a program gave for one input; equal results have equal texts.

    What is not `returned` is what came in its stead: an exception's name, `timeout` and the like.
    """

    text: str
    returned: bool = True


@dataclass(frozen=True, slots=True)
class Example:
    """A call that a prompt shows, and the text of the `Output` that it should give."""

    call: str
    expected: str


HOLDS: Final = Output("holds")
FAILS: Final = Output("fails")
"""What comes of an assert that a model wrote."""


@dataclass(frozen=True, slots=True)
class Examiner:
    """A model that can be asked for tests of the function that answers are to define.

    `most` is how many samples one request may ask of it.
    """

    model: str
    prompt: str
    function: str
    most: int


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked, as far as a decision needs to know it.

    `models` are those the plan may use, the cheapest first, at least one. `verifiable` says
    whether tests came with the request. `temperature` and `top_p` are the caller's, None if none
    was given. `kind` is what its answers are like, as far as the request tells.

    `rankers` are models that draw nothing and may score what others wrote.

    `inputs` are calls that programs can be run on where there are no tests, and where programs can
    be run; `examples` are those of them whose outputs the prompt says, though prompts err.
    `examiner` is who writes tests, where programs can be run and somebody wants them.
    """

    models: tuple[ModelView, ...]
    max_tokens: int
    verifiable: bool = False
    temperature: float | None = None
    top_p: float | None = None
    n: int = 1
    kind: str = "text"
    examples: tuple[Example, ...] = ()
    inputs: tuple[str, ...] = ()
    rankers: tuple[ModelView, ...] = ()
    examiner: Examiner | None = None

    @property
    def wanted(self) -> int:
        """How many different answers there can be to ask for: one at temperature 0."""
        return 1 if self.greedy else self.n

    @property
    def greedy(self) -> bool:
        """Whether the caller asked for temperature 0, where a second draw repeats the first."""
        return self.temperature == 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """One sample of `tokens` tokens.

    It is finished, or `partial`: what there was of it when the time was up. `scores` are what is
    known of its worth, by name: `NLL`, or what a ranker said. Lower is better. `outputs` are what
    its program gave, by the inputs that it was run on.
    """

    id: int
    model: str
    text: str
    finish_reason: str
    tokens: int = 0
    scores: Mapping[str, float] = field(default_factory=dict)
    outputs: Mapping[str, Output] = field(default_factory=dict)
    verdict: Verdict = Verdict.UNVERIFIED
    partial: bool = False

    def score(self, name: str) -> float | None:
        """The score of this name, if it is known and finite."""
        score = self.scores.get(name)
        return score if score is not None and math.isfinite(score) else None

    @property
    def cut(self) -> bool:
        """Whether the sample ended at the token limit rather than by itself."""
        return self.finish_reason == "length"


def with_outputs(
    known: Mapping[str, Output], inputs: Sequence[str], given: Sequence[Output | None]
) -> dict[str, Output]:
    """What is known of a program, and what it gave for these inputs too."""
    new = {call: output for call, output in zip(inputs, given, strict=True) if output is not None}
    return {**known, **new}


@dataclass(frozen=True, slots=True)
class Choice:
    """Candidates, the best first, and what put them in that order.

    `confidence` is the probability that the best one is right, where that was calibrated.
    """

    candidates: tuple[Candidate, ...]
    selected_by: str
    confidence: float | None = None
