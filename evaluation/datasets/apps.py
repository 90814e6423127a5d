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

HEADER: Final = """\
import sys
import time
import itertools
from itertools import accumulate, product, permutations, combinations
import collections
from collections import Counter, OrderedDict, deque, defaultdict, ChainMap
from functools import lru_cache
import math
from math import sqrt, sin, cos, tan, ceil, fabs, floor, gcd, exp, log, log2
import fractions
from typing import List, Tuple
import random
import heapq
from heapq import *
import importlib.util
sys.set_int_max_str_digits(0)
if (_spec := importlib.util.find_spec("numpy")) and _spec.loader:
    _spec.loader = importlib.util.LazyLoader(_spec.loader)
    np = sys.modules["numpy"] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(np)
"""
"""What the released harness puts before every program, with numpy loaded where it is used.

It ran on a Python without a limit on the digits of integers.
"""

LIMITS: Final = {"wall_s": 4.0, "cpu_s": 4.0}
"""The harness's, of one case."""

_STREAMS: Final = "stdin = sys.stdin\nstdout = sys.stdout\n"
"""Names that whole programs have there too."""

_AS_METHOD: Final = """
if "Solution" in globals():
    {called} = Solution().{called}
"""
"""The harness calls the method of a class `Solution`, and a function where there is no such class,
whatever the problem's starter code is. All cases share one object."""

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
        after=_AS_METHOD.format(called=called) if called else "",
    )


def _io(cases: Record) -> dict[str, Any]:
    pairs = zip(cases["inputs"], cases["outputs"], strict=True)
    return {
        "kind": "io",
        "header": HEADER + _STREAMS,
        "limits": dict(LIMITS),
        "cases": [
            {
                "stdin": _joined(given),
                "stdout": _joined(wanted),
                "tolerance": _TOLERANCE,
                "words": True,
            }
            for given, wanted in pairs
        ],
    }


def _joined(text: str | list[Any]) -> str:
    """A few problems give lines as a list."""
    return text if isinstance(text, str) else "\n".join(str(line) for line in text)


def _calls(called: str, cases: Record) -> dict[str, Any]:
    pairs = zip(cases["inputs"], cases["outputs"], strict=True)
    return {
        "kind": "calls",
        "header": HEADER,
        "limits": dict(LIMITS),
        "entry_point": called,
        "cases": [_call(given, wanted) for given, wanted in pairs],
    }


def _call(given: Any, wanted: Any) -> dict[str, Any]:
    """One case as the harness has it: the function gets `*given`.

    Its result may be the output as it stands, or the first of a list of outputs; a dictionary that
    comes first has integers for keys where it can.
    """
    args = list(given) if isinstance(given, list | str) else [given]
    firsts = wanted[:1] if isinstance(wanted, list) else []
    return {
        "args": args,
        "expected": wanted,
        "alternatives": firsts,
        "integer_keys": bool(args) and isinstance(args[0], dict),
        "bools_as_numbers": True,
    }
