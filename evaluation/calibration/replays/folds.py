"""Which problems a plan must not have seen: folds by a hash, the same everywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


class CannotSplit(ValueError):
    """A fold would be empty, or leave nothing to calibrate on."""


def folds(tasks: Sequence[str], count: int, split: str) -> list[int]:
    """The fold of each problem, from 0: problems by the hash of `split` and their id, dealt out.

    Raises `CannotSplit`.
    """
    if not 1 < count <= len(tasks):
        raise CannotSplit(f"{len(tasks)} problems cannot be parted into {count} folds")
    by_hash = sorted(range(len(tasks)), key=lambda at: _hash(split, tasks[at]))
    found = [0] * len(tasks)
    for place, at in enumerate(by_hash):
        found[at] = place % count
    return found


def _hash(split: str, task: str) -> str:
    return hashlib.sha256(f"{split}/{task}".encode()).hexdigest()
