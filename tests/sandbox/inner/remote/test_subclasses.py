"""Instances of subclasses of built-in types: what is the class's own, and what is that type's."""

from __future__ import annotations

import pytest

from sandbox import Asserts, Integrity, Limits, Pytest, Status

OWN = """
from typing import NamedTuple
from enum import IntEnum, IntFlag
class Mod7(int):
    def __add__(self, other): return Mod7((int(self) + int(other)) % 7)
    def __radd__(self, other): return self + other
    def __lt__(self, other): return int(self) > int(other)
    def __neg__(self): return Mod7(7 - int(self))
    def bit_length(self): return 3
class Plain(int): pass
class Loud(str):
    def __eq__(self, other): return self.lower() == other.lower()
    def __ne__(self, other): return not self == other
    def __hash__(self): return hash(self.lower())
    def __sub__(self, other): return Loud(self.replace(other, ''))
    def __mod__(self, other): return 'mod'
    def __contains__(self, word): return word in self.lower().split()
    def __len__(self): return len(self.split())
    def __getitem__(self, at): return self.split()[at]
    def __iter__(self): return iter(self.split())
    def upper(self): return 'U:' + str.upper(self)
class Near(float):
    def __eq__(self, other): return abs(float(self) - float(other)) < 0.01
    __hash__ = float.__hash__
    def __str__(self): return f'{float(self):.1f} C'
class Both(tuple):
    def __add__(self, other): return Both(a + b for a, b in zip(self, other))
    @property
    def count(self): return 'two'
class Extra(frozenset):
    def __or__(self, other): return Extra(frozenset(self) | {'extra'} | other)
class Vector(NamedTuple):
    x: float
    y: float
    def __add__(self, other): return Vector(self.x + other.x, self.y + other.y)
class Turn(IntEnum):
    N = 0
    E = 1
    def __add__(self, k): return Turn((int(self) + k) % 2)
    def __str__(self): return self.name
class May(IntFlag):
    R = 1
    W = 2
"""
NAMED = [
    "assert Mod7(5) + Mod7(4) == 2",
    "assert (Mod7(5) + 9) + Mod7(6) == 6 and isinstance(Mod7(5) + 9, Mod7)",
    "assert 9 + Mod7(5) == 0 and sum([Mod7(5), Mod7(4)]) == 2",
    "assert Mod7(5) < Mod7(4) and sorted([Mod7(1), Mod7(3)])[0] == 3",
    "a = Mod7(5)\na += 4\nassert a == 2",
    "assert Loud('Ab') == 'aB' and 'aB' == Loud('Ab') and Loud('Ab') != 'x'",
    "assert not Loud('Ab') == 'x' and Loud('A') == Loud('a')",
    "assert {Loud('A'): 1}[Loud('a')] == 1 and Loud('A') in {Loud('a')}",
    "assert Loud('abc') - 'b' == 'ac' and Loud('abc') % 1 == 'mod'",
    "assert 'foo' in Loud('Foo bar') and 'fo' not in Loud('Foo bar')",
    "assert Near(1.0) == 1.001 and not Near(1.0) == 1.1",
    "assert Both((1, 2)) + Both((3, 4)) == (4, 6)",
    "assert isinstance(Both((1, 2)) + Both((3, 4)), Both)",
    "assert Extra({1}) | {2} == {1, 2, 'extra'}",
    "assert Vector(1, 2) + Vector(3, 4) == Vector(4, 6)",
    "assert Turn.E + 1 == Turn.N and str(Turn.N + 1) == 'E'",
    "assert May.R | May.W == 3 and (May.R | May.W) & May.W is May.W",
]
WRONG = [
    "assert Mod7(5) + Mod7(4) == 9",
    "assert Mod7(4) < Mod7(5)",
    "assert Loud('Ab') == 'Abc'",
    "assert 'oo' in Loud('Foo bar')",
    "assert Both((1, 2)) + Both((3, 4)) == (1, 2, 3, 4)",
    "assert Extra({1}) | {2} == {1, 2}",
]
ALONE = [
    "assert -Mod7(5) == 2 and Mod7(5) == 5 and Mod7(5) - 1 == 4 and 3 * Mod7(5) == 15",
    "assert Mod7(5).bit_length() == 3 and Mod7.bit_length(Mod7(5)) == 3",
    "assert Mod7(5).to_bytes(1, 'big') == b'\\5' and Mod7(5).real == 5",
    "assert Plain(5) + 4 == 9 and Plain(5) < 6 and {Plain(5): 1} == {5: 1}",
    "t = Loud('Foo bar')\nassert len(t) == 2 and t[1] == 'bar' and list(t) == ['Foo', 'bar']",
    "assert Loud('a').upper() == 'U:A' and [*map(Loud.upper, [Loud('a')])] == ['U:A']",
    "assert Loud('a').lower() == 'a' and Loud('abc').startswith('ab')",
    "assert str(Near(2)) == '2.0 C' and repr(Near(2)) == '2.0' and Near(2) < 3",
    "assert Both((1, 2)).count == 'two' and Both((1, 2)).index(2) == 1 and Both((1, 2)) == (1, 2)",
    "assert Vector(1, 2) == (1, 2) and Vector(1, 2).x == 1",
]


