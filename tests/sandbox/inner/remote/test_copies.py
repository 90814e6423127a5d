"""Copies that tests make of objects of the program."""

from __future__ import annotations

import pytest

from sandbox import Integrity, Limits, Pytest, Status

LIMITS = Limits(wall_s=5.0, cpu_s=5.0)
BOARD = """
class Cell:
    def __init__(self, v): self.v = v
class Board:
    def __init__(self, rows, on=None):
        self.rows, self.first, self.on = rows, Cell(rows[0][0]), on
        self.again = self.first
    def put(self, v): self.rows[0][0] = v; self.first.v = v
"""
HEAD = "import copy\nimport pytest\nimport solution\nfrom solution import Board\ndef test_it():\n"


def module(*lines: str) -> str:
    return HEAD + "".join(f"    {line}\n" for line in lines)


CASES = {
    "deep": (
        BOARD,
        BOARD + "    def __deepcopy__(self, memo): return Board(self.rows)\n",
        module(
            "a = Board([[1, 2]])",
            "b = copy.deepcopy(a)",
            "assert type(b) is Board and b is not a and b.rows == [[1, 2]]",
            "assert b.again is b.first and b.first is not a.first",
            "b.put(9)",
            "assert (a.rows, a.first.v) == ([[1, 2]], 1) and (b.rows, b.first.v) == ([[9, 2]], 9)",
        ),
    ),
    "of what the tests gave": (
        BOARD,
        BOARD + "    def __deepcopy__(self, memo): return self\n",
        module(
            "rows = [[1, 2]]",
            "a = Board(rows, on=lambda: 7)",
            "b = copy.deepcopy(a)",
            "a.put(5)",
            "assert rows == [[5, 2]] and b.rows == [[1, 2]] and b.on is a.on and b.on() == 7",
        ),
    ),
    "shallow": (
        BOARD,
        BOARD + "    def __copy__(self): return Board([[*r] for r in self.rows])\n",
        module(
            "a = Board([[1, 2]])",
            "b = copy.copy(a)",
            "assert b is not a and b.rows is a.rows and b.first is a.first",
            "b.rows = [[3]]",
            "assert a.rows == [[1, 2]]",
        ),
    ),
    "of what has no copy": (
        "def numbers():\n    yield 1\n",
        "def numbers(): return [1]\n",
        (
            "import copy\nimport pytest\nfrom solution import numbers\ndef test_it():\n"
            "    g = numbers()\n    with pytest.raises(TypeError): copy.deepcopy(g)\n"
            "    assert copy.deepcopy(numbers) is numbers\n"
        ),
    ),
}


@pytest.mark.parametrize(("right", "wrong", "tests"), CASES.values(), ids=CASES)
def test_of_objects_of_the_program(judge, right: str, wrong: str, tests: str) -> None:
    judge.tells_apart(right, wrong, Pytest(tests), LIMITS)


SHARED = {
    "several at once": ("a = Board([[1]])", "b, c = copy.deepcopy([a, a])", "assert b is c"),
    "one that holds an object of the tests": (
        "class O: n = 1",
        "a = Board([[1]], on=O())",
        "b = copy.deepcopy(a)",
        "assert b.on is not a.on and b.on.n == 1",
    ),
}


@pytest.mark.parametrize("lines", SHARED.values(), ids=SHARED)
def test_what_needs_one_process(judge, lines: tuple[str, ...]) -> None:
    report = judge(BOARD, Pytest(module(*lines)), LIMITS)
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED), report


def test_a_program_copies_what_holds_a_function_of_the_tests(judge) -> None:
    source = (
        "import copy\nclass Board:\n    def __init__(self, key): self.key, self.xs = key, [2, 1]\n"
        "    def sorted(self):\n        new = copy.deepcopy(self)\n"
        "        new.xs.sort(key=new.key)\n        return new\n"
    )
    code = module("a = Board(lambda x: x)", "assert a.sorted().xs == [1, 2] and a.xs == [2, 1]")
    report = judge(source, Pytest(code), LIMITS)
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report
    wrong = source.replace("copy.deepcopy(self)", "copy.copy(self)")
    assert judge(wrong, Pytest(code), LIMITS).status is Status.FAILED
