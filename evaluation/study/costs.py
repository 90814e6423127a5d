"""What k samples cost, on each basis that the study compares: a fixed part and one per sample.

On the paper's basis and in time a sample costs a fixed amount. On the exact bases costs follow
from the tokens really seen: flops(k) is the mean over problems of what k samples cost, each
problem's sample at the mean of its own. The prompt is paid for once where the k samples are one
draw (`EXACT_SHARED`), or with every sample (`EXACT_EACH`).

Ranking by another model costs it a pass over prompt and candidate, counted on the exact bases
only: the paper counts generation alone. The generator's own log-probabilities are free. Tokens of
a candidate under a ranker are taken to be those of its generator.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean
from typing import Final

from evaluation.study.samples import Bools, Generations
from policies.cost import Architecture, Rate


class Basis(StrEnum):
    """What a budget is counted in, and how."""

    PAPER = "paper"
    """FLOPs of the linear layers at 128 tokens, the same for every sample (Table 1)."""

    EXACT_SHARED = "exact-shared"
    """FLOPs of the tokens seen, the prompt once for all samples of a problem."""

    EXACT_EACH = "exact-each"
    """FLOPs of the tokens seen, the prompt with every sample."""

    TIME = "time"
    """Seconds, the same for every sample, as the paper counts."""


TITLES: Final = {
    Basis.PAPER: "FLOPs as the paper counts",
    Basis.EXACT_SHARED: "exact FLOPs, prompt shared",
    Basis.EXACT_EACH: "exact FLOPs, prompt per sample",
    Basis.TIME: "wall time",
}


@dataclass(frozen=True, slots=True)
class CostLine:
    """The cost of k samples in FLOPs or seconds: `once` + k·`each`. Callable, so a `Cost`."""

    once: float
    each: float

    def __call__(self, k: int) -> float:
        """The cost of k samples."""
        return self.once + k * self.each

    def __add__(self, other: CostLine) -> CostLine:
        return CostLine(self.once + other.once, self.each + other.each)

    def affords(self, budget: float) -> float:
        """How many samples a budget buys, as a real number; negative where not the prompt.

        Infinite where a sample costs nothing beyond its prompt, as one of no token.
        """
        left = budget - self.once
        return left / self.each if self.each else math.copysign(math.inf, left)


def fixed_cost(basis: Basis, rate: Rate | None, seconds: float | None) -> CostLine | None:
    """The cost on a basis that takes every sample alike; None on others and where unknown."""
    match basis, rate:
        case Basis.PAPER, Architecture():
            return CostLine(0.0, rate.paper())
        case Basis.TIME, _ if seconds is not None:
            return CostLine(0.0, seconds)
    return None


def exact_cost(basis: Basis, rate: Rate, made: Generations, kept: Bools) -> CostLine:
    """The cost of one problem's samples, those `kept` (n,) of them. ValueError for none.

    For a ranker: of its pass over the same tokens.
    """
    tokens = made.tokens[kept].tolist()
    if not tokens:
        raise ValueError("no sample, no cost")
    prompt = rate.prefill(made.prompt_tokens)
    decoded = fmean(rate.decode(made.prompt_tokens, count) for count in tokens)
    if basis is Basis.EXACT_SHARED:
        return CostLine(prompt, decoded)
    return CostLine(0.0, prompt + decoded)
