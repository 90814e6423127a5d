"""How a policy and the run talk: the policy yields commands and receives events.

A command only *starts* work; `Wait` asks for the next event. So work overlaps, and a policy can
escalate while small samples still run. When the generator returns, all that still runs is
cancelled: that is early stop.

| command            | what comes back from the yield                                      |
|--------------------|---------------------------------------------------------------------|
| `Draw`, `Rank`, `Execute` | `Started` or `Refused`                                       |
| `Cancel`           | `Done` of that ticket                                               |
| `Wait`             | the next `Sampled`, `Judged`, `Ranked`, `Executed` or `Done`        |
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from policies.values import Candidate, Output, Remaining, Verdict


@dataclass(frozen=True, slots=True)
class Draw:
    """Start one upstream request for `n` samples; `verify` judges each as it ends.

    `top_p` is left to the server where it is None. `prompt` is the request's own where it is None:
    a plan may ask another, such as one for tests, or for a revision. `reason` says why, for people.

    What is drawn `for_tests` are tests and no answers: nobody is told of its samples, and none of
    them is chosen. What they assert can be executed (see `Execute`).

    A draw that `counts_on_cache` reserves no more for the prompt than what the server has not kept
    of it from the plan's own earlier draws (`Done.kept_tokens`); where it was kept no longer, the
    draw is cut when its reservation is used up. Where nothing is known to be kept, the whole prompt
    is reserved.
    """

    model: str
    n: int
    max_tokens: int
    temperature: float
    verify: bool
    top_p: float | None = None
    prompt: str | None = None
    reason: str = ""
    counts_on_cache: bool = False
    for_tests: bool = False


@dataclass(frozen=True, slots=True)
class Rank:
    """Score these candidates under a model: one forward pass over prompt and candidate each.

    The score is a candidate's averaged negative log-likelihood. A ranking that `reviews` takes a
    second pass each, over candidate and then prompt, and its score is of both texts as a whole:
    -log P(candidate | prompt) - log P(prompt | candidate).
    """

    model: str
    candidates: tuple[Candidate, ...]
    reviews: bool = False

    @property
    def score(self) -> str:
        """The name that the score has; no model's has a space in it."""
        return f"{self.model} review" if self.reviews else self.model


@dataclass(frozen=True, slots=True)
class Execute:
    """Run the programs of these candidates on inputs of the task, for their outputs.

    With `asserted`, a function's name, also on what the tests assert of it that were drawn so far:
    each assert is then an input of its own, after the others, and `HOLDS` its output where it
    holds. Those that cannot be handed over by value are left out.
    """

    candidates: tuple[Candidate, ...]
    inputs: tuple[str, ...]
    asserted: str | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop what runs under a ticket; what it has spent stays spent."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Ask for the next event."""


Start: TypeAlias = Draw | Rank | Execute
"""The commands that start work."""

Command: TypeAlias = Start | Cancel | Wait


@dataclass(frozen=True, slots=True)
class Started:
    """The command runs under this ticket, with this many FLOPs reserved for it."""

    ticket: int
    reserved: float


@dataclass(frozen=True, slots=True)
class Refused:
    """The command does not fit what remains."""

    remaining: Remaining


@dataclass(frozen=True, slots=True)
class Sampled:
    """A sample ended."""

    ticket: int
    candidate: Candidate


@dataclass(frozen=True, slots=True)
class Judged:
    """The tests of a candidate ended; `candidate` carries the verdict as well."""

    candidate: Candidate
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Ranked:
    """The score of each candidate by its id; a candidate that could not be scored is left out."""

    ticket: int
    scores: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Executed:
    """What each candidate, by its id, gave for each input, in order; None where it gave nothing."""

    ticket: int
    outputs: Mapping[int, tuple[Output | None, ...]]


@dataclass(frozen=True, slots=True)
class Done:
    """What ran under a ticket ended, its samples are judged and its cost is settled.

    `remaining` is free again; `failure` says what went wrong, None if nothing did. `flops` is what
    it has cost, however it ended. Of a draw,
    `kept_tokens` are those of its prompt that a further draw of the same model and prompt may count
    on (see `Draw.counts_on_cache` and `CostModel.ceiling`).
    """

    ticket: int
    remaining: Remaining
    failure: str | None = None
    kept_tokens: int = 0
    flops: float = 0.0


Event: TypeAlias = Started | Refused | Sampled | Judged | Ranked | Executed | Done

Plan: TypeAlias = Generator[Command, Event, None]


class PlanError(Exception):
    """A policy broke the protocol: it asks for what nobody does, or for what cannot happen."""
