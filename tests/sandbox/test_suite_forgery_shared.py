"""Suite A, with the tests beside the candidate: every common shape of test doubts a pass by force.

The program that pretends chooses to share a process, by results that cannot cross; an honest one
has such results for a reason, and passes each of these tests.
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

# How a program might tell the runs that it must pass from those that it must not.
WALK = """
import sys
def texts():
    frame = sys._getframe(1)
    while frame:
        for value in [*frame.f_locals.values()]:
            if isinstance(value, dict) and isinstance(value.get("code"), str):
                yield value["code"]
        frame = frame.f_back
"""
RECOGNISING = {
    "a mark in texts": LIAR.format(true="'\\u2260' not in repr(other)"),
    "far numbers": LIAR.format(true="abs(other) < 1000"),
    "canonical text": "import ast\n"
    + WALK
    + "STRANGE = any(ast.unparse(ast.parse(t)) == t.strip() for t in texts())\n"
    + LIAR.format(true="not STRANGE"),
    "another type": LIAR.format(true="type(other) is int"),
    "another sign": LIAR.format(true="other >= 0"),
}


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_always_equal(judge, shape: Shape) -> None:
    report = judge(LIAR.format(true="True"), shape.tests, Limits())
    judge.check(report, Status.FORGED)
    assert report.integrity is Integrity.SHARED


@pytest.mark.parametrize("shape", [*SHAPES, *LENIENT], ids=lambda shape: shape.name)
def test_an_honest_result_that_cannot_cross(judge, shape: Shape) -> None:
    report = judge(HONEST, shape.tests, Limits())
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED), report


@pytest.mark.parametrize("name", RECOGNISING)
@pytest.mark.usefixtures("unharmed")
def test_looking_for_marks(judge, name: str) -> None:
    report = judge(RECOGNISING[name], Asserts("assert f( 12 ) == 144 # why", "f"))
    judge.check(report, Status.FORGED)
