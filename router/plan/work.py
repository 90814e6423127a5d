"""Work that a plan has started, of whatever kind: what explain, metrics and the ledger ask of it.

A draw has samples of its own (`router.plan.draws`). An errand is one question with one answer: a
ranking, or executions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from policies.cost import CostModel
from policies.protocol import Execute, Rank, Start
from router.plan.ledger import Hold


class Work(Protocol):
    """One started command, and what has become of it."""

    ticket: int
    hold: Hold
    sent: bool
    failure: Exception | None

    @property
    def command(self) -> Start:
        """What the policy asked for."""
        ...

    @property
    def model(self) -> str | None:
        """The model that computes it; None where none does."""
        ...

    def flops(self, cost: CostModel) -> float:
        """What it has cost so far."""
        ...


@dataclass(slots=True)
class Errand:
    """A ranking or executions as they run.

    What a ranking costs is known beforehand, so it is booked whole once it is `sent`. Executions
    run no model.
    """

    ticket: int
    command: Rank | Execute
    hold: Hold
    sent: bool = False
    failure: Exception | None = None

    @property
    def model(self) -> str | None:
        """The ranker."""
        return self.command.model if isinstance(self.command, Rank) else None

    def flops(self, cost: CostModel) -> float:  # noqa: ARG002 of Work: the ceiling is the cost
        """All of it, from the moment it was sent."""
        return self.hold.ceiling if self.sent else 0.0
