"""Columns of a pool's table as arrays, sorted by task and sample index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evaluation.pools.errors import DuplicateRow, InvalidRow, StrayRow, UnknownTask
from evaluation.pools.schema import Table
from evaluation.pools.store import Pool

Ints: TypeAlias = NDArray[np.int64]

INDEX_BITS: Final = 32

EMPTY: Final = "empty"
"""A column that no table has: whether the text is empty, told per batch, so no text is kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Rows of one table, each array (rows,), sorted by key.

    `keys` hold the task's number in the dataset above the sample's index. Columns of strings are
    codes, and `names` tells what the codes stand for.
    """

    keys: Ints
    values: Mapping[str, NDArray[Any]]
    names: Mapping[str, Sequence[str]]

    def where(self, mask: NDArray[np.bool_]) -> Columns:
        """Only these rows."""
        kept = {name: column[mask] for name, column in self.values.items()}
        return Columns(self.keys[mask], kept, self.names)


def read_columns(pool: Pool, table: Table, columns: Sequence[str]) -> Columns:
    """Read a table without keeping more of it than these columns, of which `EMPTY` may be one.

    Raises `UnknownTask`, `InvalidRow` for a NaN log-probability, and what `Pool.batches` raises.
    """
    codes = _Codes({"task_id": {task: at for at, task in enumerate(pool.identity.tasks)}})
    known = len(pool.identity.tasks)
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in ("key", *columns)}
    stored = ["text" if name == EMPTY else name for name in columns]
    for batch in pool.batches(table, ["task_id", "index", *stored]):
        task = codes.of("task_id", batch.column("task_id"))
        if (unknown := task >= known).any():
            name = list(codes.known["task_id"])[task[unknown][0]]
            raise UnknownTask(
                f"{pool.path}: {table} have rows for task {name!r}, which dataset "
                f"{pool.identity.dataset} does not have"
            )
        index = _numbers(batch.column("index")).astype(np.int64)
        parts["key"].append((task << INDEX_BITS) | index)
        for name in columns:
            column = _column(batch, name)
            is_text = pa.types.is_dictionary(column.type)
            parts[name].append(codes.of(name, column) if is_text else _numbers(column))
        if "nll" in columns:
            _check_nll(batch.column("nll"), pool, table)
    values = {
        name: np.concatenate(found) if found else np.zeros(0) for name, found in parts.items()
    }
    keys = values.pop("key").astype(np.int64)
    order = np.argsort(keys, kind="stable")
    return Columns(
        keys[order],
        {name: column[order] for name, column in values.items()},
        {name: list(found) for name, found in codes.known.items()},
    )


def _column(batch: pa.RecordBatch, name: str) -> pa.Array:
    if name == EMPTY:
        return pc.equal(pc.binary_length(batch.column("text")), 0)
    return batch.column(name)


def check_unique(rows: Columns, pool: Pool, what: str) -> None:
    """Raise `DuplicateRow` where two rows have one key."""
    twice = rows.keys[1:][rows.keys[1:] == rows.keys[:-1]]
    if len(twice):
        raise DuplicateRow(
            f"{pool.path}: {len(twice)} {what} are there twice, the first: {named(pool, twice[0])}"
        )


def places(rows: Columns, samples: Columns, pool: Pool, what: str) -> Ints:
    """Where each row's sample is among the samples. Raises `StrayRow` for one that is not there."""
    at = np.searchsorted(samples.keys, rows.keys)
    found = np.zeros(len(rows.keys), np.bool_)
    inside = at < len(samples.keys)
    found[inside] = samples.keys[at[inside]] == rows.keys[inside]
    if not found.all():
        stray = rows.keys[~found]
        raise StrayRow(
            f"{pool.path}: {len(stray)} {what} belong to samples that are not there, the first to "
            f"{named(pool, stray[0])}"
        )
    return at


@dataclass(slots=True)
class _Codes:
    """Strings as small integers, per column, in the order of their first appearance."""

    known: dict[str, dict[str, int]] = field(default_factory=dict)

    def of(self, name: str, column: pa.Array) -> Ints:
        known = self.known.setdefault(name, {})
        used, at = np.unique(_numbers(column.indices), return_inverse=True)
        texts = column.dictionary.take(pa.array(used)).to_pylist()
        codes = np.array([known.setdefault(text, len(known)) for text in texts], np.int64)
        return codes[at]


def _numbers(column: pa.Array) -> NDArray[Any]:
    """Numbers and booleans; a null float is NaN."""
    numbers: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return numbers


def _check_nll(column: pa.Array, pool: Pool, table: Table) -> None:
    if not np.isfinite(_numbers(column.drop_null())).all():
        raise InvalidRow(f"{pool.path}: {table} have a log-probability that is no finite number")


def named(pool: Pool, key: np.int64) -> str:
    """The sample that a key stands for, in words."""
    task, index = divmod(int(key), 2**INDEX_BITS)
    return f"task {pool.identity.tasks[task]!r}, sample {index}"
