"""User ids for workers of a server that is root: each worker has one that nobody else has.

The kernel counts by user id, over all namespaces, what is neither memory nor a process: pages in
pipes, descriptors on their way through sockets, watched descriptors of epoll. Candidates of one id
would use up each other's. The ids are of a range that systemd's and Debian's allocation both leave
unused; inside, every candidate sees the id of *nobody*. Whoever is not root has but one id to give.
"""

from __future__ import annotations

import grp
import os
import pwd
import secrets
from pathlib import Path
from typing import Final

from sandbox.backend import SandboxUnavailable

UNUSED: Final = range(0x70000000, 0x7FFE0000)
_SYSTEM: Final = 1000  # below are those of the system's own services
_FEWEST: Final = 1000
_NOBODY: Final = 65534
_ATTEMPTS: Final = 100
_MAPS: Final = (Path("/proc/self/uid_map"), Path("/proc/self/gid_map"))
_SUBORDINATES: Final = (Path("/etc/subuid"), Path("/etc/subgid"))


def choose() -> int:
    """An id that no account, no other worker and no process has, as a user's and as a group's.

    Raises `SandboxUnavailable` where root has too few ids, as in some containers.
    """
    among = _within(usable(_MAPS[0].read_text()), usable(_MAPS[1].read_text()))
    if len(among) < _FEWEST:
        raise SandboxUnavailable(
            "root has too few user ids here to give each worker one: map more into this "
            "container, or run the server as an ordinary user"
        )
    running = _running()
    for _ in range(_ATTEMPTS):
        found = secrets.choice(among)
        if found not in running and not is_taken(found):
            return found
    raise SandboxUnavailable(
        f"no user id from {among.start} to {among.stop - 1} is free for a worker"
    )


def describe() -> str:
    """Whether workers have ids of their own, for people."""
    if os.getuid() == 0:
        return "a user id for each worker"
    return "one user id: pages in pipes and descriptors in flight are counted over all workers"


def usable(map_text: str) -> range:
    """The ids to choose from, given those that there are: the unused, else the upper half."""
    spans = [range(first, first + count) for first, count in _spans(map_text)]
    for span in spans:
        if len(within := _within(span, UNUSED)) >= _FEWEST:
            return within
    highest = max(spans, key=lambda span: span.stop)
    return range(max(_SYSTEM, highest.start, highest.stop - len(highest) // 2), highest.stop)


def _spans(map_text: str) -> list[tuple[int, int]]:
    rows = (line.split() for line in map_text.splitlines())
    return [(int(first), int(count)) for first, _, count in rows]


def _within(one: range, other: range) -> range:
    start = max(one.start, other.start)
    return range(start, max(start, min(one.stop, other.stop)))


def is_taken(number: int) -> bool:
    """Whether a user, a group or somebody's subordinates have it."""
    for look in (pwd.getpwuid, grp.getgrgid):
        try:
            look(number)
        except KeyError:
            continue
        return True
    return number == _NOBODY or any(number in span for span in _subordinates())


def _subordinates() -> list[range]:
    found = []
    for path in _SUBORDINATES:
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            _, _, numbers = line.partition(":")
            first, _, count = numbers.partition(":")
            if first.isdecimal() and count.isdecimal():
                found.append(range(int(first), int(first) + int(count)))
    return found


def _running() -> set[int]:
    """The ids that processes have."""
    found = set()
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            try:
                found.add(path.stat().st_uid)
            except FileNotFoundError:  # ended meanwhile
                continue
    return found
