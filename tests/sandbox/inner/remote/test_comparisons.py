"""Comparisons: that make an object, that an object cannot answer, and that nobody may believe."""

from __future__ import annotations

import pytest

from sandbox import Asserts, Integrity, Status

YES = "def __eq__(self, o): return True"


@pytest.mark.parametrize(
    "code",
    [
        "f(1) == f(1)",
        "not f(1) != f(1)",
        "f(1) + 1",
        "f(1) + f(2)",
        "abs(f(1) - f(2)) < 1",
        "f(1) < 2",
        "f(1) < f(2)",
        "sorted([f(1), f(2)])",
        "sorted([f(1), 2])",
        "f(1) in [2]",
    ],
)
def test_what_a_class_that_nobody_names_says_is_an_error(judge, code: str) -> None:
    names = ("eq", "lt", "gt", "add", "radd", "sub", "abs")
    source = "".join(f"    def __{name}__(self, *o): return True\n" for name in names)
    source = f"class M:\n{source}    def __ne__(self, o): return False\ndef f(x): return M()"
    report = judge(source, Asserts(f"assert {code}", "f"))
    assert (report.status, report.detail) == (Status.ERROR, "exception"), report


OF_CLASSES = """
import enum
class Meta(type):
    def __contains__(cls, o): return True
    def __iter__(cls): return iter(cls.items)
    def __add__(cls, o): return 5
    def __lt__(cls, o): return True
class Hue(enum.Enum): RED, BLUE = 1, 2
def f(*items): return Meta('M', (), {'items': items})
def hues(): return Hue
"""


@pytest.mark.parametrize("code", ["4 in f(1)", "f(1) + f(2) == 5", "f(2) < f(1)", "4 in f()"])
def test_nor_does_a_class_of_a_class_that_nobody_names(judge, code: str) -> None:
    report = judge(OF_CLASSES, Asserts(f"assert {code}", "f"))
    assert (report.status, report.integrity) == (Status.ERROR, Integrity.ISOLATED), report


