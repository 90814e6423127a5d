"""What is the fault of the tests, or of their limits, is said to be theirs."""

import pytest

from sandbox import Asserts, Call, Calls, Limits, Pytest, Status, Tests


@pytest.mark.parametrize(
    ("tests", "said"),
    [
        (Asserts("", "f"), "tests.code never calls"),
        (Asserts("def check(g):\n    assert g(1) == 2", "f"), "tests.code never calls"),
        (Asserts("assert True", "f"), "tests.code never calls"),
        (Asserts("return 1", "f"), "tests.code, line 1: 'return' outside function"),
        (Asserts("assert f(", "f"), "tests.code, line 1"),
        (Asserts("assert f(1) == 1", "f", "nonlocal x"), "tests.prelude, line 1"),
        (Asserts("assert f(1) == 1", "f", "1 / 0"), "tests.prelude raised ZeroDivisionError"),
        (Asserts("assert f(1) == 1", "f", "exit()"), "tests.prelude raised SystemExit"),
        (Asserts("import os\nos.environ", "f", "import no"), "tests.prelude raised ModuleNotFound"),
        (Pytest("def test_f(: pass"), "tests.code, line 1"),
        (Pytest("from solution import f", "import no"), "tests.prelude raised ModuleNotFound"),
    ],
)
def test_a_fault_of_the_tests_is_never_the_candidates(judge, tests: Tests, said: str) -> None:
    report = judge("def f(n): return n", tests)
    assert (report.status, report.detail) == (Status.INTERNAL_ERROR, "tests"), report
    assert said in report.message


def test_time_that_is_out_at_once_is_a_timeout(judge) -> None:
    report = judge("while True: pass", Asserts("assert f(1) == 1", "f"), Limits(wall_s=1e-9))
    assert (report.status, report.detail) == (Status.TIMEOUT, "wall")


def test_a_wrong_result_is_shown_as_it_was_written(judge) -> None:
    tests = Calls("f", (Call([1], [2]),))
    report = judge("def f(n): return [n, {'a': (n,)}, '\\ud800']", tests)
    assert report.message == "case 0: expected [2], got [1, {'a': [1]}, '\\ud800']"
    report.message.encode()
