"""Processes of the benchmark: where they run, what they use, and that none is left behind."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final, cast

import psutil

PATIENCE_S: Final = 120.0
"""How long a process may take until it answers."""

_GRACE_S: Final = 20.0
_EPHEMERAL: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_UNPRIVILEGED: Final = 10_000
_TRIES: Final = 100


class GatewayBenchFailed(RuntimeError):
    """Something of the benchmark did not start, or did not do what is measured."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Which cores the contender has, and which the rest; the same ones where there is only one."""

    contender: frozenset[int]
    others: frozenset[int]

    @classmethod
    def of(cls, cores: Sequence[int]) -> Cores:
        """The first for the contender, all others for the rest."""
        first, *rest = sorted(cores)
        return cls(frozenset([first]), frozenset(rest or [first]))


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The fastest loop that is installed, for what must not be the limit; None is asyncio's own."""
    if find_spec("uvloop") is None:
        return None
    return cast(Callable[[], asyncio.AbstractEventLoop], import_module("uvloop").new_event_loop)


def free_port() -> int:
    """A port of loopback on which nothing listens now, nor will who does not ask for this one.

    What the kernel gives to connections may be taken before a process that has just been started
    comes to listen there: so it is none of these, where there are others.
    """
    first = int(_EPHEMERAL.read_text().split()[0])
    others = range(_UNPRIVILEGED, max(first, _UNPRIVILEGED))
    chosen = random.sample(others, min(len(others), _TRIES))
    for port in (*chosen, 0):
        with socket.socket() as free, suppress(OSError):  # it is taken
            free.bind(("127.0.0.1", port))
            found: int = free.getsockname()[1]
            return found
    raise GatewayBenchFailed("there is no free port")


@contextmanager
def started(
    command: Sequence[str],
    cores: frozenset[int],
    ready: Callable[[], bool],
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process on these cores, once it is `ready`; with all of its children gone at the end.

    Raises `GatewayBenchFailed` with what it wrote.
    """
    with tempfile.TemporaryFile() as log:
        with pinned(cores):
            process = subprocess.Popen(
                command,
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # its children are found again by it, also orphans
            )
        try:
            deadline = time.monotonic() + PATIENCE_S
            while not ready():
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    text = log.read().decode(errors="replace")[-4000:]
                    raise GatewayBenchFailed(f"{command[0]} did not start:\n{text}")
                time.sleep(0.05)
            yield process
        finally:
            _end(process)


@contextmanager
def pinned(cores: frozenset[int]) -> Iterator[None]:
    """What this thread starts meanwhile stays on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def tree(root: int) -> list[psutil.Process]:
    """A process and all below it, as far as they are there."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(root)
        return [process, *process.children(recursive=True)]
    return []


def worked_s(root: int) -> float:
    """Seconds of processor time that a process and those below it have taken so far."""
    seconds = 0.0
    for process in tree(root):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            seconds += times.user + times.system
    return seconds


def resident_tree_mb(root: int) -> float:
    """Mebibytes of memory that they hold; pages that several of them share count for each."""
    held = 0
    for process in tree(root):
        with suppress(psutil.NoSuchProcess):
            held += process.memory_info().rss
    return held / 2**20
