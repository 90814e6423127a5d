"""Work that a plan has started, of whatever kind: what explain, metrics and the ledger ask of it.

A draw has samples of its own (`router.plan.draws`). An errand is one question with one answer: a
ranking, or executions.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from policies.cost import CostModel
from policies.protocol import Execute, Rank, Start
from policies.selection.lever import LEVER
from router.plan.paying.ledger import Hold
from router.upstream.failures import UpstreamError


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

    The `passes` of a ranking are those that were sent: tokens that were read, and the further ones
    that were scored. Each is booked whole from then on, unless it is refused. Executions run
    no model; of `asserts`, so many, programs are run on those of drawn tests.
    """

    ticket: int
    command: Rank | Execute
    hold: Hold
    sent: bool = False
    failure: Exception | None = None
    passes: list[tuple[int, int]] = field(default_factory=list)
    asserts: int = 0

    @property
    def model(self) -> str | None:
        """The ranker; a verifier only where it has a price, and so holds some (see `LEVER`)."""
        match self.command:
            case Rank(model=model) if model != LEVER or self.hold.ceiling:
                return model
            case _:
                return None

    @contextmanager
    def book(self, read: int, scored: int) -> Iterator[None]:
        """See `Book`."""
        self.passes.append((read, scored))
        try:
            yield
        except UpstreamError as failure:
            if not failure.computed:
                self.passes.remove((read, scored))
            raise

    def flops(self, cost: CostModel) -> float:
        """All passes so far; no more than was held, where a server counts as it should not."""
        if self.model is None or not cost.knows(self.model):
            return 0.0
        return min(sum(cost.score(self.model, *each) for each in self.passes), self.hold.ceiling)
