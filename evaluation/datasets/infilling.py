"""HumanEval infilling ("Efficient Training of Language Models to Fill in the Middle", 2022).

One line, several lines or a random span of HumanEval's solutions is to be found again between what
stands before and after it. HumanEval's tests judge the whole. A single line is asked for as by an
editor: it ends where its line ends, whose end belongs to the suffix. Others have no stop sequences:
where the answer ends is a part of the question.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from evaluation.datasets.problem import Problem
from evaluation.datasets.sources import Record, released

KINDS: Final = {
    "single": "SingleLineInfilling",
    "multi": "MultiLineInfilling",
    "random": "RandomSpanInfillingLight",
}
"""The names in its task ids."""


def reader(kind: str) -> Callable[[Path | None], tuple[Problem, ...]]:
    """Reads the file of one kind, as released."""

    def read(data: Path | None) -> tuple[Problem, ...]:
        name = KINDS[kind]
        file = f"HumanEval-{name}.jsonl.gz of openai/human-eval-infilling"
        return released(data, file, name, lambda rows: (_problem(row, name) for row in rows))

    return read


def _problem(row: Record, kind: str) -> Problem:
    if not row["task_id"].startswith(f"{kind}/"):
        raise KeyError(row["task_id"])
    entry_point, suffix, reference = row["entry_point"], row["suffix"], row["canonical_solution"]
    one_line = kind == KINDS["single"]
    if one_line:
        suffix, reference = f"\n{suffix}", reference.removesuffix("\n")
    return Problem(
        task_id=row["task_id"],
        prompt=row["prompt"],
        suffix=suffix,
        entry_point=entry_point,
        tests={
            "kind": "asserts",
            "code": f"{row['test']}\ncheck({entry_point})\n",
            "entry_point": entry_point,
        },
        stop=("\n",) if one_line else (),
        reference=reference,
    )
