"""One call to one model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from policies.cost import CostModel
from policies.moves import draw_repeatedly, hurried, informed
from policies.plans.pinning import pin
from policies.policy import Uncalibrated
from policies.protocol import Plan
from policies.selection.choosing import USUAL
from policies.selectors import Selector
from policies.sizing import least_tokens, require_affordable, sized
from policies.values import Budget, Candidate, ModelView, Remaining, Task


@dataclass(frozen=True, slots=True)
class Single(Uncalibrated):
    """The task's n samples of the largest model whose whole answer fits, in FLOPs and in time.

    Where no whole answer fits, the model answers that can say most; where a model's upstream fails,
    the next one is asked.
    """

    model: str | None = None
    selector: Selector = USUAL

    def plan(self, task: Task, budget: Budget, cost: CostModel) -> Plan:
        """Draw from one model, and from another only after a failure."""
        require_affordable(task, budget, cost, task.models)
        if (yield from hurried(task, budget, cost, task.models)):
            return
        left, reason = Remaining.of(budget), "the largest model whose whole answer fits"
        candidates = list[Candidate]()
        for model in self._in_order(task, cost, left):
            drawn = yield from draw_repeatedly(
                task, cost, model, n=task.n, left=left, reason=reason
            )
            candidates += drawn.candidates  # those that ended before a failure are answers too
            if drawn.whole:
                break
            left, reason = drawn.left, f"{model.id} failed"
        if not task.verifiable and self.most_samples(task) > 1:
            yield from informed(self.selector.of(task), candidates)

    def restrict(self, models: Sequence[str], *, pinned: str | None) -> tuple[str, ...]:
        """The policy's or the caller's model, else all."""
        return pin(models, self.model, pinned)

    def most_samples(self, task: Task) -> int:
        """As many as the caller wants choices; one at temperature 0."""
        return 1 if task.greedy else task.n

    def _in_order(self, task: Task, cost: CostModel, left: Remaining) -> Sequence[ModelView]:
        """Models whose whole answer fits, the largest first; else those with most tokens first."""
        whole = [
            model
            for model in reversed(task.models)
            if sized(task, cost, model, n=1, left=left, shortest=task.max_tokens)
        ]
        if whole:
            return whole
        tokens = {
            model: size[1]
            for model in task.models
            if (size := sized(task, cost, model, n=1, left=left, shortest=least_tokens(task)))
        }
        return sorted(tokens, key=lambda model: -tokens[model])
