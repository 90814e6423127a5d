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
