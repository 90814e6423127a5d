"""What calibration says of one task: the ladder for a budget, and what other budgets would buy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from policies.cost import CostModel
from policies.ladder import CALL_TOKENS, ROUNDING, Calibration, Found, Ladder, Offer
from policies.sizing import least_ceiling
from policies.values import Budget, ModelView, TargetTooHigh, Task

FREE_WIDTH: Final = 1.25
"""A full batch that takes at most so many times as long as one sample costs no time to speak of."""


@dataclass(frozen=True, slots=True)
class Foresight:
    """A calibration, and a task of this kind with its costs: what can be told before a draw."""

    calibration: Calibration
    kind: str
    task: Task
    cost: CostModel

    @property
    def models(self) -> list[ModelView]:
        """The calibrated models among the task's, the cheapest first."""
        return [model for model in self.task.models if model.id in self.calibration.models]

    @property
    def call(self) -> float:
        """FLOPs of one large call. Raises `UnknownCost`."""
        return self.calibration.call(self._longest.reserved_tokens, self.cost)

    @property
    def ladders(self) -> tuple[Ladder, ...]:
        """What every budget would buy, the smallest first."""
        return self.calibration.ladders(self.kind, self._longest, cached=self._cached)

    @property
    def width_is_free(self) -> bool:
        """Whether every model's full batch takes hardly longer than a single sample."""
        for model in self.models:
            one, full = (
                self.cost.seconds(model.id, model.prompt_tokens, n, self.task.max_tokens)
                for n in (1, model.max_batch)
            )
            if model.max_batch == 1 or not 0 < full <= FREE_WIDTH * one:
                return False
        return True

    def found(self, budget: Budget) -> Found:
        """The ladder for this budget, or the cheapest that is expected to reach its target.

        Raises `TargetTooHigh`.
        """
        if budget.target is None:
            found = self._found(self._calls(budget))
            return found.but(self._by_time(budget, found.ladder))
        within = self._within(budget)
        cheapest = self.calibration.cheapest(within, budget.target)
        if cheapest is None:
            raise _too_high(budget.target, within)
        found = replace(self._found(cheapest.calls), ladder=cheapest)
        return found.but(self._by_time(budget, cheapest))

    def offers(self, budget: Budget) -> tuple[Offer, ...]:
        """What budgets up to this one would buy, each more than the one before.

        Where a probability is wanted, what that and greater ones would be reached with, for the
        least that is expected to be spent. Raises `TargetTooHigh` and `UnknownCost`.
        """
        within = self._within(budget)
        if budget.target is None:
            bought = [self._found(each.calls).ladder for each in within]
            bought = list(filter(self._ending(budget), bought))
        else:
            bought = sorted(within, key=lambda each: (each.spent.value, each.calls))
        worth = list(self.calibration.frontier(bought, budget.target or 0.0))
        if budget.target is not None and not worth:
            raise _too_high(budget.target, within)
        return tuple(self._offer(each, budget) for each in worth)

    def _offer(self, ladder: Ladder, budget: Budget) -> Offer:
        """What buys a ladder: no less than the shortest answer that is drawn.

        Where all draw at once, one call's time is that of any number, and answers alone take time.
        """
        found, call = self._found(ladder.calls), self.call
        calls = 0.0 if self.width_is_free else ladder.calls
        return Offer(
            replace(found, ladder=ladder).but(self._by_time(budget, ladder)),
            flops=max(ladder.calls * call, self._least),
            expected_flops=ladder.spent.value * call,
            seconds=max(calls * self._call_seconds, self._taking()(ladder)) or None,
        )

    def _within(self, budget: Budget) -> list[Ladder]:
        """Those that this budget pays for, and whose answers are expected to end in its time."""
        most, least, ends = self._calls(budget) * (1 + ROUNDING), self._least, self._ending(budget)
        call = self.call if least else 0.0
        return [
            each
            for each in self.ladders
            if each.calls <= most and least <= each.calls * call and ends(each)
        ]

    def _ending(self, budget: Budget) -> Callable[[Ladder], bool]:
        """Tells whether one usual answer for each rung of a ladder is expected to end in time.

        A budget in large calls says it of the largest model alone, and another may be slower.
        """
        if budget.latency_ms is None:
            return lambda _: True
        seconds, most = self._taking(), budget.latency_ms / 1000 * (1 + ROUNDING)
        return lambda ladder: seconds(ladder) <= most

    def _taking(self) -> Callable[[Ladder], float]:
        """Tells how long one usual answer for each rung of a ladder takes.

        They come in turn or, where width is free, at once. Of models that are away nobody knows it.
        """
        answers, one = self.calibration.domain(self.kind).answers, dict[str, float]()
        for model in self.models:
            known = answers.get(model.id)
            most = CALL_TOKENS if known is None else known.most
            usual = self.cost.usual_tokens(model.id, min(self.task.max_tokens, most))
            one[model.id] = self.cost.seconds(model.id, model.prompt_tokens, 1, usual)
        together = max if self.width_is_free else sum
        return lambda ladder: together(one.get(rung.model, 0.0) for rung in ladder.rungs)

    def _found(self, calls: float) -> Found:
        found = self.calibration.find(self.kind, self._longest, calls, cached=self._cached)
        call = self.call if self.cost.knows(self.calibration.models[-1]) else None
        return replace(found, call=call).but(self._unlike(found))

    def _by_time(self, budget: Budget, ladder: Ladder) -> Iterator[str]:
        """That a plan is another than the ladder, because of its time, in words."""
        if not self._ending(budget)(ladder):
            yield "not all of its answers are expected to end in time"
        if budget.latency_ms is not None and self.width_is_free:
            yield "all models draw at once, since width costs no time"

    def _unlike(self, found: Found) -> Iterator[str]:
        """What of the task is not as it was calibrated, in words."""
        task, there = self.task, {model.id for model in self.models}
        if task.temperature is not None:
            yield f"the temperature {task.temperature:g} is the request's own"
        if task.n > 1:
            yield f"{task.n} answers are wanted"
        if missing := [model for model in self.calibration.models if model not in there]:
            yield f"nothing can be drawn from {', '.join(missing)}"
        answers = found.domain.answers.values()
        if self.calibration.basis == "paper":
            yield "every sample was taken to cost the same, prompt included"
        longest = found.domain.lengths[-1].prompt_tokens
        if self.calibration.basis == "exact" and self._longest.prompt_tokens > 2 * longest:
            yield f"the prompt has more than twice {longest} tokens"
        if task.max_tokens < max((each.most for each in answers), default=0):
            yield f"answers are cut at {task.max_tokens} tokens"

    def _calls(self, budget: Budget) -> float:
        """The budget in large calls."""
        calls = math.inf
        if budget.flops is not None:
            calls = budget.flops / self.call
        if budget.latency_ms is None or self.width_is_free:
            return calls  # where all draw at once, one call's time is that of any number
        if seconds := self._call_seconds:
            calls = min(calls, budget.latency_ms / 1000 / seconds)
        return calls

    @property
    def _least(self) -> float:
        """FLOPs that the shortest answer that is drawn reserves; none where nobody knows costs."""
        if not all(self.cost.knows(model.id) for model in self.models):
            return 0.0
        return min(least_ceiling(self.task, self.cost, model) for model in self.models)

    @property
    def _call_seconds(self) -> float:
        """How long one large call takes; 0 where nobody knows."""
        longest = self._longest
        return self.cost.seconds(longest.id, longest.prompt_tokens, 1, CALL_TOKENS)

    @property
    def _longest(self) -> ModelView:
        """The view of the largest calibrated model; the others count about the same tokens."""
        return self.models[-1]

    @property
    def _cached(self) -> bool:
        return all(model.caches for model in self.models)


def _too_high(target: float, within: Sequence[Ladder]) -> TargetTooHigh:
    return TargetTooHigh(target, max((each.success.value for each in within), default=0.0))
