"""The paper's metrics, and the intervals around what was measured. `evaluation.metrics` in short.

`metrics` has them over arrays of problems, by numpy; `intervals` what a table of results needs,
without it. The other estimators are those of `policies`, because a gateway needs them too. All of
it is exported here, and what needs numpy is loaded when it is asked for: a table needs no extra.

Not here: what k samples cost and which curves are drawn (`study`), and what was sampled (`pools`).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from evaluation.statistics.intervals import Estimate, paired_difference, percentile, wilson
from policies.estimators import (
    CutTreatment,
    Ranking,
    SubsetScore,
    averaged_nll,
    k_within,
    pass_at_budget,
    pass_flops_at_f,
    pass_time_at_t,
    rank_score_at_budget,
    rank_score_flops_at_f,
    rank_score_time_at_t,
    rank_weights,
    subset_score_at_k,
    treat_cut,
)

if TYPE_CHECKING:
    from evaluation.statistics.metrics import (
        Band,
        GreedyPoint,
        bootstrap_difference,
        bootstrap_mean,
        bootstrap_share,
        greedy_point,
        pass_at_k,
        rank_score_at_k,
        rank_scores_at_k,
    )

__all__ = [
    "Band",
    "CutTreatment",
    "Estimate",
    "GreedyPoint",
    "Ranking",
    "SubsetScore",
    "averaged_nll",
    "bootstrap_difference",
    "bootstrap_mean",
    "bootstrap_share",
    "greedy_point",
    "k_within",
    "paired_difference",
    "pass_at_budget",
    "pass_at_k",
    "pass_flops_at_f",
    "pass_time_at_t",
    "percentile",
    "rank_score_at_budget",
    "rank_score_at_k",
    "rank_score_flops_at_f",
    "rank_score_time_at_t",
    "rank_scores_at_k",
    "rank_weights",
    "subset_score_at_k",
    "treat_cut",
    "wilson",
]


def __getattr__(name: str) -> Any:
    """What is over arrays, on its first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("evaluation.statistics.metrics"), name)
