"""What a model is worth per sample drawn: the estimators of the paper, one problem at a time.

Source of every equation: "The Larger the Better? Improved LLM Code-Generation via Budget
Reallocation" (COLM 2024). Each function takes one problem; the paper's figures are means of them
over problems. A fraction is in 0..1, a cost in whatever unit the caller counts in.

Pure Python on purpose: a gateway that plans with these serves without numpy. The same estimators
over arrays of problems are in `evaluation.statistics`, which needs numpy, and tests hold the two
against each other.

Guards against an estimate that looks like one and is none: fewer samples than k is a ValueError
(never 1.0), and so is a NaN score.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean, stdev
from typing import Final, TypeAlias

Cost: TypeAlias = Callable[[int], float]
"""The cost of k samples, never less for more samples: the paper's flops(k) and time(k)."""

ROUNDING: Final = 1e-9
"""What sums of costs may differ by, relative to them, and still be the same."""


def pass_at_k(n: int, c: int, k: int) -> float:
    """The chance that k samples hold one that passes, where c of n did. Equation 1.

    1 - C(n-c, k) / C(n, k), as a product of min(k, c) factors in 0..1, so that no n overflows.
    Raises ValueError unless 0 <= c <= n and 1 <= k <= n.
    """
    _check(n, k)
    _check_passed(n, c)
    # The quotient of binomials is symmetric in c and k: the shorter product has less rounding.
    fewer, more = min(c, k), max(c, k)
    none_passes = 1.0
    for drawn in range(fewer):
        none_passes *= max(0, n - more - drawn) / (n - drawn)
    return 1.0 - none_passes


def rank_weights(n: int, k: int) -> list[float]:
    """The chance that the sample ranked i-th of n is the best of a random k of them. Equation 4.

    `n` floats for i = 1..n, which sum to 1: C(n-i, k-1) / C(n, k) by the recurrence
    w(1) = k/n, w(i+1) = w(i)·(n-i-k+1)/(n-i), so that no binomial is ever computed. Raises
    ValueError unless 1 <= k <= n.
    """
    _check(n, k)
    weights = [k / n]
    for i in range(1, n):
        weights.append(weights[-1] * max(0, n - i - k + 1) / (n - i))
    return weights


def rank_score_at_k(passed: Sequence[bool], k: int, scores: Sequence[float] | None = None) -> float:
    """The chance that the best-ranked of k samples passes. Equation 4.

    `passed` holds one problem's verdicts, best rank first; or, with `scores` (one per verdict,
    lower is better), in any order. Samples of equal score are ranked by chance, so each counts
    the mean of its group. Holds only for scores that do not depend on which samples were drawn;
    for others see `subset_score_at_k`. Raises ValueError unless 1 <= k <= n, for a NaN score, for
    scores that are not one per verdict and for what is no verdict.
    """
    verdicts = [float(verdict) for verdict in passed]
    if not set(verdicts) <= {0.0, 1.0}:
        raise ValueError("a verdict is True or False")
    if scores is not None:
        verdicts = _by_rank(verdicts, scores)
    return math.fsum(map(math.prod, zip(rank_weights(len(verdicts), k), verdicts, strict=True)))


def k_within(budget: float, cost: Cost, at_most: int) -> int:
    """The largest k up to `at_most` with cost(k) <= budget; 0 if not even one sample fits.

    The inner maximum of Equations 2, 3, 5 and 6, by bisection. A budget of exactly k samples buys
    them, whatever the last digits of the two sums. Raises ValueError for a NaN budget.
    """
    if math.isnan(budget):
        raise ValueError("a budget is NaN")
    low, high = 0, at_most
    while low < high:
        middle = (low + high + 1) // 2
        fits = cost(middle) <= budget * (1 + ROUNDING)
        low, high = (middle, high) if fits else (low, middle - 1)
    return low


def pass_at_budget(n: int, c: int, budget: float, cost: Cost) -> float:
    """pass@k at the k that the budget buys. Equations 2 and 3, which differ in the unit only.

    0 where the budget buys no sample. Raises ValueError where it buys more than n: what more
    samples would do is not known.
    """
    _check_passed(n, c)
    k = _bought(n, budget, cost)
    return pass_at_k(n, c, k) if k else 0.0


def rank_score_at_budget(
    passed: Sequence[bool], budget: float, cost: Cost, scores: Sequence[float] | None = None
) -> float:
    """rank-score@k at the k that the budget buys. Equations 5 and 6; as `pass_at_budget`."""
    k = _bought(len(passed), budget, cost)
    return rank_score_at_k(passed, k, scores) if k else 0.0


pass_flops_at_f: Final = pass_at_budget
"""Equation 2: `budget` and `cost` in FLOPs."""

pass_time_at_t: Final = pass_at_budget
"""Equation 3: `budget` and `cost` in seconds."""

rank_score_flops_at_f: Final = rank_score_at_budget
"""Equation 5: `budget` and `cost` in FLOPs."""

rank_score_time_at_t: Final = rank_score_at_budget
"""Equation 6: `budget` and `cost` in seconds."""


