"""The page's sentences about what was found."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from evaluation.page.tables import dataset_title, of_one_family, percent
from evaluation.study.claims import Finding
from evaluation.study.comparisons import Duel
from evaluation.study.costs import TITLES, Basis
from evaluation.study.evidence import Evidence
from policies.cost import Architecture


def in_short(evidence: Sequence[Evidence]) -> Iterator[str]:
    """The answer in sentences: what one greedy answer's cost buys of a smaller model."""
    for entry in evidence:
        for duel in of_one_family(entry.duels, ranked=False):
            if duel.basis is Basis.TIME:
                continue
            yield _sentence(dataset_title(entry.dataset), duel)


def _sentence(dataset: str, duel: Duel) -> str:
    many = f"{duel.bought:.1f}" if math.isfinite(duel.bought) else "any number of"
    start = (
        f"{dataset}, {TITLES[duel.basis]}, on {duel.problems} problems: one greedy answer of "
        f"{duel.rival} solves {100 * duel.theirs.value:.1f} % and costs as much as {many} samples "
        f"of {duel.contender.model}"
    )
    if duel.capped:
        return (
            f"{start}; the pool can tell no more than k = {duel.k}, which solve "
            f"{percent(duel.ours)} %."
        )
    sure = duel.difference.low > 0 or duel.difference.high < 0
    return (
        f"{start}; {duel.k} of them solve {percent(duel.ours)} %: a difference of "
        f"{percent(duel.difference, '+')} points"
        + ("." if sure else ", which chance alone could make.")
    )


def differences(found: Iterable[Finding]) -> Iterator[tuple[str, str]]:
    """Claims of the paper that do not hold here, each with what was found instead."""
    for entry in found:
        measured = entry.measured
        if measured is None or entry.holds:
            continue
        name = next(name for name, value in entry.detail.items() if value is measured)
        chance = "" if entry.sure else " The interval leaves it open."
        said = (
            f"Our rule on {dataset_title(entry.dataset)}: {entry.claim.rule}. Found: "
            f"{percent(measured, '+')} points, for {name}.{chance}"
        )
        yield entry.claim.text, said


def cost_ratios(evidence: Iterable[Evidence]) -> list[str]:
    """How far apart the sizes of a family lie, in the paper's FLOPs of one sample."""
    found: dict[str, None] = {}
    for entry in evidence:
        rates = {pool.model: pool.rate for pool in entry.pools}
        for small, large in entry.pairs():
            match rates[small], rates[large]:
                case Architecture() as left, Architecture() as right:
                    ratio = right.paper() / left.paper()
                    found[f"one sample of {large} costs {ratio:.1f} of {small}"] = None
    return list(found)
