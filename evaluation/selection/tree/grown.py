"""What a tree has cost, and the file that keeps it beside the pool of its answers.

A search is kept by the requests that it made, and priced when it is looked at: FLOPs are those of
the cost model, by what the server says it had in its cache.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

from evaluation.pools.errors import InvalidRow, MixedPools, UnreadablePool
from evaluation.pools.journal import Journal, parse
from policies.cost import CostModel, cacheable

NAME: Final = "trees.jsonl"


@dataclass(frozen=True, slots=True)
class Expanded:
    """One request of a search: tokens of its prompt, those it found cached, those of each child.

    `cached_tokens` is None where the server does not say; `tokens` are all that were computed, also
    those of which nothing was kept.
    """

    prompt_tokens: int
    cached_tokens: int | None
    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Grown:
    """A search that ended: its requests in their order, and how many rounds there were."""

    task_id: str
    rounds: int
    requests: tuple[Expanded, ...]

    def flops(self, cost: CostModel, model: str) -> float:
        """By what the server had in its cache; the first request is charged its whole prompt.

        So are samples that are compared with it: what earlier runs left in a cache is no merit.
        """
        cached = [request.cached_tokens or 0 for request in self.requests]
        return self._flops(cost, model, [0, *cached[1:]])

    def least_flops(self, cost: CostModel, model: str) -> float:
        """Of a server that keeps all that a tree has said until it ends."""
        kept = [cacheable(each.prompt_tokens, each.prompt_tokens) for each in self.requests]
        return self._flops(cost, model, [0, *kept[1:]])

    def _flops(self, cost: CostModel, model: str, cached: Sequence[int]) -> float:
        return sum(
            cost.draw(model, request.prompt_tokens, request.tokens, found)
            for request, found in zip(self.requests, cached, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Manner:
    """How the trees of a pool were searched, and in which model."""

    model: str
    width: int
    temperature: float
    step: int


@dataclass(frozen=True, slots=True)
class Grove:
    """What a file of trees holds: a tree for each task."""

    manner: Manner
    trees: Mapping[str, Grown]

    @classmethod
    def read(cls, pool: Path) -> Self:
        """Of a pool. Raises OSError, and `PoolError` for what is no such file, or has none."""
        path = pool / NAME
        if not path.exists():
            raise UnreadablePool(f"{pool} is no pool of `budget-router evaluate tree`: no {NAME}")
        rows, _ = parse(path.read_bytes(), str(path))
        return cls(*_told(rows, path))


class TreeJournal(Journal):
    """The file of a pool's trees, open for appending while the `with` block runs.

    Raises `MixedPools` where its trees were searched in another manner, and `InvalidRow`.
    """

    def __init__(self, pool: Path, manner: Manner) -> None:
        super().__init__(pool / NAME)
        with self.closing_on_failure():
            if not self.rows:
                self.append([asdict(manner)])
            _check(self, manner)

    def keep(self, grown: Grown) -> None:
        """Write a tree down to the disk."""
        self.append([asdict(grown)])


def _check(journal: Journal, manner: Manner) -> None:
    found, _ = _told(journal.rows, journal.path)
    if found != manner:
        raise MixedPools(
            f"{journal.path} has trees of another kind ({found}): name another directory, or give "
            "the same parameters to go on with these"
        )


def _told(rows: Sequence[Mapping[str, Any]], path: Path) -> tuple[Manner, dict[str, Grown]]:
    """A tree that was searched twice counts as it was searched last."""
    try:
        first, *others = rows
        return Manner(**first), {row["task_id"]: _grown(row) for row in others}
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidRow(f"{path} holds no trees: {error!r}") from error


def _grown(row: Mapping[str, Any]) -> Grown:
    requests = (
        Expanded(each["prompt_tokens"], each["cached_tokens"], tuple(each["tokens"]))
        for each in row["requests"]
    )
    return Grown(row["task_id"], row["rounds"], tuple(requests))
