"""Bound methods on either side: each time one is looked up it is the same over there."""

from __future__ import annotations

import pytest

from sandbox import Asserts, Integrity, Status
from sandbox.inner.given.guests import Guests

EMITTER = (
    "class E:\n    def __init__(self): self.h = []\n    def on(self, f): self.h.append(f)\n"
    "    def off(self, f): self.h = [x for x in self.h if x != f]\n"
    "    def remove(self, f): self.h.remove(f)\n"
    "    def emit(self, *a):\n        for f in list(self.h): f(*a)\n        return len(self.h)\n"
)
LISTENER = (
    "class L:\n    def __init__(self): self.got = []\n"
    "    def hear(self, x): self.got.append(x)\n    def other(self, x): pass\n"
    "    @classmethod\n    def all(cls, x): pass\n"
    "e, l, k = E(), L(), L()\n"
)
BOXES = (
    "class E:\n    def __init__(self): self.m = []\n    def one(self): return 1\n"
    "    def two(self): return 2\n    def get(self): return self.one\n"
    "    def adds(self): return self.m.append\n"
)
EQUAL = [
    (
        EMITTER,
        "self.h.remove(f)",
        "self.h.clear()",
        (
            f"{LISTENER}e.on(l.hear); e.on(k.hear); e.remove(l.hear); e.emit(1)\n"
            "assert (l.got, k.got) == ([], [1])"
        ),
    ),
    (
        EMITTER,
        "if x != f",
        "if x is not str",
        f"{LISTENER}e.on(l.hear)\nassert e.emit(1) == 1\ne.off(l.hear)\nassert e.emit(2) == 0",
    ),
    (
        EMITTER,
        "if x != f",
        "if x is str",
        (
            f"{LISTENER}e.on(l.hear); e.on(l.other)\ne.off(l.hear); e.off(k.other)\n"
            "assert e.emit(2) == 1"
        ),
    ),
    (
        EMITTER,
        "if x != f",
        "if x is not str",
        (
            f"{LISTENER}e.on(l.got.append); e.on(L.all)\ne.emit(1)\n"
            "e.off(l.got.append); e.off(L.all)\nassert e.emit(2) == 0 and l.got == [1]"
        ),
    ),
    (
        "class E:\n    def f(self, *gs): return len({*gs}), len(dict.fromkeys(gs))",
        "len({*gs})",
        "len(gs)",
        f"{LISTENER}assert e.f(l.hear, l.hear, k.hear) == (2, 2)",
    ),
    (
        BOXES,
        "return self.one",
        "return self.two",
        "a, b = E(), E()\nassert a.one == a.one and a.get() == a.one and a.get() != b.one",
    ),
    (
        BOXES,
        "return self.one",
        "return lambda: 1",
        "a = E()\nhs = [a.one]\nassert a.get() in hs and {a.get(): 1}[a.one]\nhs.remove(a.one)",
    ),
    (
        BOXES,
        "return self.m.append",
        "return [].append",
        "a = E()\nassert a.adds() == a.adds()\na.adds()(1)\nassert a.m == [1]",
    ),
]


@pytest.mark.parametrize(("source", "right", "wrong", "code"), EQUAL)
def test_equal_methods_are_equal_over_there(
    judge, source: str, right: str, wrong: str, code: str
) -> None:
    report = judge(source, Asserts(code, "E"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report
    assert source.count(right) == 1
    report = judge(source.replace(right, wrong), Asserts(code, "E"))
    assert report.status in (Status.FAILED, Status.ERROR), report


def test_a_method_keeps_its_number_and_its_object() -> None:
    class Heard:
        def on(self) -> None: ...
        def off(self) -> None: ...

    guests = Guests()
    numbers = set()
    for _ in range(5):  # nobody else keeps these
        each = Heard()
        told = [guests.refer(method)[1] for method in (each.on, each.on, each.off)]
        assert told[0] == told[1] != told[2]
        numbers.update(told)
    assert len(numbers) == 10
    got: list[int] = []
    assert guests.refer(got.append)[1] == guests.refer(got.append)[1]
    assert guests.refer(got.append)[1] not in {guests.refer(got.pop)[1], guests.refer([].append)[1]}


@pytest.mark.parametrize("given", ["len", "max", "operator.add", "int", "str.upper", "json.dumps"])
def test_a_thing_of_the_library_comes_back_as_itself(judge, given: str) -> None:
    source = "kept = {}\ndef put(k, f): kept[k] = f\ndef get(k): return kept[k]\n"
    code = (
        f"import json, operator\nput('a', {given})\nput('b', {given})\n"
        f"assert get('a') is {given} and get('b') == {given}\nassert [get('a')] == [{given}]"
    )
    report = judge(source, Asserts(code, "get"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report
    report = judge(source.replace("= f\n", "= print\n"), Asserts(code, "get"))
    assert report.status in (Status.FAILED, Status.ERROR), report


@pytest.mark.parametrize("name", ["eval", "exec", "open", "abs"])
def test_no_other_comes_in_the_name_of_one(judge, name: str) -> None:
    source = f"def put(f): pass\ndef get(): return {name}\n"
    source += "servant = __import__('sys').modules['sandbox.inner.program.servant']\n"
    source += f"servant.Servant.refer = lambda self, value: ['g', 'builtins', {name!r}]\n"
    report = judge(source, Asserts(f"put(len)\nassert get() is {name} or True", "get"))
    assert report.status is Status.FORGED, report
