"""The shards of a pool, which are named for their content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from evaluation.pools.errors import UnreadablePool

_DIGEST: Final = 32  # characters of the SHA-256 in a shard's name: 128 bits


def number_of(path: Path) -> int:
    """A journal's or shard's, which its name begins with. Raises `UnreadablePool`."""
    digits = path.stem.partition("-")[0]
    if not digits.isdecimal():
        raise UnreadablePool(f"{path} is no file of a pool: move it elsewhere")
    return int(digits)


@contextmanager
def opened(path: Path) -> Iterator[pq.ParquetFile]:
    """Open a shard. Raises `UnreadablePool` for what is none, or stops being one on the way."""
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except pa.ArrowException as error:
        raise UnreadablePool(f"{path} is no Parquet file that can be read: {error}") from error


def digest_of(path: Path) -> str:
    """As a shard's name has it, of the file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:_DIGEST]
