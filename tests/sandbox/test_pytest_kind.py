"""Tests of kind pytest: what people write in test modules works, isolated wherever it can be."""

import re
from dataclasses import dataclass
from textwrap import dedent

import pytest

from sandbox import Integrity, Limits, Pytest, Status

ADD = "def add(a, b):\n    return a + b\n"
WRONG = "def add(a, b):\n    return 3\n"
STACK = """
class Stack:
    def __init__(self): self.items = []
    def push(self, item): self.items.append(item)
    def pop(self): return self.items.pop()
"""
WRONG_STACK = STACK.replace("pop()", "pop(0)")
SAY = "import logging, warnings\ndef say(text):\n    {}\n"


@dataclass(frozen=True)
class Case:
    """A test module that a right candidate passes, and a wrong one fails."""

    name: str
    code: str
    right: str = ADD
    wrong: str = WRONG


ISOLATED = [
    Case(
        "a name made up as text",
        "import solution\ndef test_add(): assert getattr(solution, 'a' + 'dd')(1, 1) == 2",
    ),
    Case(
        "a class whose name is made up as text",
        """
        import solution
        def test_add():
            kind = getattr(solution, "No" + "te")
            assert isinstance(kind(1), kind) and kind(3).x == 3
        """,
        "class Note:\n    def __init__(self, x): self.x = x",
        "class Note:\n    def __init__(self, x): self.x = 1",
    ),
    Case(
        "names that are not there",
        """
        import solution
        def test_add():
            assert not hasattr(solution, "nothing") and getattr(solution, "none", 5) == 5
            assert hasattr(solution, "a" + "dd") and solution.add(1, 1) == 2
        """,
    ),
    Case(
        "a variable by its name as text",
        """
        import solution
        def test_add():
            for n in (1, 2):
                solution.add()
                assert getattr(solution, "ma" + "de") == n
        """,
        "made = 0\ndef add():\n    global made\n    made += 1",
        "made = 1\ndef add(): pass",
    ),
    Case(
        "class",
        """
        class TestAdd:
            def setup_method(self): self.two = 2
            def test_small(self): assert add(1, self.two) == 3
            def test_large(self): assert add(10**9, self.two) == 10**9 + 2
        """,
    ),
    Case(
        "unittest class",
        """
        import unittest
        class AddTest(unittest.TestCase):
            def setUp(self): self.two = 2
            def test_add(self): self.assertEqual(add(self.two, self.two), 4)
        """,
    ),
    Case(
        "fixture",
        """
        @pytest.fixture(scope="module")
        def two():
            yield 2
        def test_add(two): assert add(two, two) == 4
        """,
    ),
    Case(
        "fixtures with parameters and of classes",
        """
        @pytest.fixture(params=[2, 3])
        def number(request): return request.param
        @pytest.fixture
        def twice(number): return 2 * number
        @pytest.fixture(autouse=True)
        def nothing(): pass
        class TestAdd:
            def test_add(self, number, twice): assert add(number, number) == twice
        """,
    ),
    Case(
        "fixture that gives the function",
        """
        @pytest.fixture
        def function(): return add
        def test_add(function): assert function(2, 2) == 4
        """,
    ),
    Case(
        "parametrize",
        """
        @pytest.mark.parametrize("a", [1, pytest.param(5, id="five")])
        @pytest.mark.parametrize(("b", "c"), [(2, 3), (7, 8)])
        def test_add(a, b, c): assert add(a, b) == c + a - 1
        """,
    ),
    Case(
        "indirect",
        """
        @pytest.fixture
        def doubled(request): return 2 * request.param
        @pytest.mark.parametrize("doubled", [2], indirect=True)
        def test_add(doubled): assert add(doubled, 1) == 5
        """,
    ),
    Case(
        "raises",
        """
        def test_add():
            assert add(1, 1) == 2
            with pytest.raises(TypeError, match="unsupported"): add(1, "a")
        """,
    ),
    Case("approx", "def test_add(): assert add(.1, .2) == pytest.approx(.3)"),
    Case(
        "skip and xfail beside a pass",
        """
        @pytest.mark.skip
        def test_one(): assert False
        @pytest.mark.xfail
        def test_two(): assert add(1, 1) == 0
        def test_three(): assert add(1, 1) == 2
        """,
    ),
    Case("module", "import solution\ndef test_add(): assert solution.add(1, 1) == 2"),
    Case(
        "setup_module",
        "def setup_module(): globals()['TWO'] = 2\ndef test_add(): assert add(TWO, 0) == 2",
    ),
    Case(
        "tmp_path",
        """
        def test_total(tmp_path):
            (tmp_path / "a").write_text("1\\n2\\n")
            assert total(str(tmp_path / "a")) == 3
        """,
        "def total(path): return sum(map(int, open(path)))",
        "def total(path): return 0",
    ),
    Case(
        "threads",
        """
        from concurrent.futures import ThreadPoolExecutor
        def test_add():
            with ThreadPoolExecutor(4) as pool:
                assert list(pool.map(add, range(200), range(200))) == list(range(0, 400, 2))
        """,
    ),
    Case(
        "a class of the solution",
        """
        from solution import Stack
        class TestStack:
            def test_order(self):
                stack = Stack()
                stack.push(1)
                stack.push(2)
                assert stack.pop() == 2
        """,
        STACK,
        WRONG_STACK,
    ),
    Case(
        "a fixture of a class of the solution",
        """
        import solution
        @pytest.fixture
        def stack():
            stack = solution.Stack()
            stack.push(1)
            stack.push(2)
            return stack
        def test_order(stack): assert stack.pop() == 2
        """,
        STACK,
        WRONG_STACK,
    ),
    Case(
        "a constant that is false",
        "from solution import add, LIMIT\ndef test_add(): assert add(1, LIMIT) == 1",
        "LIMIT = 0\n" + ADD,
        "LIMIT = 0\n" + WRONG,
    ),
    Case(
        "a look and a call",
        (
            "import solution\n"
            "def test_add(): assert callable(solution.add) and solution.add(1, 1) == "
            "2"
        ),
        ADD,
        WRONG,
    ),
]

