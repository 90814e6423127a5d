"""Each claim decided on one dataset's evidence: every difference that its rule looks at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Final

import numpy as np

from evaluation.statistics import Estimate, bootstrap_difference
from evaluation.study import restated
from evaluation.study.comparisons import (
    Duel,
    Lead,
    difference_at,
    entry_of,
    family,
    leads,
    quarter_lead,
    shared_tasks,
)
from evaluation.study.contenders import Contender
from evaluation.study.costs import TITLES, Basis
from evaluation.study.evidence import Evidence
from evaluation.study.restated import Finding
from evaluation.study.samples import ROUNDS

_REGIME: Final = 32.0
_TIME_REGIME: Final = 64.0
_SCORE: Final = 0.6
_SCORE_DATASET: Final = "humaneval"


def findings(evidence: Evidence) -> list[Finding]:
    """Every claim on one dataset, in the paper's order."""
    details = {
        restated.SIZE: _size(evidence),
        restated.AHEAD: _ahead(evidence),
        restated.GAP: _gap(evidence),
        restated.QUARTER: _quarter(evidence),
        restated.GREEDY: _against_greedy(evidence),
        restated.GAIN: _gain(evidence),
        restated.RANKING: _ranking(evidence),
        restated.RANKER_SIZE: _ranker_size(evidence),
        restated.OWN_RANKER: _own_ranker(evidence),
        restated.GREEDY_WINS: _greedy_wins(evidence),
    }
    return [Finding(claim, evidence.dataset, detail) for claim, detail in details.items()]


def _least(entries: Mapping[str, Estimate]) -> dict[str, Estimate]:
    name = min(entries, key=lambda key: entries[key].value)
    return {name: entries[name]}


def _contests(evidence: Evidence) -> Iterator[tuple[str, Basis, list[Lead]]]:
    """Each pair of a family on each basis, with its leads, where there are any."""
    for small, large in evidence.pairs():
        if small in evidence.tests and large in evidence.tests:
            for basis in Basis:
                if found := leads(evidence.tests[small], evidence.tests[large], basis):
                    yield f"{small} against {large}, {TITLES[basis]}", basis, found


def _size(evidence: Evidence) -> dict[str, Estimate]:
    detail: dict[str, Estimate] = {}
    for small, large in evidence.pairs():
        left, right = evidence.tests.get(small), evidence.tests.get(large)
        if left is None or right is None or not (tasks := shared_tasks(left, right)):
            continue
        ks = list(range(1, min(left.k_max, right.k_max) + 1))
        band = bootstrap_difference(
            right.on(tasks).values(ks), left.on(tasks).values(ks), rounds=ROUNDS
        )
        each = {f"{large} over {small}, k = {k}": entry_of(band, k - 1) for k in ks}
        detail |= _least(each)
    return detail


def _ahead(evidence: Evidence) -> dict[str, Estimate]:
    detail: dict[str, Estimate] = {}
    for name, _, found in _contests(evidence):
        each = {f"{name}, {lead.k_small} samples for {lead.k_large}": lead for lead in found}
        detail |= _least({label: lead.difference for label, lead in each.items()})
    return detail


def _gap(evidence: Evidence) -> dict[str, Estimate]:
    detail: dict[str, Estimate] = {}
    for name, basis, found in _contests(evidence):
        limit = _TIME_REGIME if basis is Basis.TIME else _REGIME
        small = [lead for lead in found if lead.k_small <= limit]
        if small:
            best = max(small, key=lambda lead: lead.difference.value)
            label = f"{name}, {best.k_small} samples for {best.k_large}"
            detail[label] = best.difference
    return detail


def _gain(evidence: Evidence) -> dict[str, Estimate]:
    gains = {name: found[0].difference for name, _, found in _contests(evidence)}
    if not gains:
        return {}
    best = max(gains, key=lambda name: gains[name].value)
    return {best: gains[best]}


def _quarter(evidence: Evidence) -> dict[str, Estimate]:
    if evidence.dataset != _SCORE_DATASET:
        return {}
    found = {
        f"{small} against {large}": quarter_lead(
            evidence.tests[small], evidence.tests[large], Basis.TIME, _SCORE
        )
        for small, large in evidence.pairs()
        if small in evidence.tests and large in evidence.tests
    }
    return {name: entry for name, entry in found.items() if entry is not None}


def _against_greedy(evidence: Evidence) -> dict[str, Estimate]:
    return {
        f"{found.contender.model} at k = {found.k} against {found.rival}, {TITLES[found.basis]}": (
            found.difference
        )
        for found in evidence.duels
        if found.contender.ranker is None and _decides(found)
    }


def _ranking(evidence: Evidence) -> dict[str, Estimate]:
    detail: dict[str, Estimate] = {}
    for contender in evidence.ranked:
        if contender.k_max > 1:
            rising = contender.values([1, contender.k_max])
            band = bootstrap_difference(rising[:, 1:], rising[:, :1], rounds=ROUNDS)
            detail[f"{_ranked(contender)}, k = {contender.k_max}"] = entry_of(band)
    return detail


def _ranker_size(evidence: Evidence) -> dict[str, Estimate]:
    detail: dict[str, Estimate] = {}
    order = evidence.sized
    for small, large in combinations(evidence.ranked, 2):
        if small.ranker is None or large.ranker is None:
            continue
        if {small.ranker, large.ranker} - set(order):
            continue
        if order.index(small.ranker) > order.index(large.ranker):
            small, large = large, small  # noqa: PLW2901 the smaller ranker comes first
        if not _rival_rankers(small, large):
            continue
        k = min(small.k_max, large.k_max)
        if (found := difference_at(large, k, small, k)) is not None:
            name = f"{small.model} ranked by {large.ranker} over {small.ranker}"
            detail[f"{name}, {small.treatment}, k = {k}"] = found
    return detail


def _rival_rankers(one: Contender, other: Contender) -> bool:
    same_samples = one.model == other.model and one.treatment == other.treatment
    rankers = [ranker for ranker in (one.ranker, other.ranker) if ranker is not None]
    return same_samples and len({family(ranker) for ranker in rankers}) == 1


def _own_ranker(evidence: Evidence) -> dict[str, Estimate]:
    detail: dict[str, Estimate] = {}
    for contender in evidence.ranked:
        answers = evidence.greedy.get(contender.model)
        if contender.ranker != contender.model or answers is None:
            continue
        tasks = shared_tasks(contender, answers)
        if tasks:
            ours = contender.on(tasks).values([contender.k_max])
            theirs = answers.on(tasks).passed[:, np.newaxis]
            name = f"{_ranked(contender)}, k = {contender.k_max}"
            detail[name] = entry_of(bootstrap_difference(ours, theirs, rounds=ROUNDS))
    return detail


def _greedy_wins(evidence: Evidence) -> dict[str, Estimate]:
    detail: dict[str, Estimate] = {}
    for found in evidence.duels:
        if found.contender.ranker is not None and _decides(found):
            name = f"{found.rival} against {_ranked(found.contender)}, k = {found.k}"
            ours = found.difference
            detail[f"{name}, {TITLES[found.basis]}"] = Estimate(-ours.value, -ours.high, -ours.low)
    return detail


def _decides(found: Duel) -> bool:
    """Within a family, and at the k that the budget really buys."""
    return family(found.contender.model) == family(found.rival) and not found.capped


def _ranked(contender: Contender) -> str:
    return f"{contender.model} ranked by {contender.ranker}, {contender.treatment}"
