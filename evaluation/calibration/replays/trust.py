"""Whether predictions can be trusted: what a ladder promised, against what came, by deciles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from evaluation.calibration.replays.standings import Resampled, Standing, interval
from evaluation.pools.columns import Ints
from evaluation.pools.view import Floats
from evaluation.statistics.intervals import Estimate

GROUPS: Final = 10


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What the ladder promises: arrays of (budgets, problems), as success and its interval.

    `folds` (problems,) are those of the problems, each of which had predictions of its own.
    """

    success: Floats
    low: Floats
    high: Floats
    folds: Ints


@dataclass(frozen=True, slots=True)
class Decile:
    """A tenth of all answers, by what was predicted: the means of that and of what came.

    `low` and `high` are the means of the interval that was predicted; that of `observed` is by
    bootstrap over problems. `n` are the problems times the budgets that are in it.
    """

    predicted: float
    low: float
    high: float
    observed: Estimate
    n: int

    @property
    def within(self) -> bool:
        """Whether the prediction lies in the interval around what came."""
        return self.observed.low <= self.predicted <= self.observed.high


def deciles(predicted: Predictions, came: Standing, resampled: Resampled) -> tuple[Decile, ...]:
    """Ten parts of equal size, or nearly: the lowest predictions first.

    Every fold is parted by itself. A fold of hard problems was predicted by the easier others, so
    that parts across folds would tell the folds apart, and not the predictions. Equal predictions
    are parted by chance.
    """
    kept = np.flatnonzero(came.outran == 0)
    problems = came.success.shape[1]
    parts = [list[Ints]() for _ in range(GROUPS)]
    for fold in np.unique(predicted.folds):
        own = np.flatnonzero(predicted.folds == fold)
        places = (kept[:, None] * problems + own).ravel()
        chance = np.random.default_rng(0).permutation(len(places))
        order = np.lexsort((chance, predicted.success.ravel()[places]))
        for part, found in zip(parts, np.array_split(places[order], GROUPS), strict=True):
            part.append(found)
    each = (np.concatenate(part) for part in parts)
    return tuple(_decile(predicted, came.success, part, resampled) for part in each if len(part))


def _decile(predicted: Predictions, observed: Floats, places: Ints, resampled: Resampled) -> Decile:
    problems = observed.shape[1]
    came = observed.ravel()[places]
    sums = np.bincount(places % problems, weights=came, minlength=problems)
    counts = np.bincount(places % problems, minlength=problems).astype(np.float64)
    with np.errstate(invalid="ignore"):  # a round may have drawn none of a few problems
        rounds = (resampled.weights @ sums) / (resampled.weights @ counts)
    return Decile(
        float(predicted.success.ravel()[places].mean()),
        float(predicted.low.ravel()[places].mean()),
        float(predicted.high.ravel()[places].mean()),
        interval(float(came.mean()), rounds),
        len(places),
    )
