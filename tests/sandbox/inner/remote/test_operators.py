"""Whose word an operator of an object is, and which classes have any."""

from __future__ import annotations

import pytest

from sandbox import Asserts, Integrity, Limits, Pytest, Status

WORD = [
    (
        (
            "class M:\n    def __init__(self, x): self.x = x\n"
            "    def __add__(self, o): return M(self.x + o.x)\n"
            "    def __eq__(self, o): return isinstance(o, M) and self.x == o.x\n"
            "def f(x): return M(x)"
        ),
        [
            "assert f(1) + M(2) == M(3)",
            "assert f(1) == M(1)",
            "assert f(1) != M(2)",
            "assert M(1) in [f(1)]",
        ],
    ),
    (
        (
            "class V:\n    def __init__(self, *c): self.c = c\n"
            "    def __mul__(self, k): return V(*(a * k for a in self.c))\n"
            "    __rmul__ = __mul__\n"
            "    def __contains__(self, x): return x in self.c\n"
            "    def __lt__(self, o): return self.c < o.c\n"
            "def f(*c): return V(*c)"
        ),
        [
            "assert (f(1) * 3).c == (3,)",
            "assert (3 * V(1)).c == (3,)",
            "assert 1 in f(1)",
            "assert sorted([f(2), V(1)])[0].c == (1,)",
        ],
    ),
]


