"""Selectors by the names that requests have for them, and the one that is usual."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from policies.selection.examined import Examined
from policies.selection.executions import Agreement, Belief, ByExamples, Majority
from policies.selection.lever import LEVER, Lever
from policies.selection.ranked import RankedBy, Reviewer
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
        "codet": Examined(),
        "b4": Examined(by_b4=True),
    }
)
"""By name. Each is one of its own for a task: see `Selector.of`."""

NAMES: Final = (*SELECTORS, Reviewer.name, LEVER)
"""Those that a request may say, where all that they need is there."""


def selectors(ranker: str | None, *, verified: bool = False) -> Mapping[str, Selector]:
    """By name, where this model ranks what others wrote; None: those that need no such model.

    `verified` says that there is a verifier that was trained.
    """
    ranking = () if ranker is None else (RankedBy(ranker), Reviewer(ranker))
    more = (Lever(otherwise=Agreement()),) if verified else ()
    return {**SELECTORS, **{selector.name: selector for selector in (*ranking, *more)}}
