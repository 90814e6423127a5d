"""MBPP ("Program Synthesis with Large Language Models", 2021), full and sanitized, test range.

The prompt is that paper's, with its three examples, tasks 2, 3 and 4: the text, the tests, and the
program between [BEGIN] and [DONE]. It is prose, so the program is the completion alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from evaluation.datasets.problem import DatasetUnavailable, Problem
from evaluation.datasets.sources import Record, from_hub, records

STOP: Final = (
    "[DONE]",
    "[BEGIN]",
    "\nYou are an expert Python",
    "\n```",
    "\nassert ",
    "\nprint(",
    "\nif __name__",
)
"""The mark of the prompt's format first; then what models add that were not trained on it."""

SHOTS: Final = (2, 3, 4)
TEST: Final = range(11, 511)

_HUB: Final = "google-research-datasets/mbpp"
_TASK: Final = (
    "You are an expert Python programmer, and here is your task: {text} "
    "Your code should pass these tests:\n\n{tests}\n[BEGIN]\n"
)
_SHOT: Final = _TASK + "{code}\n[DONE]\n\n"


def full(data: Path | None) -> tuple[Problem, ...]:
    """All 500 problems of the test range; `data` is `mbpp.jsonl`. Raises `DatasetUnavailable`."""
    return _read(data, "full", "MBPP")


def sanitized(data: Path | None) -> tuple[Problem, ...]:
    """The 257 of them that people went over. Raises `DatasetUnavailable`."""
    return _read(data, "sanitized", "MBPP_SANITIZED")


def _read(data: Path | None, variant: str, variable: str) -> tuple[Problem, ...]:
    if data is not None:
        return problems(records(data), str(data))
    files = tuple(f"{variant}/{split}-00000-of-00001.parquet" for split in ("prompt", "test"))
    instead = f"name a file of it (JSON, JSON lines) with --data or {variable}"
    rows = [row for path in from_hub(_HUB, files, instead) for row in records(path)]
    return problems(rows, _HUB)


def problems(rows: Iterable[Record], source: str) -> tuple[Problem, ...]:
    """The problems of the test range, by number. Raises `DatasetUnavailable`."""
    try:
        by_id = {int(row["task_id"]): row for row in rows}
        if missing := [number for number in SHOTS if number not in by_id]:
            raise DatasetUnavailable(
                f"{source}: tasks {missing} are the prompt's examples, and are not there"
            )
        shots = "".join(_filled(_SHOT, by_id[number]) for number in SHOTS)
        found = [_problem(row, shots) for number, row in sorted(by_id.items()) if number in TEST]
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetUnavailable(f"{source} is not MBPP as it was released: {error!r}") from error
    if not found:
        raise DatasetUnavailable(f"{source} has no task within {TEST.start} to {TEST.stop - 1}")
    return tuple(found)


def _problem(row: Record, shots: str) -> Problem:
    entry_point = _entry_point(row["code"], row["test_list"])
    setup = [row.get("test_setup_code") or "", *(row.get("test_imports") or ())]
    return Problem(
        task_id=f"MBPP/{row['task_id']}",
        prompt=shots + _filled(_TASK, row),
        entry_point=entry_point,
        tests={
            "kind": "asserts",
            "code": "\n".join(row["test_list"]) + "\n",
            "entry_point": entry_point,
            "prelude": "\n".join(part for part in setup if part),
        },
        stop=STOP,
        reference=_lines(row["code"]) + "\n",
        before="",
    )


def _filled(template: str, row: Record) -> str:
    # The full set says `text`, the sanitized one as it was released `prompt`.
    text = row["text"] if "text" in row else row["prompt"]
    tests = "\n".join(row["test_list"])
    return template.format(text=_lines(text).strip(), tests=tests, code=_lines(row["code"]))


def _lines(text: Any) -> str:
    """Some programs of the full set have the line ends of another system."""
    return str(text).replace("\r\n", "\n").rstrip()


def _entry_point(code: str, tests: Sequence[str]) -> str:
    """The first function of the reference that the tests call."""
    defined = {
        node.name
        for node in ast.parse(code).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    called = (
        node.id
        for test in tests
        for node in ast.walk(ast.parse(test))
        if isinstance(node, ast.Name)
    )
    for name in called:
        if name in defined:
            return name
    raise ValueError(f"no test calls a function of the reference: {tests}")
