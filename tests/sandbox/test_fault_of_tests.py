"""What is the fault of the tests, or of their limits, is said to be theirs."""

import pytest

from sandbox import (
    IO,
    Asserts,
    Call,
    Calls,
    IOCase,
    Limits,
    Pytest,
    Status,
    Tests,
)

BLOCKS = [" " * level + line for level in range(19) for line in ("try: pass\n", "finally:\n")]
LARGE = "".join(BLOCKS) + " " * 19 + "pass\n" + " " * 19 + "x = 1"
"""Each block is compiled twice as often as the one around it, until the memory is out."""

LATE = "try: pass\nfinally: pass\nreturn 1"
"""Found out as it is compiled, which the server does not where there is a `finally`."""


@pytest.mark.parametrize(
    ("tests", "said"),
    [
        (Asserts("", "f"), "tests.code never calls"),
        (Asserts("def check(g):\n    assert g(1) == 2", "f"), "tests.code never calls"),
        (Asserts("assert True", "f"), "tests.code never calls"),
        (Asserts("return 1", "f"), "tests.code, line 1: 'return' outside function"),
        (Asserts("assert f(", "f"), "tests.code, line 1"),
        (Asserts(LARGE, "f"), "tests.code cannot be compiled: MemoryError"),
        (Asserts("assert f(1) == 1", "f", LARGE), "tests.prelude cannot be compiled: Mem"),
        (Calls("f", (Call([1], 1),), LARGE), "tests.header cannot be compiled: MemoryError"),
        (Asserts("assert f(1) == 1", "f", header=LATE), "tests.header, line 3: 'return' outside"),
        (Calls("f", (Call([1], 1),), LATE), "tests.header, line 3: 'return' outside function"),
        (IO((IOCase("", ""),), LATE), "tests.header, line 3: 'return' outside function"),
        (Asserts("assert f(1) == 1", "f", "nonlocal x"), "tests.prelude, line 1"),
        (Asserts("assert f(1) == 1", "f", "1 / 0"), "tests.prelude raised ZeroDivisionError"),
        (Asserts("assert f(1) == 1", "f", "exit()"), "tests.prelude raised SystemExit"),
        (Asserts("import os\nos.environ", "f", "import no"), "tests.prelude raised ModuleNotFound"),
        (Asserts("import nosuchmodule\nassert f(1) == 1", "f"), "ModuleNotFoundError at line 1"),
        (Asserts("f(1)\nimport nosuchmodule", "f"), "ModuleNotFoundError at line 2"),
        (Asserts("from math import nosuchname\nf(1)", "f"), "ImportError at line 1"),
        (Asserts("1 / 0\nassert f(1) == 1", "f"), "ZeroDivisionError at line 1"),
        (Asserts("assert False, 'unfinished'\nf(1)", "f"), "AssertionError at line 1"),
        (Pytest("def test_f(: pass"), "tests.code, line 1"),
        (
            Pytest("from solution import f\ndef test_f(missing): f(1)"),
            "FixtureLookupError: ('missing'",
        ),
        (Pytest("import nosuchmodule\nfrom solution import f"), "ModuleNotFoundError"),
        (Pytest("from solution import f", "import no"), "tests.prelude raised ModuleNotFound"),
    ],
)
def test_a_fault_of_the_tests_is_never_the_candidates(judge, tests: Tests, said: str) -> None:
    report = judge("def f(n): return n", tests)
    assert (report.status, report.detail) == (Status.INTERNAL_ERROR, "tests"), report
    assert said in report.message


@pytest.mark.parametrize(
    "tests",
    [
        Asserts("assert f(1) == 2\nimport nosuchmodule", "f"),
        Asserts("assert helper(1) == 1", "f"),
        Asserts("f(1)\n1 / 0", "f"),
        Pytest("from solution import helper\ndef test_f(): helper(1)"),
        Pytest("import solution\ndef test_f(): assert solution.f(1) == 2"),
    ],
)
def test_what_may_be_the_candidates_fault_stays_its_own(judge, tests: Tests) -> None:
    assert judge("def f(n): return n", tests).status is Status.FAILED


def test_a_module_that_the_candidate_lacks_is_its_own_fault(judge) -> None:
    report = judge("def f(n): import nosuchmodule", Asserts("assert f(1) == 1", "f"))
    assert report.status is Status.ERROR


def test_time_that_is_out_at_once_is_a_timeout(judge) -> None:
    report = judge(
        "while True: pass", Asserts("assert f(1) == 1", "f"), Limits(wall_s=1e-9), hasty=True
    )
    assert (report.status, report.detail) == (Status.TIMEOUT, "wall")


def test_a_wrong_result_is_shown_as_it_was_written(judge) -> None:
    tests = Calls("f", (Call([1], [2]),))
    report = judge("def f(n): return [n, {'a': (n,)}, '\\ud800']", tests)
    assert report.message == "case 0: expected [2], got [1, {'a': [1]}, '\\ud800']"


def test_every_message_can_be_written_as_utf_8(judge) -> None:
    source = "def f(n): return '\\ud800'"
    for tests in (Asserts("assert f(1) == 2, f(1)", "f"), Calls("f", (Call([1], 2),))):
        report = judge(source, tests)
        assert "\\ud800" in report.message
        report.message.encode()


@pytest.mark.parametrize("result", ["b'a'", "object()", "2j", "int"])
def test_a_result_that_is_no_json_value_is_wrong(judge, result: str) -> None:
    report = judge(f"def f(n): return {result}", Calls("f", (Call([1], {"a": 3}),)), Limits())
    assert report.status is Status.FAILED
    assert "not a JSON value" in report.message
