"""Selectors by the names that requests have for them, and the one that is usual."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from policies.executions import Agreement, Belief, ByExamples, Majority
from policies.selectors import LIKELIEST, BestFit, First, Random, Selector

USUAL: Final = BestFit(ByExamples())
"""What policies hold unless they are given another.

Between prompt and suffix what fits; else the prompt's examples where it has some, then agreement
where programs can be run, then likelihood.
"""


def believing(belief: Belief) -> Selector:
    """The usual one, which says how sure it is."""
    return BestFit(ByExamples(otherwise=Agreement(belief=belief), belief=belief))


SELECTORS: Final[Mapping[str, Selector]] = MappingProxyType(
    {
        "first": First(),
        "random": Random(),
        "nll": LIKELIEST,
        "examples": ByExamples(),
        "agreement": Agreement(),
        "majority": Majority(),
        "weighted": Majority(weighted=True),
    }
)
"""By name. Each is one of its own for a task: see `Selector.of`."""
