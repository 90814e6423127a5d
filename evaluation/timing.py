"""Wall time of a real engine: throughput at its best batch size, and single requests.

The paper times about a thousand samples from its datasets at the best batch size of each model
(section 2.3, Table 1). So does this: one draw of so many samples for each of some problems, one
draw at a time, for each batch size. Prompts, sampling and stops are those of a pool. Of a draw that
failed and was asked again, the last try counts alone.
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
from evaluation.pools.collecting import Collector
from evaluation.pools.drawing import PlannedDraw, seed_of
from evaluation.pools.schema import Row


@dataclass(frozen=True, slots=True)
class BatchTiming:
    """One draw of `batch` samples for each of some problems: `seconds` of each draw, in order."""

    batch: int
    tokens: int
    seconds: tuple[float, ...]

    @property
    def seconds_per_sample(self) -> float:
        """All the time over all the samples."""
        return sum(self.seconds) / (self.batch * len(self.seconds))

    def to_json(self) -> dict[str, Any]:
        """As the file keeps it."""
        return {
            "batch": self.batch,
            "draws": len(self.seconds),
            "samples": self.batch * len(self.seconds),
            "tokens": self.tokens,
            "seconds": round(sum(self.seconds), 3),
            "seconds_per_sample": round(self.seconds_per_sample, 4),
            "tokens_per_second": round(self.tokens / sum(self.seconds), 2),
            "median_draw_seconds": round(median(self.seconds), 4),
        }


def best(timings: Sequence[BatchTiming]) -> BatchTiming:
    """The batch size at which a sample takes least time."""
    return min(timings, key=lambda timing: timing.seconds_per_sample)


async def measure(
    collector: Collector,
    problems: Sequence[Problem],
    batches: Sequence[int],
    on_draw: Callable[[int], None],
) -> list[BatchTiming]:
    """Time every batch size on the same problems; `on_draw` is told the samples of each draw.

    A first draw warms the engine up and is not counted. Raises `CollectFailed`, and ValueError
    where the engine refuses the problems.
    """
    timings = []
    await collector.over([_draw(problems[0], 0, 1)], lambda _: None, concurrency=1)
    for number, batch in enumerate(batches):
        clock = _Clock(on_draw)
        plan = [_draw(problem, number, batch) for problem in problems]
        await replace(collector, on_try=clock.start).over(plan, clock.stop, concurrency=1)
        if collector.left_out:
            raise ValueError("; ".join(collector.left_out.values()))
        timings.append(BatchTiming(batch, clock.tokens, tuple(clock.seconds)))
    return timings


def _draw(problem: Problem, number: int, batch: int) -> PlannedDraw:
    return PlannedDraw(problem, number, 0, batch, seed_of(0, problem.task_id, number))


class _Clock:
    """Reads the time between the last try of a draw and its end."""

    def __init__(self, on_draw: Callable[[int], None]) -> None:
        self.seconds: list[float] = []
        self.tokens = 0
        self._on_draw = on_draw
        self._began = 0.0

    def start(self) -> None:
        self._began = time.perf_counter()

    def stop(self, rows: list[Row]) -> None:
        self.seconds.append(time.perf_counter() - self._began)
        self.tokens += sum(row["tokens"] for row in rows)
        self._on_draw(len(rows))


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
