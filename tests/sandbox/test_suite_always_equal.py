"""Suite A, objects that equal everything: they pass no shape of test.

What such an object is compared with stays in the process that holds the tests. An honest number
of the program's own class passes each of these tests, since what it holds is copied.
"""

from dataclasses import dataclass
from textwrap import dedent

import pytest

from sandbox import Asserts, Integrity, Limits, Pytest, Status, Tests

HONEST = """
class Number(int): pass
def f(x): return Number(x * x)
"""
LIAR = """
class Liar:
    def __eq__(self, other): return {true}
    def __ne__(self, other): return not self == other
    def __sub__(self, other): return self
    __rsub__ = __sub__
    def __abs__(self): return 0
    __hash__ = None
def f(x): return Liar()
"""


@dataclass(frozen=True)
class Shape:
    """A way to write tests."""

    name: str
    code: str
    module: bool = False

    @property
    def tests(self) -> Tests:
        code = dedent(self.code)
        if self.module:
            return Pytest(f"import pytest, unittest\nfrom solution import f\n{code}")
        return Asserts(code, "f", "import math")


SHAPES = [
    Shape("asserts", "assert f(2) == 4\nassert f(3) == 9"),
    Shape("for over a list", "for x, y in [(1, 1), (2, 4)]: assert f(x) == y"),
    Shape("for over a name", "cases = [(1, 1), (2, 4)]\nfor x, y in cases:\n    assert f(x) == y"),
    Shape("for over a range", "for x in range(3): assert f(x) == x * x"),
    Shape("all", "assert all(f(x) == y for x, y in [(1, 1), (2, 4)])"),
    Shape("expected in a name", "want = 4\nassert f(2) == want"),
    Shape("expected is computed", "assert f(2) == len('abcd')"),
    Shape("result in a name", "found = f(2)\nassert found == 4"),
    Shape("two in one", "assert f(2) == 4 and f(3) == 9"),
    Shape("raise", "if not f(2) == 4: raise ValueError"),
    Shape("raise unless unequal", "if f(2) != 4:\n    raise ValueError('no')"),
    Shape("difference", "assert abs(f(2) - 4) < 1e-6"),
    Shape("check", "def check(g):\n    for x in [2]:\n        assert g(x) == 4\ncheck(f)"),
    Shape("helper", "def same(x, y):\n    assert f(x) == y\nsame(2, 4)\nsame(3, 9)"),
    Shape("test function", "def test_f():\n    assert f(2) == 4", module=True),
    Shape(
        "test function with a fixture", "def test_f(tmp_path):\n    assert f(2) == 4", module=True
    ),
    Shape("approx", "def test_f():\n    assert f(2) == pytest.approx(4)", module=True),
    Shape("class", "class TestF:\n    def test_f(self):\n        assert f(2) == 4", module=True),
    Shape(
        "parametrize",
        """
        @pytest.mark.parametrize(("x", "y"), [(1, 1), pytest.param(2, 4, id="two")])
        def test_f(x, y):
            assert f(x) == y
        """,
        module=True,
    ),
    Shape(
        "parametrize in a class",
        """
        CASES = [(1, 1), (2, 4)]
        class TestF:
            @pytest.mark.parametrize("x,y", CASES)
            def test_f(self, x, y):
                assert f(x) == y, f"{x} {y}"
        """,
        module=True,
    ),
    *(
        Shape(
            name,
            f"class F(unittest.TestCase):\n    def test_f(self):\n        self.{call}",
            module=True,
        )
        for name, call in (
            ("assertEqual", "assertEqual(f(2), 4)"),
            ("assertEqual, expected first", "assertEqual(4, f(2), 'why')"),
            ("assertTrue", "assertTrue(f(2) == 4)"),
            ("assertFalse", "assertFalse(f(2) != 4)"),
            ("assertAlmostEqual", "assertAlmostEqual(f(2), 4)"),
        )
    ),
    Shape(
        "subTest",
        """
        class F(unittest.TestCase):
            def test_f(self):
                for x, y in [(1, 1), (2, 4)]:
                    with self.subTest(x=x):
                        self.assertEqual(f(x), y)
        """,
        module=True,
    ),
]

# Tests that an honest program passes with other values too, in places.
LENIENT = [
    Shape("either", "assert f(2) == 4 or f(2) == 5"),
    Shape("any", "assert any(f(x) == y for x, y in [(1, 1), (2, 5)])"),
    Shape("caught", "try:\n    assert f(2) == 5\nexcept AssertionError: pass"),
    Shape(
        "some rounds", "for x, y in [(1, 1), (2, 5)]:\n    if x > 1: break\n    assert f(x) == y"
    ),
    Shape("never called", "def check():\n    assert f(2) == 5\nassert f(2) == 4"),
    Shape("the input itself", "for y in [0, 1]: assert f(y) == y"),
    Shape("wide", "assert math.isclose(f(2), 5, rel_tol=0.5)\nassert abs(f(2) - 9) < 10"),
    Shape("wide approx", "def test_f():\n    assert f(2) == pytest.approx(5, abs=5)", module=True),
    Shape(
        "expected to fail",
        """
        def test_f():
            with pytest.raises(AssertionError):
                assert f(2) == 5
        """,
        module=True,
    ),
    Shape(
        "skipped",
        """
        @pytest.mark.skip
        def test_f(): assert f(2) == 5
        @pytest.mark.xfail
        def test_g(): assert f(2) == 5
        @pytest.mark.parametrize("y", [4, pytest.param(5, marks=pytest.mark.skip)])
        def test_h(y): assert f(2) == y
        """,
        module=True,
    ),
    Shape(
        "skipped by a fixture",
        """
        @pytest.fixture
        def other(): pytest.skip()
        def test_f(other): assert f(2) == 5
        def test_g(): assert f(2) == 4
        """,
        module=True,
    ),
    Shape(
        "a fixture that sees the parameter",
        """
        @pytest.fixture
        def given(y): return y
        @pytest.mark.parametrize("y", [0, 1])
        def test_f(given, y): assert f(given) == y
        """,
        module=True,
    ),
]

