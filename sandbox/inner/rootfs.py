"""The file system that candidates see: a read-only root with only what Python needs.

A fresh tmpfs holds read-only bind mounts of the standard library, the interpreter, the system's
shared libraries, the packages that the operator allows, and four device nodes. Nothing of the
host's `/etc`, `/home`, `/var`, `/run`, `/tmp` or `/proc` is there. `/tmp` and `/dev/shm` are mount
points that each run covers with file systems of its own, empty but for those of the above that lie
below them on the host.

There is no `/proc` inside at all: none of the ways to read another process's memory, arguments or
environment through it needs to be closed one by one. What honest programs lose is small
(`/proc/self/...` readers); the C library and Python fall back without it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.inner import linux

if TYPE_CHECKING:
    from collections.abc import Sequence

_SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/usr/share/zoneinfo")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_HIDDEN = linux.MS_RDONLY | linux.MS_NOSUID | linux.MS_NODEV
_OLD, _NEW = "/old", "/new"
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


def _bind(source: str, path: str) -> None:
    """Show the old root's `source` at `path` of the new one."""
    origin, target = Path(_OLD + source), Path(_NEW + path)
    if origin.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    linux.mount(str(origin), str(target), None, linux.MS_BIND | linux.MS_REC)


def _populate(sources: dict[str, str], uid: int, gid: int) -> None:
    for path, source in sources.items():
        _bind(source, path)
        linux.set_mount_flags(_NEW + path, _HIDDEN)
    for device in _DEVICES:
        _bind(device, device)
        # The host's own node: read-only, its times are no note from one run to the next.
        linux.set_mount_flags(_NEW + device, linux.MS_RDONLY | linux.MS_NOSUID)
    for directory in ("/tmp", "/dev/shm", "/tests", "/etc"):  # noqa: S108 - inside the new root
        Path(_NEW + directory).mkdir(parents=True, exist_ok=True)
    for name, text in _FILES.items():
        Path(_NEW + name).write_text(text.format(uid=uid, gid=gid), encoding="utf-8")


def build(packages: Sequence[str], uid: int, gid: int) -> None:
    """Build the new root in this mount namespace and make it `/`. Raises `OSError`.

    The old root moves aside first, so that what we show may itself lie below the directory that
    we mount on.
    """
    linux.mount("none", "/", None, linux.MS_REC | linux.MS_PRIVATE)
    sources = {path: os.path.realpath(path) for path in visible_paths(packages)}
    staging = "/tmp"  # noqa: S108 - a mount point in a mount namespace of our own
    linux.mount("sandbox", staging, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=755")
    os.chdir(staging)
    Path("old").mkdir()
    Path("new").mkdir()
    linux.pivot_root(".", "old")
    os.chdir("/")
    linux.mount("sandbox", _NEW, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=755,size=1m")
    _populate(sources, uid, gid)
    os.chdir(_NEW)
    linux.pivot_root(".", ".")
    linux.umount(".")
    os.chdir("/")
    linux.mount("none", "/", None, linux.MS_REMOUNT | linux.MS_BIND | _HIDDEN)
