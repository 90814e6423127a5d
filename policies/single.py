"""One call to one model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from policies.cost import CostModel
from policies.moves import (
    PolicyMismatch,
    choose,
    draw_and_wait,
    least_tokens,
    require_affordable,
    sampling_temperature,
    sized,
)
from policies.protocol import Draw, Plan
from policies.values import Budget, Candidate, Choice, Task


def pin(models: Sequence[str], own: str | None, pinned: str | None) -> tuple[str, ...]:
    """The one model that policy and caller agree on, else all models there are.

    Raises `PolicyMismatch` where the policy's model is another than the caller's, or is not there.
    """
    if own is not None and pinned not in (None, own):
        raise PolicyMismatch(f"this policy uses model {own!r}, and the request names {pinned!r}")
    wanted = own or pinned
    if wanted is None:
        return tuple(models)
    if wanted not in models:
        raise PolicyMismatch(f"this policy uses model {wanted!r}, which is not configured")
    return (wanted,)


@dataclass(frozen=True, slots=True)
class Single:
    """One draw of the largest model whose whole answer fits, of the task's n samples.

    Where no whole answer fits, the cheapest model answers with fewer tokens; where a model's
    upstream fails, the next cheaper one is asked.
    """

    model: str | None = None

    def plan(self, task: Task, budget: Budget, cost: CostModel) -> Plan:
        """One draw, and another only after a failure."""
        require_affordable(task, budget, cost, task.models)
        n = self.most_samples(task)
        remaining = budget.flops_limit
        for model in reversed(task.models):
            shortest = least_tokens(task) if model is task.models[0] else task.max_tokens
            size = sized(task, cost, model, n=n, flops=remaining, shortest=shortest)
            if size is None:
                continue
            count, max_tokens = size
            temperature = sampling_temperature(task, n)
            draw = Draw(model.id, count, max_tokens, temperature, verify=task.verifiable)
            drawn = yield from draw_and_wait(draw, enough=task.n)
            if drawn.failure is None:
                return
            remaining = drawn.remaining

    def choose(self, candidates: Sequence[Candidate]) -> Choice:
        """See `policies.moves.choose`."""
        return choose(candidates)

    def restrict(self, models: Sequence[str], *, pinned: str | None) -> tuple[str, ...]:
        """The policy's or the caller's model, else all."""
        return pin(models, self.model, pinned)

    def most_samples(self, task: Task) -> int:
        """As many as the caller wants choices; one at temperature 0."""
        return 1 if task.greedy else task.n