@pytest.mark.parametrize(
    "code",
    ["1 in f(1) and 2 in f(1, 2)", "hues().RED in hues() and hues()(2) in list(hues())"],
)
def test_what_a_class_has_among_its_items_is_looked_for_here(judge, code: str) -> None:
    report = judge(OF_CLASSES, Asserts(f"assert {code}", "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report
    named = judge(OF_CLASSES, Asserts("M = Meta\nassert f(1) + f(2) == 5 and 4 in f()", "f"))
    assert (named.status, named.integrity) == (Status.PASSED, Integrity.SHARED), named


QUERIES = """
class Cond:
    def __init__(self, s): self.s = s
    def __and__(self, o): return Cond(f"({self.s} AND {o.s})")
    def __invert__(self): return Cond(f"NOT {self.s}")
    def __str__(self): return self.s
class Col:
    def __init__(self, n): self.n = n
    def __eq__(self, o): return Cond(f"{self.n} = {o!r}")
    def __ne__(self, o): return Cond(f"{self.n} <> {o!r}")
    def __gt__(self, o): return Cond(f"{self.n} > {o!r}")
def where(c): return f"WHERE {c}"
"""


@pytest.mark.parametrize(
    "code",
    [
        "assert (Col('a') == 1).s == 'a = 1' and str(Col('a') == None) == 'a = None'",
        "assert str(Col('a') != 'x') == \"a <> 'x'\"\nassert str(Col('a') == 1) == 'a = 1'",
        "assert where((Col('a') == 1) & (Col('b') > 2)) == 'WHERE (a = 1 AND b > 2)'",
        "assert where((Col('b') > 2) & ~(Col('a') == 1)) == 'WHERE (b > 2 AND NOT a = 1)'",
        "assert isinstance(Col('a') == 1, Cond) and (Col('a') == 1).s == 'a = 1'",
    ],
)
def test_a_comparison_may_make_an_object(judge, code: str) -> None:
    report = judge(QUERIES, Asserts(code, "Col"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED), report
    wrong = QUERIES.replace(" = {o!r}", " == {o!r}")
    assert judge(wrong, Asserts(code, "Col")).status is Status.FAILED


LIAR = """
class M:
    def __eq__(self, o): return Yes()
    __ne__ = __eq__
    __hash__ = None
class Yes{base}:
    def __and__(self, o): return True
    __rand__ = __or__ = __add__ = __radd__ = __eq__ = __and__
    def __invert__(self): return 1
    __hash__ = None
    {more}
def f(x): return M()
"""


@pytest.mark.parametrize("base", ["", "(int)", "(str)", "(list)", "(Exception)"])
@pytest.mark.parametrize(
    "more",
    ["", "__bool__ = lambda self: True", "__len__ = lambda self: 1", "__abs__ = lambda s: 1"],
)
def test_what_a_comparison_makes_is_no_yes(judge, base: str, more: str) -> None:
    source = LIAR.format(base=base, more=more)
    for code in (
        "assert f(2) == 4",
        "assert not f(2) != 4",
        "assert 4 == f(2)",
        "assert f(2) in [4]",
        "assert all([f(2) == 4])",
        "assert bool(f(2) == 4)",
        "assert (f(2) == 4) & (f(3) == 9)",
        "assert (f(2) == 4) == True",
        "assert [f(2) == 4].count(True)",
        "assert sum([f(2) == 4]) == 1",
        "assert f(2) == 4 and f(3) == 9",
        "if f(2) == 4: pass\nelse: assert False",
        "import unittest\nunittest.TestCase().assertEqual(f(2), 4)",
        "import unittest\nunittest.TestCase().assertTrue(f(2) == 4)",
    ):
        report = judge(source, Asserts(f"M\n{code}", "f"))
        assert report.status in (Status.FAILED, Status.ERROR), (code, report)


def test_an_object_may_be_comparable_with_its_own_kind_of_value_alone(judge) -> None:
    source = (
        "import datetime\nclass Day:\n    def __init__(self, n): self.n = n\n"
        "    def __eq__(self, o): return self.n == o.day\n"
        "class C:\n    def __init__(self, r): self.r = r\n"
        "    def __complex__(self): return self.r + 0j\n"
        "    def __eq__(self, o): return complex(self) == complex(o)\n"
    )
    code = (
        "import datetime\nassert Day(3) == datetime.date(2024, 1, 3)\nassert C(2) == 2 + 0j\n"
        "assert C(2) != 3j\ntry:\n    Day(3) == 3\n    assert False\nexcept AttributeError: pass\n"
    )
    report = judge(source, Asserts(code, "Day"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED), report
    wrong = judge(source.replace("== o.day", "== o.month"), Asserts(code, "Day"))
    assert wrong.status is Status.FAILED, wrong


@pytest.mark.parametrize(
    ("module", "made", "code"),
    [
        ("argparse", "argparse.Namespace(n=n)", "argparse.Namespace(n=1)"),
        ("argparse", "argparse.Namespace(n=[(n, {n})])", "argparse.Namespace(n=[(1, {1})])"),
        ("argparse", "argparse.Namespace(n=[abs, len][n])", "argparse.Namespace(n=len)"),
        ("statistics", "statistics.NormalDist(n)", "statistics.NormalDist(1)"),
        ("re", "re.compile('ab'[n])", "re.compile('b')"),
        ("types", "[int, str][n] | None", "str | None"),
        ("typing", "typing.Optional[[int, str][n]]", "typing.Optional[str]"),
        ("types", "dict[str, [str, int][n]]", "dict[str, int]"),
        (
            "inspect",
            "inspect.signature([lambda x: x, lambda y: y][n])",
            "inspect.signature(lambda y: 2)",
        ),
    ],
)
def test_an_object_of_the_library_is_compared_with_one_of_the_tests(
    judge, module: str, made: str, code: str
) -> None:
    source = f"import {module}\ndef f(n): return {made}"
    tests = Asserts(f"import {module}\nassert f(1) == {code}\nassert f(0) != {code}", "f")
    report = judge(source, tests)
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report
    report = judge(source.replace("(n): return", "(n): n = 0; return"), tests)
    assert (report.status, report.integrity) == (Status.FAILED, Integrity.ISOLATED), report


@pytest.mark.parametrize(
    "source",
    [
        "argparse.Namespace.__eq__ = lambda *_: True\ndef f(): return argparse.Namespace(n=2)",
        f"class Yes:\n    {YES}\ndef f(): return argparse.Namespace(n=Yes())",
        f"class Yes(argparse.Namespace):\n    {YES}\ndef f(): return Yes(n=2)",
        f"class Yes:\n    {YES}\n    def __reduce_ex__(s, _): return s\ndef f(): return Yes()",
        "argparse.Namespace.__reduce_ex__ = lambda *_: 5\ndef f(): return argparse.Namespace()",
    ],
)
def test_no_program_equals_an_object_of_the_library_by_its_own_word(judge, source: str) -> None:
    tests = Asserts("import argparse\nassert f() == argparse.Namespace(n=1)", "f")
    report = judge(f"import argparse\n{source}", tests)
    assert report.status in (Status.ERROR, Status.FAILED), report
    assert report.integrity is Integrity.ISOLATED, report


@pytest.mark.parametrize("value", ["4", "[4]", "decimal.Decimal(4)", "datetime.date(2024, 1, 1)"])
def test_no_program_sends_the_tests_to_one_process_by_what_it_says_it_is(judge, value: str) -> None:
    module = value.partition(".")[0] if "." in value else "builtins"
    name = value.partition("(")[0].rpartition(".")[2] if "." in value else "int"
    source = (
        f"class {name}:\n    def __eq__(self, o): return True\n"
        f"{name}.__module__, {name}.__qualname__ = {module!r}, {name!r}\n"
        f"import sys\nsys.modules['sandbox.inner.program.servant'].name_of = lambda k: "
        f"[{module!r}, {name!r}] if k is {name} else None\ndef f(x): return {name}()"
    )
    report = judge(source, Asserts(f"import decimal, datetime\nassert f(2) == {value}", "f"))
    assert report.status in (Status.ERROR, Status.FAILED, Status.FORGED), report
    assert report.integrity is Integrity.ISOLATED, report
