"""An append-only file of rows that survives being killed at any byte.

A line is the JSON array of what was appended at once, so that is there whole or not at all. It is
synced before `append` returns: a crash can tear only a last line that was never promised. A writer
cuts such a line off and says how long it was; a reader passes it over.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BufferedRandom
from pathlib import Path
from typing import Self

from evaluation.pools.errors import InvalidRow
from evaluation.pools.schema import Row, Table, record_batch


def parse(content: bytes, source: str) -> tuple[list[Row], int]:
    """The rows in a journal's bytes, and how many bytes of an unfinished last line there are.

    Raises `InvalidRow` for a finished line that is no array of objects. Columns are not looked at.
    """
    whole, newline, torn = content.rpartition(b"\n")
    rows: list[Row] = []
    for number, line in enumerate(whole.split(b"\n") if newline else [], start=1):
        where = f"{source}, line {number}"
        try:
            appended = json.loads(line)
        except ValueError as error:
            raise InvalidRow(f"{where}: {error}") from error
        if not isinstance(appended, list) or not all(isinstance(row, dict) for row in appended):
            raise InvalidRow(f"{where}: expected a JSON array of rows")
        rows += appended
    return rows, len(torn)


class Journal:
    """A journal that is open for appending; `rows` are all it holds, `torn_bytes` were cut off.

    Rows of a pool have the columns of their table; without one they are what JSON can say.
    """

    def __init__(self, path: Path, table: Table | None = None) -> None:
        self.path = path
        self._table = table
        self._file: BufferedRandom = path.open("a+b")
        with self.closing_on_failure():
            self._file.seek(0)
            content = self._file.read()
            self.rows, self.torn_bytes = parse(content, str(path))
            if self.torn_bytes:
                self._file.truncate(len(content) - self.torn_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def closing_on_failure(self) -> Iterator[None]:
        """While it is being opened: what fails closes the file."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def append(self, rows: Sequence[Row]) -> None:
        """Write rows down to the disk. Raises `InvalidRow`, before anything is written."""
        if self._table is not None:
            record_batch(rows, self._table, str(self.path))
        line = json.dumps(list(rows), separators=(",", ":"), allow_nan=False)
        self._file.write(f"{line}\n".encode())
        self._file.flush()
        os.fsync(self._file.fileno())
        self.rows += rows

    def close(self) -> None:
        """Close the file, which stays."""
        self._file.close()
