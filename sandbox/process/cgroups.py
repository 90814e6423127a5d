"""Control groups, version 1 or 2, around each worker: bounds on a run as a whole.

Resource limits bind single processes; a candidate that spreads its memory over many is bound only
by a group. One group per worker is enough, since a worker has one run at a time, and it is set up
once: moving processes between groups is slow, being born into one is free.

Where the host offers no writable group the rest still holds (address space per process, number of
processes per user namespace), and `describe` says so; nothing pretends otherwise.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")
_NUMBERS = itertools.count()
_ZYGOTE_BYTES = 64 * 2**20
_ZYGOTE_PROCESSES = 6


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Where groups can be made for one controller, and the names of its files."""

    parent: Path
    controller: str
    limit_file: str
    version: int
    events_file: str = ""
    swap_file: str = ""


@dataclass(slots=True)
class Group:
    """The groups of one worker."""

    hierarchies: tuple[Hierarchy, ...]
    name: str = field(default_factory=lambda: f"sandbox-{os.getpid()}-{next(_NUMBERS)}")
    _set: dict[str, int] = field(default_factory=dict)

    def create(self, pid: int) -> None:
        """Make the groups and move a process, which must have no children yet, into them."""
        for hierarchy in self.hierarchies:
            path = hierarchy.parent / self.name
            path.mkdir(exist_ok=True)
            if hierarchy.swap_file and (path / hierarchy.swap_file).exists():
                (path / hierarchy.swap_file).write_text("0")
            (path / "cgroup.procs").write_text(str(pid))

    def limit(self, memory_bytes: int, processes: int) -> None:
        """Set the bounds for the next run; nothing is written where they are the last run's."""
        bounds = {"memory": memory_bytes + _ZYGOTE_BYTES, "pids": processes + _ZYGOTE_PROCESSES}
        for hierarchy in self.hierarchies:
            bound = bounds[hierarchy.controller]
            if self._set.get(hierarchy.controller) != bound:
                path = hierarchy.parent / self.name / hierarchy.limit_file
                path.write_text(str(bound))
                self._set[hierarchy.controller] = bound

    def memory_kills(self) -> int:
        """How often the kernel has killed in this group for want of memory."""
        for hierarchy in self.hierarchies:
            if hierarchy.events_file:
                text = (hierarchy.parent / self.name / hierarchy.events_file).read_text()
                found = re.search(r"^oom_kill (\d+)$", text, re.MULTILINE)
                return int(found[1]) if found else 0
        return 0

    def remove(self) -> bool:
        """Remove the groups. False while a process in them has not quite ended."""
        paths = [hierarchy.parent / self.name for hierarchy in self.hierarchies]
        for path in paths:
            with contextlib.suppress(OSError):
                path.rmdir()
        return not any(path.exists() for path in paths)


def find(root: Path = _ROOT, own: Path = _OWN) -> tuple[Hierarchy, ...]:
    """The hierarchies in which this process may make groups.

    `root` is where they are mounted; `own` the file that says in which groups this process is.
    """
    if (root / "cgroup.controllers").exists():
        return _find_v2(root, own)
    found = (
        Hierarchy(root / "memory", "memory", "memory.limit_in_bytes", 1, "memory.oom_control"),
        Hierarchy(root / "pids", "pids", "pids.max", 1),
    )
    return tuple(item for item in found if os.access(item.parent, os.W_OK) and item.parent.is_dir())


def _find_v2(root: Path, own: Path) -> tuple[Hierarchy, ...]:
    path = own.read_text(encoding="utf-8").strip().rpartition("::")[2]
    # Groups with processes cannot delegate controllers, so ours are made beside our own group.
    parent = (root / path.lstrip("/")).parent
    if not parent.is_relative_to(root) or not os.access(parent, os.W_OK):
        return ()
    enabled = (parent / "cgroup.subtree_control").read_text(encoding="utf-8").split()
    found = (
        Hierarchy(parent, "memory", "memory.max", 2, "memory.events", "memory.swap.max"),
        Hierarchy(parent, "pids", "pids.max", 2),
    )
    return tuple(item for item in found if item.controller in enabled)


def sweep(hierarchies: tuple[Hierarchy, ...]) -> None:
    """Remove groups whose server was killed. Groups with a process in them cannot be removed."""
    for hierarchy in hierarchies:
        for path in hierarchy.parent.glob("sandbox-*-*"):
            owner = path.name.split("-")[1]
            if not Path("/proc", owner).exists():
                with contextlib.suppress(OSError):
                    path.rmdir()


def describe(hierarchies: tuple[Hierarchy, ...]) -> str:
    """What control groups enforce here, for people."""
    if not hierarchies:
        return "no control groups: memory is bounded per process, not per run"
    return ", ".join(f"{item.controller} (cgroup v{item.version})" for item in hierarchies)
