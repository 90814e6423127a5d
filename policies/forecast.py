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
from operator import mul
from typing import Final

SAME_SIZE: Final = 0.05
"""Sizes that differ by less than this part of them say nothing of how time grows with size."""

LEAST_SHARE: Final = 0.05
"""What took less than this part of the mean is as uncertain as what took that part."""

LEAST_S: Final = 1e-6
"""Nothing is timed more exactly."""

FITS: Final = 2
"""How often a line is fitted: plainly first, then by errors that are parts of the one before."""

USUAL_SHARE: Final = 0.9
"""The part of the answers that are no longer than what is called usual."""

LARGEST_PART: Final = 1 / 8
"""The part of all answers that one may stand for: so it takes eight to know what is usual."""

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
    """A length that few answers exceed; None where too few are known to tell.

    By the product-limit estimate (Kaplan and Meier, 1958): of one that was cut nothing is known but
    that it is longer, and leaving it out would make answers seem short. Those that end after it
    stand for it as well.
    """
    ordered = sorted(answers, key=lambda answer: (answer.tokens, answer.cut))
    going_on = 1.0
    for before, answer in enumerate(ordered):
        if not answer.cut:
            its = going_on / (len(ordered) - before)
            if its > LARGEST_PART + ALMOST:
                return None
            going_on -= its
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
        sizes, seconds = [each.size for each in seen], [each.seconds for each in seen]
        given = [each.weight for each in seen]
        size, least = _mean(sizes, given), max(LEAST_S, LEAST_SHARE * _mean(seconds, given))
        if size <= 0:
            return cls(_mean(seconds, given))
        one = _mean([(its - size) ** 2 for its in sizes], given) <= (SAME_SIZE * size) ** 2
        line, weights = cls(_mean(seconds, given)), given
        for _ in range(FITS):
            if one:
                line = cls(0.0, _mean(seconds, weights) / size, size)
            else:
                line = cls._through(sizes, seconds, weights)
            expected = [max(line.at(its), least) for its in sizes]
            weights = [w * (least / its) ** 2 for w, its in zip(given, expected, strict=True)]
        off = [
            min(1.0, abs(took - line.at(its)) / about) ** 2
            for its, took, about in zip(sizes, seconds, expected, strict=True)
        ]
        return replace(line, error=math.sqrt(_mean(off, given)))

    @classmethod
    def _through(
        cls, sizes: Sequence[float], seconds: Sequence[float], weights: Sequence[float]
    ) -> Trend:
        """The line of least squares through several sizes."""
        size, took = _mean(sizes, weights), _mean(seconds, weights)
        spread = _mean([(its - size) ** 2 for its in sizes], weights)
        shared = _mean(
            [its * (each - took) for its, each in zip(sizes, seconds, strict=True)], weights
        )
        slope = max(0.0, shared / spread) if spread > 0 else 0.0
        line = cls(took - slope * size, slope)
        if line.base >= 0:
            return line
        # It would begin below nothing: it is flat up to what was seen, or goes through nothing.
        if line.at(min(sizes)) >= 0:
            return replace(line, least=min(sizes))
        squares = _mean([its**2 for its in sizes], weights)
        products = [its * each for its, each in zip(sizes, seconds, strict=True)]
        return cls(0.0, _mean(products, weights) / squares)


def _mean(values: Sequence[float], weights: Sequence[float]) -> float:
    """The weighted mean."""
    return math.fsum(map(mul, values, weights)) / math.fsum(weights)


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
