"""APPS ("Measuring Coding Challenge Competence With APPS", 2021): its test set, by difficulty.

The prompt is that paper's (QUESTION, the format, ANSWER), after two examples. The budget paper
names none, so these are short ones of ours, one for each way in which programs are tested:
standard input, and a call. The answer is a whole program.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from evaluation.datasets.problem import DatasetUnavailable, Problem
from evaluation.datasets.sources import Record, from_hub, records

DIFFICULTIES: Final = ("introductory", "interview", "competition")

STOP: Final = ("\nQUESTION:", "\nANSWER:", "\n-----", "\n```")

LONGEST_INTEGER: Final = 100_000
"""Digits, of what tests may hold."""

_TOLERANCE: Final = 1e-5
"""Of numbers in outputs; the released harness compares them by numpy's `allclose`."""

_HUB: Final = "codeparrot/apps"
_STDIN: Final = "Use Standard Input format"
_CALL: Final = "Use Call-Based format"
_TASK: Final = "QUESTION:\n{question}\n{starter}{form}\n\nANSWER:\n"
_SHOTS: Final = (
    _TASK.format(
        question=(
            "You are given two integers a and b on one line. Print their sum.\n\n"
            "-----Example-----\nInput\n2 3\n\nOutput\n5"
        ),
        starter="",
        form=_STDIN,
    )
    + "a, b = map(int, input().split())\nprint(a + b)\n\n"
    + _TASK.format(
        question="Write a function that returns the largest number of a list that is not empty.",
        starter="\ndef largest(numbers):\n\t\n",
        form=_CALL,
    )
    + "def largest(numbers):\n    return max(numbers)\n\n"
)


def reader(difficulty: str) -> Callable[[Path | None], tuple[Problem, ...]]:
    """Reads one split: from the folder that was released, a file of JSON lines, or the hub."""

    def read(data: Path | None) -> tuple[Problem, ...]:
        # Some outputs are integers of thousands of digits. What is read is hashed and judged later,
        # so the limit is raised for good, for this process alone.
        if 0 < sys.get_int_max_str_digits() < LONGEST_INTEGER:
            sys.set_int_max_str_digits(LONGEST_INTEGER)
        return problems(_rows(data), difficulty, _HUB if data is None else str(data))

    return read


def _rows(data: Path | None) -> Iterable[Record]:
    if data is None:
        instead = "name its folder or its `test.jsonl` with --data or APPS"
        (data,) = from_hub(_HUB, ("test.jsonl",), instead)
    return _folder(data) if data.is_dir() else records(data)


def _folder(data: Path) -> Iterator[Record]:
    """The released folder: one for each problem, in `test`."""
    root = data / "test" if (data / "test").is_dir() else data
    for folder in sorted(path for path in root.iterdir() if (path / "question.txt").is_file()):
        try:
            yield {
                "id": folder.name,
                "question": (folder / "question.txt").read_text("utf-8"),
                "difficulty": json.loads(_text(folder / "metadata.json") or "{}").get("difficulty"),
                "input_output": _text(folder / "input_output.json"),
                "starter_code": _text(folder / "starter_code.py"),
                "solutions": _text(folder / "solutions.json"),
            }
        except ValueError as error:
            raise DatasetUnavailable(f"{folder} does not read: {error}") from error


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.is_file() else ""


def problems(rows: Iterable[Record], difficulty: str, source: str) -> tuple[Problem, ...]:
    """One split, in order. Raises `DatasetUnavailable`, also where a problem has no tests."""
    found = []
    for row in rows:
        if row.get("difficulty") != difficulty:
            continue
        try:
            found.append(_problem(row))
        except (KeyError, TypeError, ValueError) as error:
            number = row.get("id", row.get("problem_id"))
            raise DatasetUnavailable(f"{source}, problem {number}: {error!r}") from error
    if not found:
        raise DatasetUnavailable(f"{source} has no problem of difficulty {difficulty!r}")
    return tuple(found)


def _problem(row: Record) -> Problem:
    cases = json.loads(row["input_output"])
    if len(cases["inputs"]) != len(cases["outputs"]) or not cases["inputs"]:
        raise ValueError("as many inputs as outputs are needed, and at least one")
    called = cases.get("fn_name") or ""
    starter = row.get("starter_code") or ""
    solutions = json.loads(row.get("solutions") or "[]")
    number = row["id"] if "id" in row else row["problem_id"]
    return Problem(
        task_id=f"APPS/{int(number)}",
        prompt=_SHOTS
        + _TASK.format(
            question=row["question"].strip(),
            starter=f"\n{starter}\n" if starter else "",
            form=_CALL if called else _STDIN,
        ),
        entry_point=called,
        tests=_calls(called, cases) if called else _io(cases),
        stop=STOP,
        reference=solutions[0] if solutions else "",
        before="",
        after=f"\n{called} = Solution().{called}\n" if "class Solution" in starter else "",
    )


def _io(cases: Record) -> dict[str, Any]:
    pairs = zip(cases["inputs"], cases["outputs"], strict=True)
    return {
        "kind": "io",
        "cases": [
            {"stdin": _joined(given), "stdout": _joined(wanted), "tolerance": _TOLERANCE}
            for given, wanted in pairs
        ],
    }


def _joined(text: str | list[Any]) -> str:
    """A few problems give lines as a list."""
    return text if isinstance(text, str) else "\n".join(str(line) for line in text)


def _calls(called: str, cases: Record) -> dict[str, Any]:
    """Outputs are wrapped in a list of one, as the released harness knows."""
    pairs = zip(cases["inputs"], cases["outputs"], strict=True)
    return {
        "kind": "calls",
        "entry_point": called,
        "cases": [
            {
                "args": args,
                "expected": out[0] if isinstance(out, list) and len(out) == 1 else out,
            }
            for args, out in pairs
        ],
    }
