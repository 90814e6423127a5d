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
