"""All that is measured on one dataset: every contender, every greedy answer, what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from evaluation.statistics import CutTreatment, Estimate
from evaluation.study.comparisons import Duel, Greedy, duel, entry_of, family, greedy, size
from evaluation.study.contenders import Contender, by_ranker, by_tests
from evaluation.study.costs import Basis
from evaluation.study.samples import Omission, StudyPool
from policies.cost import Rate


class TwoPools(ValueError):
    """Two pools hold the same model's samples of the same dataset; the message names them."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One dataset's pools, from the smallest model to the largest, and what follows from them.

    Models whose size is not known come last, and none of them is small or large beside another.

    `tests` are the contenders whose samples the tests choose among, by model; `ranked` those that
    a ranker chooses among; `single` is the mean sample's score; `duels` set each contender against
    the greedy answers of larger models. `notes` say what is left out, and where.
    """

    dataset: str
    pools: tuple[StudyPool, ...]
    tests: Mapping[str, Contender]
    ranked: tuple[Contender, ...]
    greedy: Mapping[str, Greedy]
    single: Mapping[str, Estimate]
    duels: tuple[Duel, ...]
    notes: tuple[str, ...]

    @property
    def models(self) -> tuple[str, ...]:
        """From small to large."""
        return tuple(pool.model for pool in self.pools)

    @property
    def sized(self) -> tuple[str, ...]:
        """Those of known size, from small to large."""
        return _sized(self.pools)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Every (smaller, larger) model of one family: what the paper compares."""
        return ((a, b) for a, b in combinations(self.sized, 2) if family(a) == family(b))


def _sized(pools: Sequence[StudyPool]) -> tuple[str, ...]:
    return tuple(pool.model for pool in pools if pool.rate is not None)


def _duels(
    models: Sequence[str], contenders: Sequence[Contender], answers: Mapping[str, Greedy]
) -> tuple[Duel, ...]:
    """Every contender against one greedy answer of every larger model, on every basis."""
    found = (
        duel(contender, answers[rival], basis)
        for contender in contenders
        if contender.model in models
        for rival in models[models.index(contender.model) + 1 :]
        if rival in answers
        for basis in Basis
    )
    return tuple(entry for entry in found if entry is not None)


def gather(pools: Sequence[StudyPool], rates: Mapping[str, Rate]) -> Iterator[Evidence]:
    """The evidence of each dataset, by name. `rates` are those of rankers. Raises `TwoPools`."""
    for dataset in sorted({pool.dataset for pool in pools}):
        here = sorted((p for p in pools if p.dataset == dataset), key=lambda p: (size(p), p.model))
        for pool, other in combinations(here, 2):
            if pool.model == other.model:
                raise TwoPools(
                    f"two pools hold samples of {pool.model} on {dataset}: "
                    f"{', '.join((*pool.sources, *other.sources))}; give one of them"
                )
        yield _evidence(dataset, tuple(here), rates)


def _evidence(dataset: str, pools: tuple[StudyPool, ...], rates: Mapping[str, Rate]) -> Evidence:
    notes: list[str] = []
    tests: dict[str, Contender] = {}
    ranked: list[Contender] = []
    for pool in pools:
        if isinstance(found := _known(by_tests(pool), f"{pool.model}, pass@k", notes), Contender):
            tests[pool.model] = found
        for ranker in pool.rankers:
            for treatment in CutTreatment:
                made = by_ranker(pool, ranker, treatment, rates.get(ranker))
                where = f"{pool.model} ranked by {ranker}, {treatment}"
                if (contender := _known(made, where, notes)) is not None:
                    ranked.append(contender)
        notes += [f"{pool.model}: {note}." for note in _pool_notes(pool, pools)]
    answers = {pool.model: one for pool in pools if (one := greedy(pool)) is not None}
    duels = _duels(_sized(pools), [*tests.values(), *ranked], answers)
    single = {model: entry_of(contender.band([1])) for model, contender in tests.items()}
    return Evidence(dataset, pools, tests, tuple(ranked), answers, single, duels, tuple(notes))


def _known(made: Contender | Omission, where: str, notes: list[str]) -> Contender | None:
    if isinstance(made, Omission):
        notes.append(f"{where}: {made}.")
        return None
    notes += [f"{where}: {omission}." for omission in made.left_out]
    return made


def _pool_notes(pool: StudyPool, pools: Sequence[StudyPool]) -> Iterator[str]:
    yield from pool.notes
    own = _answered(pool)
    others = set().union(*(_answered(other) for other in pools if other is not pool))
    if others and (alone := own - others):
        yield f"{len(alone):,} of {len(own):,} problems are in no other pool, and in no comparison"
    if more := sum(draws.n - 1 for draws in pool.greedy.values()):
        yield f"{more:,} answers at temperature 0 are left out: the first to a problem counts"
    if not pool.greedy:
        yield "no greedy answers, so no star"
    elif pool.of is not None and len(pool.greedy) < pool.of:
        yield f"{len(pool.greedy):,} of {pool.of:,} problems have a judged greedy answer"
    if pool.draws and not pool.rankers:
        yield "no log-probabilities, so nothing is ranked"
    for ranker in pool.rankers:
        yield from _unscored(pool, ranker)
    if pool.rate is None:
        yield "its size is not known, so neither are its FLOPs, nor whether it is the larger of two"
    elif not all(draws.generations and draws.generations.counted for draws in pool.draws.values()):
        yield "tokens were not counted, so exact FLOPs are not known"
    if pool.seconds is None:
        yield "the wall time of a sample was not given"


def _answered(pool: StudyPool) -> set[str]:
    return set(pool.draws) | set(pool.greedy)


def _unscored(pool: StudyPool, ranker: str) -> Iterator[str]:
    """What a ranker did not score, and what became of it."""
    made = [draws.generations for draws in pool.draws.values() if draws.generations is not None]
    scores = np.concatenate([one.nll[ranker] for one in made])
    scored, empty = int(np.isfinite(scores).sum()), int(np.isinf(scores).sum())
    if scored == len(scores):
        return
    note = f"{ranker} scored {scored:,} of {len(scores):,} samples"
    if empty:
        note += f"; {empty:,} empty answers are ranked last"
    if left := len(scores) - scored - empty:
        note += f"; {left:,} are left out of what it ranks"
    yield note