@pytest.mark.parametrize(
    ("source", "code"), [(source, code) for source, codes in WORD for code in codes]
)
def test_an_operator_of_a_class_that_the_tests_name_is_its_word(
    judge, source: str, code: str
) -> None:
    named = f"M = V = 0\n{code}" if " M" not in code and " V" not in code else code
    kind = "M" if "class M" in source else "V"
    report = judge(source, Asserts(f"{kind}\n{named.replace('M = V = 0', kind)}", "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED), report


def test_an_operator_of_another_class_is_an_error_of_the_candidate(judge) -> None:
    source = "class M:\n" + "".join(
        f"    def __{name}__(self, *a): return True\n"
        for name in (
            "eq",
            "ne",
            "lt",
            "gt",
            "le",
            "ge",
            "add",
            "radd",
            "sub",
            "rsub",
            "contains",
            "mod",
        )
    )
    source += "    __hash__ = None\ndef f(x): return M()"
    for code in (
        "f(1) == 2",
        "2 == f(1)",
        "not f(1) != 2",
        "f(1) < 2",
        "2 > f(1)",
        "f(1) >= 2",
        "f(1) + 2",
        "2 + f(1)",
        "f(1) - 2",
        "2 - f(1)",
        "sum([f(1)])",
        "f(1) in [2]",
        "2 in [f(1)]",
        "2 in f(1)",
        "f(1) % 2",
        "min(f(1), 2) == 2",
        "sorted([f(1), 2])",
        "[f(1)] == [2]",
        "{'a': f(1)} == {'a': 2}",
        "(1, f(1)) == (1, 2)",
        "[2].count(f(1))",
        "f(1) == f(1)",
    ):
        report = judge(source, Asserts(f"assert {code}", "f"))
        assert (report.status, report.detail) == (Status.ERROR, "exception"), (code, report)


@pytest.mark.parametrize(
    "code",
    ["assert f(1).startswith('ab')", "assert f(1).equals(4)", "assert f(1).matches([4])"],
)
def test_what_a_method_says_of_an_expected_value_is_its_word(judge, code: str) -> None:
    source = "class L:\n    def startswith(self, *a): return True\n    equals = startswith\n"
    report = judge(
        source + "    def matches(self, other): return True\ndef f(x): return L()",
        Asserts(code, "f"),
    )
    assert report.status is not Status.PASSED or report.integrity is Integrity.SHARED


PROMPTS = [
    (
        "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n",
        "assert f(1) == P(1) and f(1) != P(2)",
    ),
    (
        "import enum\nclass P(enum.Enum):\n    A = 1\n    B = 2\n",
        "assert f(1) == P.A and f(2) is P.B",
    ),
]


@pytest.mark.parametrize(("prompt", "code"), PROMPTS, ids=["dataclass", "Enum"])
def test_a_value_class_of_the_prompt_is_compared_here(judge, prompt: str, code: str) -> None:
    report = judge(f"{prompt}def f(x): return P(x)", Asserts(code, "f", prompt))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report


def test_a_named_tuple_of_the_prompt_is_compared_here(judge) -> None:
    prompt = "from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\n"
    tests = Asserts("assert f(1) == P(1) and f(1) != P(2)", "f", prompt)
    report = judge(f"{prompt}def f(x): return P(x)", tests)
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report
    assert judge(f"{prompt}def f(x): return P(x + 1)", tests).status is Status.FAILED


@pytest.mark.parametrize(
    "source",
    [
        (
            "class P:\n    def __init__(self, x): pass\n"
            "    x = property(lambda self: 1)\n    __eq__ = lambda *a: True"
        ),
        (
            "class P(int):\n    __eq__ = lambda *a: True\n"
            "    def __new__(cls, x): return int.__new__(cls, 0)"
        ),
        (
            "from dataclasses import dataclass\n@dataclass(eq=False)\nclass P:\n"
            "    x: int\n    __eq__ = lambda *a: True"
        ),
        (
            "import enum\nclass P(enum.Enum):\n    A = B = 1\n"
            "    __eq__ = lambda *a: True\n    @classmethod\n"
            "    def _missing_(cls, x): return cls.A"
        ),
    ],
)
def test_a_class_of_the_prompt_that_is_defined_anew_is_no_pass(judge, source: str) -> None:
    prompt = "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n"
    tests = Asserts("assert f(1) == P(1)\nassert f(2) == P(2)", "f", prompt)
    report = judge(f"{source}\ndef f(x): return P(1)", tests)
    assert report.status in (Status.ERROR, Status.FAILED), report


PROTOCOL = """
class Money:
    def __init__(self, a): self.a = a
    def __add__(self, o): return Money(self.a + o.a) if isinstance(o, Money) else NotImplemented
    def __iadd__(self, o): return NotImplemented
    def __lt__(self, o): return self.a < o.a if isinstance(o, Money) else NotImplemented
    def __eq__(self, o): return self.a == o.a if isinstance(o, Money) else NotImplemented
    def __imul__(self, k): self.a *= k; return self
class None_:
    def __add__(self, o): return NotImplemented
    def __lt__(self, o): return NotImplemented
class Right:
    def __radd__(self, o): return 'right'
    def __gt__(self, o): return True
class Base:
    def __add__(self, o): return 'base'
    def __radd__(self, o): return 'base, reflected'
class Same(Base): pass
class Other(Base):
    def __radd__(self, o): return 'other, reflected'
"""


@pytest.mark.parametrize(
    "code",
    [
        "with pytest.raises(TypeError): Money(1) + 3",
        "with pytest.raises(TypeError): 3 + Money(1)",
        "with pytest.raises(TypeError): sum([Money(1), Money(2)])",
        "assert (Money(1) + Money(2)).a == 3",
        "assert Money(1) < Money(2) and Money(2) > Money(1)",
        "with pytest.raises(TypeError): Money(1) < 3",
        "with pytest.raises(TypeError): sorted([None_(), None_()])",
        "assert Money(1) == Money(1) and Money(1) != Money(2) and not Money(1) == None_()",
        "a = Money(1); a += Money(2); assert a.a == 3",
        "a = b = Money(2); a *= 3; assert a is b and b.a == 6",
        "assert None_() + Right() == 'right' and None_() < Right()",
        "assert Base() + Same() == 'base' and Base() + Other() == 'other, reflected'",
        "assert 1 + Same() == 'base, reflected'",
    ],
)
def test_an_operator_that_has_no_answer_leaves_it_to_the_other_side(judge, code: str) -> None:
    module = f"import pytest\nfrom solution import *\ndef test():\n    {code}"
    names = [n for n in ("Money", "None_", "Right", "Base", "Same", "Other") if n in code]
    report = judge(PROTOCOL, Pytest(module.replace("*", ", ".join(names), 1)), Limits())
    assert report.status is Status.PASSED, report


def test_an_operator_in_place_is_handed_the_other_side_too(judge) -> None:
    source = (
        "class M:\n    def __isub__(self, o): return 0.0\n    __ior__ = __imod__ = __isub__\n"
        "def f(x): return M()"
    )
    for operator in ("-=", "|=", "%="):
        code = f"got = f(1)\ngot {operator} 2\nassert abs(got) < 1e-6"
        assert judge(source, Asserts(code, "f")).status is Status.ERROR
        report = judge(source, Asserts(f"M\n{code}", "f"))
        assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED), report


def test_special_methods_are_found_in_classes_and_bound_as_python_does(judge) -> None:
    source = """
from typing import NewType
from enum import Enum
Id = NewType('Id', int)
class C:
    __call__ = staticmethod(len)
    __getitem__ = staticmethod(abs)
    __len__ = classmethod(lambda cls: 4)
    __iter__ = property(lambda self: lambda: iter([1, 2]))
class W(Enum):
    A = 1
    B = 2
c = C()
c.__len__ = None
"""
    code = (
        "assert Id(5) == 5\nassert c([1, 2]) == 2\nassert c[-3] == 3\nassert len(c) == 4\n"
        "assert list(c) == [1, 2]\nassert W.A and bool(W.B) and len(W) == 2\n"
        "try: len(W.A)\nexcept TypeError: pass\nelse: raise AssertionError"
    )
    report = judge(source, Asserts(code, "C"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report


@pytest.mark.usefixtures("with_numpy")
def test_numbers_of_numpy(judge) -> None:
    source = "import numpy as np\ndef f(k): return np.dtype(k).type(3)"
    for kind, value in (
        ("bool", True),
        ("float64", 3.0),
        ("int64", 3),
        ("complex128", 3 + 0j),
        ("str", "3"),
    ):
        report = judge(source, Asserts(f"assert f('{kind}') == {value!r}", "f"), Limits())
        assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report