@pytest.mark.parametrize("code", NAMED)
def test_an_operator_of_its_own_of_a_class_that_the_tests_name_is_asked(judge, code: str) -> None:
    body = code.replace("\n", "\n    ")
    module = f"from solution import {_names(code)}\ndef test():\n    {body}"
    report = judge(OWN, Pytest(module), Limits())
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED), report


@pytest.mark.parametrize("code", WRONG)
def test_the_built_in_type_does_not_answer_for_the_class(judge, code: str) -> None:
    module = f"from solution import {_names(code)}\ndef test():\n    {code}"
    assert judge(OWN, Pytest(module), Limits()).status is Status.FAILED


@pytest.mark.parametrize("code", ALONE)
def test_what_is_told_nothing_of_what_is_expected_is_compared_here(judge, code: str) -> None:
    body = code.replace("\n", "\n    ")
    module = f"from solution import {_names(code)}\ndef test():\n    {body}"
    report = judge(OWN, Pytest(module), Limits())
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report


def _names(code: str) -> str:
    kinds = ("Mod7", "Plain", "Loud", "Near", "Both", "Extra", "Vector", "Turn", "May")
    return ", ".join(kind for kind in kinds if kind in code)


BASES = """
from enum import IntFlag
class Base(list): pass
class Sub(Base):
    def push(self, x): self.append(x)
class Perm(IntFlag): pass
class May(Perm):
    R = 1
    W = 2
"""


@pytest.mark.parametrize(
    ("code", "integrity"),
    [
        (
            "a = Sub([1])\na.push(2)\nassert a + [3] == [1, 2, 3] and [0] + list(a) == [0, 1, 2]",
            Integrity.ISOLATED,  # the operators of a list, on what it holds
        ),
        ("a = Sub()\na += [3]\nassert len(a) == 1 and a[0] == 3", Integrity.ISOLATED),
        ("assert isinstance(May.R | May.W, May)", Integrity.SHARED),
    ],
)
def test_a_base_that_the_tests_do_not_name_does_not_answer_for_the_class(
    judge, code: str, integrity: Integrity
) -> None:
    report = judge(BASES, Asserts(f"Sub, May\n{code}", "Sub"))
    assert (report.status, report.integrity) == (Status.PASSED, integrity), report


UNNAMED = """
import collections
class Odd(int):
    def __add__(self, other): return 9
    def __sub__(self, other): return 0
    def __gt__(self, other): return True
    def __eq__(self, other): return True
    __hash__ = int.__hash__
    def __or__(self, other): return 5
class Sum(int):
    def __add__(self, other): return 9
class Ordered(collections.OrderedDict): pass
class Counted(collections.Counter): pass
class Listed(list):
    def append(self, x): super().append(2 * x)
class Word(str):
    def upper(self): return 'up'
    def __hash__(self): return 7
def odd(x): return Odd(x)
def f(x): return Sum(x)
def ordered(): return Ordered(a=1)
def counted(): return Counted('aab')
def listed(): return Listed()
def word(x): return Word(x)
"""


@pytest.mark.parametrize(
    "code",
    ["f(3) + 1 == 9", "odd(3) - 1 == 0", "odd(3) > 5", "odd(3) == 3", "3 == odd(3)"],
)
def test_an_operator_of_its_own_of_another_class_is_an_error(judge, code: str) -> None:
    report = judge(UNNAMED, Asserts(f"odd\nassert {code}", "f"))
    assert (report.status, report.detail) == (Status.ERROR, "exception"), report


@pytest.mark.parametrize(
    "code",
    [
        "assert f(3) == 3 and f(3) - 1 == 2 and f(3) in {3} and 1 + f(3) == 4",
        "assert ordered() == {'a': 1} and ordered() | {'b': 2} == {'a': 1, 'b': 2}",
        "assert counted() == {'a': 2, 'b': 1} and counted().get('a') == 2",
        "a = listed()\na.append(2)\nassert a == [4]",
        "assert word('a').upper() == 'up' and word('a').lower() == 'a'",
        "assert {word('a'): 1}['a'] == 1",
    ],
)
def test_what_another_class_leaves_to_the_built_in_type_is_computed_here(judge, code: str) -> None:
    report = judge(UNNAMED, Asserts(f"word, listed, ordered, counted\n{code}", "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report


@pytest.mark.parametrize(
    "made",
    [
        "class Z(dict):\n    def __missing__(self, k): return 0\ndef f(): return Z(a=1)",
        "class Z(dict):\n    def __missing__(s, k): return s.setdefault(k, 0)\nf = lambda: Z(a=1)",
        "import collections as c\nclass Z(c.defaultdict): pass\ndef f(): return Z(int, a=1)",
        "import collections as c\nclass Z(c.Counter): pass\ndef f(): return Z('a')",
    ],
)
def test_a_dict_of_the_program_makes_its_missing_items(judge, made: str) -> None:
    tests = Asserts("d = f()\nassert d['a'] == 1 and d['x'] == 0 and d.get('y') is None", "f")
    wrong = made.replace("0", "7").replace("a=1", "a=2").replace("('a')", "('aa')")
    judge.tells_apart(made, wrong, tests, Limits(wall_s=10.0))
