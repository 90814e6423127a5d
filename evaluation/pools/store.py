"""Pools on disk: tables of immutable Parquet shards, each with a journal for what is new.

Journal N becomes shard N: written beside, synced, renamed into place, and only then is the journal
removed. So at every moment each row is in exactly one place that counts: where shard N is there,
journal N does not count any more. A shard's name has its SHA-256, which is checked when it is read.
One process writes a table at a time (a lock on its folder); readers need no lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

from evaluation.pools.errors import MixedPools, PoolBusy, UnknownTask, UnreadablePool
from evaluation.pools.files import digest_of, number_of, opened
from evaluation.pools.journal import Journal, parse
from evaluation.pools.schema import (
    COLUMNS,
    METADATA_KEY,
    Identity,
    Row,
    Table,
    check_schema,
    filled,
    has_columns,
    record_batch,
)
from evaluation.writing import sync, write_whole

ROWS_PER_SHARD: Final = 50_000
"""Rows after which a journal becomes a shard; also the bound of what is held in memory."""

BATCH: Final = 16_384


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool that is there, opened for reading."""

    path: Path
    identity: Identity

    @classmethod
    def open(cls, path: Path) -> Pool:
        """Open an existing pool. Raises `UnreadablePool` and `MixedPools`."""
        file = path / "pool.json"
        try:
            value = json.loads(file.read_bytes())
        except OSError as error:
            raise UnreadablePool(f"{path} is no pool: {file}: {error.strerror}") from error
        except ValueError as error:
            raise UnreadablePool(f"{file} is no JSON: {error}") from error
        identity = Identity.from_json(value, str(file))
        if not identity.tasks:
            raise UnreadablePool(f"{file} names no task: collect from a data set that has some")
        return cls(path, identity)

    @classmethod
    def create(cls, path: Path, identity: Identity) -> Pool:
        """Open a pool of this identity, making it if it is not there.

        Raises `MixedPools` where another pool is there, and `UnreadablePool`.
        """
        file = path / "pool.json"
        if not file.exists():
            path.mkdir(parents=True, exist_ok=True)
            write_whole(file, json.dumps(identity.to_json(), indent=1).encode() + b"\n")
        pool = cls.open(path)
        if differences := identity.differences(pool.identity):
            raise MixedPools(
                f"{path} is another pool: {'; '.join(differences)}. Name another directory, or "
                "give the same parameters to extend this one"
            )
        return pool

    def batches(
        self, table: Table, columns: Sequence[str] | None = None, *, at_once: int = BATCH
    ) -> Iterator[pa.RecordBatch]:
        """All rows of a table in the order they were written, `at_once` at a time; text too.

        Raises `UnreadablePool`, `MixedPools` and `InvalidRow`.
        """
        schema = COLUMNS[table]
        names = list(schema.names if columns is None else columns)
        shards, journals = self._files(table)
        for shard in shards:
            yield from self._shard_batches(shard, table, names, at_once)
        for path, content in journals:
            rows, _ = parse(content, str(path))
            for start in range(0, len(rows), at_once):
                part = record_batch(rows[start : start + at_once], table, str(path))
                yield part.select(names)

    def writer(self, table: Table, *, rows_per_shard: int = ROWS_PER_SHARD) -> TableWriter:
        """A writer to enter; see `TableWriter`."""
        return TableWriter(self, table, rows_per_shard)

    def indices(self) -> dict[str, set[int]]:
        """The indices of the samples that are there, by task. Raises as `batches`."""
        found: defaultdict[str, set[int]] = defaultdict(set)
        for batch in self.batches(Table.SAMPLES, ["task_id", "index"]):
            columns = (batch.column(name).to_pylist() for name in ("task_id", "index"))
            for task, index in zip(*columns, strict=True):
                found[task].add(index)
        return dict(found)

    def shards(self, table: Table) -> list[Path]:
        """The table's shards in order."""
        return sorted((self.path / table).glob("*-*.parquet"))

    def content_hash(self) -> str:
        """SHA-256 over the identity, the shards' names and the whole lines of journals.

        A shard's name has the hash of its content. The result changes when a journal becomes a
        shard, though no row does.
        """
        names: list[str] = []
        for table in Table:
            shards, journals = self._files(table)
            names += [f"{table}/{shard.name}" for shard in shards]
            for path, content in journals:
                whole = content[: content.rfind(b"\n") + 1]
                names.append(f"{table}/{path.name}-{hashlib.sha256(whole).hexdigest()}")
        written = json.dumps([self.identity.to_json(), names], sort_keys=True)
        return hashlib.sha256(written.encode()).hexdigest()

    def torn_bytes(self) -> int:
        """Bytes of unfinished last lines in journals, which no reader counts."""
        return sum(
            len(content.rpartition(b"\n")[2])
            for table in Table
            for _, content in self._files(table)[1]
        )

    def _files(self, table: Table) -> tuple[list[Path], list[tuple[Path, bytes]]]:
        """The shards, and the journals that count, with their bytes."""
        # Journals first: one that becomes a shard meanwhile is then found as a shard.
        journals = []
        for path in sorted((self.path / table).glob("*.jsonl")):
            try:
                journals.append((path, path.read_bytes()))
            except FileNotFoundError:
                continue
        shards = self.shards(table)
        done = {number_of(shard) for shard in shards}
        return shards, [
            (path, content) for path, content in journals if number_of(path) not in done
        ]

    def _shard_batches(
        self, shard: Path, table: Table, names: list[str], at_once: int
    ) -> Iterator[pa.RecordBatch]:
        if digest_of(shard) != shard.stem.partition("-")[2]:
            raise UnreadablePool(f"{shard} is damaged: its SHA-256 is not the one in its name")
        with opened(shard) as file:
            metadata = (file.schema_arrow.metadata or {}).get(METADATA_KEY)
            self._check_metadata(shard, None if metadata is None else json.loads(metadata))
            found = file.schema_arrow.remove_metadata()
            if not has_columns(found, table):
                raise MixedPools(f"{shard} has other columns than table {table} has")
            stored = [name for name in names if name in found.names]
            for batch in file.iter_batches(at_once, columns=stored):
                yield filled(batch, table, names)

    def _check_metadata(self, shard: Path, metadata: dict[str, Any] | None) -> None:
        if metadata is None:
            raise UnreadablePool(f"{shard} is no shard of a pool: it has no metadata")
        check_schema(metadata.get("schema"), str(shard))
        expected = self.identity.metadata()
        wrong = sorted(name for name in expected if metadata.get(name) != expected[name])
        if wrong:
            raise MixedPools(f"{shard} belongs to another pool: it differs in {', '.join(wrong)}")


