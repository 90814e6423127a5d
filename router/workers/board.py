"""Numbers that all processes of a gateway see at once, in shared memory.

Each worker has a row, and writes no other; what a column comes to is for everybody to read. So
nobody waits for anybody, and what a dead worker had is given back when its row is wiped.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

_BYTES: Final = 8

SERVED: Final = "served"
"""Requests being served."""

CLOSED: Final = "closed"
"""Connections that were handed over and have ended."""

BEAT: Final = "beat"
"""Goes on as long as the worker's event loop does."""

COMPUTING: Final = "computing "
"""And the name of a model: samples that it computes."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One worker's number in a column; an `Occupancy`."""

    numbers: memoryview
    at: int
    column: memoryview

    def add(self, n: int) -> None:
        """See `Occupancy.add`."""
        self.numbers[self.at] += n

    @property
    def total(self) -> int:
        """Of all workers."""
        return sum(self.column)


@dataclass(frozen=True, slots=True)
class Board:
    """A row of `columns` for each worker."""

    descriptor: int
    columns: Sequence[str]
    numbers: memoryview

    @classmethod
    def at(cls, descriptor: int, columns: Sequence[str]) -> Board:
        """The board in an open file that is as long as it needs to be."""
        mapped = mmap.mmap(descriptor, os.fstat(descriptor).st_size)
        return cls(descriptor, columns, memoryview(mapped).cast("q"))

    def cell(self, row: int, column: str) -> Cell:
        """A worker's own number."""
        at, width = self.columns.index(column), len(self.columns)
        return Cell(self.numbers, row * width + at, self.numbers[at::width])

    def value(self, row: int, column: str) -> int:
        """What a worker has written."""
        return int(self.numbers[row * len(self.columns) + self.columns.index(column)])

    def wipe(self, row: int) -> None:
        """Forget what a worker had, which must not run any more."""
        for column in range(len(self.columns)):
            self.numbers[row * len(self.columns) + column] = 0


@contextmanager
def made(rows: int, columns: Sequence[str]) -> Iterator[Board]:
    """A new board; its file has no name, and is gone with the last process that has it open."""
    with tempfile.TemporaryFile() as file:
        file.truncate(rows * len(columns) * _BYTES)
        yield Board.at(file.fileno(), columns)
