"""Wall time of a real engine: throughput at its best batch size, and single requests.

The paper times about a thousand samples from its datasets at the best batch size of each model
(section 2.3, Table 1). So does this: some problems are drawn once each, with so many samples in
flight over all of them, for each batch size. Prompts, sampling and stops are those of a pool. The
first draws find the engine empty and the last leave it so: the fewer the problems, the more the
longest sample weighs.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from evaluation.datasets import Problem
from evaluation.pools.filling.collecting import Collector
from evaluation.pools.filling.plan import PlannedDraw, seed_of
from evaluation.pools.schema import Row
from evaluation.pools.workers import for_each


@dataclass(frozen=True, slots=True)
class Batch:
    """So many samples in flight: `draws` requests, each for `per_draw` samples of one problem."""

    per_draw: int
    draws: int

    @classmethod
    def of(cls, samples: int, per_draw: int) -> Batch:
        """As draws of at most that size. Raises ValueError where such draws do not fill it."""
        size = min(samples, per_draw)
        if samples % size:
            raise ValueError(f"a batch of {samples} is no multiple of {size} samples per draw")
        return cls(size, samples // size)

    @property
    def samples(self) -> int:
        """In flight, of all draws."""
        return self.per_draw * self.draws


@dataclass(frozen=True, slots=True)
class BatchTiming:
    """One draw of each of some problems: `seconds` in all, and of each draw as they ended."""

    batch: Batch
    tokens: int
    seconds: float
    draw_seconds: tuple[float, ...]

    @property
    def samples(self) -> int:
        """How many were drawn."""
        return self.batch.per_draw * len(self.draw_seconds)

    @property
    def seconds_per_sample(self) -> float:
        """All the time over all the samples."""
        return self.seconds / self.samples

    def to_json(self) -> dict[str, Any]:
        """As the file keeps it."""
        return {
            "batch": self.batch.samples,
            "per_draw": self.batch.per_draw,
            "samples": self.samples,
            "tokens": self.tokens,
            "seconds": round(self.seconds, 3),
            "seconds_per_sample": round(self.seconds_per_sample, 4),
            "tokens_per_second": round(self.tokens / self.seconds, 2),
            "median_draw_seconds": round(median(self.draw_seconds), 4),
        }


def best(timings: Sequence[BatchTiming]) -> BatchTiming:
    """The batch size at which a sample takes least time."""
    return min(timings, key=lambda timing: timing.seconds_per_sample)


async def measure(
    collector: Collector,
    problems: Sequence[Problem],
    batches: Sequence[Batch],
    on_draw: Callable[[int], None],
) -> list[BatchTiming]:
    """Time every batch size on the same problems; `on_draw` is told the samples of each draw.

    A first draw warms the engine up and is not counted. Nothing is tried again, since what a failed
    try took is no time of the engine. Raises `CollectFailed`, and ValueError where the engine
    refuses a problem.
    """
    once = replace(collector, pauses_s=())
    await _timed(once, _draw(problems[0], 0, 1))
    timings = []
    for number, batch in enumerate(batches, start=1):
        plan = [_draw(problem, number, batch.per_draw) for problem in problems]
        timings.append(await _time(once, plan, batch, on_draw))
    return timings


async def _time(
    collector: Collector,
    plan: Sequence[PlannedDraw],
    batch: Batch,
    on_draw: Callable[[int], None],
) -> BatchTiming:
    draws: list[tuple[float, int]] = []  # seconds, tokens

    async def perform(draw: PlannedDraw) -> None:
        draws.append(await _timed(collector, draw))
        on_draw(draw.n)

    began = time.perf_counter()
    await for_each(plan, perform, concurrency=batch.draws)
    seconds = time.perf_counter() - began
    return BatchTiming(
        batch, sum(tokens for _, tokens in draws), seconds, tuple(took for took, _ in draws)
    )


async def _timed(collector: Collector, draw: PlannedDraw) -> tuple[float, int]:
    """Seconds and tokens of one draw."""
    rows: list[Row] = []
    began = time.perf_counter()
    await collector.over([draw], rows.extend, concurrency=1)
    if collector.left_out:
        raise ValueError("; ".join(collector.left_out.values()))
    return time.perf_counter() - began, sum(row["tokens"] for row in rows)


def _draw(problem: Problem, number: int, n: int) -> PlannedDraw:
    return PlannedDraw(problem, number, 0, n, seed_of(0, problem.task_id, number))


def hardware(gpus: Sequence[str]) -> str:
    """What an engine on this machine runs on. Without it the figures mean nothing."""
    processor = _field("/proc/cpuinfo", "model name") or platform.processor() or "an unknown CPU"
    memory = _field("/proc/meminfo", "MemTotal") or "unknown"
    cores = len(os.sched_getaffinity(0))
    return ", ".join([processor, f"{cores} cores", f"{memory} of memory", platform.system(), *gpus])


def _field(path: str, name: str) -> str | None:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    found = (line.partition(":")[2].strip() for line in lines if line.startswith(name))
    return next(found, None)
