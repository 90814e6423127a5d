"""`make soak-sandbox`: very many mixed runs in one backend, looking for leaks and for poisoning.

Each program is judged alone first, in a backend of its own; every later verdict on it must be the
same. Processes, descriptors and memory of this process and its children, and the disk below `/tmp`
and `/dev/shm`, are counted after a first stretch and at the end.

    python -m evaluation.soak_sandbox [RUNS] [process|docker]
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from sandbox import (
    IO,
    Asserts,
    Backend,
    Call,
    Calls,
    IOCase,
    Limits,
    ProcessBackend,
    Program,
    Report,
)

RUNS: Final = 100_000
LIMITS: Final = Limits(wall_s=2.0, cpu_s=2.0, memory_bytes=128 * 2**20)
_AT_ONCE: Final = 64
_STRETCH: Final = 1000
_MEMORY_SLACK: Final = 64 * 2**20
_DISK_SLACK: Final = 16 * 2**20

_ADD: Final = Asserts("assert add(1, 2) == 3", "add")
_RIGHT: Final = "def add(a, b):\n    return a + b\n"
PROGRAMS: Final[dict[str, tuple[Program, int]]] = {
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
            "for n in range(50): open(f'/tmp/{n}', 'w').write('x' * 999)\n" + _RIGHT,
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


def _docker() -> Backend:
    from sandbox.docker import DockerBackend  # noqa: PLC0415 - slow to import

    return DockerBackend(queue=_AT_ONCE)


BACKENDS: Final[dict[str, Callable[[], Backend]]] = {
    "process": lambda: ProcessBackend(queue=_AT_ONCE),
    "docker": _docker,
}


def _verdict(report: Report) -> tuple[str, str | None, str]:
    return report.status.value, report.detail, report.integrity.value


def _resources() -> dict[str, int]:
    """Bytes and counts of what might leak, of this process and all below it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (entry / "stat").exists():
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    family, todo = [], [os.getpid()]
    while todo:
        family.append(todo.pop())
        todo += children.get(family[-1], [])
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    used = sum(shutil.disk_usage(path).used for path in ("/tmp", "/dev/shm"))  # noqa: S108 - only measured
    return {
        "processes": len(family),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "memory": pages * os.sysconf("SC_PAGE_SIZE"),
        "disk": used,
    }


async def _alone(make: Callable[[], Backend]) -> dict[str, tuple[str, str | None, str]]:
    found = {}
    for name, (item, _) in PROGRAMS.items():
        async with make() as backend:
            found[name] = _verdict(await backend.run(item, LIMITS))
    return found


async def soak(make: Callable[[], Backend], runs: int) -> list[str]:
    """Run, and say what was wrong: nothing, if all is well."""
    expected = await _alone(make)
    wrong: list[str] = []
    chosen = random.Random(0)  # noqa: S311 - a fixed mix, no secret
    names, weights = list(PROGRAMS), [weight for _, weight in PROGRAMS.values()]

    async def one(backend: Backend, name: str) -> None:
        verdict = _verdict(await backend.run(PROGRAMS[name][0], LIMITS))
        if verdict != expected[name]:
            wrong.append(f"{name}: {verdict}, alone {expected[name]}")

    async with make() as backend:
        before: dict[str, int] = {}
        started = time.monotonic()
        for done in range(0, runs, _AT_ONCE):
            batch = chosen.choices(names, weights, k=min(_AT_ONCE, runs - done))
            await asyncio.gather(*(one(backend, name) for name in batch))
            if not before and done >= min(_STRETCH, runs // 2):
                before = _resources()
        after = _resources()
        rate = runs / (time.monotonic() - started)
    print(f"{runs} runs, {rate:.0f} per second\nearly: {before}\nlate:  {after}")  # noqa: T201 - a script
    return wrong + _leaks(before, after)


def _leaks(before: dict[str, int], after: dict[str, int]) -> list[str]:
    slack = {"memory": _MEMORY_SLACK, "disk": _DISK_SLACK, "processes": 2, "descriptors": 2}
    return [
        f"{name} grew from {before[name]} to {after[name]}"
        for name in before
        if after[name] > before[name] + slack[name]
    ]


def main(argv: Sequence[str]) -> int:
    """Soak; the exit status is 1 where something was wrong."""
    runs = int(argv[0]) if argv else RUNS
    wrong = asyncio.run(soak(BACKENDS[argv[1] if len(argv) > 1 else "process"], runs))
    for line in wrong[:20]:
        print(line)  # noqa: T201 - a script
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
