"""Model files on disk: which are there and right, and one pull at a time.

Guards against serving a file that is cut or altered. A SHA-256 over a gigabyte takes seconds, so
a verdict is kept in a side file with the size and time of what was hashed, and holds as long as
both do. It does not guard against someone who can write the directory.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from router.catalogue.entries import ModelEntry


def find(entry: ModelEntry, directory: Path) -> Path | None:
    """The entry's file, if it lies in `directory` with the right size and SHA-256."""
    path = directory / entry.file
    try:
        stat = path.stat()
    except OSError:
        return None
    if stat.st_size != entry.bytes:
        return None
    seal = {"sha256": entry.sha256, "bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns}
    if _read_json(_seal_path(path)) == seal:
        return path
    if sha256(path) != entry.sha256:
        return None
    with contextlib.suppress(OSError):  # a directory that is read-only is hashed each time
        _seal_path(path).write_text(json.dumps(seal))
    return path


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def locked(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold `path` as a lock between processes and threads; ends with the process that holds it."""
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Partial:
    """A file on its way: its first bytes, and how many whole parts of a cut file they are.

    Any source may add to what another left, since only the hash of the whole decides. A package
    source goes by the journal of parts, so that a torn part is cut off and not built upon.
    """

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(f".{target.name}.partial")
        self._journal = target.with_name(f".{target.name}.partial.json")

    @property
    def size(self) -> int:
        """Bytes that are here."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def parts(self) -> tuple[int, int]:
        """How many whole parts are here, and their bytes."""
        match _read_json(self._journal):
            case {"parts": int(parts), "bytes": int(size)} if 0 <= size <= self.size:
                return parts, size
        return 0, 0

    def keep(self, parts: int) -> None:
        """Note that what is here now are `parts` whole parts."""
        fresh = self._journal.with_suffix(".new")
        fresh.write_text(json.dumps({"parts": parts, "bytes": self.size}))
        fresh.replace(self._journal)

    def cut(self, size: int) -> None:
        """Drop what lies beyond `size` bytes."""
        with self.path.open("ab"):
            os.truncate(self.path, size)

    def drop(self) -> None:
        """Forget everything."""
        self._journal.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def become(self, target: Path) -> None:
        """Take the place of the target, whole and at once."""
        self.path.replace(target)
        self._journal.unlink(missing_ok=True)


def _seal_path(path: Path) -> Path:
    return path.with_name(f".{path.name}.verified")


def _read_json(path: Path) -> object:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
