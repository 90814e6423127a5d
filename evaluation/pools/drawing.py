"""Which draws a pool still needs, as a plan: no I/O.

Rounds go over all problems, a batch of each at a time, so that a pool that was stopped early has
about as many samples of every problem. A draw is kept whole or not at all. Were its samples kept
one by one as they end, a pool that was killed would hold too many short ones; and a draw that is
asked again has the seed that it had.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evaluation.datasets import Problem


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a pool has of one problem: how many samples, of how many draws."""

    samples: int = 0
    draws: int = 0


@dataclass(frozen=True, slots=True)
class PlannedDraw:
    """`n` samples of one problem as one upstream request; `first` is the index of the first."""

    problem: Problem
    draw: int
    first: int
    n: int
    seed: int


def planned(
    problems: Sequence[Problem], have: Mapping[str, Drawn], n: int, batch: int, seed: int
) -> Iterator[PlannedDraw]:
    """The draws that bring every problem to `n` samples, at most `batch` each, in order."""
    now = {problem.task_id: have.get(problem.task_id, Drawn()) for problem in problems}
    for level in [*range(batch, n, batch), n]:
        for problem in problems:
            had = now[problem.task_id]
            if had.samples >= level:
                continue
            more = level - had.samples
            yield PlannedDraw(
                problem=problem,
                draw=had.draws,
                first=had.samples,
                n=more,
                seed=seed_of(seed, problem.task_id, had.draws),
            )
            now[problem.task_id] = Drawn(level, had.draws + 1)


def seed_of(seed: int, task_id: str, draw: int) -> int:
    """The seed of a draw, in 31 bits, which every server takes."""
    digest = hashlib.sha256(f"{seed}/{task_id}/{draw}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
