"""MBPP ("Program Synthesis with Large Language Models", 2021), full and sanitized, test range.

The prompt is that paper's, with its three examples, tasks 2, 3 and 4: the text, the tests, and the
program between [BEGIN] and [DONE]. It is prose, so the program is the completion alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from evaluation.datasets.problem import DatasetUnavailable, Problem
from evaluation.datasets.sources import Record, faults, from_hub, records

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


class _Row(BaseModel):
    """One task. The full set says `text`, the sanitized one as it was released `prompt`."""

    model_config = ConfigDict(strict=True, frozen=True)

    task_id: int
    text: str = Field(validation_alias=AliasChoices("text", "prompt"))
    code: str
    test_list: list[str]
    test_setup_code: str | None = None
    test_imports: list[str] | None = None

    def filled(self, template: str) -> str:
        """One of the prompt's templates, with this task in it."""
        tests = "\n".join(self.test_list)
        return template.format(text=_lines(self.text).strip(), tests=tests, code=_lines(self.code))


def problems(rows: Iterable[Record], source: str) -> tuple[Problem, ...]:
    """The problems of the test range, by number. Raises `DatasetUnavailable`."""
    try:
        tasks = sorted((_Row.model_validate(row) for row in rows), key=lambda row: row.task_id)
        examples = [row for row in tasks if row.task_id in SHOTS]
        if tuple(row.task_id for row in examples) != SHOTS:
            raise DatasetUnavailable(
                f"{source}: tasks {SHOTS} are the prompt's examples, and are not there once each"
            )
        shots = "".join(row.filled(_SHOT) for row in examples)
        found = tuple(_problem(row, shots) for row in tasks if row.task_id in TEST)
    except ValidationError as error:
        wrong = faults(error)
        raise DatasetUnavailable(f"{source} is not MBPP as it was released: {wrong}") from error
    except (ValueError, SyntaxError) as error:
        raise DatasetUnavailable(f"{source} is not MBPP as it was released: {error}") from error
    if not found:
        raise DatasetUnavailable(f"{source} has no task within {TEST.start} to {TEST.stop - 1}")
    return found


def _problem(row: _Row, shots: str) -> Problem:
    entry_point = _entry_point(row.code, row.test_list)
    # The set-up builds what the tests use, also out of classes of the program: it is one of them.
    tests = [_lines(row.test_setup_code or ""), *row.test_list]
    return Problem(
        task_id=f"MBPP/{row.task_id}",
        prompt=shots + row.filled(_TASK),
        entry_point=entry_point,
        tests={
            "kind": "asserts",
            "code": "\n".join(part for part in tests if part) + "\n",
            "entry_point": entry_point,
            "prelude": "\n".join(row.test_imports or ()),
        },
        stop=STOP,
        reference=_lines(row.code) + "\n",
        before="",
    )


def _lines(text: str) -> str:
    """Some programs of the full set have the line ends of another system."""
    return text.replace("\r\n", "\n").rstrip()


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
