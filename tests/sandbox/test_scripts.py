"""Scripts of tests: how one may end, and what is no end of it."""

from __future__ import annotations

import textwrap

import pytest

from sandbox import Asserts, Integrity, Status

LOOKS = "import os\nos.environ['WHO'] = 'me'\n"
"""Tests that begin so share a process with the program."""

RUNS = "import types, unittest\nunittest.main(types.ModuleType('m'), argv=['x'])\n"
"""It ends as a script of unittest does, all of whose tests passed: there are none."""

CASE = "import unittest\nclass T(unittest.TestCase):\n"
MEMBER = CASE + "    def test_f(self):\n        self.assertEqual(f(), 1)\n"
CLASS = (
    CASE + "    @classmethod\n    def setUpClass(cls):\n        f()\n    def test_f(self): pass\n"
)
ENDS = "unittest.main()\n"

EXITS = {
    "a runner": f"def f():\n{textwrap.indent(RUNS, '    ')}",
    "a runner in other code": f"def f():\n    exec(compile({RUNS!r}, 'x.py', 'exec'))",
    "an exit": "def f():\n    raise SystemExit(0)",
    "an exit without a code": "import sys\ndef f():\n    sys.exit()",
}
SCRIPTS = {
    "plain": "assert f() == 1\n",
    "a test": MEMBER + ENDS,
    "its class": CLASS + ENDS,
    "in one process": LOOKS + "assert f() == 1\n",
    "a test in one process": LOOKS + MEMBER + ENDS,
    "its class in one process": LOOKS + CLASS + ENDS,
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
@pytest.mark.parametrize("program", EXITS.values(), ids=EXITS)
def test_the_program_does_not_end_it(judge, program: str, script: str) -> None:
    report = judge(program, Asserts(script, "f"))
    assert report.status in {Status.ERROR, Status.FAILED}, report


@pytest.mark.parametrize("script", [MEMBER + ENDS, LOOKS + MEMBER + ENDS], ids=["apart", "in one"])
def test_a_runner_ends_it(judge, script: str) -> None:
    assert judge("def f():\n    return 1", Asserts(script, "f")).status is Status.PASSED
    report = judge("def f():\n    return 2", Asserts(script, "f"))
    assert report.status is Status.FAILED, report
    assert "2 != 1" in report.message


def test_its_own_exit_is_no_pass(judge) -> None:
    tests = Asserts("import sys\nassert f() == 1\nsys.exit(0)\n", "f")
    assert judge("def f():\n    return 1", tests).status is Status.FAILED


def test_nobody_asks_what_failed(judge) -> None:
    script = MEMBER + "unittest.TextTestRunner().run(unittest.defaultTestLoader."
    script += "loadTestsFromTestCase(T))\n"
    report = judge("def f():\n    return 1", Asserts(script, "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED)
    assert judge("def f():\n    return 2", Asserts(script, "f")).status is Status.FAILED
    asked = script.replace("unittest.TextTestRunner", "r = unittest.TextTestRunner")
    asked += "assert len(r.failures) == 1\n"
    assert judge("def f():\n    return 2", Asserts(asked, "f")).status is Status.PASSED
