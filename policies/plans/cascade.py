"""Small samples first, and the large model with what is left, when none of them passes."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

from policies.cost import CostModel
from policies.moves import Drawn, draw, draw_and_wait, draw_repeatedly, hurried, in_batches
from policies.plans.pinning import PolicyMismatch
from policies.plans.single import Single
from policies.policy import Uncalibrated
from policies.protocol import Command, Event, Plan
from policies.selection.choosing import USUAL
from policies.selectors import Selector
from policies.sizing import held_for, least_tokens, require_affordable, sized, useful_tokens
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
        last, smaller = task.models[-1], task.models[:-1]
        left, passed, before = Remaining.of(budget), 0, dict[str, int]()
        hold_back, n = held_for(task, cost, last, left), max(self.n, task.n)
        for model in smaller:
            drawn = yield from draw_repeatedly(
                *(task, cost, model),
                n=n,
                left=left,
                hold_back=hold_back,
                passed=passed,
                reason="small samples first",
            )
            left, passed = drawn.left, drawn.passed
            before[model.id] = len(drawn.candidates)
            if passed >= task.wanted:
                return
        drawn = yield from self._draw_last(task, cost, left, passed)
        if drawn.whole or hold_back == NOTHING:
            return
        # What was held back for the last model is free again, now that it failed.
        for model in smaller:
            drawn = yield from draw_repeatedly(
                *(task, cost, model),
                n=n,
                left=drawn.left,
                before=before[model.id],
                passed=drawn.passed,
                reason=f"{last.id} failed, and its share is free",
            )

    def _draw_last(
        self, task: Task, cost: CostModel, left: Remaining, passed: int
    ) -> Generator[Command, Event, Drawn]:
        """Samples of the last model as far as they fit, in as few draws as its batch allows.

        `passed` have before. Its further draws count on the prompt that the first has had read.
        """
        last, so_far, before = task.models[-1], Drawn(passed, left), 0
        reason = "too few of the smaller models passed" if passed else "no smaller model passed"

        def once(n: int) -> Generator[Command, Event, int | None]:
            nonlocal so_far, before
            shortest = useful_tokens(task) if before else least_tokens(task)
            kept = so_far.kept_tokens
            size = sized(task, cost, last, n=n, left=so_far.left, shortest=shortest, kept=kept)
            if size is None or not so_far.whole:
                return 0
            count, max_tokens = size
            alone = count == 1 and not before
            asked = draw(task, last, n=count, max_tokens=max_tokens, alone=alone, reason=reason)
            asked = replace(asked, counts_on_cache=kept > 0)
            enough = task.wanted - so_far.passed
            so_far = so_far.then((yield from draw_and_wait(asked, enough=enough)))
            before += count
            return count if so_far.passed < task.wanted else None

        yield from in_batches(1 if task.greedy else max(self.n_last, task.n), last, once)
        return so_far

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
