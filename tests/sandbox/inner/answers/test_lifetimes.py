"""Objects end on both sides when neither holds them any more, and not before."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from sandbox import Limits, Pytest
from sandbox.inner.given.guests import Guests
from sandbox.inner.given.standins import StandIns

LIMITS = Limits(wall_s=5.0, cpu_s=5.0)


class Plain:
    """An object of the tests."""


def sides() -> tuple[Guests, StandIns]:
    return Guests(), StandIns(lambda *_: None)


def told(guests: Guests, there: StandIns) -> None:
    """What each tells the other of who holds what."""
    there.lifetimes(**guests.lifetimes())
    with there.gone() as gone:
        guests.let_go(gone)
    guests.end()


def test_one_that_nobody_holds_ends() -> None:
    guests, there = sides()
    mine = Plain()
    ended = weakref.ref(mine)
    _, number, *rest = guests.refer(mine)
    guest = there.of(number, *rest)
    told(guests, there)
    del mine
    told(guests, there)
    assert guests.known(number)  # over there it is held
    assert there.of(*guests.refer(guests[number])[1:]) is guest
    del guest
    told(guests, there)
    told(guests, there)
    assert not guests.known(number)
    assert ended() is None
    assert guests.refer(Plain())[1] != number


def test_one_that_is_held_here_does_not_end() -> None:
    guests, there = sides()
    mine = Plain()
    _, number, *rest = guests.refer(mine)
    ended = weakref.ref(there.of(number, *rest))
    told(guests, there)
    assert ended() is not None
    del mine
    there_again = there.of(number, "plain")
    mine = guests[number]
    told(guests, there)
    del there_again
    told(guests, there)
    assert ended() is not None
    assert guests.refer(mine)[1] == number


def test_one_that_is_given_again_is_made_again() -> None:
    guests, there = sides()
    _, number, *rest = guests.refer(mine := Plain())
    first = weakref.ref(there.of(number, *rest))
    there.lifetimes([number], [])
    assert first() is None
    assert there.of(*guests.refer(mine)[1:]) is there.of(number, "plain")
    with there.gone() as gone:
        assert gone == []


def test_a_method_that_was_put_in_place_counts_when_it_is_let_go() -> None:
    class Calls:
        def ask(self) -> int:
            return 1

    guests, there = sides()
    mine = Calls()
    _, number, *rest = guests.refer(mine)
    there.of(number, *rest)
    mine.ask = lambda: 2  # type: ignore[method-assign]
    del mine
    gc.collect()
    told(guests, there)
    assert guests.are_changed()


@pytest.mark.parametrize("numbers", [None, 5, "0", [None], ["0"], [7], [-1], [2**70], [[0]]])
def test_numbers_that_are_made_up(numbers: Any) -> None:
    guests, _ = sides()
    guests.refer(mine := Plain())
    guests.let_go(numbers)
    guests.let_go([0])
    guests.let_go([0])
    assert not guests.known(0)
    assert mine is not None


CLASS = "import gc, weakref\nimport solution\nclass O: pass\n"
WEAK = """
import weakref
seen = weakref.WeakSet()
def see(o): seen.add(o)
def count(): return len(seen)
"""
CASES = {
    "a set that holds nothing": (
        WEAK,
        WEAK.replace("weakref.WeakSet()", "set()"),
        (
            f"{CLASS}def test_it():\n    o, p = O(), O()\n"
            "    solution.see(o)\n    solution.see(p)\n"
            "    assert solution.count() == 2\n    del o\n    assert solution.count() == 1\n"
        ),
    ),
    "a dict by weak keys": (
        (
            "import weakref\nd = weakref.WeakKeyDictionary()\ndef put(o, v): d[o] = v\n"
            "def get(o): return d.get(o)\ndef count(): return len(d)\n"
        ),
        (
            "d = {}\ndef put(o, v): d[o] = v\ndef get(o): return d.get(o)\n"
            "def count(): return len(d)\n"
        ),
        (
            f"{CLASS}def test_it():\n    o, p = O(), O()\n    solution.put(o, 1)\n"
            "    solution.put(p, 2)\n    assert solution.get(o) == 1\n    gc.collect()\n    del p\n"
            "    assert solution.count() == 1\n    assert solution.get(o) == 1\n"
        ),
    ),
    "what is let go": (
        "def f(o): return 1\n",
        "kept = []\ndef f(o): kept.append(o); return 1\n",
        (
            f"{CLASS}def test_it():\n    o = O()\n    w = weakref.ref(o)\n"
            "    assert solution.f(o) == 1\n    del o\n    gc.collect()\n    assert w() is None\n"
        ),
    ),
    "what is kept": (
        "kept = []\ndef f(o): kept.append(o)\ndef g(): return kept.pop()\n",
        (
            "import weakref\nkept = []\ndef f(o): kept.append(weakref.ref(o))\n"
            "def g(): return kept.pop()()\n"
        ),
        (
            f"{CLASS}def test_it():\n    o = O()\n    w = weakref.ref(o)\n    solution.f(o)\n"
            "    del o\n    gc.collect()\n    assert w() is not None\n"
            "    assert solution.g() is w()\n"
        ),
    ),
    "the end of an object": (
        (
            "gone = []\nclass C:\n    def __init__(self, n): self.n = n\n"
            "    def __del__(self): gone.append(self.n)\n"
        ),
        (
            "gone = []\nall = []\nclass C:\n"
            "    def __init__(self, n): self.n = n; all.append(self)\n"
            "    def __del__(self): gone.append(self.n)\n"
        ),
        (
            f"{CLASS}def test_it():\n    gone = solution.gone\n"
            "    c = [solution.C(1), solution.C(2)]\n"
            "    kept = c.pop()\n    assert gone == []\n    c.clear()\n    gc.collect()\n"
            "    assert gone == [1]\n    assert kept.n == 2\n"
        ),
    ),
    "a circle of the program": (
        (
            "import weakref\nclass C:\n    def __init__(self): self.me = self\n"
            "made = weakref.WeakSet()\ndef make():\n    c = C()\n    made.add(c)\n    return c\n"
            "def count(): return len(made)\n"
        ),
        (
            "made = set()\nclass C: pass\ndef make():\n    c = C()\n    made.add(c)\n    return c\n"
            "def count(): return len(made)\n"
        ),
        (
            f"{CLASS}def test_it():\n    c = solution.make()\n    assert solution.count() == 1\n"
            "    del c\n    gc.collect()\n    assert solution.count() == 0\n"
        ),
    ),
    "a generator that is dropped": (
        "def first(g): return next(g)\n",
        "kept = []\ndef first(g): kept.append(g); return next(g)\n",
        (
            f"{CLASS}def test_it():\n    log = []\n    def g():\n        try: yield 1\n"
            "        finally: log.append('closed')\n    assert solution.first(g()) == 1\n"
            "    gc.collect()\n    assert log == ['closed']\n"
        ),
    ),
    "one that says when it ends": (
        (
            "import weakref\nrefs = []\nclass C:\n"
            "    def __init__(self, n, tell): self.n, self.tell = n, tell\n"
            "    def __del__(self): self.tell(self.n)\n"
            "def watch(c, tell): refs.append(weakref.ref(c, lambda _: tell('gone')))\n"
        ),
        "class C:\n    def __init__(self, n, tell): self.n = n\ndef watch(c, tell): pass\n",
        (
            f"{CLASS}def test_it():\n    log = []\n    c = solution.C(1, log.append)\n"
            "    d = solution.C(2, lambda n: log.append(c.n))\n"
            "    solution.watch(c, log.append)\n    assert log == []\n    del d\n"
            "    gc.collect()\n    assert log == [1]\n    del c\n    gc.collect()\n"
            "    assert sorted(log, key=str) == [1, 1, 'gone']\n"
        ),
    ),
    "one that says when it is let go by the tests alone": (
        (
            "import weakref\nends = []\n"
            "def watch(o, tell): ends.append(weakref.finalize(o, tell, 'gone'))\n"
            "def count(): return sum(each.alive for each in ends)\n"
        ),
        "def watch(o, tell): pass\ndef count(): return 0\n",
        (
            f"{CLASS}def test_it():\n    log = []\n    o = O()\n"
            "    solution.watch(o, log.append)\n"
            "    assert solution.count() == 1\n    del o\n    gc.collect()\n"
            "    assert solution.count() == 0\n    assert log == ['gone']\n"
        ),
    ),
    "a generator of the program that says when it is closed": (
        (
            "def g(items, tell):\n    try:\n        yield from items\n"
            "    finally:\n        tell('closed')\n"
        ),
        "def g(items, tell):\n    yield from items\n",
        (
            f"{CLASS}def test_it():\n    log = []\n    def of(): yield 1; yield 2\n"
            "    for x in solution.g(of(), log.append):\n        break\n"
            "    list(solution.g([], log.append))\n"
            "    assert log == ['closed', 'closed']\n"
        ),
    ),
    "a method that is taken away again": (
        (
            "hooks = []\ndef on(f): hooks.append(f)\ndef off(f): hooks.remove(f)\n"
            "def fire(x):\n    for f in hooks: f(x)\n"
        ),
        (
            "hooks = []\ndef on(f): hooks.append(f)\ndef off(f): pass\n"
            "def fire(x):\n    for f in hooks: f(x)\n"
        ),
        (
            "import solution\nclass L:\n    def __init__(self): self.got = []\n"
            "    def hear(self, x): self.got.append(x)\n"
            "def test_it():\n    a, b = L(), L()\n    solution.on(a.hear)\n"
            "    solution.on(b.hear)\n"
            "    for n in range(3): solution.fire(n)\n    solution.off(a.hear)\n"
            "    solution.fire(3)\n"
            "    assert (a.got, b.got) == ([0, 1, 2], [0, 1, 2, 3])\n"
        ),
    ),
}


@pytest.mark.parametrize(("right", "wrong", "tests"), CASES.values(), ids=CASES)
def test_of_both_sides(judge, right: str, wrong: str, tests: str) -> None:
    judge.tells_apart(right, wrong, Pytest(tests), LIMITS)
