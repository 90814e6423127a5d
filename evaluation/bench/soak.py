"""Very many mixed runs in one backend of the sandbox, looking for leaks and for poisoning.

Each program is judged alone first, in a backend of its own; every later verdict on it must be the
same. What a run could leave behind is counted three times: after a first stretch and at the end,
which must be alike, and after the backend was closed, when all must be as before it started.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Literal, TypeAlias

import psutil

from sandbox import (
    IO,
    Asserts,
    Backend,
    Call,
    Calls,
    DockerBackend,
    IOCase,
    Limits,
    ProcessBackend,
    Program,
    Report,
)
from sandbox.docker.containers import LABEL
from sandbox.docker.daemon import Daemon

LIMITS: Final = Limits(wall_s=4.0, cpu_s=4.0, memory_bytes=128 * 2**20)
_AT_ONCE: Final = 64
_STRETCH: Final = 1000  # by then every container has been replaced, and every cache is full
_QUIET_S: Final = 60.0  # on a busy machine; only what leaks takes as long elsewhere
_LOOK_S: Final = 0.2
_BLOCK_BYTES: Final = 512
LITTER: Final = "budget-router-soak-"
"""What the names of all files begin with that programs write, so that others' do not count."""

_SHARED: Final = tuple(map(Path, ("/tmp", "/dev/shm")))  # noqa: S108 - only measured

BackendName: TypeAlias = Literal["process", "docker"]
Verdict: TypeAlias = tuple[str, str | None, str]
Programs: TypeAlias = Mapping[str, tuple[Program, int]]


_ADD: Final = Asserts("assert add(1, 2) == 3", "add")
_RIGHT: Final = "def add(a, b):\n    return a + b\n"
PROGRAMS: Final[Programs] = {
    "right": (Program(_RIGHT, _ADD), 400),
    "wrong": (Program("def add(a, b):\n    return a - b\n", _ADD), 300),
    "calls": (Program(_RIGHT, Calls("add", (Call([1, 2], 3),))), 100),
    "io": (Program("print(input())", IO((IOCase("a", "a"),))), 100),
    "shared": (
        Program(
            "import re\ndef f(): return re.match('a', 'a')", Asserts("assert f().end() == 1", "f")
        ),
        40,
    ),
    "syntax": (Program("def add(a, b)", _ADD), 20),
    "exit": (Program("import os\nos._exit(0)", _ADD), 20),
    "litter": (
        Program(
            f"for d in ('/tmp', '/dev/shm'):\n    for n in range(25):\n"
            f"        open(f'{{d}}/{LITTER}{{n}}', 'w').write('x' * 999)\n" + _RIGHT,
            _ADD,
        ),
        20,
    ),
    "poison": (
        Program("import builtins, sys\nbuiltins.compile = None\nsys.modules.clear()", _ADD),
        20,
    ),
    "child": (Program("import os, time\nif not os.fork(): time.sleep(9)\n" + _RIGHT, _ADD), 20),
    "violation": (Program("import ctypes\nctypes.CDLL(None).ptrace(0, 0, 0, 0)", _ADD), 10),
    "memory": (Program("x = []\nwhile True: x.append([0] * 9999)", _ADD), 3),
    "endless": (Program("import time\ntime.sleep(99)", _ADD), 1),
}
"""What is run, and how often each among a thousand or so."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What might leak: counts and bytes, of this process, of all below it, and of the host.

    `files` and `disk` are what programs left in the directories that all of the host share,
    `containers` those of the sandbox on the daemon that it uses.
    """

    processes: int
    descriptors: int
    containers: int
    memory: int
    files: int
    disk: int


_SLACK: Final = Resources(
    processes=0, descriptors=16, containers=0, memory=64 * 2**20, files=0, disk=0
)
"""What may come and go: connections that are kept."""


@dataclass(frozen=True, slots=True)
class Soaked:
    """What a soak found. `verdicts` are those that differ from the program's when alone."""

    runs: int
    seconds: float
    before: Resources
    early: Resources
    late: Resources
    closed: Resources
    verdicts: tuple[str, ...]

    @property
    def leaks(self) -> tuple[str, ...]:
        """What grew, in words."""
        return (
            *_growth("during the runs", self.early, self.late),
            *_growth("in all", self.before, self.closed),
        )


def _growth(when: str, before: Resources, after: Resources) -> list[str]:
    old, new, slack = asdict(before), asdict(after), asdict(_SLACK)
    return [
        f"{name} grew {when}: {old[name]}, then {new[name]}"
        for name in old
        if new[name] > old[name] + slack[name]
    ]


