"""Handlers of signals of the program, which call the tests while nothing is asked."""

from __future__ import annotations

import pytest

from sandbox import Integrity, Limits, Pytest, Status

LIMITS = Limits(wall_s=8.0, cpu_s=8.0)
EVERY = """
import signal
count = []
def every(seconds, times, call):
    left = [times]
    def handle(*_):
        left[0] -= 1
        count.append(left[0])
        if not left[0]: signal.setitimer(signal.ITIMER_REAL, 0)
        call(left[0])
    signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
def stop(): signal.setitimer(signal.ITIMER_REAL, 0)
"""
HEAD = """
import time
from solution import count, every, stop
def eventually(done):
    for _ in range(400):
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
        + "    every(0.01, 3, seen.append)\n    eventually(lambda: len(seen) == 3)\n"
        + "    assert seen == [2, 1, 0]\n",
    ),
    "what it keeps": (
        EVERY,
        EVERY.replace("count.append(left[0])", "pass"),
        HEAD
        + "    every(0.01, 3, lambda n: None)\n    eventually(lambda: len(count) == 3)\n"
        + "    assert count == [2, 1, 0]\n",
    ),
    "beside questions": (
        EVERY,
        EVERY.replace("0)\n", "seconds)\n"),
        HEAD
        + "    every(0.005, 10**6, seen.append)\n    eventually(lambda: len(seen) > 5)\n"
        + "    for _ in range(50): stop.__name__\n    stop()\n    n = len(seen)\n"
        + "    time.sleep(0.05)\n    assert len(seen) == n > 5\n",
    ),
    "calls that ask back": (
        EVERY,
        EVERY.replace("call(left[0])", "call(1)"),
        HEAD
        + "    def called(n):\n        seen.append((n, len(count)))\n        if n == 0: stop()\n"
        + "    every(0.01, 2, called)\n    eventually(lambda: len(seen) == 2)\n"
        + "    assert [n for n, _ in seen] == [1, 0]\n",
    ),
}


@pytest.mark.parametrize(("right", "wrong", "tests"), CASES.values(), ids=CASES)
def test_handlers(judge, right: str, wrong: str, tests: str) -> None:
    assert wrong != right
    report = judge(right, Pytest(tests), LIMITS)
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report
    report = judge(wrong, Pytest(tests), LIMITS)
    assert report.status in {Status.FAILED, Status.ERROR}, report
