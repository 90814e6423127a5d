"""A pool as arrays: all but the texts, per problem, with what is missing counted.

A million samples take about 40 MB here; texts are read past in batches and not kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evaluation.pools.columns import (
    EMPTY,
    INDEX_BITS,
    Columns,
    Ints,
    check_unique,
    named,
    places,
    read_columns,
)
from evaluation.pools.errors import InvalidRow, StrayRow
from evaluation.pools.schema import Identity, Table
from evaluation.pools.store import Pool

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]

AT_LIMIT: Final = "length"
"""The finish reason of a sample that was cut."""

UNKNOWN: Final = -1
"""Stands for a number that nobody counted."""


@dataclass(frozen=True, slots=True, eq=False)
class ProblemView:
    """The samples of one problem, in the order drawn: every array is (n,), n may be 0.

    `judged` says which have a verdict, `passed` which passed; `judged_plus` and `passed_plus` say
    it of the second tests, which nothing passes that fails the first, and which not every problem
    has. Of `checks` of the first tests `passed_checks` came out right, both -1 where nobody
    counted. `cut` says which ended at the token limit, `empty` which have no text (their `tokens`
    may count a stop sequence that was withheld).
    Where nobody counted, as in samples of others, `tokens` are -1 and `counted` is false.
    `nll` has, per ranker and first of all the generator, averaged NLL in nats per token, NaN where
    there is none.
    """

    task_id: str
    prompt_tokens: int
    index: Ints
    tokens: Ints
    cut: Bools
    empty: Bools
    judged: Bools
    passed: Bools
    judged_plus: Bools
    passed_plus: Bools
    checks: Ints
    passed_checks: Ints
    nll: Mapping[str, Floats]

    @property
    def n(self) -> int:
        """Samples with a verdict."""
        return int(self.judged.sum())

    @property
    def counted(self) -> bool:
        """Whether the tokens of every sample and of the prompt are known."""
        return not (self.tokens < 0).any() and self.prompt_tokens >= 0

    @property
    def c(self) -> int:
        """Samples that passed."""
        return int(self.passed.sum())


@dataclass(frozen=True, slots=True, eq=False)
class PoolView:
    """A pool without its texts: one entry per task of the dataset, in its order.

    `content_hash` is that of the pool, `torn_bytes` belong to rows that a crash left unfinished.
    """

    identity: Identity
    problems: tuple[ProblemView, ...]
    content_hash: str
    torn_bytes: int

    @property
    def samples(self) -> int:
        """How many samples there are, judged or not."""
        return sum(len(problem.index) for problem in self.problems)

    @property
    def unjudged(self) -> int:
        """Samples without a verdict."""
        return self.samples - sum(problem.n for problem in self.problems)

    @property
    def without_samples(self) -> tuple[str, ...]:
        """Tasks that nothing was drawn for yet."""
        return tuple(problem.task_id for problem in self.problems if not len(problem.index))

    @property
    def rankers(self) -> tuple[str, ...]:
        """Models with scores, the generator first."""
        return tuple(self.problems[0].nll) if self.problems else ()

    def unscored(self, ranker: str) -> int:
        """Samples that a ranker gave no score. KeyError for one that scored none."""
        return sum(int(np.isnan(problem.nll[ranker]).sum()) for problem in self.problems)


def read_view(path: Path) -> PoolView:
    """Read a pool's directory.

    Raises every `PoolError` but `PoolBusy`: `DuplicateRow` for samples, verdicts or scores with
    one key, `UnknownTask`, `StrayRow` for a verdict or score without its sample and for a second
    verdict without a first, `InvalidRow` for a NaN log-probability and for a sample that passes the
    second tests alone.
    """
    pool = Pool.open(path)
    samples = read_columns(
        pool, Table.SAMPLES, ("tokens", "prompt_tokens", "nll", "finish_reason", EMPTY)
    )
    check_unique(samples, pool, "samples")
    reasons = samples.names.get("finish_reason", ())
    codes = samples.values["finish_reason"].astype(np.int64)
    numbers = {
        name: np.nan_to_num(samples.values[name], nan=UNKNOWN).astype(np.int64)
        for name in ("tokens", "prompt_tokens")
    }
    columns = (
        numbers
        | {"index": samples.keys & (2**INDEX_BITS - 1)}
        | {"cut": np.isin(codes, [at for at, name in enumerate(reasons) if name == AT_LIMIT])}
        | {"empty": samples.values[EMPTY].astype(np.bool_)}
        | _verdicts(pool, samples)
    )
    nll = _nll(pool, samples)
    bounds = np.searchsorted(samples.keys >> INDEX_BITS, np.arange(len(pool.identity.tasks) + 1))
    return PoolView(
        identity=pool.identity,
        problems=tuple(
            _problem(task, columns, nll, slice(start, end))
            for task, start, end in zip(pool.identity.tasks, bounds, bounds[1:], strict=False)
        ),
        content_hash=pool.content_hash(),
        torn_bytes=pool.torn_bytes(),
    )


def _verdicts(pool: Pool, samples: Columns) -> dict[str, NDArray[Any]]:
    """What the first tests and the second said of every sample."""
    first = _judged(pool, samples, Table.VERDICTS, ("checks", "passed_checks"))
    second = _judged(pool, samples, Table.PLUS, ())
    _check_second(pool, samples, first, second)
    return first | {f"{name}_plus": column for name, column in second.items()}


def _judged(
    pool: Pool, samples: Columns, table: Table, counts: tuple[str, ...]
) -> dict[str, NDArray[Any]]:
    """`judged`, `passed` and these counts of every sample, out of one table of verdicts."""
    verdicts = read_columns(pool, table, ("passed", *counts))
    check_unique(verdicts, pool, table)
    at = places(verdicts, samples, pool, table)
    found: dict[str, NDArray[Any]] = {
        name: np.zeros(len(samples.keys), np.bool_) for name in ("judged", "passed")
    }
    found["judged"][at] = True
    found["passed"][at] = verdicts.values["passed"]
    for name in counts:
        found[name] = np.full(len(samples.keys), UNKNOWN)
        found[name][at] = np.nan_to_num(verdicts.values[name].astype(np.float64), nan=UNKNOWN)
    return found


def _check_second(
    pool: Pool,
    samples: Columns,
    first: Mapping[str, NDArray[Any]],
    second: Mapping[str, NDArray[Any]],
) -> None:
    """Raise where a sample has only a second verdict, or passes by the second tests alone."""
    alone = second["judged"] & ~first["judged"]
    if alone.any():
        raise StrayRow(
            f"{pool.path}: {alone.sum()} samples have a verdict by the second tests and none by "
            f"the first, such as {named(pool, samples.keys[alone][0])}: remove "
            f"{pool.path / Table.PLUS} and judge by the first and the second tests again"
        )
    wrong = second["passed"] & ~first["passed"]
    if wrong.any():
        raise InvalidRow(
            f"{pool.path}: {wrong.sum()} samples pass the second tests and not the first, such as "
            f"{named(pool, samples.keys[wrong][0])}: remove {pool.path / Table.PLUS} and judge "
            "with --tests plus again"
        )


def _nll(pool: Pool, samples: Columns) -> dict[str, Floats]:
    """The generator's own, then each ranker's; a score of the generator itself fills gaps."""
    found: dict[str, Floats] = {pool.identity.model: samples.values["nll"].astype(np.float64)}
    scores = read_columns(pool, Table.SCORES, ("ranker", "nll"))
    for code, ranker in enumerate(scores.names.get("ranker", ())):
        own = scores.where(scores.values["ranker"] == code)
        check_unique(own, pool, f"scores by {ranker}")
        column = np.full(len(samples.keys), np.nan)
        column[places(own, samples, pool, f"scores by {ranker}")] = own.values["nll"]
        known = found.get(ranker, column)
        found[ranker] = np.where(np.isnan(known), column, known)
    return found


def _problem(
    task: str, columns: Mapping[str, NDArray[Any]], nll: Mapping[str, Floats], rows: slice
) -> ProblemView:
    own = {name: column[rows] for name, column in columns.items()}
    prompt_tokens = own.pop("prompt_tokens")
    return ProblemView(
        task_id=task,
        prompt_tokens=_of_all(prompt_tokens),
        nll={ranker: column[rows] for ranker, column in nll.items()},
        **own,
    )


def _of_all(prompt_tokens: Ints) -> int:
    """The prompt's length; unknown where it is unknown of any sample, 0 where there is none."""
    if (prompt_tokens == UNKNOWN).any():
        return UNKNOWN
    return int(prompt_tokens.max(initial=0))
