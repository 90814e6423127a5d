"""Effects made from the paper's tables, which tell pass@k of a benchmark and nothing of a problem.

Two things have to be assumed, and an artifact says so: that a model's pass rates over the problems
follow a Beta distribution, fitted to its published pass@k, and that problems are equally hard for
all models: the r-th hardest for one is the r-th hardest for the others. (So a failure of a small
model tells as much of the large one as it can, and a ladder looks no better than it is.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from evaluation.calibration.effects import Effects
from evaluation.calibration.lattice import WIDEST
from evaluation.paper.curves import Curve
from evaluation.paper.published import published
from evaluation.pools.view import Floats

PROBLEMS: Final[Mapping[str, int]] = {"humaneval": 164, "mbpp": 500}
"""Made-up problems that stand for a benchmark, as many as it has: quantiles of the pass rates."""

MOST_SAMPLES: Final = 64
"""Beyond, a ladder takes the larger model in any case."""

_GRID: Final = np.geomspace(0.01, 20, 120)


@dataclass(frozen=True, slots=True)
class Fitted:
    """Pass rates of the problems, the hardest first, and the fit's greatest error in points."""

    rates: Floats
    error: float


def fitted(curve: Curve, problems: int) -> Fitted:
    """The Beta distribution whose E[1 - (1-p)^k] is nearest to a published pass@k, as quantiles."""
    ks = np.array([k for k in curve.points if k <= MOST_SAMPLES])
    published_ = np.array([curve.points[k] for k in curve.points if k <= MOST_SAMPLES]) / 100
    a, b = np.meshgrid(_GRID, _GRID, indexing="ij")
    failing = np.ones((len(ks), *a.shape))
    for at, k in enumerate(ks):
        for i in range(int(k)):
            failing[at] *= (b + i) / (a + b + i)
    errors = np.abs((1 - failing) - published_[:, None, None]).max(axis=0)
    best = np.unravel_index(np.argmin(errors), errors.shape)
    a_fitted, b_fitted = (float(_GRID[at]) for at in best)
    return Fitted(_quantiles(a_fitted, b_fitted, problems), 100 * float(errors[best]))


def published_effects(benchmark: str, models: Sequence[str]) -> tuple[list[Effects], list[str]]:
    """The effects of models on a benchmark of the paper, and what was assumed, in words.

    Raises KeyError for what the tables do not hold.
    """
    curves = published().curves[benchmark]
    fits = {model: fitted(curves[model], PROBLEMS[benchmark]) for model in models}
    told = [
        f"{benchmark}: pass rates of {model} follow a Beta distribution, which is at most "
        f"{fit.error:.1f} points off its published pass@k up to k = {MOST_SAMPLES}"
        for model, fit in fits.items()
    ]
    told.append(f"{benchmark}: problems are in the same order of difficulty for all models")
    return [_effects(fit.rates) for fit in fits.values()], told


def _effects(rates: Floats) -> Effects:
    return Effects(
        failing=(1 - rates)[:, None] ** np.arange(MOST_SAMPLES + 1),
        tokens=np.tile(np.arange(WIDEST + 1, dtype=np.float64), (len(rates), 1)),
        failing_tokens=np.ones(len(rates)),
        greedy_failing=None,
        greedy_tokens=None,
        lengths=np.empty(0),
    )


def _quantiles(a: float, b: float, problems: int) -> Floats:
    """Of Beta(a, b), at the middles of as many equal parts as there are problems.

    Over the logit its density p^a (1-p)^b is smooth, also where much of it lies at 0 and at 1.
    """
    logits = np.linspace(-60, 60, 24_001)
    log_mass = -a * np.logaddexp(0, -logits) - b * np.logaddexp(0, logits)
    mass = np.exp(log_mass - log_mass.max())
    reached = np.cumsum(mass) / mass.sum()
    at = (np.arange(problems) + 0.5) / problems
    return np.asarray(1 / (1 + np.exp(-logits[np.searchsorted(reached, at)])))
