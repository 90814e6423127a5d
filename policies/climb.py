"""Climb the ladder that calibration found for this kind of task, prompt and budget."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from policies.cost import CostModel
from policies.foresight import Foresight
from policies.ladder import Answers, Calibration, Found, Ladder, Offer, Rung
from policies.moves import (
    SAMPLING_TEMPERATURE,
    Drawn,
    draw,
    draw_and_wait,
    draw_together,
    hurried,
    least_tokens,
    require_affordable,
)
from policies.pinning import PolicyMismatch
from policies.policy import Policy
from policies.protocol import Command, Draw, Event, Plan
from policies.selectors import USUAL, Selector
from policies.single import Single
from policies.values import Budget, ModelView, Remaining, Task

FREE_WIDTH: Final = 1.25
"""A full batch that takes at most so many times as long as one sample costs no time to speak of."""


_NO_COSTS: Final = CostModel({})
"""To look at ladders alone."""


@dataclass(frozen=True, slots=True)
class Climb:
    """The rungs of the calibrated ladder, one after another, until one has passed.

    `domain` is the kind of task where the operator knows it; else the kind of request tells.
    Without tests there is nothing to climb on, and the plan is that of `otherwise`.
    """

    calibration: Calibration
    domain: str | None = None
    selector: Selector = USUAL
    otherwise: Policy = field(default_factory=Single)

    def plan(self, task: Task, budget: Budget, cost: CostModel) -> Plan:
        """Draw each rung as far as it fits, and short answers for what is left over."""
        if not task.verifiable:
            yield from self.otherwise.plan(task, budget, cost)
            return
        foresight = self._foresight(task, cost)
        models = foresight.models
        require_affordable(task, budget, cost, models)
        if (yield from hurried(task, budget, cost, models)):
            return
        found = foresight.found(budget)
        if budget.target is not None:
            limit = found.ladder.calls * foresight.call
            budget = replace(budget, flops=min(limit, budget.flops_limit))
        left = Remaining.of(budget)
        climber = _Climber(task, cost, {m.id: m for m in models}, found, left)
        if budget.latency_ms is not None and climber.width_is_free():
            yield from climber.all_at_once(flops_bind=budget.flops is not None)
        else:
            yield from climber.climb()

    def foresees(self, task: Task, budget: Budget, cost: CostModel) -> Found:
        """The ladder for this budget, or the cheapest that is expected to reach its target.

        Raises `TargetTooHigh`.
        """
        return self._foresight(task, cost).found(budget)

    def offers(self, task: Task, budget: Budget, cost: CostModel) -> tuple[Offer, ...]:
        """What budgets up to this one would buy, each more than the one before."""
        return self._foresight(task, cost).offers(budget)

    def ladders(self, task: Task) -> tuple[Ladder, ...]:
        """What every budget would buy, the smallest first."""
        return self._foresight(task, _NO_COSTS).ladders

    def restrict(self, models: Sequence[str], *, pinned: str | None) -> tuple[str, ...]:
        """The models that were calibrated; never a single one."""
        own = self.calibration.models
        if pinned is not None:
            raise PolicyMismatch(
                f"this policy uses the models {list(own)}, and the request names {pinned!r}: "
                'send "model": "auto" or another policy'
            )
        if missing := [name for name in own if name not in models]:
            raise PolicyMismatch(f"this policy uses models {missing}, which are not configured")
        return own

    def most_samples(self, task: Task) -> int:
        """All that the longest of its ladders may draw."""
        if not task.verifiable:
            return self.otherwise.most_samples(task)
        if task.greedy:
            return len(self._models(task))
        ladders = self.ladders(task)
        drawn = max(sum(max(rung.n, task.n) for rung in each.rungs) for each in ladders)
        return drawn + len(task.models)

    def _foresight(self, task: Task, cost: CostModel) -> Foresight:
        return Foresight(self.calibration, self.domain or task.kind, task, cost)

    def _models(self, task: Task) -> list[ModelView]:
        return self._foresight(task, _NO_COSTS).models


@dataclass(slots=True)
class _Climber:
    """One climb: what is left, what has passed, which models are still good for a draw.

    `drawn` are samples by model, `kept` the prompt tokens that its server has kept of this climb.
    """

    task: Task
    cost: CostModel
    models: dict[str, ModelView]
    found: Found
    left: Remaining
    passed: int = 0
    drawn: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)

    def climb(self) -> Generator[Command, Event]:
        """Rung after rung; then, where the budget was too small for one, shortened answers."""
        short = False
        for at, rung in enumerate(self.found.ladder.rungs):
            if not (asked := self._rung(at, rung)):
                short |= rung.model in self.models
                continue
            short |= asked.n < rung.n
            if (yield from self._perform(asked)):
                return
        for _ in tuple(self.models) if short else ():
            if (asked := self._leftover()) is None or (yield from self._perform(asked)):
                return

    def width_is_free(self) -> bool:
        """Whether every model's full batch takes hardly longer than a single sample."""
        for model in self.models.values():
            tokens = self._most(model)
            one = self.cost.seconds(model.id, model.prompt_tokens, 1, tokens)
            full = self.cost.seconds(model.id, model.prompt_tokens, model.max_batch, tokens)
            if model.max_batch == 1 or not 0 < full <= FREE_WIDTH * one:
                return False
        return True

    def all_at_once(self, *, flops_bind: bool) -> Generator[Command, Event]:
        """Every model at once: at full width, or as the ladder shares the FLOPs out."""
        shares = dict.fromkeys(self.models, 0)
        for rung in self.found.ladder.rungs:
            shares[rung.model] = shares.get(rung.model, 0) + rung.n
        asked = []
        for model in self.models.values():
            n = shares[model.id] if flops_bind else model.max_batch
            reason = "all at once: width costs no time here"
            size = self._size(model, n) if n else None
            if size is not None:
                if not math.isinf(self.left.flops):
                    flops = self.cost.ceiling(model.id, model.reserved_tokens, *size)
                    self.left = self.left.without(Remaining(flops, 0.0))
                each = self._draw(model, *size, reason=reason, temperature=SAMPLING_TEMPERATURE)
                asked.append(each)
        yield from draw_together(asked, enough=self.task.wanted)

    def _perform(self, asked: Draw) -> Generator[Command, Event, bool]:
        """Draw; whether the climb is over."""
        ended: Drawn = yield from draw_and_wait(asked, enough=self.task.wanted - self.passed)
        self.passed += ended.passed
        self.left = ended.left
        self.kept[asked.model] = ended.kept_tokens
        self.drawn[asked.model] = self.drawn.get(asked.model, 0) + asked.n
        if not ended.whole:
            self.models.pop(asked.model, None)
        return self.passed >= self.task.wanted

    def _rung(self, at: int, rung: Rung) -> Draw | None:
        """The draw of a rung, narrower where it does not fit; None where no whole answer does."""
        model = self.models.get(rung.model)
        if model is None or (self.task.greedy and model.id in self.drawn):
            return None
        n = 1 if self.task.greedy else max(rung.n, self.task.wanted - self.passed)
        size = self._size(model, n)
        if size is None:
            return None
        ladder = self.found.ladder
        reason = f"rung {at + 1} of {len(ladder.rungs)} for {ladder.calls:g} large calls"
        return self._draw(model, *size, reason=reason, temperature=rung.temperature)

    def _leftover(self) -> Draw | None:
        """A shortened answer for what is left, of the largest model that can say enough in it.

        Only of a model whose rungs were not all drawn in full: more was not worth it.
        """
        for model in self._largest_first():
            planned = sum(rung.n for rung in self.found.ladder.rungs if rung.model == model.id)
            if self.drawn.get(model.id, 0) >= (min(1, planned) if self.task.greedy else planned):
                continue
            tokens = self._tokens(model, 1)
            if tokens >= self._shortest(model):
                reason = "what is left buys a shorter answer"
                return self._draw(model, 1, tokens, reason=reason, temperature=SAMPLING_TEMPERATURE)
        return None

    def _largest_first(self) -> Iterator[ModelView]:
        return reversed(self.models.values())

    def _draw(
        self, model: ModelView, n: int, max_tokens: int, *, reason: str, temperature: float
    ) -> Draw:
        """At a rung's temperature, unless the caller has one; several are never greedy."""
        alone = temperature == 0 and n == 1
        asked = draw(self.task, model, n=n, max_tokens=max_tokens, alone=alone, reason=reason)
        asked = replace(asked, counts_on_cache=self.kept.get(model.id, 0) > 0)
        if self.task.temperature is not None or temperature == 0:
            return asked
        return replace(asked, temperature=temperature)

    def _size(self, model: ModelView, n: int) -> tuple[int, int] | None:
        """(samples, max_tokens): as many as fit at the length that nearly all answers have.

        Then as long as fits: what is reserved and not used is free again.
        """
        most, n, kept = self._most(model), min(n, model.max_batch), self.kept.get(model.id, 0)
        paid, likely = (model.id, model.reserved_tokens), (model.id, model.prompt_tokens)
        if not math.isinf(self.left.flops):
            n = self.cost.samples_within(*paid, most, self.left.flops, n, cached_tokens=kept)
        usual = self.cost.usual_tokens(model.id, most)
        n = self.cost.samples_in_time(*likely, usual, self.left.seconds, n)
        return (n, self._tokens(model, n)) if n else None

    def _tokens(self, model: ModelView, n: int) -> int:
        """The longest max_tokens of n samples that fits."""
        seconds, kept = self.left.seconds, self.kept.get(model.id, 0)
        tokens = self.cost.tokens_in_time(
            model.id, model.prompt_tokens, n, seconds, self.task.max_tokens
        )
        if math.isinf(self.left.flops):
            return tokens
        paid = (model.id, model.reserved_tokens, self.left.flops, tokens)
        return self.cost.tokens_within(*paid, n=n, cached_tokens=kept)

    def _most(self, model: ModelView) -> int:
        known = self._answers(model)
        return self.task.max_tokens if known is None else min(self.task.max_tokens, known.most)

    def _shortest(self, model: ModelView) -> int:
        least = least_tokens(self.task)
        if not self.drawn:
            return least
        known = self._answers(model)
        half = self.task.max_tokens // 2 if known is None else known.half
        return max(least, min(half, self.task.max_tokens))

    def _answers(self, model: ModelView) -> Answers | None:
        return self.found.domain.answers.get(model.id)