SHARED = [
    Case("star", "from solution import *\ndef test_add(): assert add(1, 1) == 2"),
    Case(
        "capsys",
        "def test_say(capsys):\n    say('a')\n    assert capsys.readouterr().out == 'a\\n'",
        SAY.format("print(text)"),
        SAY.format("print(0)"),
    ),
    Case(
        "capfd",
        "def test_say(capfd):\n    say('a')\n    assert capfd.readouterr().out == 'a\\n'",
        SAY.format("print(text)"),
        SAY.format("print(0)"),
    ),
    Case(
        "caplog",
        "def test_say(caplog):\n    say('a')\n    assert caplog.messages == ['a']",
        SAY.format("logging.warning(text)"),
        SAY.format("logging.warning('b')"),
    ),
    Case(
        "warnings",
        "def test_say():\n    with pytest.warns(UserWarning, match='a'): say('a')",
        SAY.format("warnings.warn(text)"),
        SAY.format("warnings.warn('b')"),
    ),
    Case(
        "monkeypatch",
        """
        def test_double(monkeypatch):
            monkeypatch.setattr("builtins.input", lambda: "2")
            assert double() == 4
        """,
        "def double(): return 2 * int(input())",
        "def double(): return 3",
    ),
    Case(
        "mock",
        """
        from unittest import mock
        def test_double():
            with mock.patch("builtins.input", return_value="2"):
                assert double() == 4
        """,
        "def double(): return 2 * int(input())",
        "def double(): return 3",
    ),
    Case(
        "a constant that the tests set",
        "import solution\ndef test_add():\n    solution.K = 5\n    assert solution.add() == 6",
        "K = 1\ndef add(): return K + 1",
        "K = 1\ndef add(): return 2",
    ),
    Case(
        "directory",
        """
        import os
        def test_save(tmp_path):
            os.chdir(tmp_path)
            save()
            assert (tmp_path / "a").read_text() == "b"
        """,
        "def save(): open('a', 'w').write('b')",
        "def save(): open('a', 'w').write('c')",
    ),
    Case(
        "handler",
        """
        import logging
        def test_say():
            said = []
            class Handler(logging.Handler):
                def emit(self, record): said.append(record.getMessage())
            logging.getLogger().addHandler(Handler())
            say("a")
            assert said == ["a"]
        """,
        SAY.format("logging.warning(text)"),
        SAY.format("logging.warning('b')"),
    ),
    Case(
        "redirected output",
        """
        import contextlib, io
        def test_say():
            with contextlib.redirect_stdout(io.StringIO()) as out: say("a")
            assert out.getvalue() == "a\\n"
        """,
        SAY.format("print(text)"),
        SAY.format("print(0)"),
    ),
]


