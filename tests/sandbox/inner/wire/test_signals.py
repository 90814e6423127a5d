"""Handlers of signals of the program, which call the tests while nothing is asked."""

from __future__ import annotations

import pytest

from sandbox import Limits, Pytest

LIMITS = Limits(wall_s=8.0, cpu_s=8.0)
EVERY = """
import signal
count = []
def every(seconds, times, call):
    left = [times]
    def handle(*_):
        left[0] -= 1
        count.append(left[0])
        call(left[0])
        if left[0]: signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, seconds)
def stop(): signal.setitimer(signal.ITIMER_REAL, 0)
"""
HEAD = """
import time
from solution import count, every, stop
def eventually(done):
    for _ in range(2000):
        if done(): return
        time.sleep(0.01)
def test_it():
    seen = []
"""
CASES = {
    "calls of the tests": (
        EVERY,
        EVERY.replace("call(left[0])", "call(0)"),
        HEAD
        + """    every(0.01, 3, seen.append)
    eventually(lambda: len(seen) == 3)
    assert seen == [2, 1, 0]
""",
    ),
    "what it keeps": (
        EVERY,
        EVERY.replace("count.append(left[0])", "pass"),
        HEAD
        + """    every(0.01, 3, lambda n: None)
    eventually(lambda: len(count) == 3)
    assert count == [2, 1, 0]
""",
    ),
    "a question in between": (
        EVERY,
        EVERY.replace("call(left[0])", "call(1)"),
        HEAD
        + """    def called(n):
        seen.append(n)
        if n == 0: stop()
    every(0.01, 2, called)
    eventually(lambda: len(seen) == 2)
    assert seen == [1, 0]
""",
    ),
}


@pytest.mark.parametrize(("right", "wrong", "tests"), CASES.values(), ids=CASES)
def test_handlers(judge, right: str, wrong: str, tests: str) -> None:
    judge.tells_apart(right, wrong, Pytest(tests), LIMITS)
