"""Small samples first, and the large model with what is left, when none of them passes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from policies.cost import CostModel
from policies.moves import (
    draw,
    draw_and_wait,
    draw_repeatedly,
    hurried,
    least_tokens,
    require_affordable,
    sized,
    useful_tokens,
)
from policies.plans.pinning import PolicyMismatch
from policies.plans.single import Single
from policies.policy import Uncalibrated
from policies.protocol import Plan
from policies.selection.choosing import USUAL
from policies.selectors import Selector
from policies.values import NOTHING, Budget, Remaining, Task


@dataclass(frozen=True, slots=True)
class Cascade(Uncalibrated):
    """Up to `n` samples of each model but the last, then up to `n_last` of the last.

    Tests decide when to stop, so without them there is nothing to climb on and the plan is that of
    `Single`. While smaller models draw, what a useful call to the last one takes is held back:
    half of the tokens asked for, because answers are mostly far shorter than their limit and
    holding back all of it would leave the small models nothing at budgets around one large call.
    """

    models: tuple[str, ...] = ()
    n: int = 8
    n_last: int = 4
    selector: Selector = USUAL

    def __post_init__(self) -> None:
        if self.n < 1 or self.n_last < 1:
            raise ValueError(
                f"cascade needs n and n_last of at least 1, not {self.n}, {self.n_last}"
            )
        if len(self.models) == 1:
            raise ValueError("cascade needs two models or more, the cheapest first")

    def plan(self, task: Task, budget: Budget, cost: CostModel) -> Plan:
        """Climb from model to model until the task's n candidates have passed."""
        if not task.verifiable:
            yield from Single(selector=self.selector).plan(task, budget, cost)
            return
        require_affordable(task, budget, cost, task.models)
        if (yield from hurried(task, budget, cost, task.models)):
            return
        left, passed = Remaining.of(budget), 0
        hold_back = self._hold_back(task, left, cost)
        n, before = max(self.n, task.n), dict[str, int]()
        for model in task.models[:-1]:
            drawn = yield from draw_repeatedly(
                *(task, cost, model),
                n=n,
                left=left,
                hold_back=hold_back,
                reason="small samples first",
            )
            left, passed = drawn.left, passed + drawn.passed
            before[model.id] = len(drawn.candidates)
            if passed >= task.wanted:
                return
        last = task.models[-1]
        most = 1 if task.greedy else max(self.n_last, task.n)
        size = sized(task, cost, last, n=most, left=left, shortest=least_tokens(task))
        if size is None:
            return
        count, max_tokens = size
        reason = "no smaller model passed"
        asked = draw(task, last, n=count, max_tokens=max_tokens, alone=count == 1, reason=reason)
        drawn = yield from draw_and_wait(asked, enough=task.wanted - passed)
        if drawn.whole or hold_back == NOTHING:
            return
        # What was held back for the last model is free again, now that it failed.
        reason = f"{last.id} failed, and its share is free"
        for model in task.models[:-1]:
            drawn = yield from draw_repeatedly(
                *(task, cost, model),
                n=n,
                left=drawn.left,
                before=before[model.id],
                reason=reason,
            )

    def restrict(self, models: Sequence[str], *, pinned: str | None) -> tuple[str, ...]:
        """The policy's models, else all there are; never a single one."""
        if pinned is not None:
            raise PolicyMismatch(
                f"a cascade uses several models, and the request names {pinned!r}: "
                'send "model": "auto" or another policy'
            )
        missing = [name for name in self.models if name not in models]
        if missing:
            raise PolicyMismatch(f"this policy uses models {missing}, which are not configured")
        chosen = self.models or tuple(models)
        if len(chosen) < 2:  # noqa: PLR2004 two is what makes a cascade
            raise PolicyMismatch("a cascade needs two models or more, and only one is configured")
        return chosen

    def most_samples(self, task: Task) -> int:
        """All that every model may draw."""
        if not task.verifiable:
            return Single().most_samples(task)
        smaller = len(task.models) - 1
        return (
            smaller + 1 if task.greedy else smaller * max(self.n, task.n) + max(self.n_last, task.n)
        )

    def _hold_back(self, task: Task, left: Remaining, cost: CostModel) -> Remaining:
        """What is kept for the last model; nothing where it would not do for it anyway."""
        last, tokens = task.models[-1], useful_tokens(task)
        flops, latency_ms = 0.0, 0.0
        if not math.isinf(left.flops):
            flops = cost.ceiling(last.id, last.reserved_tokens, 1, tokens)
        if not math.isinf(left.latency_ms):
            usual = cost.usual_tokens(last.id, tokens)
            latency_ms = 1000 * cost.seconds(last.id, last.prompt_tokens, 1, usual)
        fits = flops <= left.flops and latency_ms <= left.latency_ms
        return Remaining(flops, latency_ms) if fits else NOTHING