def module_of(case: Case) -> Pytest:
    """The case's tests, which import the candidate's function where they do not say otherwise."""
    name = re.search(r"^def (\w+)", case.right, re.MULTILINE)
    head = "" if "solution" in case.code or not name else f"from solution import {name[1]}\n"
    return Pytest(f"import pytest\n{head}" + dedent(case.code))


@pytest.mark.parametrize("case", ISOLATED, ids=lambda case: case.name)
def test_simple_modules_are_isolated(judge, case: Case) -> None:
    report = judge(case.right, module_of(case), Limits())
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report
    report = judge(case.wrong, module_of(case), Limits())
    assert (report.status, report.integrity) == (Status.FAILED, Integrity.ISOLATED), report


@pytest.mark.parametrize("case", SHARED, ids=lambda case: case.name)
def test_what_needs_the_candidates_process_is_shared(judge, case: Case) -> None:
    report = judge(case.right, module_of(case), Limits())
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED), report
    report = judge(case.wrong, module_of(case), Limits())
    assert (report.status, report.integrity) == (Status.FAILED, Integrity.SHARED), report


def test_a_module_that_only_looks_at_a_function_is_judged_beside_it(judge) -> None:
    module = Pytest("import solution\ndef test_add(): assert callable(solution.add)")
    report = judge(ADD, module, Limits())
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED), report


def test_a_look_that_fails_is_the_candidates_fault(judge) -> None:
    module = Pytest("import solution\ndef test_add(): assert callable(solution.add)")
    assert judge("add = 5", module, Limits()).status is Status.FAILED


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("def test_one(): assert add(1, 1) == 2\ndef test_add(missing): add(1, 1)", Status.FAILED),
        ("class TestAdd:\n    def test_add(self): assert add(1, 'a') == 2", Status.ERROR),
        ("add(1, 1)\nclass TestAdd: pass", Status.FAILED),
        ("def test_add(): pytest.skip(str(add(1, 1)))", Status.FAILED),
        ("def test_add(): add(1, 1), pytest.exit('done', 0)", Status.FAILED),
    ],
)
def test_a_module_in_which_no_test_passes_is_no_pass(judge, code: str, status: Status) -> None:
    module = Pytest(f"import pytest\nfrom solution import add\n{code}")
    assert judge(ADD, module, Limits()).status is status


@pytest.mark.parametrize(
    "code",
    [
        "x = 1",
        "class TestAdd: pass",
        "def test_add(): pass",
        "@pytest.mark.skip\ndef test_add(): assert add(1, 1) == 2",
        "def test_add(): pytest.skip()",
        "def test_add(): pytest.exit('done', 0)",
    ],
)
def test_a_module_that_never_calls_the_candidate_is_at_fault_itself(judge, code: str) -> None:
    report = judge(ADD, Pytest(f"import pytest\nfrom solution import add\n{code}"), Limits())
    assert (report.status, report.detail) == (Status.INTERNAL_ERROR, "tests")
    assert "never calls" in report.message


def test_a_test_counts_once_whatever_subtests_it_has(judge) -> None:
    module = Pytest(
        "import unittest\nfrom solution import add\nclass AddTest(unittest.TestCase):\n"
        "    def test_one(self): self.assertEqual(add(1, 2), 3)\n"
        "    def test_many(self):\n        for n in range(4):\n"
        "            with self.subTest(n=n): self.assertEqual(add(n, 1), n + 1)\n"
    )
    right, wrong = judge(ADD, module, Limits()), judge(WRONG, module, Limits())
    assert (right.status, right.checks, right.passed_checks) == (Status.PASSED, 2, 2)
    assert (wrong.status, wrong.checks) == (Status.FAILED, 2)
    assert wrong.passed_checks in (0, 1)  # pytest may stop at the first failure


def test_assertions_in_classes_and_fixtures_say_what_went_wrong(judge) -> None:
    module = Pytest("import solution\nclass TestAdd:\n    def test_add(self):\n"
"        assert solution.add(1, 1) == 2, 'one and one'")  # fmt: skip
    report = judge(WRONG, module, Limits())
    assert "one and one" in report.message
    assert "line 4" in report.message