def soak(
    backend: BackendName,
    runs: int,
    advance: Callable[[int], None],
    *,
    programs: Programs = PROGRAMS,
    alone: Mapping[str, Verdict] | None = None,
) -> Soaked:
    """Make that many runs. `advance` hears of every batch. Raises `SandboxUnavailable`.

    `alone` are the programs' verdicts where they are known; without it each is judged alone first.
    """
    return asyncio.run(_soak(backend, runs, advance, programs, alone))


async def _soak(
    name: BackendName,
    runs: int,
    advance: Callable[[int], None],
    programs: Programs,
    known: Mapping[str, Verdict] | None,
) -> Soaked:
    alone = await _alone(name, programs) if known is None else known
    before = await _count(name)
    verdicts: list[str] = []
    early = before
    async with _make(name) as backend:
        started = time.monotonic()
        done = 0
        for batch in _batches(runs, programs):
            verdicts += await _judge(backend, batch, programs, alone)
            done += len(batch)
            advance(len(batch))
            if early is before and done >= min(_STRETCH, runs // 2):
                early = await _quiet(name, None)
        seconds = time.monotonic() - started
        late = await _quiet(name, early)
    closed = await _quiet(name, before)
    return Soaked(runs, seconds, before, early, late, closed, tuple(verdicts))


def _make(name: BackendName) -> Backend:
    backend = ProcessBackend if name == "process" else DockerBackend
    return backend(queue=_AT_ONCE)


async def _alone(name: BackendName, programs: Programs) -> dict[str, Verdict]:
    found = {}
    for program, (item, _) in programs.items():
        async with _make(name) as backend:
            found[program] = _verdict(await backend.run(item, LIMITS))
    return found


def _verdict(report: Report) -> Verdict:
    return report.status.value, report.detail, report.integrity.value


def _batches(runs: int, programs: Programs) -> Sequence[list[str]]:
    chosen = random.Random(0)  # noqa: S311 - a fixed mix, no secret
    weights = [weight for _, weight in programs.values()]
    names = chosen.choices(list(programs), weights, k=runs)
    return [names[start : start + _AT_ONCE] for start in range(0, runs, _AT_ONCE)]


async def _judge(
    backend: Backend, batch: list[str], programs: Programs, alone: Mapping[str, Verdict]
) -> list[str]:
    reports = await asyncio.gather(*(backend.run(programs[name][0], LIMITS) for name in batch))
    return [
        f"{name}: {_verdict(report)}, alone {alone[name]} {report.message}"
        for name, report in zip(batch, reports, strict=True)
        if _verdict(report) != alone[name]
    ]


async def _quiet(name: BackendName, wanted: Resources | None) -> Resources:
    """What is there when workers have been renewed, which happens in the background.

    That is seen by what is wanted, or by what does not change any more while nobody works.
    """
    until, looks = time.monotonic() + _QUIET_S, list[Resources]()
    while True:
        await asyncio.sleep(_LOOK_S)
        found = await _count(name)
        looks.append(replace(found, memory=0))
        if wanted is not None:
            quiet = not _growth("", wanted, found)
        else:
            quiet = looks[-3:] == [looks[-1]] * 3 and not any(map(_works, _family()[1:]))
        if quiet or time.monotonic() > until:
            return found


async def _count(name: BackendName) -> Resources:
    family = _family()
    sizes = [size for path in _SHARED for size in left_in(path)]
    return Resources(
        processes=len(family),
        descriptors=sum(_of(each, psutil.Process.num_fds) for each in family),
        containers=await _containers() if name == "docker" else 0,
        memory=sum(_of(each, lambda one: one.memory_info().rss) for each in family),
        files=len(sizes),
        disk=sum(sizes),
    )


def _of(process: psutil.Process, asked: Callable[[psutil.Process], int]) -> int:
    with contextlib.suppress(psutil.Error):  # ended, or not ours to see
        return asked(process)
    return 0


async def _containers() -> int:
    daemon = await Daemon.connect()
    try:
        return len(await daemon.labelled(LABEL))
    finally:
        await daemon.close()


def _family() -> list[psutil.Process]:
    """The process that measures and all below it."""
    process = psutil.Process()
    return [process, *process.children(recursive=True)]


def _works(process: psutil.Process) -> bool:
    """Whether a process computes, or would if it had its turn."""
    with contextlib.suppress(psutil.Error):  # it has ended
        return process.status() in (psutil.STATUS_RUNNING, psutil.STATUS_DISK_SLEEP)
    return False


def left_in(path: Path) -> list[int]:
    """Bytes of each file below a directory that a program has left there."""
    found = []
    for folder, _, names in os.walk(path):
        for name in names:
            if name.startswith(LITTER):
                with contextlib.suppress(OSError):  # gone since it was listed
                    found.append(Path(folder, name).lstat().st_blocks * _BLOCK_BYTES)
    return found
