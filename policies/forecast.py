"""How long a draw will take, by what was seen of its model: a value that decisions are made of.

A draw takes the time to its first token, which grows with its prompt, and then a step for each
further token of its longest sample, which grows with all that the model computes at once. Both are
taken for straight lines. What was seen at one size alone is taken to grow in proportion above it,
and not to shrink below: the worst that a machine does, so that a plan tries little until it knows.

A forecast is no promise: it sizes what is asked, and the deadline itself ends what takes longer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SAME_SIZE: Final = 0.05
"""Sizes that differ by less than this part of them say nothing of how time grows with size."""


@dataclass(frozen=True, slots=True)
class Seen:
    """It took so many seconds at this size; `weight` is how much that counts."""

    size: float
    seconds: float
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Trend:
    """Seconds by size: a line that nowhere falls, and that is flat up to `least`."""

    base: float = 0.0
    slope: float = 0.0
    least: float = 0.0

    def at(self, size: float) -> float:
        """Seconds at this size."""
        return self.base + self.slope * max(size, self.least)

    @classmethod
    def of(cls, seen: Sequence[Seen]) -> Trend:
        """The line of least squares through what was seen, held to what can be; at least one."""
        weight = math.fsum(each.weight for each in seen)
        size = math.fsum(each.weight * each.size for each in seen) / weight
        seconds = math.fsum(each.weight * each.seconds for each in seen) / weight
        spread = math.fsum(each.weight * (each.size - size) ** 2 for each in seen) / weight
        if size <= 0:
            return cls(seconds)
        if spread <= (SAME_SIZE * size) ** 2:
            return cls(0.0, seconds / size, size)
        shared = math.fsum(
            each.weight * (each.size - size) * (each.seconds - seconds) for each in seen
        )
        slope = max(0.0, shared / weight / spread)
        if seconds < slope * size:  # the line would begin below nothing
            return cls(0.0, seconds / size)
        return cls(seconds - slope * size, slope)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is expected of one model now, for one prompt.

    `first` is the time to the first token by prompt tokens that are computed, `step` that from
    token to token by samples at once, `busy` how many of these are others' now. `usual_tokens` is a
    length that few answers exceed; None where too few were seen. `waits` are the seconds before it
    can be sent, as others are before it, `cached` the part of the prompt that it has read before.
    """

    first: Trend = Trend()
    step: Trend = Trend()
    busy: float = 0.0
    usual_tokens: int | None = None
    waits: float = 0.0
    cached: float = 0.0

    def first_token(self, prompt_tokens: int) -> float:
        """Seconds from when a prompt is sent to its first token."""
        return self.first.at(max(1.0, prompt_tokens * (1 - self.cached)))

    def seconds(self, prompt_tokens: int, n: int, tokens: int) -> float:
        """What a draw of n samples takes whose longest has this many tokens."""
        steps = max(0, tokens - 1)
        return self.waits + self.first_token(prompt_tokens) + steps * self.step.at(self.busy + n)
