"""pass@k between the k that the paper publishes.

The interpolation is linear in log k between neighbouring published points. It lies within about
1.3 points of the true curve on these tables, mostly below it (a test fits distributions of
per-problem pass rates to the published points and compares). Nothing is extrapolated.

What is certain without an interpolation: pass@k is a mean of 1-(1-p)^k and so concave in k. It
lies above the chord between two known points and below the chords beside them, prolonged. Claims
are decided by these bounds where they suffice.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from evaluation.paper.bounded import Bounded

INTERPOLATION: Final = "linear in log k between neighbouring published points; none beyond them"

ROUNDING: Final = 0.05
"""Points that a printed score may be off: the tables have one decimal."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One model's published pass@k on one benchmark: percent by k, rising in k from k = 1."""

    points: Mapping[int, float]

    @property
    def last(self) -> int:
        """The largest published k; nothing is known beyond it."""
        return max(self.points)

    def at(self, k: float) -> float:
        """pass@k in percent; interpolated unless published. Raises ValueError beyond the points."""
        ks = sorted(self.points)
        if not ks[0] <= k <= ks[-1]:
            raise ValueError(f"k = {k:g} is not within the published {ks[0]}..{ks[-1]}")
        above = bisect_left(ks, k)
        if ks[above] == k:
            return self.points[ks[above]]
        low, high = ks[above - 1], ks[above]
        share = math.log(k / low) / math.log(high / low)
        return self.points[low] + share * (self.points[high] - self.points[low])

    def reaches(self, percent: float) -> float:
        """The k, no integer in general, at which `at` is `percent`: its inverse.

        Raises ValueError for a score below the first point or above the last.
        """
        for (low, y_low), (high, y_high) in pairwise(sorted(self.points.items())):
            if y_low <= percent <= y_high:
                share = (percent - y_low) / (y_high - y_low) if y_high > y_low else 0.0
                return float(low * (high / low) ** share)
        raise ValueError(f"a score of {percent:g} % lies outside the published curve")

    def surely_at(self, k: int) -> Bounded:
        """`at`, kept within what a concave curve can be at k, whose printed points are rounded.

        Raises ValueError as `at`.
        """
        value = self.at(k)
        if k in self.points:
            return Bounded(value, value - ROUNDING, value + ROUNDING)
        ordered = sorted(self.points.items())
        above = bisect_left(ordered, (k, 0.0))
        low, _ = _prolonged(ordered[above - 1], ordered[above], k)
        highs = [ordered[above][1] + ROUNDING]
        if above > 1:
            highs.append(sum(_prolonged(ordered[above - 2], ordered[above - 1], k)))
        if above + 1 < len(ordered):
            highs.append(sum(_prolonged(ordered[above], ordered[above + 1], k)))
        low -= ROUNDING
        high = max(low, min(highs))  # the chord stands where no concave curve fits the points
        return Bounded(min(max(value, low), high), low, high)

    def surely_reaches(self, percent: float) -> Bounded:
        """`reaches`, kept between the least and the greatest k at which a concave curve can be so.

        The width tells how far a statement rests on the interpolation. The printed points are
        taken as exact. Raises ValueError as `reaches`.
        """
        value = self.reaches(percent)
        ordered = sorted(self.points.items())
        at = next(i for i in range(1, len(ordered)) if percent <= ordered[i][1])
        (low, y_low), (high, y_high) = ordered[at - 1], ordered[at]
        latest = _crossing(low, y_low, high, y_high, percent)
        earliest = float(low)
        if at > 1:
            earliest = max(earliest, _crossing(*ordered[at - 2], low, y_low, percent))
        if at + 1 < len(ordered):
            earliest = max(earliest, _crossing(high, y_high, *ordered[at + 1], percent))
        earliest = min(earliest, latest)
        return Bounded(min(max(value, earliest), latest), earliest, latest)


def _prolonged(first: tuple[int, float], second: tuple[int, float], k: int) -> tuple[float, float]:
    """The line through two printed points at k, and by how much their rounding may lift it."""
    (x, y), (x_next, y_next) = first, second
    share = (k - x) / (x_next - x)
    return y + share * (y_next - y), ROUNDING * (abs(1 - share) + abs(share))


def _crossing(x: float, y: float, x_next: float, y_next: float, level: float) -> float:
    """Where the straight line through two points meets a level; it rises."""
    return x + (level - y) * (x_next - x) / (y_next - y)
