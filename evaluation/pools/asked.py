"""What a pool's model was asked, beside the pool: whoever has the samples needs no dataset for it.

Pools of one dataset may share a file: it lies in the pool's folder or in the one above. It holds
what stands around an answer, and neither tests nor references.
"""

from __future__ import annotations

import contextlib
import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from evaluation.datasets import Problem
from evaluation.datasets.sources import faults
from evaluation.pools.errors import MixedPools, UnreadablePool
from evaluation.pools.schema import Identity
from evaluation.pools.store import Pool
from evaluation.writing import write_whole

FILE: Final = "problems.json.gz"


def write_problems(pool: Pool, problems: Sequence[Problem]) -> None:
    """Write the problems of a pool's dataset beside it, unless they can be read already."""
    with contextlib.suppress(MixedPools):  # of the folder above: other pools' problems
        if read_problems(pool) is not None:
            return
    fields = list(_Stored.model_fields)
    written = _File(
        dataset=pool.identity.dataset,
        dataset_sha256=pool.identity.dataset_sha256,
        problems=tuple(
            _Stored(**{name: getattr(problem, name) for name in fields}) for problem in problems
        ),
    )
    content = written.model_dump_json().encode()
    write_whole(pool.path / FILE, gzip.compress(content, mtime=0))


def read_problems(pool: Pool) -> tuple[Problem, ...] | None:
    """The pool's problems in its order, without tests; None where no file has them.

    Raises `UnreadablePool` for a damaged file, and `MixedPools` for problems of another dataset.
    """
    for folder in (pool.path, pool.path.resolve().parent):
        if (folder / FILE).exists():
            return _read(folder / FILE, pool)
    return None


class _Stored(BaseModel):
    """One problem in the file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    task_id: str
    prompt: str
    entry_point: str
    stop: tuple[str, ...]
    before: str | None
    after: str
    suffix: str | None

    def problem(self) -> Problem:
        """The problem, without tests."""
        return Problem(
            task_id=self.task_id,
            prompt=self.prompt,
            entry_point=self.entry_point,
            tests={},
            stop=self.stop,
            reference="",
            before=self.before,
            after=self.after,
            suffix=self.suffix,
        )


class _File(BaseModel):
    """What the file holds."""

    model_config = ConfigDict(strict=True)

    format: Literal["budget-router problems"] = "budget-router problems"
    schema_version: Literal[1] = 1
    dataset: str
    dataset_sha256: str
    problems: tuple[_Stored, ...]


def _read(path: Path, pool: Pool) -> tuple[Problem, ...]:
    try:
        found = _File.model_validate_json(gzip.decompress(path.read_bytes()))
    except ValidationError as error:
        raise UnreadablePool(f"{path} does not hold problems: {faults(error)}") from error
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadablePool(f"{path} does not read: {error}") from error
    problems = tuple(stored.problem() for stored in found.problems)
    if not _belongs(found, pool.identity):
        raise MixedPools(
            f"{path} holds problems of {found.dataset} {found.dataset_sha256[:12]}, and "
            f"{pool.path} answers {pool.identity.dataset} {pool.identity.dataset_sha256[:12]}: "
            "keep pools of different datasets in different folders"
        )
    return problems


def _belongs(found: _File, identity: Identity) -> bool:
    ids = tuple(stored.task_id for stored in found.problems)
    theirs = (found.dataset, found.dataset_sha256, ids)
    return theirs == (identity.dataset, identity.dataset_sha256, identity.tasks)
