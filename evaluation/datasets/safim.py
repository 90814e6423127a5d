"""SAFIM ("Evaluation of LLMs on Syntax-Aware Code Fill-in-the-Middle Tasks", 2024), in Python.

A block or a control expression of a contest program is to be found again where the program has its
hole; the description of the problem is not shown, as to a completion in an editor. Standard input
and output judge the whole, spaces and blank lines apart. A control expression ends with its line; a
block has no stop sequence. A few of the released programs fail their own tests here, where a
contest's checker takes "no" for "NO" or lines for words: nobody can pass those.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from evaluation.datasets.problem import DatasetUnavailable, Problem
from evaluation.datasets.sources import Record, records

HOLE: Final = "{{completion}}"


def reader(kind: str) -> Callable[[Path | None], tuple[Problem, ...]]:
    """Reads the Python problems in the file of one kind, `block` or `control`."""

    def read(data: Path | None) -> tuple[Problem, ...]:
        if data is None:
            raise DatasetUnavailable(
                f"name the file {kind}_completion.jsonl.gz of gonglinyuan/safim with --data"
            )
        try:
            found = tuple(_problem(row, kind) for row in records(data) if row["lang"] == "python")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DatasetUnavailable(f"{data} is not SAFIM as released: {error!r}") from error
        if not found:
            raise DatasetUnavailable(f"{data} has no problems in Python")
        return found

    return read


def _problem(row: Record, kind: str) -> Problem:
    if not row["task_id"].startswith(f"{kind}_completion_"):
        raise KeyError(row["task_id"])
    before, after = row["eval_prompt"].split(HOLE)
    return Problem(
        task_id=row["task_id"],
        prompt=before,
        suffix=after,
        entry_point="",
        tests={
            "kind": "io",
            "cases": [
                {"stdin": case["input"], "stdout": _only(case["output"]), "words": True}
                for case in row["unit_tests"]
            ],
        },
        stop=("\r", "\n") if kind == "control" else (),
        reference=row["ground_truth"],
    )


def _only(outputs: list[str]) -> str:
    """The released problems in Python have one right output each."""
    (output,) = outputs
    return output
