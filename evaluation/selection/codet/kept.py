"""A journal of matrices: a run that was stopped goes on behind the last whole problem.

Its first row says what was sampled, the others are a problem each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from evaluation.pools.errors import InvalidRow
from evaluation.pools.journal import Journal
from evaluation.selection.codet.running import Matrix

NAME: Final = "matrices.jsonl"


class OtherSamples(ValueError):
    """A journal has matrices of something else than is asked for."""


class MatrixJournal(Journal):
    """The journal of a directory, open for appending while the `with` block runs.

    `matrices` are what it holds, by task. Its header says what was sampled, and `versions` of which
    data, by hashes: journals of before have none, and may be of any. Raises `OtherSamples` where
    these are others, and where it does not read.
    """

    def __init__(
        self, directory: Path, header: Mapping[str, Any], versions: Mapping[str, str] | None = None
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / NAME
        try:
            super().__init__(path)
        except InvalidRow as error:
            raise OtherSamples(f"{path} does not read: {error}") from error
        with self.closing_on_failure():
            self.matrices = _matrices(self, header, versions or {})

    def keep(self, matrix: Matrix) -> None:
        """Write a problem down to the disk."""
        self.append([asdict(matrix)])
        self.matrices[matrix.task_id] = matrix


def _matrices(
    journal: Journal, header: Mapping[str, Any], versions: Mapping[str, str]
) -> dict[str, Matrix]:
    """Those that a journal holds; one that is new gets its header."""
    if not journal.rows:
        journal.append([{**header, **versions}])
        return {}
    first, *rows = journal.rows
    now = {**header, **{name: known for name, known in versions.items() if name in first}}
    others = [
        f"{name} is {first.get(name)!r} there and {now.get(name)!r} now"
        for name in dict.fromkeys((*first, *now))
        if first.get(name) != now.get(name)
    ]
    if others:
        raise OtherSamples(
            f"{journal.path} is of other samples, problems or tests ({'; '.join(others)}): name "
            "another --out, or give what was given when it was begun"
        )
    try:
        return {row["task_id"]: _matrix(row) for row in rows}
    except (TypeError, KeyError) as error:
        raise OtherSamples(f"{journal.path} does not read: {error!r}") from error


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
