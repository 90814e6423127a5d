"""What a pool holds, in figures, and what of it is missing, in words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evaluation.metrics import Estimate, bootstrap_share
from evaluation.pools.counts import read_counts
from evaluation.pools.view import PoolView, read_view


@dataclass(frozen=True, slots=True)
class BothTests:
    """What the first tests and the second say of the same samples, those of so many `problems`.

    Rates are of all samples, `false_passes` those of what passes the first tests that fail the
    second, None where nothing passes. Intervals are over problems.
    """

    problems: int
    samples: int
    base: Estimate
    plus: Estimate
    false_passes: Estimate | None


@dataclass(frozen=True, slots=True)
class PoolSummary:
    """One pool in figures. `problems` have samples, of `of`; n is least and most per problem.

    `pass_rate` is the mean over samples with a verdict, None where there is none, and `both_tests`
    None where no sample has a second one. `omissions` count what is missing, in words.
    """

    path: str
    dataset: str
    model: str
    temperature: float | None
    problems: int
    of: int
    n_min: int
    n_max: int
    samples: int
    judged: int
    pass_rate: float | None
    both_tests: BothTests | None
    rankers: tuple[str, ...]
    omissions: tuple[str, ...]


def summaries(path: Path) -> list[PoolSummary]:
    """Of a pool's directory, or of a file of counts. Raises `PoolError`."""
    if path.is_dir():
        return [_of_view(str(path), read_view(path))]
    return [
        _of_counts(str(path), found.model, list(found.counts.values()))
        for found in read_counts(path)
    ]


def _of_view(path: str, view: PoolView) -> PoolSummary:
    sizes = [len(problem.index) for problem in view.problems]
    judged = view.samples - view.unjudged
    passed = sum(problem.c for problem in view.problems)
    return PoolSummary(
        path=path,
        dataset=view.identity.dataset,
        model=view.identity.model,
        temperature=view.identity.temperature,
        problems=sum(size > 0 for size in sizes),
        of=len(sizes),
        n_min=min(sizes, default=0),
        n_max=max(sizes, default=0),
        samples=view.samples,
        judged=judged,
        pass_rate=passed / judged if judged else None,
        both_tests=_both_tests(view),
        rankers=view.rankers,
        omissions=tuple(_omissions(view)),
    )


def _both_tests(view: PoolView) -> BothTests | None:
    tested = [problem for problem in view.problems if problem.judged_plus.any()]
    if not tested:
        return None
    n = np.array([problem.judged_plus.sum() for problem in tested])
    base = np.array([(problem.passed & problem.judged_plus).sum() for problem in tested])
    plus = np.array([problem.passed_plus.sum() for problem in tested])
    return BothTests(
        problems=len(tested),
        samples=int(n.sum()),
        base=bootstrap_share(base, n),
        plus=bootstrap_share(plus, n),
        false_passes=bootstrap_share(base - plus, base) if base.any() else None,
    )


def _omissions(view: PoolView) -> list[str]:
    of = f"of {view.samples} samples"
    tested = [problem for problem in view.problems if problem.judged_plus.any()]
    unscored = sum(int((~problem.judged_plus).sum()) for problem in tested)
    counts = [
        (len(view.without_samples), f"of {len(view.problems)} problems have no sample"),
        (view.unjudged, f"{of} have no verdict"),
        (unscored, f"{of} have no second verdict, and others of their problems have one"),
        (view.torn_bytes, "bytes of an unfinished line are passed over"),
        (sum(int(problem.cut.sum()) for problem in view.problems), f"{of} reached the token limit"),
        *((view.unscored(ranker), f"{of} have no NLL under {ranker}") for ranker in view.rankers),
    ]
    return [f"{count} {what}" for count, what in counts if count]


def _of_counts(path: str, model: str, counts: list[tuple[int, int]]) -> PoolSummary:
    samples = sum(n for n, _ in counts)
    return PoolSummary(
        path=path,
        dataset=Path(path).stem,
        model=model,
        temperature=None,
        problems=len(counts),
        of=len(counts),
        n_min=min(n for n, _ in counts),
        n_max=max(n for n, _ in counts),
        samples=samples,
        judged=samples,
        pass_rate=sum(c for _, c in counts) / samples,
        both_tests=None,
        rankers=(),
        omissions=("only counts: no texts, tokens or log-probabilities",),
    )
