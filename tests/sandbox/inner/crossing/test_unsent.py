"""A message that cannot be made was never sent: a program that goes on without it is no forger."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox import Asserts, Limits, Pytest, Status
from sandbox.codec import CannotCross
from sandbox.inner.crossing.containers import Containers
from sandbox.inner.crossing.exchange import heard, told


def refuse(value: Any) -> Any:
    raise CannotCross(type(value).__name__)


def test_nothing_of_it_is_known_to_either_side() -> None:
    ours, theirs = Containers(), Containers()
    known = [1]
    there = heard(told(known, ours, refuse), theirs, refuse)
    known.append([2])
    with pytest.raises(CannotCross):
        told([[3], object()], ours, refuse)
    assert heard(told([known, [4]], ours, refuse), theirs, refuse) == [[1, [2]], [4]]
    assert there == [1, [2]]
    assert told(None, ours, refuse)["changed"] == []


SENT = {
    "a list": ("", "[1]", "kept == [1, 8]"),
    "a list of its own": ("class L(list): pass\n", "L([1])", "kept == [1, 8]"),
    "one that the tests name": (
        "class L(list): pass\n",
        "L([1])",
        "isinstance(kept, L) and ','.join(map(str, kept)) == '1,8'",
    ),
    "an object": ("class L:\n    def append(self, n): self.n = n\n", "L()", "kept.n == 8"),
}


@pytest.mark.parametrize(("head", "made", "then"), SENT.values(), ids=SENT)
def test_a_program_may_try_to_say_what_cannot_be_said(
    judge, head: str, made: str, then: str
) -> None:
    right = (
        f"{head}def f(say, given):\n    deep, made = [], {made}\n"
        "    for _ in range(300): deep = [deep]\n    given.append(5)\n"
        "    try: say(made, deep)\n    except Exception: pass\n"
        "    say(made)\n    made.append(8)\n    return made"
    )
    code = (
        "said, given = [], []\nkept = f(lambda *told: said.append(told), given)\n"
        f"assert {then} and given == [5] and len(said) == 1 and said[0][0] is kept"
    )
    judge.tells_apart(right, right.replace("(8)", "(9)"), Asserts(code, "f"), Limits())


def test_what_is_handled_and_cannot_be_said_is_left_out(judge) -> None:
    source = (
        "class Bad(Exception): pass\ndef f(log, deep=()):\n    for _ in range(300): deep = [deep]\n"
        "    try: raise Bad(deep)\n    except Bad: log('bad')\n"
    )
    code = (
        "import logging\ngot = []\ndef log(text): got.append(text)\nf(log)\nassert got == ['bad']"
    )
    judge.tells_apart(source, source.replace("'bad'", "'good'"), Asserts(code, "f"), Limits())


def test_what_has_ended_is_told_by_a_message_that_can_be_made(judge) -> None:
    source = (
        "def f(one, say):\n    deep = []\n    for _ in range(300): deep = [deep]\n"
        "    one(1)\n    del one\n    try: say(deep)\n    except Exception: say(2)\n"
    )
    code = (
        "import weakref\nclass One:\n    def __call__(self, n): said.append(n)\n"
        "said, refs = [], []\ndef one():\n    found = One()\n"
        "    refs.append(weakref.ref(found))\n    return found\n"
        "f(one(), said.append)\nf(print, said.append)\n"
        "assert said == [1, 2, 2] and refs[0]() is None"
    )
    judge.tells_apart(source, source.replace("say(2)", "say(3)"), Asserts(code, "f"), Limits())


LARGE = Limits(wall_s=60.0, cpu_s=60.0, memory_bytes=2**30)
NESTED = "big = []\nfor _ in range(300): big = [big]\n"
UNSENT = {
    "deep": (NESTED, Limits()),
    "of many parts": ("big = [True] * 4_100_000\n", LARGE),
    "long": ("big = ['x' * 10**7] * 4\n", LARGE),
    "long together": ("big, more = 'x' * 2 * 10**7, 'y' * 2 * 10**7\n", LARGE),
}
OWN = (
    "assert limit == 3 and f(1) == 1\nbig, more = [2], [3]\n"
    "assert f(2) == 2 and big == [2] and more == [3] and Class().a == 4"
)


@pytest.mark.parametrize(("large", "limits"), UNSENT.values(), ids=UNSENT)
def test_a_variable_that_cannot_be_sent_is_nothing_to_tests_with_one_of_their_own(
    judge, large: str, limits: Limits
) -> None:
    source = (
        f"{large}limit = 3\ndef f(n): return n\nclass Class:\n    def __init__(self): self.a = 4\n"
    )
    wrong = source.replace("return n", "return 0")
    judge.tells_apart(source, wrong, Asserts(OWN, "f"), limits)


def test_who_uses_a_variable_that_cannot_be_sent_finds_none(judge) -> None:
    source = f"{NESTED}def f(n): return n"
    report = judge(source, Asserts("assert f(1) == 1 and len(big) == 1", "f"))
    assert (report.status, report.passed_checks) == (Status.FAILED, 0), report
    uses = (
        "from solution import f\ndef test_f():\n    assert f(1) == 1\n    from solution import big"
    )
    report = judge(source, Pytest(uses))
    assert report.status is Status.FAILED
    assert "cannot be sent" in report.message
