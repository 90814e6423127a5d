"""Small pools that tests write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evaluation.pools.schema import Identity, Table
from evaluation.pools.store import Pool

TASKS = ("a/0", "a/1", "a/2")


def identity(**others: Any) -> Identity:
    values: dict[str, Any] = {
        "dataset": "tiny",
        "dataset_sha256": "d" * 64,
        "tasks": TASKS,
        "model": "small",
        "model_sha256": None,
        "engine": "test",
        "temperature": 0.8,
        "top_p": 0.95,
        "max_tokens": 32,
        "stop": ("\nclass",),
        "seed": 0,
    }
    return Identity(**values | others)


def sample(task: str = "a/0", index: int = 0, **others: Any) -> dict[str, Any]:
    return {
        "task_id": task,
        "index": index,
        "draw": 0,
        "seed": 7,
        "text": "    return 1\n",
        "tokens": 5,
        "prompt_tokens": 20,
        "nll": 0.5,
        "finish_reason": "stop",
    } | others


def verdict(
    task: str = "a/0", index: int = 0, *, passed: bool = True, **others: Any
) -> dict[str, Any]:
    """As pools had them before checks were counted, unless others say more."""
    status = "passed" if passed else "failed"
    return {"task_id": task, "index": index, "passed": passed, "status": status} | others


def score(task: str = "a/0", index: int = 0, **others: Any) -> dict[str, Any]:
    row = {"ranker": "large", "task_id": task, "index": index, "nll": 0.25, "tokens": 6}
    return row | others


def write(
    path: Path,
    samples: list[dict[str, Any]],
    verdicts: list[dict[str, Any]] | None = None,
    scores: list[dict[str, Any]] | None = None,
    plus: list[dict[str, Any]] | None = None,
) -> Pool:
    """A pool with these rows, each table as one shard."""
    pool = Pool.create(path, identity())
    tables = {
        Table.SAMPLES: samples,
        Table.VERDICTS: verdicts,
        Table.PLUS: plus,
        Table.SCORES: scores,
    }
    for table, rows in tables.items():
        if rows:
            with pool.writer(table) as writer:
                writer.append(rows)
    return pool
