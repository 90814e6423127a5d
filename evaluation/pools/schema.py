"""What a pool is and what its tables hold: Arrow schemas, and values that a row may have."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final, TypeAlias

import pyarrow as pa
from pydantic import TypeAdapter, ValidationError

from evaluation.pools.errors import InvalidRow, MixedPools, UnreadablePool

SCHEMA: Final = 1
"""Version of everything here. A reader takes no other."""

Row: TypeAlias = Mapping[str, Any]

FORMAT: Final = "budget-router pool"
METADATA_KEY: Final = b"budget-router"


class Table(StrEnum):
    """The tables of a pool, by the names of their folders."""

    SAMPLES = "samples"
    VERDICTS = "verdicts"
    PLUS = "plus"
    SCORES = "scores"


_NAME: Final = pa.dictionary(pa.int32(), pa.string())

_VERDICTS: Final = pa.schema(
    [
        pa.field("task_id", _NAME, nullable=False),
        pa.field("index", pa.int32(), nullable=False),
        pa.field("passed", pa.bool_(), nullable=False),
        pa.field("status", _NAME, nullable=False),  # the sandbox's own word
        pa.field("checks", pa.int32()),  # cases of the tests; null where nobody counted
        pa.field("passed_checks", pa.int32()),  # those that came out right
    ]
)

COLUMNS: Final[Mapping[Table, pa.Schema]] = {
    Table.SAMPLES: pa.schema(
        [
            pa.field("task_id", _NAME, nullable=False),
            pa.field("index", pa.int32(), nullable=False),  # within the task, from 0
            pa.field("draw", pa.int32(), nullable=False),  # upstream request, by its first sample
            pa.field("seed", pa.int64()),  # sent with that request; null in others' samples
            pa.field("text", pa.string(), nullable=False),  # verbatim
            pa.field("tokens", pa.int32()),  # generated; null where nobody counted
            pa.field("prompt_tokens", pa.int32()),
            pa.field("nll", pa.float64()),  # Eq. 7, nats per token; null without log-probabilities
            pa.field("finish_reason", _NAME, nullable=False),
        ]
    ),
    Table.VERDICTS: _VERDICTS,
    Table.PLUS: _VERDICTS,  # by the second tests, of samples that have a verdict by the first
    Table.SCORES: pa.schema(
        [
            pa.field("ranker", _NAME, nullable=False),
            pa.field("task_id", _NAME, nullable=False),
            pa.field("index", pa.int32(), nullable=False),
            pa.field("nll", pa.float64(), nullable=False),  # Eq. 7, nats per token of the ranker
            pa.field("tokens", pa.int32(), nullable=False),  # of the candidate, as it counts them
        ]
    ),
}

ADDED: Final[Mapping[Table, frozenset[str]]] = {
    Table.SAMPLES: frozenset(),
    Table.VERDICTS: frozenset({"checks", "passed_checks"}),
    Table.PLUS: frozenset({"checks", "passed_checks"}),
    Table.SCORES: frozenset(),
}
"""Columns that rows may lack, as those of earlier pools do, and that are null there."""

_NOT_NEGATIVE: Final = (
    *("index", "draw", "seed", "tokens", "prompt_tokens"),
    *("checks", "passed_checks"),
)


@dataclass(frozen=True, slots=True)
class Identity:
    """What all samples of a pool have in common.

    `dataset_sha256` is `evaluation.datasets.content_hash`, `tasks` the ids of all its problems,
    in order, `model_sha256` that of the model's file where it is known. `stop` are the sequences
    that the problems name; `seed` is what the seeds of draws are made from. Raises ValueError for
    a task that is there twice and for sampling that cannot be.
    """

    dataset: str
    dataset_sha256: str
    tasks: tuple[str, ...]
    model: str
    model_sha256: str | None
    engine: str
    temperature: float
    top_p: float
    max_tokens: int
    stop: tuple[str, ...]
    seed: int

    def __post_init__(self) -> None:
        if len(set(self.tasks)) < len(self.tasks):
            raise ValueError("tasks: one is there twice")
        if not (0 <= self.temperature < math.inf and 0 < self.top_p <= 1 and self.max_tokens > 0):
            raise ValueError("temperature, top_p and max_tokens: no sampling is like that")

    @property
    def greedy(self) -> bool:
        """Whether a second sample would repeat the first."""
        return self.temperature == 0

    def to_json(self) -> dict[str, Any]:
        """As `pool.json` keeps it."""
        written: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return {"format": FORMAT, "schema": SCHEMA} | written

    def metadata(self) -> dict[str, Any]:
        """As every shard keeps it: all but the tasks, which the dataset's hash stands for."""
        return {name: value for name, value in self.to_json().items() if name != "tasks"}

    @classmethod
    def from_json(cls, value: object, source: str) -> Identity:
        """Read `pool.json`. Raises `UnreadablePool` and `MixedPools`; `source` is for messages."""
        match value:
            case {"format": format_, "schema": schema} if format_ == FORMAT:
                check_schema(schema, source)
            case _:
                raise UnreadablePool(f"{source} does not describe a pool")
        try:
            return TypeAdapter(cls).validate_json(json.dumps(value), strict=True)
        except ValidationError as error:
            found = error.errors(include_url=False)
            places = ", ".join(".".join(map(str, item["loc"])) or item["msg"] for item in found)
            raise UnreadablePool(f"{source} is damaged: {places}") from error

    def differences(self, other: Identity) -> list[str]:
        """What `other` says otherwise, in words."""
        mine, theirs = self.metadata(), other.metadata()
        return [
            f"{name} is {theirs[name]!r} there and {mine[name]!r} now"
            for name in mine
            if mine[name] != theirs[name]
        ]


