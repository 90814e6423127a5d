"""Every order in which samples can be drawn, and the cheapest way to have drawn so many of each.

What a plan knows after failures is how many samples of each model failed. That is a point of a
lattice, and it alone decides how likely every particle is to be still unsolved, so how a point was
reached matters only for what it cost. Dynamic programming over the points, in the order of their
samples, keeps for each the ways that are best: *mean* cost (of all particles, those that have
passed on the way cost no more) against what must be *reserved* at most by a plan that meets with
failures only. Everything is exact in expectation; costs are in large calls.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from evaluation.calibration.effects import Effects
from evaluation.pools.view import Floats

LEVELS: Final = (0, 1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48)
"""Numbers of samples of a model between which a ladder of two models steps."""

FEW_LEVELS: Final = (0, 1, 2, 4, 8, 16, 32)
"""Those of more models: their combinations would be too many."""

FINE: Final = 2
"""Models up to which all levels are tried."""

WIDEST: Final = 16
"""Samples of one rung."""

MOST_WAYS: Final = 12
"""Ways that are kept to a point: of those that differ in what they reserve, the cheapest."""

_NOBODY: Final = 1e-12

ROUND_TRIP: Final = 0.02
"""What a further draw costs beside its FLOPs, in large calls, when ladders are compared.

Where prompts are cached, nothing else speaks against drawing one sample after another, each of
which waits for the verdict on the last, when a server decodes several in hardly more time.
"""

TOLD_APART: Final = 1e-3
"""Ways whose reservations differ by less, in large calls, are one."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What one model's draws cost after a prompt, in large calls.

    A draw costs `prompt`, or `cached` where the prompt is in a cache, and `token` for each token;
    `most` tokens are reserved for each of its samples, and `spare` for the whole.
    """

    prompt: float
    cached: float
    token: float
    most: int
    spare: int = 1

    def cost(self, tokens: float, *, again: bool) -> float:
        """Of a draw of so many tokens; `again` where the model has read the prompt before."""
        return (self.cached if again else self.prompt) + self.token * tokens

    def reserved(self, n: int, *, again: bool) -> float:
        """The ceiling of a draw of n samples; it covers a prompt that is cached no longer."""
        gone = self.cost(n + self.spare, again=False)
        return max(gone, self.cost(n * self.most + self.spare, again=again))


class Step(NamedTuple):
    """A draw: the model's place, and its samples; 0 is the greedy answer."""

    model: int
    n: int


class Way(NamedTuple):
    """How a point is reached: mean cost, round trips included; the most spent, and reserved."""

    mean: float
    spent: float
    reserved: float
    steps: tuple[Step, ...]

    def then(self, step: Step, mean: float, spent: float, reserved: float) -> Way:
        """With one more step that costs so much."""
        most = max(self.reserved, self.spent + reserved)
        return Way(self.mean + mean, self.spent + spent, most, (*self.steps, step))


class _Point(NamedTuple):
    """Samples that failed, and whether the greedy answer did, by model."""

    samples: tuple[int, ...]
    greedy: tuple[bool, ...]

    def has_drawn(self, model: int) -> bool:
        """Whether anything was drawn from a model, so that it has read the prompt."""
        return self.samples[model] > 0 or self.greedy[model]


@dataclass(frozen=True, slots=True)
class Reached:
    """A point's best ways, the cheapest in the mean first, and the mean success there."""

    success: float
    ways: tuple[Way, ...]


class Lattice:
    """The points over some models' effects; prices come later, since prompts differ in length."""

    def __init__(self, models: Sequence[Effects]) -> None:
        self._models = models
        self._points = _points(models)
        weights = np.stack([weights_at(models, *point) for point in self._points])
        self._alive = weights.mean(axis=1)
        n = weights.shape[1]
        # (points, width+1) by model; at width 0 stands the greedy answer.
        self._tokens = [weights @ _by_width(model, model.tokens) / n for model in models]
        failing = [model.failing_tokens[:, None] * np.arange(WIDEST + 1) for model in models]
        self._failed = [
            weights @ _by_width(model, tokens) / np.maximum(self._alive * n, _NOBODY)[:, None]
            for model, tokens in zip(models, failing, strict=True)
        ]

    def reach(self, prices: Sequence[Prices], *, again: bool) -> list[Reached]:
        """All points, each with its best ways. `again`: a prompt is paid for once per model."""
        ways: dict[_Point, list[Way]] = {point: [] for point in self._points}
        ways[self._points[0]] = [Way(0.0, 0.0, 0.0, ())]
        found = []
        for at, point in enumerate(self._points):
            best, alive = _best(ways[point]), float(self._alive[at])
            found.append(Reached(1 - alive, tuple(best)))
            if alive * len(self._models[0].failing) < _NOBODY:
                continue
            for step, after in _steps(self._models, point):
                price = prices[step.model]
                read = again and point.has_drawn(step.model)
                tokens = float(self._tokens[step.model][at, step.n])
                fixed = price.cost(0.0, again=read) + ROUND_TRIP
                mean = alive * fixed + price.token * tokens
                spent = price.cost(float(self._failed[step.model][at, step.n]), again=read)
                reserved = price.reserved(max(step.n, 1), again=read)
                ways[after] += [way.then(step, mean, spent, reserved) for way in best]
        return found


def weights_at(models: Sequence[Effects], samples: Sequence[int], greedy: Sequence[bool]) -> Floats:
    """(n,): the probability of each particle that nothing has passed so far."""
    weights = np.ones(len(models[0].failing))
    for model, drawn, answered in zip(models, samples, greedy, strict=True):
        weights = weights * model.failing[:, drawn]
        if answered and model.greedy_failing is not None:
            weights = weights * model.greedy_failing
    return weights


def _by_width(model: Effects, tokens: Floats) -> Floats:
    """(n, width+1): tokens of a draw, with those of the greedy answer at 0."""
    found = tokens[:, : WIDEST + 1].copy()
    found[:, 0] = 0.0 if model.greedy_tokens is None else model.greedy_tokens
    return found


def _points(models: Sequence[Effects]) -> list[_Point]:
    """All there are, fewer samples first; the first has none."""
    levels = [[n for n in _levels(models) if n <= model.samples] for model in models]
    flags = [[False] if model.greedy_failing is None else [False, True] for model in models]
    points = [
        _Point(samples, greedy)
        for samples in itertools.product(*levels)
        for greedy in itertools.product(*flags)
    ]
    return sorted(points, key=lambda point: (sum(point.samples) + sum(point.greedy), point))


def _steps(models: Sequence[Effects], point: _Point) -> Iterator[tuple[Step, _Point]]:
    for at, model in enumerate(models):
        drawn = point.samples[at]
        for level in _levels(models):
            if drawn < level <= min(drawn + WIDEST, model.samples):
                samples = (*point.samples[:at], level, *point.samples[at + 1 :])
                yield Step(at, level - drawn), _Point(samples, point.greedy)
        if model.greedy_failing is not None and not point.greedy[at]:
            greedy = (*point.greedy[:at], True, *point.greedy[at + 1 :])
            yield Step(at, 0), _Point(point.samples, greedy)


def _levels(models: Sequence[Effects]) -> tuple[int, ...]:
    return LEVELS if len(models) <= FINE else FEW_LEVELS


def _best(ways: list[Way]) -> list[Way]:
    """Those that no other beats in both mean cost and reservation."""
    kept: list[Way] = []
    for way in sorted(ways):
        if not kept or way.reserved < kept[-1].reserved - TOLD_APART:
            kept.append(way)
    return kept[:MOST_WAYS]