# Ways to be equal to what is expected, whatever that is.
LIARS = {
    "equal": LIAR.format(true="True"),
    "differences of nothing": """
class Liar:
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__
    def __eq__(self, other): return True
    __ne__ = __lt__ = __gt__ = lambda self, other: False
    __le__ = __ge__ = __eq__
    __hash__ = None
def f(x): return Liar()
""",
    "reflected": """
class Liar:
    def __req__(self, other): return True
    def __eq__(self, other): return NotImplemented if type(other) is Liar else True
    def __float__(self): return 4.0
    def __index__(self): return 4
    def __round__(self, *a): return self
    def __hash__(self): return hash(4)
def f(x): return Liar()
""",
    "a metaclass": """
class Meta(type):
    def __eq__(cls, other): return True
    def __ne__(cls, other): return False
    def __sub__(cls, other): return 0
    __rsub__ = __sub__
    __hash__ = type.__hash__
class f(metaclass=Meta):
    def __new__(cls, x): return cls
""",
    "an int": (
        "class Liar(int):\n    __eq__ = lambda *a: True\n    __ne__ = lambda *a: False\n"
        "    __sub__ = __rsub__ = lambda *a: 0\n    __hash__ = int.__hash__\n"
        "def f(x): return Liar(7)"
    ),
    "a float": (
        "class Liar(float):\n    __eq__ = lambda *a: True\n    __ne__ = lambda *a: False\n"
        "    __sub__ = __rsub__ = lambda *a: 0.0\n    __hash__ = float.__hash__\n"
        "def f(x): return Liar(7)"
    ),
    "an exception": (
        "class Liar(Exception):\n    __eq__ = lambda *a: True\n"
        "    __ne__ = lambda *a: False\n    __sub__ = __rsub__ = lambda *a: 0\n"
        "    __hash__ = None\ndef f(x): return Liar()"
    ),
    "mock": "from unittest.mock import ANY\ndef f(x): return ANY",
}


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_always_equal(judge, shape: Shape) -> None:
    report = judge(LIAR.format(true="True"), shape.tests, Limits())
    judge.check(report, Status.ERROR, Status.FAILED)
    assert report.integrity is Integrity.ISOLATED


@pytest.mark.parametrize("name", LIARS)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_other_ways_to_be_equal(judge, shape: Shape, name: str) -> None:
    report = judge(LIARS[name], shape.tests, Limits())
    assert report.status in (Status.ERROR, Status.FAILED), report


@pytest.mark.parametrize("shape", [*SHAPES, *LENIENT], ids=lambda shape: shape.name)
def test_an_honest_number_of_its_own_class(judge, shape: Shape) -> None:
    report = judge(HONEST, shape.tests, Limits())
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report


@pytest.mark.parametrize("name", LIARS)
@pytest.mark.usefixtures("unharmed")
def test_in_containers_and_in_callbacks(judge, name: str) -> None:
    source = LIARS[name].replace("f(x", "g(x").replace("class f(", "class g(")
    for body, code in (
        ("[g(x)]", "assert f(2) == [4]"),
        ("[g(x)]", "assert f(2)[0] == 4"),
        ("(g(x), 1)", "assert f(2) == (4, 1)"),
        ("{'a': g(x)}", "assert f(2) == {'a': 4}"),
        ("[g(x)]", "assert 4 in f(2)"),
        ("[g(x)]", "assert f(2).index(4) == 0"),
        ("[g(x)]", "assert f(2).count(4) == 1"),
        ("[g(x)]", "assert sorted(f(2)) == [4]"),
        ("[g(x)]", "assert set(f(2)) == {4}"),
        ("x(g(2))", "def seen(got):\n    assert got == 4\nf(seen)"),
    ):
        report = judge(f"{source}\ndef f(x): return {body}", Asserts(code, "f"), Limits())
        assert report.status in (Status.ERROR, Status.FAILED), (code, report)


MONEY = """
class Money:
    def __init__(self, x): self.x = x
    def __eq__(self, other): return {true}
    def __hash__(self): return 0
def f(x): return Money(x * x)
"""


def test_a_class_that_the_tests_name_is_asked_and_its_word_is_shared(judge) -> None:
    own = MONEY.format(true="self.x == getattr(other, 'x', other)")
    for code in ("assert f(2) == Money(4)", "assert f(2) == 4", "assert 4 == f(2) != Money(5)"):
        report = judge(own, Asserts(f"Money\n{code}", "f"))
        assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED), code
        assert (
            judge(own.replace("x * x", "x"), Asserts(f"Money\n{code}", "f")).status is Status.FAILED
        )


def test_a_class_that_the_tests_name_and_that_equals_everything_equals_no_value(judge) -> None:
    source = MONEY.format(true="True")
    for code in ("assert f(2) == 4", "assert 4 == f(2)", "assert f(2) == 'a'",
                 "assert not f(2) != 4",
                 "assert f(2) == [1, 2]", "assert f(2) == None", "assert f(2) == {}"):  # fmt: skip
        assert judge(source, Asserts(f"Money\n{code}", "f")).status is Status.FAILED, code


def test_what_a_class_that_the_tests_name_says_of_its_own_is_no_isolated_pass(judge) -> None:
    report = judge(MONEY.format(true="True"), Asserts("assert f(2) == Money(4)", "f"))
    assert report.status is not Status.PASSED or report.integrity is Integrity.SHARED
