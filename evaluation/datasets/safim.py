"""SAFIM ("Evaluation of LLMs on Syntax-Aware Code Fill-in-the-Middle Tasks", 2024), in Python.

A block or a control expression of a contest program is to be found again where the program has its
hole; the description of the problem is not shown, as to a completion in an editor. Standard input
and output judge the whole, spaces and blank lines apart. A control expression ends with its line; a
block has no stop sequence. A few of the released programs fail their own tests here, where a
contest's checker takes "no" for "NO" or lines for words: nobody can pass those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from evaluation.datasets.problem import Problem
from evaluation.datasets.sources import Record, released

HOLE: Final = "{{completion}}"


def reader(kind: str) -> Callable[[Path | None], tuple[Problem, ...]]:
    """Reads the Python problems in the file of one kind, `block` or `control`."""

    def read(data: Path | None) -> tuple[Problem, ...]:
        def in_python(rows: Iterator[Record]) -> Iterator[Problem]:
            return (_problem(row, kind) for row in rows if row["lang"] == "python")

        file = f"{kind}_completion.jsonl.gz of gonglinyuan/safim"
        return released(data, file, "SAFIM in Python", in_python)

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
