"""Which draws a pool still needs, as a plan: no I/O.

Rounds go over all problems, a batch of each at a time, so that a pool that was stopped early has
about as many samples of every problem. A draw is kept whole or not at all. Were its samples kept
one by one as they end, a pool that was killed would hold too many short ones; and a draw that is
asked again has the seed that it had. Draws end in any order, so a stopped pool may have gaps; the
plan fills them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from evaluation.datasets import Problem


@dataclass(frozen=True, slots=True)
class PlannedDraw:
    """`n` samples of one problem as one upstream request, from index `first` on.

    `draw` tells a problem's draws apart; in a plan it is the index of the first sample.
    """

    problem: Problem
    draw: int
    first: int
    n: int
    seed: int


def planned(
    problems: Sequence[Problem],
    have: Mapping[str, Collection[int]],
    n: int,
    batch: int,
    seed: int,
) -> Iterator[PlannedDraw]:
    """The draws that bring every problem to `n` samples, at most `batch` each, in order.

    `have` are the indices of the samples that are there, by task.
    """
    for start in range(0, n, batch):
        for problem in problems:
            there = have.get(problem.task_id, ())
            missing = (at for at in range(start, min(start + batch, n)) if at not in there)
            for first, count in _runs(missing):
                yield PlannedDraw(
                    problem, first, first, count, seed_of(seed, problem.task_id, first)
                )


def _runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Ascending numbers as (first, how many) of each run without a gap."""
    first, count = 0, 0
    for number in numbers:
        if count and number == first + count:
            count += 1
            continue
        if count:
            yield first, count
        first, count = number, 1
    if count:
        yield first, count


def seed_of(seed: int, task_id: str, draw: int) -> int:
    """The seed of a draw, in 31 bits, which every server takes."""
    digest = hashlib.sha256(f"{seed}/{task_id}/{draw}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
