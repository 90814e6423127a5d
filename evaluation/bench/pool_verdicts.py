"""`evaluate judge` over a pool of the sandbox benchmark's programs.

It should be as fast as the sandbox alone: all else it does must fit beside the programs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from evaluation.bench.ways import Clock, Measured
from evaluation.bench.workloads import Attempt
from evaluation.pools.filling.verdicts import Judging
from evaluation.pools.schema import Identity, Row, Table
from evaluation.pools.store import Pool
from sandbox import Backend, Limits

_NOTHING: Final = "0" * 64


async def judge_pool(backend: Backend, workload: Sequence[Attempt], limits: Limits) -> Measured:
    """Judge the samples as a pool. A comment tells equal ones apart, which would be run once."""
    problems = {attempt.problem.task_id: attempt.problem for attempt in workload}
    rows = [_row(number, attempt) for number, attempt in enumerate(workload)]
    with TemporaryDirectory() as folder:
        pool = Pool.create(Path(folder, "pool"), _identity(tuple(problems)))
        with pool.writer(Table.SAMPLES) as writer:
            writer.append(rows)
        async with backend:
            clock = Clock()
            with pool.writer(Table.VERDICTS) as writer:
                await Judging(pool, problems, writer, lambda _: None, limits).over(backend)
            passed = _passed(pool)
            return clock.measured(
                [passed.get(row["index"], False) for row in rows],
                [attempt.right for attempt in workload],
            )


def _row(number: int, attempt: Attempt) -> Row:
    return {
        "task_id": attempt.problem.task_id,
        "index": number,
        "draw": number,
        "seed": None,
        "text": f"{attempt.completion}\n# {number}\n",
        "tokens": None,
        "prompt_tokens": None,
        "nll": None,
        "finish_reason": "stop",
    }


def _identity(tasks: tuple[str, ...]) -> Identity:
    return Identity(
        dataset="bench",
        dataset_sha256=_NOTHING,
        tasks=tasks,
        model="bench",
        model_sha256=None,
        engine="none",
        temperature=0.0,
        top_p=1.0,
        max_tokens=1,
        stop=(),
        seed=0,
    )


def _passed(pool: Pool) -> dict[int, bool]:
    found: dict[int, bool] = {}
    for batch in pool.batches(Table.VERDICTS, ["index", "passed"]):
        columns = (batch.column(name).to_pylist() for name in ("index", "passed"))
        found |= dict(zip(*columns, strict=True))
    return found
