"""The paper's metrics over arrays of problems, and intervals around their means.

Source of the equations: "The Larger the Better? Improved LLM Code-Generation via Budget
Reallocation" (COLM 2024). A result is a fraction in 0..1 per problem; a metric of a benchmark is
the mean over its problems.

`pass_at_k` and `rank_score_at_k` stand a second time in `policies.estimators`, in pure Python and
one problem at a time, because a gateway serves without numpy. Here they go over arrays, for the
millions of values that a curve needs; tests hold the two forms against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, cast, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evaluation.statistics.intervals import BOOTSTRAP_ROUNDS, CONFIDENCE, Estimate, wilson

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

_BLOCK: Final = 1 << 22  # numbers held at a time (32 MiB), however many problems and k there are


@overload
def pass_at_k(n: int, c: int, k: int) -> float: ...
@overload
def pass_at_k(n: ArrayLike, c: ArrayLike, k: ArrayLike) -> Floats: ...
def pass_at_k(n: ArrayLike, c: ArrayLike, k: ArrayLike) -> Floats | float:
    """pass@k of every problem at every k. Equation 1, before its mean over problems.

    `n` samples drawn and `c` passed are integers or integer arrays of one entry per problem (they
    broadcast), `k` an integer or an integer array. The result has the shape of the problems
    followed by the shape of k, so its mean over axis 0 is the benchmark's curve. Raises
    ValueError for no problems and unless 0 <= c <= n and 1 <= k <= n for every pair, and
    TypeError for numbers that are no integers.
    """
    drawn, passed = np.broadcast_arrays(_integers("n", n), _integers("c", c))
    ks = _integers("k", k)
    _check_counts(drawn, passed, ks)
    # Problems of equal counts have equal values: of 5,000 problems few rows are left.
    pairs, rows = np.unique(
        np.stack([drawn.ravel(), passed.ravel()], axis=1), axis=0, return_inverse=True
    )
    values = 1.0 - _none_passes(pairs, ks.ravel())
    shaped = values[rows.ravel()].reshape(drawn.shape + ks.shape)
    return shaped[()]  # a lone number is a scalar, not an array of no dimension


def rank_score_at_k(
    passed: Sequence[bool] | NDArray[np.generic], k: ArrayLike, scores: ArrayLike | None = None
) -> Floats | float:
    """rank-score@k of one problem. Equation 4, before its mean over problems.

    `passed` holds its n verdicts, best rank first; or, with `scores` (n numbers, lower is
    better), in any order, where equal scores share their group's mean. The result has the shape
    of `k`. Errors as `rank_scores_at_k`.
    """
    one_score = None if scores is None else np.asarray(scores)[np.newaxis]
    return cast("Floats", rank_scores_at_k(np.asarray(passed)[np.newaxis], k, one_score)[0][()])


def rank_scores_at_k(passed: ArrayLike, k: ArrayLike, scores: ArrayLike | None = None) -> Floats:
    """rank-score@k of many problems with the same n. Equation 4, before its mean over them.

    `passed` is (problems, n), `scores` likewise, `k` an integer or an integer array; the result
    has the shape (problems, *k's shape). A weight depends on n and k only, so all problems share
    one product of matrices. Raises ValueError for no problems, unless 1 <= k <= n, for verdicts
    other than 0 and 1, for scores of another shape and for NaN; TypeError for k that is no
    integer.
    """
    verdicts = np.atleast_2d(np.asarray(passed, dtype=np.float64))
    ks = _integers("k", k)
    problems, n = verdicts.shape
    if not problems or not ks.size or ks.min() < 1 or ks.max() > n:
        raise ValueError(f"{problems} problems of {n} samples: every k must be within 1..{n}")
    if not np.isin(verdicts, (0.0, 1.0)).all():
        raise ValueError("a verdict is 0 or 1")
    if scores is not None:
        verdicts = _by_rank(verdicts, np.asarray(scores, dtype=np.float64))
    flat = ks.ravel()
    result = np.empty((problems, flat.size))
    step = max(1, _BLOCK // n)
    for start in range(0, flat.size, step):
        block = slice(start, start + step)
        result[:, block] = verdicts @ _weights(n, flat[block]).T
    # Sums of weights may pass 1 by a rounding error, and a fraction may not.
    return np.clip(result, 0.0, 1.0).reshape(problems, *ks.shape)


@dataclass(frozen=True, slots=True)
class Band:
    """Means over problems with their intervals: three arrays of one shape, as fractions."""

    value: Floats
    low: Floats
    high: Floats


def bootstrap_mean(
    values: ArrayLike,
    *,
    seed: int = 0,
    rounds: int = BOOTSTRAP_ROUNDS,
    confidence: float = CONFIDENCE,
) -> Band:
    """The mean over problems of `values`, shape (problems, ...), with percentile intervals.

    Each round draws problems with replacement, each with all its samples inside: a problem's
    estimate is drawn whole. So the chance of the samples is counted as well, because it is part
    of how the estimates of problems differ; drawing samples anew inside each would count it twice
    and bias pass@k (Davison and Hinkley, "Bootstrap Methods and their Application" (1997),
    section 3.8). Raises ValueError for no problems and for NaN.
    """
    table = np.asarray(values, dtype=np.float64)
    if not table.ndim or not len(table) or np.isnan(table).any():
        raise ValueError("a bootstrap needs values of at least one problem, none of them NaN")
    problems = len(table)
    flat = table.reshape(problems, -1)
    draw = np.random.default_rng(seed)
    step = max(1, _BLOCK // problems)
    even = np.full(problems, 1 / problems)
    means = np.concatenate(
        [
            draw.multinomial(problems, even, size=min(step, rounds - done)) @ flat / problems
            for done in range(0, rounds, step)
        ]
    )
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, (tail, 1 - tail), axis=0)
    shape = table.shape[1:]
    return Band(flat.mean(axis=0).reshape(shape), low.reshape(shape), high.reshape(shape))


def bootstrap_difference(
    ours: ArrayLike,
    theirs: ArrayLike,
    *,
    seed: int = 0,
    rounds: int = BOOTSTRAP_ROUNDS,
    confidence: float = CONFIDENCE,
) -> Band:
    """How far our mean lies above theirs on the same problems, both of shape (problems, ...).

    Paired: a round draws a problem for both sides at once, so what makes it hard for both
    cancels. Raises ValueError for shapes that differ, and as `bootstrap_mean`.
    """
    left, right = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    if left.shape != right.shape:
        raise ValueError(f"shapes {left.shape} and {right.shape} are no pairs")
    return bootstrap_mean(left - right, seed=seed, rounds=rounds, confidence=confidence)


def bootstrap_share(
    part: ArrayLike,
    whole: ArrayLike,
    *,
    seed: int = 0,
    rounds: int = BOOTSTRAP_ROUNDS,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """What share `part` is of `whole` over all problems, each of shape (problems,).

    A round draws problems with replacement, and both counts of each. Rounds that draw nothing of
    the whole say nothing and are left out. Raises ValueError for counts that are no part of their
    whole, and where there is nothing of it.
    """
    parts, wholes = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    if parts.shape != wholes.shape or parts.ndim != 1 or not wholes.sum() > 0:
        raise ValueError(
            f"shapes {parts.shape} and {wholes.shape} with {wholes.sum():g} are no share"
        )
    if (parts < 0).any() or (parts > wholes).any():
        raise ValueError("a part is below nothing, or more than its whole")
    problems = len(wholes)
    even = np.full(problems, 1 / problems)
    drawn = np.random.default_rng(seed).multinomial(problems, even, size=rounds)
    sums = drawn @ wholes
    shares = (drawn @ parts)[sums > 0] / sums[sums > 0]
    low, high = np.quantile(shares, ((1 - confidence) / 2, (1 + confidence) / 2))
    return Estimate(float(parts.sum() / wholes.sum()), float(low), float(high))


@dataclass(frozen=True, slots=True)
class GreedyPoint:
    """The star in a figure: one answer per problem at temperature 0, and what one costs."""

    cost: float
    rate: Estimate


def greedy_point(passed: Sequence[bool], cost: float) -> GreedyPoint:
    """The pass rate of greedy answers, one verdict per problem, with Wilson's interval.

    `cost` is that of one answer, in the figure's unit. Raises ValueError for no verdicts.
    """
    return GreedyPoint(cost, wilson(sum(map(bool, passed)), len(passed)))


def _integers(name: str, values: ArrayLike) -> Ints:
    array = np.asarray(values)
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, not {array.dtype}")
    return array.astype(np.int64)


def _check_counts(n: Ints, c: Ints, k: Ints) -> None:
    if not n.size or not k.size:
        raise ValueError("no problems, or no k")
    if (c < 0).any() or (c > n).any():
        raise ValueError("the samples that passed must be within 0..n")
    if k.min() < 1 or k.max() > n.min():
        raise ValueError(f"every k must be within 1..{n.min()}, the fewest samples of a problem")


def _none_passes(pairs: Ints, ks: Ints) -> Floats:
    """C(n-c, k) / C(n, k) for rows of (n, c): shape (rows, ks).

    The product of (n-c-j)/(n-j) over j < k, running, so that one pass gives every k. Every factor
    is in 0..1: nothing overflows, and the rounding error stays below k units in the last place.
    """
    result = np.empty((len(pairs), ks.size))
    j = np.arange(ks.max())
    step = max(1, _BLOCK // j.size)
    for start in range(0, len(pairs), step):
        n, c = pairs[start : start + step].T[..., np.newaxis]
        factors = np.maximum(n - c - j, 0) / (n - j)
        result[start : start + step] = np.cumprod(factors, axis=1)[:, ks - 1]
    return result


def _weights(n: int, ks: Ints) -> Floats:
    """`policies.estimators.rank_weights` for every k: shape (ks, n)."""
    i = np.arange(1, n)
    k = ks[:, np.newaxis]
    weights = np.empty((ks.size, n))
    weights[:, :1] = k / n
    weights[:, 1:] = np.maximum(n - i - k + 1, 0) / (n - i)
    np.cumprod(weights, axis=1, out=weights)
    # Products with numbers below the normal range are slow, and add nothing to a sum near 1.
    weights[weights < np.finfo(np.float64).tiny] = 0.0
    return weights


def _by_rank(verdicts: Floats, scores: Floats) -> Floats:
    """Verdicts best rank first, each the mean of those that share its score: (problems, n)."""
    if scores.shape != verdicts.shape:
        raise ValueError(f"scores of shape {scores.shape} for verdicts of {verdicts.shape}")
    if np.isnan(scores).any():
        raise ValueError("a score is NaN")
    order = np.argsort(scores, axis=1)
    ranked = np.take_along_axis(scores, order, axis=1)
    first = np.ones(ranked.shape, dtype=bool)  # of its group, and of its problem
    first[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
    starts = np.flatnonzero(first)
    sizes = np.diff(np.append(starts, first.size))
    sums = np.add.reduceat(np.take_along_axis(verdicts, order, axis=1).ravel(), starts)
    return np.repeat(sums / sizes, sizes).reshape(verdicts.shape)
