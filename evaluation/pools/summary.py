"""What a pool holds, in figures, and what of it is missing, in words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evaluation.pools.counts import read_counts
from evaluation.pools.view import PoolView, read_view


@dataclass(frozen=True, slots=True)
class PoolSummary:
    """One pool in figures. `problems` have samples, of `of`; n is least and most per problem.

    `pass_rate` is the mean over samples with a verdict, None where there is none. `omissions` count
    what is missing, in words.
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
        rankers=view.rankers,
        omissions=tuple(_omissions(view)),
    )


def _omissions(view: PoolView) -> list[str]:
    of = f"of {view.samples} samples"
    counts = [
        (len(view.without_samples), f"of {len(view.problems)} problems have no sample"),
        (view.unjudged, f"{of} have no verdict"),
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
        rankers=(),
        omissions=("only counts: no texts, tokens or log-probabilities",),
    )
