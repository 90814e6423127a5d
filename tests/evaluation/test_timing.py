import asyncio
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from evaluation.datasets import Problem
from evaluation.pools.drawing import PlannedDraw
from evaluation.timing import BatchTiming, best, hardware, measure

PROBLEMS = [Problem(f"a/{at}", "p", "f", {}, (), "") for at in range(3)]


@dataclass
class Drawing:
    """Stands in for a collector: each draw takes no time and makes two tokens a sample."""

    left_out: dict[str, str] = field(default_factory=dict)
    drawn: list[PlannedDraw] = field(default_factory=list)

    async def over(self, plan: Iterable[PlannedDraw], keep: Any, *, concurrency: int) -> None:
        assert concurrency == 1  # draws side by side would share what is measured
        for draw in plan:
            self.drawn.append(draw)
            keep([{"tokens": 2}] * draw.n)


def test_every_batch_size_meets_the_same_problems_after_a_warm_up() -> None:
    drawing, told = Drawing(), []
    timings = asyncio.run(measure(drawing, PROBLEMS, [1, 4], told.append))  # type: ignore[arg-type]
    assert [(draw.problem.task_id, draw.n) for draw in drawing.drawn] == [
        ("a/0", 1),
        *((problem.task_id, n) for n in (1, 4) for problem in PROBLEMS),
    ]
    assert told == [1, 1, 1, 4, 4, 4]
    assert [(timing.batch, timing.tokens, len(timing.seconds)) for timing in timings] == [
        (1, 6, 3),
        (4, 24, 3),
    ]
    # A batch of another size is another draw, with samples of its own.
    assert len({draw.seed for draw in drawing.drawn[1:]}) == 6


def test_problems_that_the_engine_refuses_are_an_error_not_a_fast_batch() -> None:
    with pytest.raises(ValueError, match="too long"):
        asyncio.run(measure(Drawing({"a/1": "too long"}), PROBLEMS, [1], lambda _: None))  # type: ignore[arg-type]


def test_the_best_batch_is_the_one_whose_samples_take_least_time() -> None:
    slow, fast = BatchTiming(1, 10, (1.0, 3.0)), BatchTiming(8, 80, (4.0, 12.0))
    assert slow.seconds_per_sample == 2.0
    assert fast.seconds_per_sample == 1.0
    assert best([slow, fast]) is fast
    assert fast.to_json() == {
        "batch": 8,
        "draws": 2,
        "samples": 16,
        "tokens": 80,
        "seconds": 16.0,
        "seconds_per_sample": 1.0,
        "tokens_per_second": 5.0,
        "median_draw_seconds": 8.0,
    }


def test_the_hardware_is_this_machine() -> None:
    assert f", {len(os.sched_getaffinity(0))} cores, " in hardware()
    assert not hardware().startswith(",")
