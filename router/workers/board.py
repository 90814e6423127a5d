"""Numbers that all processes of a gateway see at once, in shared memory.

Each worker has a row, and so has their parent, the last one; nobody writes another's, and what a
column comes to is for everybody to read. So nobody waits for anybody, and what a dead worker had is
given back when its row is wiped.
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

    def put(self, n: int) -> None:
        """Have it be this."""
        self.numbers[self.at] = n

    @property
    def total(self) -> int:
        """Of all workers."""
        return sum(self.column)


@dataclass(frozen=True, slots=True)
class Board:
    """A row of `columns` for each worker, and one for their parent."""

    descriptor: int
    columns: Sequence[str]
    numbers: memoryview

    @classmethod
    def at(cls, descriptor: int, columns: Sequence[str]) -> Board:
        """The board in an open file that is as long as it needs to be."""
        mapped = mmap.mmap(descriptor, os.fstat(descriptor).st_size)
        return cls(descriptor, columns, memoryview(mapped).cast("q"))

    @property
    def parents(self) -> int:
        """The parent's row."""
        return len(self.numbers) // len(self.columns) - 1

    def column(self, name: str) -> memoryview:
        """The numbers of all."""
        return self.numbers[self.columns.index(name) :: len(self.columns)]

    def cell(self, row: int, column: str) -> Cell:
        """Somebody's own number."""
        at = row * len(self.columns) + self.columns.index(column)
        return Cell(self.numbers, at, self.column(column))

    def value(self, row: int, column: str) -> int:
        """What is written there."""
        return int(self.numbers[row * len(self.columns) + self.columns.index(column)])

    def wipe(self, row: int) -> None:
        """Forget what a worker had, which must not run any more."""
        for column in range(len(self.columns)):
            self.numbers[row * len(self.columns) + column] = 0


@contextmanager
def made(workers: int, columns: Sequence[str]) -> Iterator[Board]:
    """A new board for so many.

    Its file has no name, and is gone with the last process that has it open.
    """
    with tempfile.TemporaryFile() as file:
        file.truncate((workers + 1) * len(columns) * _BYTES)
        yield Board.at(file.fileno(), columns)
