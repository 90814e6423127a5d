"""How a policy and the engine talk: the policy yields commands and receives events.

A command only *starts* work; `Wait` asks for the next event. So draws overlap, and a policy can
escalate while small samples still run. When the generator returns, all that still runs is
cancelled: that is early stop.

| command   | what comes back from the yield                                  |
|-----------|-----------------------------------------------------------------|
| `Draw`    | `Started` or `Refused`                                          |
| `Cancel`  | `Done` of that draw                                             |
| `Wait`    | the next `Sampled`, `Judged` or `Done`                          |
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from policies.cost import CostModel
from policies.values import Budget, Candidate, Choice, Task, Verdict


@dataclass(frozen=True, slots=True)
class Draw:
    """Start one upstream request for `n` samples; `verify` judges each as it ends."""

    model: str
    n: int
    max_tokens: int
    temperature: float
    verify: bool


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop a draw; what it has spent stays spent."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Ask for the next event."""


Command: TypeAlias = Draw | Cancel | Wait


@dataclass(frozen=True, slots=True)
class Started:
    """The command runs under this ticket, with this many FLOPs reserved for it."""

    ticket: int
    reserved: float


@dataclass(frozen=True, slots=True)
class Refused:
    """The command does not fit; this many FLOPs remain (infinite without a FLOPs budget)."""

    remaining: float


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
class Done:
    """A command ended, its samples are judged and its cost is settled.

    `remaining` FLOPs are free again; `failure` says what went wrong, None if nothing did.
    """

    ticket: int
    remaining: float
    failure: str | None = None


Event: TypeAlias = Started | Refused | Sampled | Judged | Done

Plan: TypeAlias = Generator[Command, Event, None]


class Policy(Protocol):
    """A way to spend a budget. It decides; the engine performs."""

    def plan(self, task: Task, budget: Budget, cost: CostModel) -> Plan:
        """Yield commands for the engine; raise `BudgetTooSmall` if not one draw fits."""
        ...

    def choose(self, candidates: Sequence[Candidate]) -> Choice:
        """Put candidates in order, the best first. Valid at every moment of a plan."""
        ...

    def restrict(self, models: Sequence[str], *, pinned: str | None) -> tuple[str, ...]:
        """The models that the plan may use, the cheapest first.

        `models` are all there are, the cheapest first; `pinned` is the caller's, if any. Raises
        `PolicyMismatch` where the policy cannot work with these.
        """
        ...

    def most_samples(self, task: Task) -> int:
        """The most samples that the plan may draw; a plan of one can be streamed through."""
        ...
