"""Scores of programs by generated tests, neither of which is known to be right.

All of it is made of one matrix: `passes[i][j]` says whether program i passes test j. Programs that
pass exactly the same tests are a *consensus set* and have one score, the higher the better. Whoever
drew a program or a test twice says so by a row or a column of its own, as the published code of
CodeT does: what is drawn often counts more.

    majority    the size of the set
    codet       CodeT: its size against the tests that it passes
    b4          B4: how likely the whole matrix is if this set is right, and what it passes
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

Passes: TypeAlias = Sequence[Sequence[bool]]


@dataclass(frozen=True, slots=True)
class Priors:
    """Beta priors of B4, where 1 says nothing; its published code has them under these names.

    `alpha_xy` believes that programs and tests are right, before any was run. `beta_0` believes
    that a wrong program hardly ever passes a wrong test: it would have to be wrong in the same way.
    Raises `ValueError` for what is no parameter of a Beta distribution.
    """

    beta_0: float = 1e5
    alpha_xy: float = 1e3

    def __post_init__(self) -> None:
        for value in (self.beta_0, self.alpha_xy):
            if not 0 < value < math.inf:
                raise ValueError(f"a prior is above zero and finite, not {value!r}")


PRIORS: Final = Priors()
"""In the middle of those that were published: `beta_0` of 1e4, 1e5 and 1e6."""


def majority(passes: Passes) -> tuple[float, ...]:
    """How many programs pass exactly the tests that a program passes, itself among them."""
    return _by_set(passes, lambda size, _passed, _others: float(size))


def codet(passes: Passes) -> tuple[float, ...]:
    """The tests that a program passes times the root of how many programs pass exactly these.

    Source: B. Chen et al., "CodeT: Code Generation with Generated Tests" (2022). Section 2.2
    scores a set by the product of both numbers; the root is that of the experiments (appendix A)
    and of the released code.
    """
    return _by_set(passes, lambda size, passed, _others: passed.bit_count() * math.sqrt(size))


def b4(passes: Passes, priors: Priors = PRIORS) -> tuple[float, ...]:
    """The logarithm of a posterior, up to a constant: this set is right, and what it passes.

    Source: M. Chen et al., "B4: Towards Optimal Assessment of Plausible Code Solutions with
    Plausible Tests" (ASE 2024), the closed form under Beta priors. Its four factors B(., .) are of
    right programs, of right tests, and, of the programs outside the set, of how often they pass
    right tests and wrong ones. The Beta function of thousands is no number that a float holds, so
    logarithms are summed.
    """
    tests = len(passes[0]) if passes else 0
    programs = len(passes)

    def score(size: int, passed: int, others: Sequence[int]) -> float:
        right = passed.bit_count()
        on_right = sum((row & passed).bit_count() for row in others)
        on_wrong = sum((row & ~passed).bit_count() for row in others)
        return (
            _log_beta(size, programs - size, alpha=priors.alpha_xy)
            + _log_beta(right, tests - right, alpha=priors.alpha_xy)
            + _log_beta(on_right, len(others) * right - on_right)
            + _log_beta(on_wrong, len(others) * (tests - right) - on_wrong, beta=priors.beta_0)
        )

    return _by_set(passes, score)


def _log_beta(yes: int, no: int, *, alpha: float = 1.0, beta: float = 1.0) -> float:
    """How likely so many of each are under a Beta prior, whatever the rate: log B(yes+a, no+b)."""
    a, b = yes + alpha, no + beta
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _by_set(passes: Passes, score: Callable[[int, int, Sequence[int]], float]) -> tuple[float, ...]:
    """The score of every program's set: of its size, its tests as bits, and the rows of others.

    Raises `ValueError` for rows of unequal length.
    """
    if len({len(row) for row in passes}) > 1:
        raise ValueError("every program is judged by the same tests: the rows differ in length")
    rows = [sum(1 << at for at, passed in enumerate(row) if passed) for row in passes]
    scores = {
        passed: score(size, passed, [row for row in rows if row != passed])
        for passed, size in Counter(rows).items()
    }
    return tuple(scores[row] for row in rows)
