"""When a pass rests on what an object of a class that the tests do not name says of something."""

from __future__ import annotations

import pytest

from sandbox import Asserts, Integrity, Status

PRETENDS = """
class Yes:
    def __bool__(self): return True
class No:
    def __bool__(self): return False
class Long:
    def __len__(self): return 1
class Bare: pass
class S:
    def __init__(self, x): self.x = x
    def startswith(self, *a): return self.x
    def items(self): return 5
def f(x): return S(x)
"""


@pytest.mark.parametrize(
    "given",
    [
        "1",
        "'yes'",
        "[0]",
        "{1: 2}",
        "Yes()",
        "Bare()",
        "Long()",
        "int",
        "lambda: 1",
        "2.5",
        "True",
        "object",
    ],
)
@pytest.mark.parametrize(
    "code",
    [
        "assert {}",
        "assert {} is not None",
        "assert {} != 7",
        "if not {}: raise AssertionError",
        "ok = {}\nassert ok",
        "assert all([{} for _ in range(2)])",
        "assert all(map(f(G).startswith, 'ab')) == True",
        "def check(got): assert got\ncheck({})",
        "m = f(G).startswith\nassert m('ab')",
    ],
)
def test_any_yes_of_a_method_is_its_word(judge, code: str, given: str) -> None:
    code = code.format("f(G).startswith('ab')")
    report = judge(f"{PRETENDS}G = {given}", Asserts(code, "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED), report


@pytest.mark.parametrize("given", ["None", "0", "''", "[]", "No()", "False"])
def test_any_no_of_a_method_is_its_word(judge, given: str) -> None:
    report = judge(f"{PRETENDS}G = {given}", Asserts("assert not f(G).startswith('ab')", "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED), report


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("5", "assert f(G).startswith('ab') == 5"),
        ("5", "assert 4 < f(G).startswith('ab') <= 5"),
        ("None", "assert f(G).startswith('ab') is None"),
        ("'x'", "assert f(G).startswith('ab') in ('x', 'y')"),
        ("1", "f(G).startswith('ab')\nassert f(G).items() == 5"),
        ("1", "m = f(G).startswith\nm('ab')\nassert f(G).items()"),
        ("Bare()", "assert f(G) and f(G).x"),
    ],
)
def test_what_the_tests_compare_or_drop_is_no_word(judge, given: str, code: str) -> None:
    report = judge(f"{PRETENDS}G = {given}", Asserts(code, "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report


@pytest.mark.parametrize("given", ["Yes()", "Long()"])
def test_the_truth_of_an_object_is_its_word_where_its_class_says_it(judge, given: str) -> None:
    source = f"{PRETENDS}G = {given}\ndef g(x): return G"
    for code, integrity in (
        ("assert g(1)", Integrity.SHARED),
        ("assert [x for x in [g(1)] if x]", Integrity.SHARED),
        ("Yes, Long\nassert g(1)", Integrity.ISOLATED),
    ):
        report = judge(source, Asserts(code, "g"))
        assert (report.status, report.integrity) == (Status.PASSED, integrity), (code, report)


HAS = """
import types
from dataclasses import dataclass
def yes(*a): return True
class Object:
    has = yes
class Kind:
    def __init__(self, *a): pass
class Fails(Exception):
    has = yes
class Meta(type):
    has = yes
class Made(metaclass=Meta): pass
class ByBool:
    has = bool
class ByKind:
    has = Kind
class Own(set):
    __iter__ = lambda self: iter(())
    issuperset = has = yes
@dataclass
class Point:
    x: int
def with_own(found):
    found.has = yes
    return found
"""


@pytest.mark.parametrize(
    "given",
    [
        *("Object()", "Object", "Fails()", "Fails", "Made", "ByBool()", "ByKind()", "ByBool"),
        *("types.SimpleNamespace(has=yes)", "types.SimpleNamespace(has=bool)", "Own()"),
        *("types.SimpleNamespace(has=Kind)", "with_own(ValueError())", "with_own(Point(1))"),
        "types.SimpleNamespace(has=Object().has)",
    ],
)
@pytest.mark.parametrize(
    "code",
    [
        "assert f(1).has('ab')",
        "m = f(1).has\nassert m('ab')",
        "assert all(map(f(1).has, ['ab', 'cd']))",
        "assert getattr(f(1), 'has')('ab')",
        "assert (f(1)\n    .has('ab'))",
    ],
)
def test_it_is_its_word_whatever_has_the_method_and_is_one(judge, given: str, code: str) -> None:
    prelude = "from dataclasses import dataclass\n@dataclass\nclass Point:\n    x: int"
    report = judge(f"{HAS}\ndef f(n): return {given}", Asserts(code, "f", prelude))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED), report


def test_what_a_set_of_the_program_says_is_its_word(judge) -> None:
    report = judge(f"{HAS}\ndef f(n): return Own()", Asserts("assert f(1).issuperset({5})", "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED), report


@pytest.mark.parametrize(
    "code",
    [
        "assert f(1).kind is int and f(1).kind == int",
        "assert f(1).kind.__name__ == 'int'",
        "assert f(1).Node().x == 1 and (f(1)\n    .Node().x == 1)",
        "assert f(1).double(5) == 10",
        "r = f(1)\nr.double(3)\nassert r.double(5) == 10",
    ],
)
@pytest.mark.parametrize("given", ["Some()", "Some", "Fails()"])
def test_no_word_is_in_what_the_tests_only_look_at(judge, given: str, code: str) -> None:
    body = "\n    kind = int\n    Node = Node\n    double = staticmethod(lambda n: 2 * n)"
    source = f"class Node: x = 1\nclass Some:{body}\nclass Fails(Exception):{body}"
    report = judge(f"{source}\ndef f(n): return {given}", Asserts(code, "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report


def test_what_a_namespace_gives_is_compared_as_what_any_object_gives(judge) -> None:
    source = "import types\ndef f(n): return types.SimpleNamespace(double=lambda n: 2 * n)"
    report = judge(source, Asserts("assert f(1).double(5) == 10", "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report