def check_alike(identities: Iterable[Identity]) -> None:
    """Raise `MixedPools` unless the models of these pools were asked for the same.

    Each may have its own sampling, but not other problems, nor longer answers or other ends.
    """
    for one, other in pairwise(identities):
        both = f"the pools of {one.model} and {other.model} on {one.dataset}"
        if one.dataset_sha256 != other.dataset_sha256:
            raise MixedPools(
                f"{both} are of different versions of it ({one.dataset_sha256[:12]} and "
                f"{other.dataset_sha256[:12]}): leave one out, or collect it again"
            )
        for name in ("max_tokens", "stop"):
            mine, theirs = getattr(one, name), getattr(other, name)
            if mine != theirs:
                raise MixedPools(
                    f"{both} were asked with different {name} ({mine!r} and {theirs!r}), so their "
                    "answers do not compare: leave one out, or collect it again"
                )


def check_schema(schema: object, source: str) -> None:
    """Raise `MixedPools` unless it is our version."""
    if type(schema) is not int or schema != SCHEMA:
        raise MixedPools(
            f"{source} has schema version {schema}, and this program reads {SCHEMA}: keep pools of "
            "different versions apart, or collect it again"
        )


def record_batch(rows: Sequence[Row], table: Table, source: str) -> pa.RecordBatch:
    """The rows as columns. Raises `InvalidRow` for other columns and for values that cannot be."""
    schema = COLUMNS[table]
    for row in rows:
        _check_row(row, schema, ADDED[table], source)
    try:
        return pa.RecordBatch.from_pylist(rows, schema)
    except (pa.ArrowException, OverflowError, TypeError, UnicodeError) as error:
        raise InvalidRow(f"{source}: a value has another type: {error}") from error


def filled(batch: pa.RecordBatch, table: Table, names: Sequence[str]) -> pa.RecordBatch:
    """These columns of a batch, null where an earlier pool has not got them."""
    schema = pa.schema([COLUMNS[table].field(name) for name in names])
    have = set(batch.schema.names)
    columns = [
        batch.column(column.name) if column.name in have else pa.nulls(batch.num_rows, column.type)
        for column in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def has_columns(found: pa.Schema, table: Table) -> bool:
    """Whether a file has a table's columns, but perhaps for some that were added later."""
    missing = set(COLUMNS[table].names) - set(found.names)
    kept = [column for column in COLUMNS[table] if column.name not in missing]
    return missing <= ADDED[table] and bool(found.equals(pa.schema(kept)))


def _check_row(row: Row, schema: pa.Schema, added: frozenset[str], source: str) -> None:
    where = f"{source}: row {row.get('task_id')!r}, {row.get('index')!r}"
    wrong = sorted((row.keys() ^ set(schema.names)) - (added - row.keys()))
    if wrong:
        raise InvalidRow(f"{where}: columns are missing or unknown: {', '.join(wrong)}")
    for column in schema:
        if row.get(column.name) is None and not column.nullable:
            raise InvalidRow(f"{where}: {column.name} must have a value")
    for name in _NOT_NEGATIVE:
        value = row.get(name)
        if value is not None and not (type(value) is int and value >= 0):
            raise InvalidRow(f"{where}: {name} must be an integer from 0, not {value!r}")
    nll = row.get("nll")
    if nll is not None and not (type(nll) in {float, int} and math.isfinite(nll)):
        raise InvalidRow(f"{where}: nll must be a finite number, not {nll!r}")
