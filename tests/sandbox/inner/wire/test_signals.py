"""Handlers of signals of the program, which call the tests while nothing is asked."""

from __future__ import annotations

import pytest

from sandbox import Asserts, Integrity, Limits, Pytest, Status

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
    for _ in range(500):
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


SLOW = """
import time
seen = []
def slow(x):
    until = time.monotonic() + 0.2
    while time.monotonic() < until: pass
    return x
def note(x):
    seen.append(x)
    return len(seen)
"""
IN_A_HANDLER = """
import signal, threading
from solution import note, slow
def test_it():
    threads = [threading.Timer(0.3, note, (9,)) for _ in range({threads})]
    for each in threads: each.start()
    got = []
    signal.signal(signal.SIGALRM, lambda *_: got.append(note(1)))
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    assert slow(3) == 3
    for each in threads: each.join()
    assert got == [1] and note(2) == {threads} + 2
"""


@pytest.mark.parametrize("threads", [0, 1])
def test_what_a_handler_of_the_tests_asks_while_they_wait_is_no_tampering(
    judge, threads: int
) -> None:
    """Both stand in one process then: half a question may be on its way."""
    tests = Pytest(IN_A_HANDLER.format(threads=threads))
    report = judge(SLOW, tests, LIMITS)
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED), report
    wrong = judge(SLOW.replace("seen.append(x)", "pass"), tests, LIMITS)
    assert wrong.status is Status.FAILED, wrong


AT_MOST = """
import signal
def at_most(seconds, call):
    def end(*_): raise TimeoutError
    old = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try: return call()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
"""
CALLED_TOO_LONG = """
import pytest, time
from solution import at_most
def slow():
    time.sleep(0.4)
    return [1]
def test_what_is_asked_next():
    with pytest.raises(TimeoutError): at_most(0.1, slow)
    assert at_most(5, lambda: {"a": [2]}) == {"a": [2]}
    with pytest.raises(TimeoutError): at_most(0.1, slow)
"""


def test_what_takes_long_beside_a_handler_is_waited_for(judge) -> None:
    """The tests have one thread, and the program no other: what it does comes later."""
    right = (
        "import signal, time\nsignal.signal(signal.SIGALRM, lambda *_: None)\n"
        "def slow(x, call):\n    time.sleep(0.1)\n    return [x, call(x)]\n"
    )
    code = "\n".join(f"assert slow({n}, lambda x: x + 1) == [{n}, {n + 1}]" for n in range(3))
    judge.tells_apart(right, right.replace("[x,", "[1,"), Asserts(code, "slow"), LIMITS)


STAYS = AT_MOST.replace("signal.signal(signal.SIGALRM, old)", "pass")


@pytest.mark.parametrize("right", [AT_MOST, STAYS], ids=["once", "with a handler that stays"])
def test_a_handler_that_ends_a_call_of_the_tests_leaves_the_rest_to_be_heard(
    judge, right: str
) -> None:
    """The reply comes all the same, before whatever is said next."""
    wrong = right.replace("raise TimeoutError", "pass")
    judge.tells_apart(right, wrong, Pytest(CALLED_TOO_LONG), LIMITS)
