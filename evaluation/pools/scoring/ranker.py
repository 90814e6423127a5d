"""What a ranker is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self


class RankerFailed(RuntimeError):
    """A ranker cannot be had, or did not do what it was asked; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Score:
    """`nll` in nats per token, averaged over the `tokens` that the ranker makes of a candidate."""

    nll: float
    tokens: int

    @classmethod
    def of(cls, logprobs: Sequence[float], source: str) -> Self | None:
        """From the log-probability of each token; None for a candidate without any.

        Raises `RankerFailed` for a log-probability that is no number.
        """
        if not logprobs:
            return None
        if not math.isfinite(sum(logprobs)):
            raise RankerFailed(f"{source} gave a log-probability that is not finite")
        return cls(-math.fsum(logprobs) / len(logprobs), len(logprobs))


class Ranker(Protocol):
    """Scores what another model wrote."""

    @property
    def name(self) -> str:
        """As scores are filed under it."""
        ...

    async def score(self, prompt: str, candidates: Sequence[str]) -> list[Score | None]:
        """One score per candidate, in order; None for one that is empty.

        The prompt is read once where the ranker can. Raises `RankerFailed`.
        """
        ...
