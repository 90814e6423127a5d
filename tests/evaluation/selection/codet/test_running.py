"""Solutions run on asserts in the sandbox: what holds, what does not, and what breaks a run."""

import asyncio
from dataclasses import replace

import pytest

from evaluation.datasets import Problem
from evaluation.selection.codet.published import Sampled
from evaluation.selection.codet.running import MOST_SLOW, LeftUnjudged, Runner, slow
from sandbox import Integrity, ProcessBackend, QueueFull, Report, Status

PROMPT = "def f(n):\n"

PROBLEM = Problem(
    task_id="made/0",
    prompt=PROMPT,
    entry_point="f",
    tests={"kind": "asserts", "code": "assert f(2) == 4", "entry_point": "f"},
    stop=(),
    reference="",
)

SECOND = replace(PROBLEM, tests={**PROBLEM.tests, "code": "assert f(-3) == 9"}, prompt="other")


def run(solutions, tests, second=None):
    async def within():
        async with ProcessBackend(workers=1) as backend:
            return await Runner(backend).run(Sampled(PROBLEM, solutions, tests), second)

    return asyncio.run(within())


SQUARE, DOUBLE = "    return n * n\n", "    return 2 * n\n"
TESTS = ("assert f(2) == 4", "assert f(3) == 9", "assert f(3) == 6", "assert f(2) == 4")


def test_every_distinct_pair_is_run_once_and_told_as_often_as_it_was_drawn():
    matrix = run((SQUARE, DOUBLE, SQUARE), TESTS, SECOND)
    assert matrix.solutions == (0, 1, 0)
    assert matrix.tests == (2, 1, 1)
    assert matrix.passes == ("110", "101")
    assert matrix.base == (True, True)
    assert matrix.plus == (True, False)
    assert matrix.rows() == [[True, True, False], [True, False, True]]
    assert matrix.broken == 0


IMPATIENT = """\
    try:
        while n == 3: pass
    except BaseException: pass
    return n * n
"""


@pytest.mark.parametrize(
    ("solution", "letters"),
    [
        ("    print('1111')\n    return n * n\n", "110"),
        ("    return 1 / 0\n", "000"),
        ("    raise SystemExit\n", "000"),
        ("    input()\n", "000"),
        ("    if n == 3:\n        while True: pass\n    return n * n\n", "1tt"),
        (IMPATIENT, "110"),
    ],
)
def test_an_assert_is_judged_for_itself(solution, letters):
    assert run((solution,), TESTS).passes == (letters,)


@pytest.mark.parametrize(
    "solution",
    [
        "    return n * (\n",
        "    return n * n\nraise ValueError\n",
        "    return n * n\nwhile True: pass\n",
        "    import os\n    os._exit(0)\n",
        "    import os\n    os.write(1, b'111')\n    os._exit(0)\n",
        "    import os\n    os.kill(os.getpid(), 9)\n",
    ],
)
def test_a_run_that_comes_to_no_end_passes_nothing(solution):
    matrix = run((solution, SQUARE), TESTS)
    assert matrix.passes == ("000", "110")
    assert matrix.broken == 1


def test_after_so_many_slow_asserts_the_rest_is_taken_to_be():
    tests = tuple(f"assert f({n}) == 0" for n in range(MOST_SLOW + 2))
    endless = "    while n < 100: pass\n    return 0\n"
    matrix = run((endless,), (*tests, "assert f(100) == 0"))
    assert matrix.passes == ("t" * (MOST_SLOW + 3),)
    assert slow(matrix) == MOST_SLOW + 3


def test_a_test_that_does_not_compile_holds_for_nobody():
    assert run((SQUARE,), ("assert (yield f(1))", *TESTS)).passes == ("0110",)


def test_without_tests_solutions_are_judged_all_the_same():
    matrix = run((SQUARE, "    return 0\n"), ())
    assert matrix.passes == ("", "")
    assert matrix.base == (True, False)
    assert (matrix.plus, matrix.broken) == (None, 0)


class Failing:
    """A backend that fails itself."""

    def __init__(self, outcome):
        self.outcome = outcome

    async def run(self, program, limits):
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


@pytest.mark.parametrize(
    "outcome",
    [QueueFull("full"), Report(Status.INTERNAL_ERROR, Integrity.ISOLATED, message="broke")],
)
@pytest.mark.parametrize("tests", [TESTS, ()])
def test_what_the_sandbox_fails_at_is_no_verdict(outcome, tests):
    with pytest.raises(LeftUnjudged, match="run the command again"):
        asyncio.run(Runner(Failing(outcome)).run(Sampled(PROBLEM, (SQUARE,), tests), None))
