"""Rates and differences with their intervals, for tables. No numpy: a table needs no extra."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

CONFIDENCE: Final = 0.95
BOOTSTRAP_ROUNDS: Final = 10_000

Pairs = Sequence[tuple[float, float]]
"""Our result and theirs of each problem."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and the interval around it, all in the value's own unit."""

    value: float
    low: float
    high: float

    def percent(self, sign: str = "") -> str:
        """A fraction, or a difference of two, as tables have it: `61.0 (53.4 to 68.1)`."""
        value, low, high = (100 * part for part in (self.value, self.low, self.high))
        return f"{value:{sign}.1f} ({low:{sign}.1f} to {high:{sign}.1f})"

    def plain(self) -> str:
        """A ratio, as tables have it: `0.77 (0.71 to 0.83)`; `0.77 (from 0.71)` without an end."""
        low, high = f"{self.low:.2f}", f"{self.high:.2f}"
        end = f"{low} to {high}" if math.isfinite(self.high) else f"from {low}"
        return f"{self.value:.2f} ({end})"


def wilson(passed: int, n: int, confidence: float = CONFIDENCE) -> Estimate:
    """A pass rate with its score interval, both as fractions.

    Unlike the normal approximation it stays within 0..1 and has a width at 0 and at n passes.
    Source: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference",
    JASA 22 (1927). Raises ValueError unless 0 <= passed <= n and n > 0.
    """
    if not 0 <= passed <= n or n == 0:
        raise ValueError(f"{passed} passes of {n} are no rate")
    return score_interval(passed / n, n, confidence)


def score_interval(rate: float, n: int, confidence: float = CONFIDENCE) -> Estimate:
    """Wilson's interval of a rate over n, which may be an expected one and no whole count."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    denominator = 1 + z * z / n
    centre = (rate + z * z / (2 * n)) / denominator
    half = z / denominator * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    # Rounding must not push the rate itself out of its interval at 0 and at 1.
    return Estimate(rate, max(0.0, min(centre - half, rate)), min(1.0, max(centre + half, rate)))


def percentile(values: Sequence[float], fraction: float) -> float:
    """The value below which `fraction` of the values lie, interpolated between neighbours.

    Type 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages" (1996). Raises
    ValueError for no values or a fraction outside 0..1.
    """
    if not values or not 0 <= fraction <= 1:
        raise ValueError(f"no quantile {fraction} of {len(values)} values")
    ordered = sorted(values)
    position = (len(ordered) - 1) * fraction
    below = math.floor(position)
    low, high = ordered[below], ordered[min(below + 1, len(ordered) - 1)]
    # In this form rounding leaves it between its neighbours, also where both are the same.
    return min(low + (high - low) * (position - below), high)


def quantile(values: Sequence[float], share: float) -> float:
    """The least value that this share of them does not exceed; NaN where there are none."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def paired_difference(
    ours: Sequence[float],
    theirs: Sequence[float],
    *,
    seed: int = 0,
    rounds: int = BOOTSTRAP_ROUNDS,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """How much higher our pass rate is on the same problems, as a fraction of them.

    A result is whether a problem was solved, or how often. The interval is the percentile bootstrap
    over problems: each round draws problems with replacement and takes both results of each, so
    what makes a problem hard for both cancels. Source: Efron and Tibshirani, "An Introduction to
    the Bootstrap" (1993), chapter 13. Raises ValueError unless both have the same problems, at
    least one.
    """

    def difference(pairs: Pairs) -> float:
        return sum(mine - other for mine, other in pairs) / len(pairs)

    return _resampled(_pairs(ours, theirs), difference, seed, rounds, confidence)


def paired_ratio(
    ours: Sequence[float],
    theirs: Sequence[float],
    *,
    seed: int = 0,
    rounds: int = BOOTSTRAP_ROUNDS,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """Our sum over theirs of the same problems; the bootstrap is that of `paired_difference`.

    Raises ValueError unless both have the same problems, at least one, and theirs are positive.
    """
    pairs = _pairs(ours, theirs)
    if min(theirs) <= 0:
        raise ValueError("no ratio to what is not positive")

    def ratio(pairs: Pairs) -> float:
        return sum(mine for mine, _ in pairs) / sum(other for _, other in pairs)

    return _resampled(pairs, ratio, seed, rounds, confidence)


def _pairs(ours: Sequence[float], theirs: Sequence[float]) -> Pairs:
    if len(ours) != len(theirs) or not ours:
        raise ValueError(f"{len(ours)} and {len(theirs)} results are no pairs")
    return list(zip(ours, theirs, strict=True))


def _resampled(
    pairs: Pairs,
    statistic: Callable[[Pairs], float],
    seed: int,
    rounds: int,
    confidence: float,
) -> Estimate:
    """A statistic of problems, and the percentile interval of it over resamples of them."""
    draw = random.Random(seed)  # noqa: S311 a resample that repeats, not a secret
    found = [statistic(draw.choices(pairs, k=len(pairs))) for _ in range(rounds)]
    tail = (1 - confidence) / 2
    return Estimate(statistic(pairs), percentile(found, tail), percentile(found, 1 - tail))