class TableWriter:
    """Appends rows to one table, alone, while entered. Leaving it makes the journal a shard.

    `torn_bytes` were cut off the journal of a run that crashed. Raises `PoolBusy` on entry.
    """

    def __init__(self, pool: Pool, table: Table, rows_per_shard: int = ROWS_PER_SHARD) -> None:
        self.pool = pool
        self.table = table
        self._rows_per_shard = rows_per_shard
        self.torn_bytes = 0
        self._folder = pool.path / table
        self._tasks = frozenset(pool.identity.tasks)
        self._lock = -1
        self._journal: Journal | None = None

    def __enter__(self) -> Self:
        self._folder.mkdir(exist_ok=True)
        self._lock = os.open(self._folder, os.O_RDONLY)
        try:
            self._take_lock()
            self._recover()
        except BaseException:
            os.close(self._lock)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.compact()
        finally:
            os.close(self._lock)

    def append(self, rows: Sequence[Row]) -> None:
        """Write rows down to the disk. Raises `InvalidRow` and `UnknownTask`, and writes none."""
        for row in rows:
            if row["task_id"] not in self._tasks:
                raise UnknownTask(
                    f"{self.pool.path}: dataset {self.pool.identity.dataset} has no task "
                    f"{row['task_id']!r}"
                )
        if self._journal is None:
            number = (
                max((number_of(shard) for shard in self.pool.shards(self.table)), default=0) + 1
            )
            self._journal = Journal(self._folder / f"{number:05}.jsonl", self.table)
        self._journal.append(rows)
        if len(self._journal.rows) >= self._rows_per_shard:
            self.compact()

    def compact(self) -> None:
        """Make the journal a shard."""
        journal, self._journal = self._journal, None
        if journal is None:
            return
        journal.close()
        if journal.rows:
            self._write_shard(journal)
        journal.path.unlink()

    def _take_lock(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PoolBusy(
                f"{self._folder}: another process is writing it; wait for it, or end it"
            ) from None

    def _recover(self) -> None:
        """Take up what an earlier writer left: its journal, and files it did not finish."""
        for unfinished in self._folder.glob("*.part"):
            unfinished.unlink()
        done = {number_of(shard) for shard in self.pool.shards(self.table)}
        for path in sorted(self._folder.glob("*.jsonl")):
            if number_of(path) in done:
                path.unlink()
                continue
            self._journal = Journal(path, self.table)
            self.torn_bytes += self._journal.torn_bytes

    def _write_shard(self, journal: Journal) -> None:
        batch = record_batch(journal.rows, self.table, str(journal.path))
        metadata = json.dumps(self.pool.identity.metadata(), sort_keys=True).encode()
        table = pa.Table.from_batches([batch]).replace_schema_metadata({METADATA_KEY: metadata})
        part = journal.path.with_suffix(".part")
        pq.write_table(table, part, compression="zstd")
        name = f"{journal.path.stem}-{digest_of(part)}.parquet"
        sync(part)
        part.rename(self._folder / name)
        sync(self._folder)