def averaged_nll(logprobs: Sequence[float]) -> float:
    """The averaged negative log-likelihood of a generation, in nats per token. Equation 7.

    `logprobs` are those of the generated tokens, the prompt's left out. Raises ValueError for no
    tokens and for NaN.
    """
    if not len(logprobs) or any(map(math.isnan, logprobs)):
        raise ValueError("an averaged NLL needs log-probabilities, none of them NaN")
    return -sum(logprobs) / len(logprobs)  # not fsum, which overflows on what is too large


class CutTreatment(StrEnum):
    """What becomes of generations that reached the token limit without an end."""

    DISCARD = "discard"
    """Leave them out, as the paper does (section 5.2): what they cost is not counted."""

    RANK_LAST = "rank-last"
    """Keep them, ranked behind all others: they were paid for."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """One problem's generations after a treatment: what `rank_score_at_k` takes, and its label.

    `passed` and `scores` have one entry per generation kept; `drawn` were generated and paid for.
    """

    passed: tuple[bool, ...]
    scores: tuple[float, ...]
    drawn: int
    treatment: CutTreatment

    @property
    def draws_per_sample(self) -> float:
        """Generations paid for per generation kept: what `discard` leaves out of the cost.

        Infinite where none was kept.
        """
        return self.drawn / len(self.passed) if self.passed else math.inf


def treat_cut(
    passed: Sequence[bool],
    scores: Sequence[float],
    cut: Sequence[bool],
    treatment: CutTreatment,
) -> Ranking:
    """Apply a treatment to one problem's generations, one entry each; `cut` tells which to treat.

    Under `rank-last` the cut ones share the score +inf: they tie. Raises ValueError for lengths
    that differ, for a score of a complete generation that is not finite and for another treatment.
    """
    treatment = CutTreatment(treatment)  # a plain string is as good
    if not len(passed) == len(scores) == len(cut):
        raise ValueError(f"{len(passed)} verdicts, {len(scores)} scores, {len(cut)} marks")
    if not all(
        math.isfinite(score) for score, is_cut in zip(scores, cut, strict=True) if not is_cut
    ):
        raise ValueError("the score of a complete generation must be finite")
    keep = [at for at in range(len(cut)) if treatment is CutTreatment.RANK_LAST or not cut[at]]
    return Ranking(
        passed=tuple(bool(passed[at]) for at in keep),
        scores=tuple(math.inf if cut[at] else float(scores[at]) for at in keep),
        drawn=len(cut),
        treatment=treatment,
    )


@dataclass(frozen=True, slots=True)
class SubsetScore:
    """A mean over k-subsets, its standard error (0 if `exact`) and how many were looked at."""

    value: float
    standard_error: float
    subsets: int
    exact: bool


def subset_score_at_k(
    passed: Sequence[bool],
    k: int,
    select: Callable[[tuple[int, ...]], int],
    *,
    rounds: int = 1000,
    seed: int = 0,
) -> SubsetScore:
    """The chance that what `select` takes from k samples passes, for selectors that see the set.

    `select` is given the positions of k distinct samples and returns one of them. Consensus and
    clusters need this: a sample's rank depends on what else was drawn, so the closed form of
    Equation 4 does not hold. All subsets are enumerated where there are at most `rounds` of them,
    else `rounds` are drawn without replacement inside each. Raises ValueError unless
    1 <= k <= n and rounds > 1, and for a position that was not offered.
    """
    n = len(passed)
    _check(n, k)
    if rounds <= 1:
        raise ValueError("one round tells no error")
    exact = math.comb(n, k) <= rounds
    if exact:
        subsets = list(itertools.combinations(range(n), k))
    else:
        draw = random.Random(seed)  # noqa: S311 draws that repeat, not a secret
        subsets = [tuple(draw.sample(range(n), k)) for _ in range(rounds)]
    chosen = [(subset, select(subset)) for subset in subsets]
    if not all(choice in subset for subset, choice in chosen):
        raise ValueError("a selector must take one of the samples it was given")
    results = [float(passed[choice]) for _, choice in chosen]
    error = 0.0 if exact else stdev(results) / math.sqrt(rounds)
    return SubsetScore(fmean(results), error, len(results), exact)


def _check(n: int, k: int) -> None:
    if not 1 <= k <= n:
        raise ValueError(f"k = {k} is not within 1..{n}, the number of samples")


def _check_passed(n: int, c: int) -> None:
    if not 0 <= c <= n:
        raise ValueError(f"{c} of {n} samples cannot have passed")


def _bought(n: int, budget: float, cost: Cost) -> int:
    k = k_within(budget, cost, n + 1)
    if k > n:
        raise ValueError(f"the budget buys more than the {n} samples there are")
    return k


def _by_rank(verdicts: Sequence[float], scores: Sequence[float]) -> list[float]:
    """Verdicts best rank first, each the mean of those that share its score."""
    if len(verdicts) != len(scores):
        raise ValueError(f"{len(scores)} scores for {len(verdicts)} verdicts")
    if any(map(math.isnan, scores)):
        raise ValueError("a score is NaN")
    ordered = sorted(zip(scores, verdicts, strict=True))
    ranked: list[float] = []
    for _, group in itertools.groupby(ordered, key=lambda pair: pair[0]):
        tied = [verdict for _, verdict in group]
        ranked += [fmean(tied)] * len(tied)
    return ranked
