"""How a framework reports a failure is no step of the tests: nothing of it asks for one process."""

from __future__ import annotations

import pytest

from sandbox import Integrity, Limits, Pytest, Status

HEAD = "import asyncio, unittest\nfrom unittest.mock import Mock\nfrom solution import f\n"
FAILING = [
    (
        "def f(p): p.write_text('x')",
        (
            "def test(tmp_path):\n    f(tmp_path / 'o')\n"
            "    assert (tmp_path / 'o').read_text() == 'hello'"
        ),
    ),
    (
        "def f(m): m.call_count = 5",
        "def test():\n    m = Mock()\n    f(m)\n    m.assert_not_called()",
    ),
    (
        "async def f(x): return x",
        "def test():\n    async def main(): assert await f(3) == 4\n    asyncio.run(main())",
    ),
    (
        "def f(): return 'assert f() == 2, (yes)'",
        "def test():\n    assert f() == 2, (yes)",
    ),
    (
        "def f(): return 'assertEqual'",
        "class T(unittest.TestCase):\n    def test(self): self.assertEqual(f(), 2)",
    ),
    (
        "import time\ndef f(): return 'def test_first(given)'",
        "import pytest\n@pytest.fixture\ndef given(): assert f() == 2\ndef test_first(given): pass",
    ),
]


@pytest.mark.parametrize(("source", "code"), FAILING)
def test_a_failed_test_is_judged_once(judge, source: str, code: str) -> None:
    report = judge(source, Pytest(HEAD + code), Limits())
    assert (report.status, report.integrity) == (Status.FAILED, Integrity.ISOLATED), report


HOSTILE = """
import sys, pathlib
def f(p):
    p.write_text('x')
    frame = sys._getframe()
    while frame:
        if 'test' in frame.f_code.co_name: pathlib.Path.read_text = lambda *a, **k: 'hello'
        frame = frame.f_back
"""


def test_no_failure_is_repeated_where_a_program_can_see_the_tests(judge) -> None:
    report = judge(HOSTILE, Pytest(HEAD + FAILING[0][1]), Limits())
    assert (report.status, report.integrity) == (Status.FAILED, Integrity.ISOLATED), report


@pytest.mark.parametrize(
    "code",
    [
        "def test():\n    exec(f())",
        "def test():\n    try: assert f() == 2\n    finally: exec(f())",
        (
            "import pytest\n@pytest.fixture\ndef late():\n    yield\n    exec(f())\n"
            "def test(late): assert f() == 2"
        ),
    ],
)
def test_what_the_tests_run_themselves_counts_still(judge, code: str) -> None:
    report = judge("def f(): return 'assert 1 == 1, 1'", Pytest(HEAD + code), Limits())
    assert report.integrity is Integrity.SHARED, report
