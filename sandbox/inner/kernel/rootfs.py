"""The file system that candidates see: a read-only root with only what Python needs.

A fresh tmpfs holds read-only bind mounts of the standard library, the interpreter, the system's
shared libraries, the packages that the operator allows, and four device nodes. Nothing of the
host's `/etc`, `/home`, `/var`, `/run`, `/tmp` or `/proc` is there. `/tmp` and `/dev/shm` are mount
points that each run covers with file systems of its own, empty but for those of the above that lie
below them on the host.

What is shown is shown through an overlay of nothing, which gives each worker inodes of its own: a
lock of one candidate is on no file that another sees. Device nodes cannot be had twice, so they are
kept locked. Where one of the two cannot be done, `build` says so, and the filter refuses locks.

There is no `/proc` inside at all: none of the ways to read another process's memory, arguments or
environment through it needs to be closed one by one. What honest programs lose is small
(`/proc/self/...` readers); the C library and Python fall back without it.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.inner.kernel import linux

if TYPE_CHECKING:
    from collections.abc import Sequence

_SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/usr/share/zoneinfo")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_HIDDEN = linux.MS_RDONLY | linux.MS_NOSUID | linux.MS_NODEV
_OLD, _NEW, _NOTHING, _LAYERS = "/old", "/new", "/nothing", "/layers"
_F_OFD_SETLK = 37
_READ_LOCK = struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, 0, 0, 0)
_FILES = {
    "/etc/passwd": "nobody:x:{uid}:{gid}:nobody:/tmp:/bin/false\n",
    "/etc/group": "nogroup:x:{gid}:\n",
    "/etc/hosts": "127.0.0.1 localhost\n",
}


def _mapped_files() -> set[str]:
    """Files that the running interpreter has mapped: itself and its shared libraries."""
    lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    columns = (line.split(maxsplit=5) for line in lines)
    return {row[5] for row in columns if len(row) == 6 and row[5].startswith("/")}  # noqa: PLR2004 - proc(5)


def visible_paths(packages: Sequence[str]) -> list[str]:
    """The host paths that candidates may read, parents first and none twice."""
    wanted = [*_SYSTEM, str(Path(os.__file__).parent), *packages]
    wanted += sorted({os.path.realpath(sys.executable), *_mapped_files()})
    kept: list[str] = []
    for path in wanted:
        inside = any(path == top or path.startswith(top + "/") for top in kept)
        if Path(path).exists() and not inside:
            kept.append(path)
    return kept


def _place(origin: Path, path: str) -> Path:
    """Make what `origin` can be mounted on, at `path` of the new root."""
    target = Path(_NEW + path)
    if origin.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    return target


def _bind(origin: Path, target: Path) -> None:
    linux.mount(str(origin), str(target), None, linux.MS_BIND | linux.MS_REC)


class _Layers:
    """Overlays of the old root's directories, each with inodes of its own."""

    def __init__(self) -> None:
        self.complete = True
        self._numbers = itertools.count()
        self._of: dict[Path, Path] = {}

    def show(self, source: str, path: str) -> None:
        """Show the old root's `source` at `path` of the new one, itself where it cannot be else.

        The kernel has no overlay of what other file systems are mounted on.
        """
        origin = Path(_OLD + source)
        target = _place(origin, path)
        try:
            if origin.is_dir():
                _overlay(origin, target)
            else:
                _bind(self._layer(origin.parent) / origin.name, target)
        except OSError:
            self.complete = False
            _bind(origin, target)

    def _layer(self, directory: Path) -> Path:
        if directory not in self._of:
            place = Path(_LAYERS, str(next(self._numbers)))
            place.mkdir(parents=True)
            _overlay(directory, place)
            self._of[directory] = place
        return self._of[directory]


def _overlay(origin: Path, target: Path) -> None:
    os.chdir(origin)  # the options have no safe way to write every path
    linux.mount("sandbox", str(target), "overlay", linux.MS_RDONLY, f"lowerdir=.:{_NOTHING}")
    os.chdir("/")


def _hold_devices() -> bool:
    """Take a shared lock of each sort on every device node, for as long as this process lives.

    So a candidate never gets an exclusive one and always a shared one, whatever others do. False
    where somebody else has an exclusive lock.
    """
    for device in _DEVICES:
        descriptor = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            fcntl.fcntl(descriptor, _F_OFD_SETLK, _READ_LOCK)
        except OSError:
            return False
    return True


def _populate(sources: dict[str, str], uid: int, gid: int) -> bool:
    """Fill the new root. Whether all of its files are this worker's own."""
    layers = _Layers()
    for path, source in sources.items():
        layers.show(source, path)
        linux.set_mount_flags(_NEW + path, _HIDDEN)
    for device in _DEVICES:
        _bind(Path(_OLD + device), _place(Path(_OLD + device), device))
        # The host's own node: read-only, its times are no note from one run to the next.
        linux.set_mount_flags(_NEW + device, linux.MS_RDONLY | linux.MS_NOSUID)
    for directory in ("/tmp", "/dev/shm", "/tests", "/etc"):  # noqa: S108 - inside the new root
        Path(_NEW + directory).mkdir(parents=True, exist_ok=True)
    for name, text in _FILES.items():
        Path(_NEW + name).write_text(text.format(uid=uid, gid=gid), encoding="utf-8")
    return layers.complete


def build(packages: Sequence[str], uid: int, gid: int) -> bool:
    """Build the new root in this mount namespace and make it `/`. Raises `OSError`.

    False where candidates could see each other's file locks in it. The old root moves aside first,
    so that what we show may itself lie below the directory that we mount on.
    """
    linux.mount("none", "/", None, linux.MS_REC | linux.MS_PRIVATE)
    sources = {path: os.path.realpath(path) for path in visible_paths(packages)}
    staging = "/tmp"  # noqa: S108 - a mount point in a mount namespace of our own
    linux.mount("sandbox", staging, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=755")
    os.chdir(staging)
    for place in (_OLD, _NEW, _NOTHING):
        Path(place.lstrip("/")).mkdir()
    linux.pivot_root(".", "old")
    os.chdir("/")
    linux.mount("sandbox", _NEW, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=755,size=1m")
    own = _populate(sources, uid, gid)
    os.chdir(_NEW)
    linux.pivot_root(".", ".")
    linux.umount(".")
    os.chdir("/")
    linux.mount("none", "/", None, linux.MS_REMOUNT | linux.MS_BIND | _HIDDEN)
    return own and _hold_devices()
