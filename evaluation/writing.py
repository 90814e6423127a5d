"""How results are written: files whole or not at all, and tables for people."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any


def write_whole(path: Path, content: bytes) -> None:
    """Write a whole file or none, and leave nothing else behind. Raises OSError."""
    if path.exists() and not path.is_file():  # a device or a pipe: no file may take its place
        path.write_bytes(content)
        return
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_bytes(content)
        sync(part)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync(path.parent)


def write_json(path: Path, value: Any) -> None:
    """A whole file of JSON, the same bytes for the same value. Raises OSError."""
    write_whole(path, (json.dumps(value, indent=1, allow_nan=False) + "\n").encode())


def markdown(
    head: Sequence[str], rows: Iterable[Iterable[object]], *, words: int = 1
) -> Iterator[str]:
    """Lines of a table in Markdown: the first `words` columns hold words, the others numbers."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * words}{'---:|' * (len(head) - words)}"
    for row in rows:
        yield f"| {' | '.join(map(str, row))} |"


def percent(share: float | None, sign: str = "") -> str:
    """A share, or a difference of two, as tables have it; a dash where there is none."""
    return "-" if share is None else f"{100 * share:{sign}.1f}"


def sync(path: Path) -> None:
    """Down to the disk: a file's content, or which files a folder has."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
