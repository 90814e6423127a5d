"""Ladders climbed on every particle at once, as `policies.plans.climb` does it for one request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.calibration.effects import Effects
from evaluation.calibration.lattice import ROUND_TRIP, Prices, Step
from evaluation.pools.view import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Climbed:
    """A ladder on every particle, under a budget: success, cost in large calls, and draws, (n,)."""

    success: Floats
    spent: Floats
    draws: Floats

    def score(self, worth: float) -> float:
        """What a ladder is compared by."""
        return float((self.success - worth * (self.spent + ROUND_TRIP * self.draws)).mean())


class Climbing:
    """All particles at once, each with what is left of its own budget."""

    def __init__(
        self, models: Sequence[Effects], prices: Sequence[Prices], calls: float, *, again: bool
    ) -> None:
        n = len(models[0].failing)
        self._models, self._prices, self._again = models, prices, again
        self._rows = np.arange(n)
        self._left = np.full(n, calls)
        self._unsolved, self._spent, self._draws = np.ones(n), np.zeros(n), np.zeros(n)
        self._drawn = [np.zeros(n, np.int64) for _ in models]
        self._read = [np.zeros(n, np.bool_) for _ in models]
        self._planned = [0 for _ in models]
        self._short = np.zeros(n, np.bool_)

    def climb(self, steps: Sequence[Step]) -> Climbed:
        """Every step as far as it fits, then one shortened answer where one did not fit."""
        for step in steps:
            self._step(step)
        for at in reversed(range(len(self._models))):
            self._shortened(at)
        return Climbed(1 - self._unsolved, self._spent, self._draws)

    def _step(self, step: Step) -> None:
        model, price = self._models[step.model], self._prices[step.model]
        prompt = self._prompt(step.model)
        room = (self._left - prompt - price.token * price.spare) / (price.token * price.most)
        gone = (self._left - price.prompt) / price.token - price.spare
        wanted = max(1, step.n)
        self._planned[step.model] += step.n
        n = np.clip(np.floor(np.minimum(room, gone) + 1e-9), 0, wanted).astype(np.int64)
        self._short |= n < wanted
        if step.n == 0:
            assert model.greedy_tokens is not None and model.greedy_failing is not None  # noqa: S101, PT018 no greedy step without
            failing, tokens, failed = model.greedy_failing, model.greedy_tokens, model.greedy_tokens
        else:
            before = self._drawn[step.model]
            after = np.minimum(before + n, model.samples)
            failing = share(model.failing[self._rows, after], model.failing[self._rows, before])
            tokens, failed = model.tokens[self._rows, n], n * model.failing_tokens
            self._drawn[step.model] = after
        self._pay(n > 0, failing, prompt + price.token * tokens, prompt + price.token * failed)
        self._read[step.model] |= n > 0

    def _shortened(self, at: int) -> None:
        """A sample whose length is what is left, where that holds half of the answers or more."""
        model, price = self._models[at], self._prices[at]
        if model.answers is None:
            return
        prompt = self._prompt(at)
        room = np.floor((self._left - prompt) / price.token - price.spare)
        tokens = np.minimum(room, price.most)
        drawn = self._short & (tokens >= model.answers.half)
        drawn &= self._drawn[at] < min(self._planned[at], model.samples)
        within = np.searchsorted(model.lengths, tokens, side="right") / len(model.lengths)
        before = self._drawn[at]
        after = np.minimum(before + 1, model.samples)
        passing = 1 - share(model.failing[self._rows, after], model.failing[self._rows, before])
        cost = prompt + price.token * np.minimum(tokens, model.failing_tokens)
        self._pay(drawn, 1 - passing * within, cost, cost)

    def _prompt(self, at: int) -> Floats:
        price = self._prices[at]
        if not self._again:
            return np.full(len(self._rows), price.prompt)
        return np.where(self._read[at], price.cached, price.prompt)

    def _pay(self, drawn: np.ndarray, failing: Floats, mean: Floats, failed: Floats) -> None:
        """Where a draw is made: its cost, and what of the particle it leaves unsolved."""
        self._spent += np.where(drawn, self._unsolved * mean, 0.0)
        self._draws += np.where(drawn, self._unsolved, 0.0)
        self._unsolved = np.where(drawn, self._unsolved * failing, self._unsolved)
        self._left = np.where(drawn, self._left - failed, self._left)


def share(after: Floats, before: Floats) -> Floats:
    """What is left of a probability; where there was none, none of it."""
    return np.divide(after, before, out=np.zeros_like(after), where=before > 0)
