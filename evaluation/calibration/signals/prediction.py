"""After failures: the next sample, by how many of the checks came out right so far.

Everything is expectation over which of the recorded samples come first, so nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from evaluation.calibration.effects import cut
from evaluation.calibration.particles import Arm, Particles
from evaluation.calibration.signals.rounds import rounds
from evaluation.metrics import Estimate
from evaluation.pools.view import Floats

AFTER: Final = (1, 2, 4, 8)
"""Failing samples that were seen."""

MOST: Final = 0.5
"""A failing sample with so large a part of the checks has most of them."""

CLASSES: Final = ("none", "some", "most")

_TAIL: Final = 2.5


@dataclass(frozen=True, slots=True)
class Predicted:
    """What the best share of checks after `k` failing samples of a model says of the next sample.

    `next_model` is whose sample that is. `rates` has, for each of `CLASSES`, how many problems are
    expected in it and the pass rate of the next sample there, None where nothing is. `auc` is the
    probability that of a next sample that passes and one that fails, the former had the larger
    share before it. Intervals are over problems.
    """

    dataset: str
    model: str
    next_model: str
    k: int
    problems: tuple[float, ...]
    rates: tuple[Estimate | None, ...]
    auc: Estimate | None


def predictions(particles: Particles, names: Sequence[str]) -> list[Predicted]:
    """For every model and the next larger one (`names` has the cheapest first), at every k."""
    return [
        _predicted(particles, name, other, k)
        for at, name in enumerate(names)
        for other in names[at : at + 2]
        for k in AFTER
        if k < particles.arms[name].samples
    ]


def _predicted(particles: Particles, name: str, other: str, k: int) -> Predicted:
    arm, following = particles.arms[name], particles.arms[other]
    shares, weights = _best_shares(arm, k)
    rates = _next_rates(following, 0 if other != name else k)
    passing, failing = weights * rates[:, None], weights * (1 - rates)[:, None]
    rows = rounds(len(weights))
    passing, failing = rows @ passing, rows @ failing
    classes = np.stack([shares <= 0, (shares > 0) & (shares < MOST), shares >= MOST], axis=1) * 1.0
    passed, whole = passing @ classes, (passing + failing) @ classes
    by_class = [_ratio(passed[:, at], whole[:, at]) for at in range(len(CLASSES))]
    return Predicted(
        dataset=particles.dataset,
        model=name,
        next_model=other,
        k=k,
        problems=tuple(float(each) for each in whole[0]),
        rates=tuple(by_class),
        auc=_ratio(*_ordered_pairs(passing, failing)),
    )


def _best_shares(arm: Arm, k: int) -> tuple[Floats, Floats]:
    """The shares that there are, ascending (V,), and for each problem the probability (n, V).

    It is that of k different samples of the problem all failing, with that best share.
    """
    failing = [_failing_shares(arm, at) for at in range(len(arm.sampled))]
    shares = np.unique(np.concatenate([[0.0], *failing]))
    upto = np.stack([np.searchsorted(np.sort(each), shares, side="right") for each in failing])
    drawn = np.array([len(each.passed) for each in arm.sampled])
    cumulated = np.ones(upto.shape)
    for j in range(k):
        cumulated *= np.maximum(upto - j, 0) / (drawn - j)[:, None]
    return shares, np.diff(cumulated, axis=1, prepend=0.0)


def _failing_shares(arm: Arm, at: int) -> Floats:
    answers = cut(arm.sampled[at])
    held = np.zeros(len(answers.passed)) if answers.held is None else answers.held
    return np.asarray(held[~answers.passed])


def _next_rates(following: Arm, spent: int) -> Floats:
    """(n,): the pass rate of a sample of `following`, so many others of which have failed."""
    answers = [cut(each) for each in following.sampled]
    passed = np.array([each.passed.sum() for each in answers], np.float64)
    drawn = np.array([len(each.passed) for each in answers], np.float64)
    return passed / np.maximum(drawn - spent, 1)


def _ordered_pairs(passing: Floats, failing: Floats) -> tuple[Floats, Floats]:
    """(rounds,): the weight of pairs in which the passing one had more, ties half; and of all."""
    below = np.cumsum(failing, axis=1) - failing
    right = (passing * (below + failing / 2)).sum(axis=1)
    return right, passing.sum(axis=1) * failing.sum(axis=1)


def _ratio(over: Floats, under: Floats) -> Estimate | None:
    """Of the first round, with what the others say of it; None where there is nothing."""
    if under[0] <= 0:
        return None
    kept = under > 0
    values = over[kept] / under[kept]
    low, high = np.percentile(values[1:], (_TAIL, 100 - _TAIL)) if len(values) > 1 else (0.0, 1.0)
    return Estimate(float(values[0]), float(low), float(high))


def shares_of(arm: Arm) -> Iterator[Floats]:
    """The shares of each problem's failing samples."""
    for at in range(len(arm.sampled)):
        yield _failing_shares(arm, at)
