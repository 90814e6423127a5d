"""How fast the metrics are, beside two other ways.

One run, on the same made-up pool: 500 problems of 2,000 samples, every k from 1 to 1,000. The
other ways would take minutes to hours, so they run on a sample of (problem, k) pairs, and their
time is that of one pair times all pairs: extrapolated, and marked so. Every value they do compute
is compared with ours, so that no speed comes from a wrong answer.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from evaluation.statistics.metrics import pass_at_k, rank_scores_at_k

T = TypeVar("T")
PassAtK: TypeAlias = Callable[
    [NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]
]
"""pass@k (problems, ks), as fractions, from n, c (problems,) and ks (ks,)."""

PROBLEMS: Final = 500
SAMPLES: Final = 2_000
MOST_K: Final = 1_000
_LOOP_KS: Final = (1, 200, 400, 600, 800, 1_000)  # evenly, for the loop's time depends on k
_LOOP_PROBLEMS: Final = 2
_PRODUCT_KS: Final = tuple(range(50, MOST_K + 1, 50))
_SLOW_ROUNDS: Final = 3
_CLOSE: Final = 1e-9


def figure_7(n: int, k: int, passed: Sequence[bool]) -> float:
    """rank-score@k as the paper's Figure 7 computes it, as a fraction; with an oracle, pass@k."""
    total = 0
    for i in range(1, n - k + 2):
        total += math.comb(n - i, k - 1) * passed[i - 1]
    return total / math.comb(n, k)


def product_formula(n: int, c: int, k: int) -> float:
    """pass@k as the HumanEval paper's appendix computes it: one product a problem and k."""
    if n - c < k:
        return 1.0
    return float(1.0 - np.prod(1.0 - k / np.arange(n - c + 1, n + 1)))


@dataclass(frozen=True, slots=True)
class MadeUpVerdicts:
    """Verdicts (problems, n), as drawn and with scores, and the passes of each problem."""

    passed: NDArray[np.bool_]
    scores: NDArray[np.float64]

    @classmethod
    def of(cls, problems: int, n: int, seed: int = 0) -> MadeUpVerdicts:
        """Rates from hopeless to sure, as benchmarks have them; scores that know a little."""
        draw = np.random.default_rng(seed)
        passed = draw.random((problems, n)) < draw.beta(0.5, 0.8, (problems, 1))
        return cls(passed, draw.normal(size=(problems, n)) - 0.5 * passed)

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many samples of each problem passed."""
        return np.asarray(self.passed.sum(axis=1), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds for every problem and k (the median), from how many pairs that was told."""

    name: str
    seconds: float
    pairs: int
    extrapolated: bool


def measure(
    made: MadeUpVerdicts, most_k: int, rounds: int, *, ours: PassAtK = pass_at_k
) -> list[Timing]:
    """Time each way. Raises ArithmeticError where two ways differ by more than 1e-9."""
    problems, n = made.passed.shape
    ks = np.arange(1, most_k + 1)
    whole = problems * most_k
    counts = made.counts
    ranked = np.take_along_axis(made.passed, np.argsort(made.scores, axis=1), axis=1)
    passes, pass_s = _timed(lambda: ours(np.full(problems, n), counts, ks), rounds)
    ranks, rank_s = _timed(lambda: rank_scores_at_k(ranked, ks), rounds)
    scored, scored_s = _timed(lambda: rank_scores_at_k(made.passed, ks, made.scores), rounds)
    _compare("scores and order", float(np.abs(scored - ranks).max()))

    loop_pairs = [(p, k) for p in range(min(_LOOP_PROBLEMS, problems)) for k in _LOOP_KS]
    product_pairs = [(p, k) for p in range(problems) for k in _PRODUCT_KS]
    return [
        Timing("pass@k, ours", pass_s, whole, extrapolated=False),
        Timing("rank-score@k, ours, ranked", rank_s, whole, extrapolated=False),
        Timing("rank-score@k, ours, by scores", scored_s, whole, extrapolated=False),
        _on_a_sample(
            "pass@k, product formula",
            lambda p, k: product_formula(n, int(counts[p]), k),
            product_pairs,
            passes,
        ),
        _on_a_sample(
            "rank-score@k, Figure 7's loop",
            lambda p, k: figure_7(n, k, ranked[p].tolist()),
            loop_pairs,
            ranks,
        ),
    ]


def _on_a_sample(
    name: str,
    value: Callable[[int, int], float],
    pairs: Sequence[tuple[int, int]],
    ours: NDArray[np.float64],
) -> Timing:
    """Time a slower way on some (problem, k) and stretch that to every value of `ours`."""
    some = [(p, k) for p, k in pairs if k <= ours.shape[1]]
    values, seconds = _timed(lambda: [value(p, k) for p, k in some], _SLOW_ROUNDS)
    _compare(name, max(abs(v - ours[p, k - 1]) for v, (p, k) in zip(values, some, strict=True)))
    return Timing(name, seconds * ours.size / len(some), len(some), extrapolated=True)


def _timed(work: Callable[[], T], rounds: int) -> tuple[T, float]:
    result, seconds = work(), []  # the first run warms up and is not counted
    for _ in range(rounds):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return result, median(seconds)


def _compare(other: str, difference: float) -> None:
    if not difference <= _CLOSE:
        raise ArithmeticError(f"ours and {other} differ by {difference:g}")
