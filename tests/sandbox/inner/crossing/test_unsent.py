"""A message that cannot be made was never sent: a program that goes on without it is no forger."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox import Asserts, Limits
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
