"""Runs what a model wrote: every distinct solution on every distinct assert, and on real tests.

One run of the sandbox has all asserts of a solution (`asserting`). The verdicts by the data set's
own tests, and by the second tests of what passes these, are the gateway's judge's.
"""

from __future__ import annotations

import json
import re
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Final

from evaluation.datasets import Problem
from evaluation.gateway.local_judge import LocalJudge
from evaluation.pools.filling.verdicts import SECOND_LIMITS
from evaluation.pools.workers import for_each
from evaluation.selection.codet.asserting import FAILS, HOLDS, SLOW
from evaluation.selection.codet.published import Sampled, drawn
from policies.values import Verdict
from sandbox import (
    IO,
    Backend,
    IOCase,
    Limits,
    Program,
    SandboxError,
    Status,
)

ASSERT_S: Final = 0.1
"""Of one assert, as published; here of CPU time, so that a loaded machine changes nothing."""

LOAD_S: Final = 1.0
"""Of what a solution does before it is asked anything."""

MOST_SLOW: Final = 5
"""Asserts that may take too long before the rest is taken to."""

WALL_S: Final = 300.0
"""Of any run. CPU time bounds programs; this ends those that sleep, on the busiest machine too."""

BASE_LIMITS: Final = Limits(wall_s=WALL_S, cpu_s=3.0)
"""Of one solution with the data set's own tests: as much as the published harness gives it."""

PLUS_LIMITS: Final = replace(SECOND_LIMITS, wall_s=WALL_S)
"""Of one solution with the second tests."""

RUN_LIMITS: Final = Limits(wall_s=WALL_S, cpu_s=10.0, total_s=WALL_S)
"""Of one solution with all its asserts."""

_FUTURE: Final = "from __future__ import annotations\n"


@dataclass(frozen=True, slots=True)
class Matrix:
    """What came of one problem's samples.

    `solutions` says of every sample which distinct solution it is, `tests` how often each distinct
    test was written. `passes` has a row of letters for each distinct solution, `base` and `plus`
    whether that passes the real tests; `plus` is None where there are no second ones. `broken` are
    solutions that came to no end of their asserts and so pass none of them.
    """

    task_id: str
    solutions: tuple[int, ...]
    tests: tuple[int, ...]
    passes: tuple[str, ...]
    base: tuple[bool, ...]
    plus: tuple[bool, ...] | None
    broken: int

    def rows(self) -> list[list[bool]]:
        """Whether each distinct solution passes each distinct test."""
        return [[letter == HOLDS for letter in row] for row in self.passes]


class LeftUnjudged(RuntimeError):
    """The sandbox itself failed at a program; what is kept stands, and the rest is to be run."""


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs the samples of a problem, `at_once` programs at a time."""

    backend: Backend
    at_once: int = 2

    async def run(self, sampled: Sampled, second: Problem | None) -> Matrix:
        """The matrix of a problem and its verdicts, `second` having the second tests.

        Raises `LeftUnjudged`.
        """
        second = second and replace(sampled.problem, tests=second.tests)
        solutions, tests = drawn(sampled.solutions), drawn(sampled.tests)
        rows: dict[str, str] = {}
        base: dict[str, bool] = {}
        plus: dict[str, bool] = {}

        async def one(text: str) -> None:
            rows[text] = await self._letters(sampled.problem, text, [*tests])
            base[text] = await self._passes(sampled.problem, text, BASE_LIMITS)
            if second is not None:
                plus[text] = base[text] and await self._passes(second, text, PLUS_LIMITS)

        await for_each(solutions, one, concurrency=self.at_once)
        place = {text: at for at, text in enumerate(solutions)}
        return Matrix(
            sampled.problem.task_id,
            tuple(place[text] for text in sampled.solutions),
            tuple(map(len, tests.values())),
            tuple(rows[text] or FAILS * len(tests) for text in solutions),
            tuple(base[text] for text in solutions),
            None if second is None else tuple(plus[text] for text in solutions),
            sum(not rows[text] for text in solutions) if tests else 0,
        )

    async def _passes(self, problem: Problem, text: str, limits: Limits) -> bool:
        judgement = await LocalJudge(self.backend, limits).judge(problem, text)
        if judgement.verdict is Verdict.UNVERIFIED:
            raise LeftUnjudged(f"{problem.task_id}: {judgement.message}; run the command again")
        return judgement.verdict is Verdict.PASSED

    async def _letters(self, problem: Problem, text: str, asserts: Sequence[str]) -> str:
        """What came of each assert; empty where the program came to no end of them."""
        if not asserts:
            return ""
        mark = secrets.token_hex(8)
        try:
            program = _asking(problem.prompt + text, asserts, mark)
            report = await self.backend.run(program, RUN_LIMITS)
        except SandboxError as error:
            raise LeftUnjudged(f"{problem.task_id}: {error}; run the command again") from error
        if report.status is Status.INTERNAL_ERROR:
            raise LeftUnjudged(f"{problem.task_id}: {report.message}; run the command again")
        letters = re.compile(rf"^{mark}([{HOLDS}{FAILS}{SLOW}]{{{len(asserts)}}})$", re.MULTILINE)
        told = letters.search(report.stdout) if report.status is Status.FAILED else None
        return told[1] if told else ""


def _asking(program: str, asserts: Sequence[str], mark: str) -> Program:
    asked = {
        "program": program,
        "asserts": asserts,
        "seconds": ASSERT_S,
        "load_s": LOAD_S,
        "most_slow": MOST_SLOW,
        "mark": mark,
    }
    # What it ought to print is not known: that it differs from nothing is how it is seen.
    return Program(_source(), IO((IOCase(json.dumps(asked), ""),)))


@cache
def _source() -> str:
    source = (resources.files(__package__) / "asserting.py").read_text("utf-8")
    return f"{source.replace(_FUTURE, '')}\nwrite()\n"


def slow(matrix: Matrix) -> int:
    """How many pairs of solution and test took too long."""
    return sum(Counter(row)[SLOW] for row in matrix.passes)
