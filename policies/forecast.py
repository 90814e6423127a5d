"""How long a draw will take, by what was seen of its model: a value that decisions are made of.

A draw takes the time to its first token, which grows with its prompt, and then a step for each
further token of its longest sample, which grows with all that the model computes at once. Both are
taken for straight lines. What was seen at one size alone is taken to grow in proportion above it,
and not to shrink below: the worst that a machine does, so that a plan tries little until it knows.

A draw whose first token is late is lost, however good its model: so of first tokens the usual error
is added. A forecast is no promise all the same: it sizes what is asked, and the deadline itself
ends what takes longer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

SAME_SIZE: Final = 0.05
"""Sizes that differ by less than this part of them say nothing of how time grows with size."""

LEAST_SHARE: Final = 0.05
"""What took less than this part of the mean is as uncertain as what took that part."""

FITS: Final = 3
"""How often a line is fitted, each time with errors as large as the line before says."""

USUAL_SHARE: Final = 0.9
"""The part of the answers that are no longer than what is called usual."""

ALMOST: Final = 1e-9
"""What shares may be off by, as numbers are rounded."""


@dataclass(frozen=True, slots=True)
class Seen:
    """It took so many seconds at this size; `weight` is how much that counts."""

    size: float
    seconds: float
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Length:
    """An answer had so many tokens; one that was `cut` would have had more."""

    tokens: int
    cut: bool = False


def usual_length(answers: Iterable[Length]) -> int | None:
    """A length that few answers exceed; None where too many were cut to tell.

    By the product-limit estimate (Kaplan and Meier, 1958): of one that was cut nothing is known but
    that it is longer, and leaving it out would make answers seem short.
    """
    ordered = sorted(answers, key=lambda answer: (answer.tokens, answer.cut))
    going_on = 1.0
    for before, answer in enumerate(ordered):
        if not answer.cut:
            going_on *= 1 - 1 / (len(ordered) - before)
            if going_on <= 1 - USUAL_SHARE + ALMOST:
                return max(1, answer.tokens)
    return None


@dataclass(frozen=True, slots=True)
class Trend:
    """Seconds by size: a line that nowhere falls, and that is flat up to `least`.

    `error` is how far what was seen is usually off, as a part of the line, at most 1.
    """

    base: float = 0.0
    slope: float = 0.0
    least: float = 0.0
    error: float = 0.0

    def at(self, size: float) -> float:
        """Seconds at this size."""
        return self.base + self.slope * max(size, self.least)

    def slowed(self, times: float) -> Trend:
        """The same, where everything takes so many times as long."""
        return replace(self, base=self.base * times, slope=self.slope * times)

    @classmethod
    def of(cls, seen: Sequence[Seen]) -> Trend:
        """The line through what was seen, held to what can be; nothing where nothing was.

        By least squares of errors that are parts of the line: what takes long varies by more
        seconds, and a cached prompt is forecast by cached ones though new ones take fifty times as
        long.
        """
        if not seen:
            return cls()
        line, least = cls._through(seen), LEAST_SHARE * _mean(seen)
        if least == 0:
            return line
        for _ in range(FITS):
            expected = [max(line.at(each.size), least) for each in seen]
            line = cls._through(
                [
                    replace(each, weight=each.weight * (least / its) ** 2)
                    for each, its in zip(seen, expected, strict=True)
                ]
            )
        squares = [
            replace(each, seconds=min(1.0, abs(each.seconds - line.at(each.size)) / its) ** 2)
            for each, its in zip(seen, expected, strict=True)
        ]
        return replace(line, error=math.sqrt(_mean(squares)))

    @classmethod
    def _through(cls, seen: Sequence[Seen]) -> Trend:
        """The line of least squares."""
        weight = math.fsum(each.weight for each in seen)
        size = math.fsum(each.weight * each.size for each in seen) / weight
        seconds = _mean(seen)
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


def _mean(seen: Sequence[Seen]) -> float:
    """Seconds in the mean."""
    weight = math.fsum(each.weight for each in seen)
    return math.fsum(each.weight * each.seconds for each in seen) / weight


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is expected of one model now, for one prompt.

    `first` is the time to the first token by prompt tokens that are computed, `step` that from
    token to token by samples at once, `busy` how many of these are others' now. `usual_tokens` is a
    length that few answers exceed; None where too few are known. `waits` are the seconds before it
    can be sent, as others are before it, `cached` the part of the prompt that it has read before.
    """

    first: Trend = Trend()
    step: Trend = Trend()
    busy: float = 0.0
    usual_tokens: int | None = None
    waits: float = 0.0
    cached: float = 0.0

    def first_token(self, prompt_tokens: int) -> float:
        """Seconds from when a prompt is sent to its first token, as likely more as less."""
        return self.first.at(max(1.0, prompt_tokens * (1 - self.cached)))

    def seconds(self, prompt_tokens: int, n: int, tokens: int) -> float:
        """What a draw of n samples usually needs whose longest has this many tokens."""
        first = self.first_token(prompt_tokens) * (1 + self.first.error)
        steps = max(0, tokens - 1)
        return self.waits + first + steps * self.step.at(self.busy + n)
