"""A journal of matrices: a run that was stopped goes on behind the last whole problem.

Its first line says what was sampled and by which programs it was run; the others are a problem
each. A line that a kill has torn was never promised, and is cut off.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from io import BufferedRandom
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from evaluation.selection.codet.running import Matrix

NAME: Final = "matrices.jsonl"


class OtherSamples(ValueError):
    """A journal has matrices of something else than is asked for."""


class MatrixJournal:
    """The journal of a directory, open for appending while the `with` block runs.

    `matrices` are what it holds, by task. Raises `OtherSamples` where its header is another one,
    and where it does not read.
    """

    def __init__(self, directory: Path, header: Mapping[str, Any]) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / NAME
        self.matrices: dict[str, Matrix] = {}
        self._file: BufferedRandom = self.path.open("a+b")
        try:
            self._read(header)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def append(self, matrix: Matrix) -> None:
        """Write a problem down to the disk."""
        self._line(asdict(matrix))
        self.matrices[matrix.task_id] = matrix

    def _read(self, header: Mapping[str, Any]) -> None:
        self._file.seek(0)
        whole, newline, _torn = self._file.read().rpartition(b"\n")
        self._file.truncate(len(whole) + len(newline))
        if not newline:
            self._line(header)
            return
        try:
            first, *rows = map(json.loads, whole.split(b"\n"))
            found = [_matrix(row) for row in rows]
        except (ValueError, TypeError, KeyError) as error:
            raise OtherSamples(f"{self.path} does not read: {error!r}") from error
        if first != header:
            raise OtherSamples(f"{self.path} is of other samples ({first}): name another --out")
        self.matrices = {matrix.task_id: matrix for matrix in found}

    def _line(self, row: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(row, separators=(",", ":")).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def _matrix(row: Mapping[str, Any]) -> Matrix:
    return Matrix(
        task_id=row["task_id"],
        solutions=tuple(row["solutions"]),
        tests=tuple(row["tests"]),
        passes=tuple(row["passes"]),
        base=tuple(row["base"]),
        plus=None if row["plus"] is None else tuple(row["plus"]),
        broken=row["broken"],
    )


def digest_of(paths: Iterable[Path]) -> str:
    """Of the files that samples came from."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:32]
