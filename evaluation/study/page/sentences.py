"""The page's sentences about what was found."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from evaluation.study.comparisons import Duel
from evaluation.study.costs import Basis
from evaluation.study.evidence import Evidence
from evaluation.study.page.tables import dataset_title, of_one_family
from evaluation.study.restated import Finding
from policies.cost import Architecture


def in_short(evidence: Sequence[Evidence]) -> Iterator[str]:
    """What was found, in three sentences: with tests, what decides it, and without tests."""
    chosen = [duel for entry in evidence for duel in of_one_family(entry.duels, ranked=False)]
    if not chosen:
        return
    yield (
        "Where tests choose, samples of a smaller model that cost one greedy answer of a larger "
        f"one solve {_tally(chosen)}."
    )
    bought = sorted(duel.bought for duel in chosen)
    yield (
        f"How many samples that cost buys decides it: {_number(bought[0])} to "
        f"{_number(bought[-1])}, most of them where they share the prompt."
    )
    ranked = [duel for entry in evidence for duel in of_one_family(entry.duels, ranked=True)]
    if ranked:
        yield f"Where a model's likelihood chooses among them, they solve {_tally(ranked)}."


def _tally(duels: Sequence[Duel]) -> str:
    """How many of the comparisons went which way, chance apart, and the range of differences."""
    more = sum(duel.difference.low > 0 for duel in duels)
    fewer = sum(duel.difference.high < 0 for duel in duels)
    points = sorted(100 * duel.difference.value for duel in duels)
    open_ = len(duels) - more - fewer
    left = f", and chance alone could make the difference in {open_}" if open_ else ""
    return (
        f"more in {more} of {len(duels)} comparisons and fewer in {fewer}{left} "
        f"({points[0]:+.1f} to {points[-1]:+.1f} points)"
    )


def _number(bought: float) -> str:
    return f"{bought:.1f}" if math.isfinite(bought) else "any number"


def _bought(duel: Duel) -> str:
    """How many samples the budget buys, to be read before a noun."""
    return f"{duel.bought:.1f}" if math.isfinite(duel.bought) else "any number of"


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
            f"{measured.percent('+')} points, for {name}.{chance}"
        )
        yield entry.claim.text, said


def prompts(evidence: Iterable[Evidence]) -> list[str]:
    """What charging the prompt does to the samples that one greedy answer's cost buys."""
    found = []
    for entry in evidence:
        duels = of_one_family(entry.duels, ranked=False)
        bought = {(duel.contender.model, duel.rival, duel.basis): _bought(duel) for duel in duels}
        for (small, large, basis), paper in bought.items():
            shared, each = (
                bought.get((small, large, exact))
                for exact in (Basis.EXACT_SHARED, Basis.EXACT_EACH)
            )
            if basis is Basis.PAPER and shared is not None and each is not None:
                found.append(
                    f"on {dataset_title(entry.dataset)} one greedy answer of {large} costs as much "
                    f"as {paper} samples of {small} as the paper counts, {shared} with the prompt "
                    f"shared and {each} with a prompt per sample"
                )
    return found


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
