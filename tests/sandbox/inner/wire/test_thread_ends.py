"""Who stands for a thread ends with it, so that no thread finds what another kept for itself."""

from __future__ import annotations

import pytest

from sandbox import Integrity, Limits, Pytest, Status

LIMITS = Limits(wall_s=8.0, cpu_s=8.0)


LOCAL = """
import threading
class Ctx(threading.local):
    def __init__(self): self.stack = []
    def push(self): self.stack.append(1); return len(self.stack)
ctx = Ctx()
"""
TESTS = """
import threading
from solution import ctx
def test_it():
    seen = []
    for _ in range(50):
        thread = threading.Thread(target=lambda: seen.append((ctx.push(), ctx.push())))
        thread.start()
        thread.join()
    assert seen == [(1, 2)] * 50
    assert ctx.push() == 1
"""
CALLED = """
import threading
def f(g):
    for _ in range(50):
        thread = threading.Thread(target=g)
        thread.start()
        thread.join()
"""
BACK = """
import threading
from solution import f
def test_it():
    seen, kept = [], threading.local()
    def g():
        seen.append(hasattr(kept, "mine"))
        kept.mine = True
    f(g)
    assert seen == [False] * 50
"""
CASES = {
    "threads of the tests": (LOCAL, LOCAL.replace("threading.local", "object"), TESTS),
    "threads of the program": (
        CALLED,
        CALLED.replace("target=g", "target=lambda: (g(), g())"),
        BACK,
    ),
}


@pytest.mark.parametrize(("right", "wrong", "tests"), CASES.values(), ids=CASES)
def test_one_after_the_other(judge, right: str, wrong: str, tests: str) -> None:
    report = judge(right, Pytest(tests), LIMITS)
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report
    report = judge(wrong, Pytest(tests), LIMITS)
    assert report.status in {Status.FAILED, Status.ERROR}, report
