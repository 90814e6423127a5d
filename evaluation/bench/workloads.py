"""What the sandbox benchmark runs: HumanEval as asserts, as calls and as whole programs.

`calls` and `io` are made from those asserts of a problem that compare a call on literals with a
literal; problems without one are left out, so these workloads are smaller. An `io` program has one
case, since each case is a process of its own.

A mix repeats the problems up to a whole number of stretches of `STRETCH` programs with one endless
loop each. So its share of loops is the same for every kind, every number of problems, and for the
ways that take only the first stretch.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any, Final, Literal, TypeAlias

from evaluation.datasets import Problem
from sandbox import IO, Asserts, Call, Calls, IOCase, Program

Shape: TypeAlias = Literal["reference", "wrong", "mix"]
Kind: TypeAlias = Literal["asserts", "calls", "io"]
SHAPES: Final[tuple[Shape, ...]] = ("reference", "wrong", "mix")
KINDS: Final[tuple[Kind, ...]] = ("asserts", "calls", "io")

WRONG: Final = "    return None\n"
ENDLESS: Final = "    while True:\n        pass\n"
STRETCH: Final = 50
"""Programs of a mix per endless loop: 2 %."""

_READS: Final = "\nimport json\nprint(json.dumps({entry}(*json.loads(input()))))\n"
_JSON_ONLY: Final = (bool, int, float, str, type(None))


@dataclass(frozen=True, slots=True)
class Attempt:
    """A problem with the completion to try, and whether that is right."""

    problem: Problem
    completion: str
    right: bool

    @property
    def source(self) -> str:
        """The whole program."""
        return self.problem.prompt + self.completion


def attempts(problems: Sequence[Problem], shape: Shape, kind: Kind) -> list[Attempt]:
    """One attempt per problem that has tests of the kind. A mix is half right, and has loops."""
    usable = [problem for problem in problems if kind == "asserts" or any(_cases(problem))]
    if shape == "reference":
        return [Attempt(problem, problem.reference, right=True) for problem in usable]
    if shape == "wrong":
        return [Attempt(problem, WRONG, right=False) for problem in usable]
    size = -(-len(usable) // STRETCH) * STRETCH
    return [_mixed(problem, number) for number, problem in enumerate(islice(cycle(usable), size))]


def _mixed(problem: Problem, number: int) -> Attempt:
    if number % STRETCH == STRETCH // 2:
        return Attempt(problem, ENDLESS, right=False)
    right = number % 2 == 0
    return Attempt(problem, problem.reference if right else WRONG, right=right)


def program(attempt: Attempt, kind: Kind) -> Program:
    """The attempt with tests of a kind, which its problem must have."""
    problem = attempt.problem
    if kind == "asserts":
        return Program(attempt.source, Asserts(problem.tests["code"], problem.entry_point))
    cases = tuple(_cases(problem))
    if kind == "calls":
        return Program(attempt.source, Calls(problem.entry_point, cases))
    case = IOCase(json.dumps(cases[0].args), json.dumps(cases[0].expected))
    return Program(attempt.source + _READS.format(entry=problem.entry_point), IO((case,)))


def _cases(problem: Problem) -> Iterator[Call]:
    """Cases that JSON can carry, and that a wrong completion fails, which returns None."""
    for node in ast.walk(ast.parse(problem.tests["code"])):
        match node:
            case ast.Assert(
                test=ast.Compare(
                    left=ast.Call(func=ast.Name("candidate"), args=args, keywords=[]),
                    ops=[ast.Eq()],
                    comparators=[expected],
                )
            ):
                try:
                    values = [ast.literal_eval(item) for item in (*args, expected)]
                except ValueError:
                    continue
                if _is_json(values) and values[-1] is not None:
                    yield Call(values[:-1], values[-1])


def _is_json(value: Any) -> bool:
    """Whether a value is the same after a trip through JSON."""
    if isinstance(value, list):
        return all(_is_json(item) for item in value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(item) for key, item in value.items())
    return isinstance(value, _JSON_ONLY)
