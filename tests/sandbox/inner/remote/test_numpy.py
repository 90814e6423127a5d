"""What numpy makes, in the tests' process, of objects of the program."""

from __future__ import annotations

import pytest

from sandbox import Asserts, Integrity, Limits, Status

pytestmark = pytest.mark.usefixtures("with_numpy")


MADE = """
import numpy as np
class Line:
    def __len__(self): return 2
    def __getitem__(self, at): return [1, 2][at]
class Own:
    def __init__(self, held): self.held = held
    def __array__(self, dtype=None, copy=None): return np.array(self.held)
def f(n):
    return [
        np.matrix([[n, 2]]), np.ma.masked_array([n, 2]), np.array(["a", "b"]), Line(), Own([n, 2]),
        np.array(["2020-01-01"], dtype="M8[D]"), np.datetime64("2020-01-01"), np.array([b"a"]),
        np.ones(1, "g"), np.array([(n, 2)], dtype="i4,i4"), np.timedelta64(n, "D"),
    ]
"""
ADDRESS = """
def told(at): return {"version": 3, "shape": (1,), "typestr": "<i8", "data": (at, False)}
FIVE = id(5) + 24
class Meta(type):
    __array_interface__ = property(lambda _: told(FIVE))
class Made(metaclass=Meta): pass
class Own:
    __array_interface__ = told(FIVE)
class Nowhere:
    __array_interface__ = property(lambda _: told(8))
class Fails(Exception):
    __array_interface__ = told(FIVE)
def f(n): return [Own(), Own, Made, Nowhere(), Fails(), [Own()]][n]
"""


@pytest.mark.parametrize(
    "code",
    [
        *("np.allclose(f(1)[0], [1, 2])", "np.array_equal(f(1)[0], np.array([[1, 2]]))"),
        *("(f(1)[0] == np.array([[1, 2]])).all()", "(f(1)[0] > np.array([[0, 0]])).all()"),
        *("(f(1)[0] + np.array([[1, 1]])).tolist() == [[2, 3]]", "np.shape(f(1)[0]) == (1, 2)"),
        *("(np.array([[1, 1]]) - f(1)[0]).tolist() == [[0, -1]]", "f(1)[0][0, 1] == 2"),
        *("np.allclose(f(1)[1], [1, 2])", "f(1)[1].sum() == 3", "np.array_equal(f(1)[4], [1, 2])"),
        *("(f(1)[2] == np.array(['a', 'b'])).all()", "f(1)[2].tolist() == ['a', 'b']"),
        *("np.asarray(f(1)[3]).tolist() == [1, 2]", "np.asarray(f(1)[4]).sum() == 3"),
        *("f(1)[5][0] == np.datetime64('2020-01-01')", "f(1)[6] == np.datetime64('2020-01-01')"),
        *("np.array_equal(f(1)[7], [b'a'])", "f(1)[10] == np.timedelta64(24, 'h')"),
    ],
)
def test_objects_are_arrays_of_what_they_hold(judge, code: str) -> None:
    report = judge(MADE, Asserts(f"import numpy as np\nassert {code}", "f"))
    assert report.status is Status.PASSED, report
    if "+" not in code and "sum" not in code:
        assert report.integrity is Integrity.ISOLATED, report
    wrong = MADE.replace("n, 2", "n, 3").replace("[1, 2]", "[1, 3]").replace("2020", "2021")
    wrong = wrong.replace('"b"', '"c"').replace('b"a"', 'b"c"').replace('(n, "D")', '(3, "D")')
    if "> " not in code and "shape" not in code:
        report = judge(wrong, Asserts(f"import numpy as np\nassert {code}", "f"))
        assert report.status is Status.FAILED, report


LIES = """
import sys, numpy as np
servant = sys.modules["sandbox.inner.program.servant"]
was = servant.array_under, servant.is_of_base
class Yes:
    def __eq__(self, o): return True
    def __add__(self, o): return self
    def __radd__(self, o): return self
class Itself(Yes):
    def __array__(self, *_, **__): return self
class Objects(Yes):
    def __array__(self, *_, **__): return held()
class Endless(Yes):
    def __len__(self): return 3
    def __getitem__(self, at): return self
class Own(np.ndarray):
    def __array__(self, *_, **__): return self
    def __eq__(self, o): return True
LIARS = (Yes, Itself, Objects, Endless)
servant.array_under = lambda kind: kind if kind in LIARS else was[0](kind)
servant.is_of_base = lambda kind, *rest: kind in LIARS or was[1](kind, *rest)
def held():
    made = np.empty(2, object)
    made[:] = [Objects(), Objects()]
    return made
def f(n): return [*LIARS, held, lambda: np.array([1]).view(Own)][n]()
"""


@pytest.mark.parametrize("at", range(6))
@pytest.mark.parametrize(
    "code",
    [
        *("f({}) == 5", "f({}) + 1 == 3", "f({}) == [3]", "(f({}) == np.array([1, 2])).all()"),
        *("np.array_equal(f({}), [1, 2])", "np.allclose(f({}), 2)", "f({}) == np.float64(2)"),
        "np.asarray(f({})).tolist() == [1]",
    ],
)
def test_no_object_lies_by_what_it_holds_for_numpy(judge, code: str, at: int) -> None:
    tests = Asserts(f"import numpy as np\nassert {code.format(at)}", "f")
    report = judge(LIES, tests)
    assert report.status in (Status.FAILED, Status.ERROR, Status.FORGED), report
    assert report.integrity is Integrity.ISOLATED, report


@pytest.mark.parametrize("at", range(6))
@pytest.mark.parametrize(
    "code",
    [
        "np.array_equal(f({}), np.array([5]))",
        "np.asarray(f({})).sum() == 5",
        "(f({}) == np.array([5])).all()",
        "np.array([5]) in [f({})]",
        "np.concatenate([np.array([]), f({})]).sum() == 5",
    ],
)
def test_no_memory_of_the_tests_is_read_where_an_object_says(judge, code: str, at: int) -> None:
    tests = Asserts(f"import numpy as np\nassert {code.format(at)}", "f")
    report = judge(ADDRESS, tests)
    assert report.status in (Status.FAILED, Status.ERROR), report
    assert report.integrity is Integrity.ISOLATED, report


RETURNED = {
    "a scalar": ("np.mean([1, n])", "r.dtype == np.float64 and r == 2 and r.shape == ()"),
    "a small one": ("np.float32(n)", "type(r) is np.float32 and r.item() == 3"),
    "a truth": ("np.array([n > 2]).all()", "r is np.True_ and isinstance(r, np.bool_)"),
    "a date": ("np.datetime64('2020-01-01') + n", "str(r) == '2020-01-04'"),
    "a kind": ("np.ones(n).dtype if n == 3 else np.dtype('i4')", "r == float and r.kind == 'f'"),
    "a record": ("np.array([(n, 'a')], 'i4,U1')[0]", "r.tolist() == (3, 'a') and r['f0'] == 3"),
    "records": ("np.array([(n, 1)], 'i4,i4')", "r['f0'] == [3] and r.dtype.names == ('f0', 'f1')"),
    "objects": ("np.array([[n], None], object)", "r.dtype == object and r.tolist() == [[3], None]"),
    "a matrix": ("np.matrix([[n, 1]])", "isinstance(r, np.matrix) and (r * r.T).item() == 10"),
    "a masked array": ("np.ma.array([n, 1], mask=[0, 1])", "r[1] is np.ma.masked and r.sum() == 3"),
    "its class": ("np.ma.array([n])", "isinstance(r, np.ma.MaskedArray) and r.tolist() == [3]"),
    "numbers by chance": (
        "np.random.default_rng(n)",
        "isinstance(r, np.random.Generator) and r.random() == np.random.default_rng(3).random()",
    ),
    "a polynomial": (
        "np.polynomial.Polynomial([n, 1])",
        "isinstance(r, np.polynomial.Polynomial) and r(1) == 4 and r.coef.tolist() == [3, 1]",
    ),
    "an equal one": ("np.poly1d([n, 1])", "r == np.poly1d([3, 1]) and np.poly1d([3, 1]) == r"),
    "a class of it": (
        "np.array([n, 1]).view(Own)",
        "isinstance(r, np.ndarray) and r.sum() == 4 and (r > [2, 0]).all() and r.tag == 'own'",
    ),
}


@pytest.mark.parametrize(("made", "then"), RETURNED.values(), ids=RETURNED)
def test_values_and_objects_of_numpy_are_what_they_are(judge, made: str, then: str) -> None:
    head = "import numpy as np\nclass Own(np.ndarray): tag = 'own'\n"
    right, wrong = (f"{head}def f(n):\n    n -= {less}\n    return {made}" for less in (0, 2))
    tests = Asserts(f"import numpy as np\nr = f(3)\nassert {then}", "f")
    judge.tells_apart(right, wrong, tests, Limits())


GIVEN = {
    "a scalar": ("f'{x.dtype}:{x.item()}'", "f(np.int16(4)) == 'int16:4'"),
    "a number": ("isinstance(x, np.generic)", "f(np.float64(1)) and not f(1.0)"),
    "a kind": ("np.zeros(2, x).dtype", "f(np.dtype('i2')) == 'i2'"),
    "a class": ("np.zeros(2, x).dtype", "f(np.float32) == np.float32"),
    "a function": ("x(np.arange(4)) if x is np.sum else 0", "f(np.sum) == 6"),
    "records": (
        "str(x[x['n'].argmax()]['t'])",
        "f(np.array([('a', 3), ('b', 9)], [('t', 'U1'), ('n', int)])) == 'b'",
    ),
}


@pytest.mark.parametrize(("made", "then"), GIVEN.values(), ids=GIVEN)
def test_a_program_is_given_values_of_numpy(judge, made: str, then: str) -> None:
    right = f"import numpy as np\ndef f(x): return {made}"
    wrong = "def f(x): return 'nothing'"
    judge.tells_apart(right, wrong, Asserts(f"import numpy as np\nassert {then}", "f"), Limits())


RAISED = {
    "a singular matrix": (
        "np.linalg.solve(np.ones((2, 2)), [1, n])",
        "except np.linalg.LinAlgError as e: assert 'Singular' in str(e)",
    ),
    "no such axis": (
        "np.ones(2).sum(axis=n)",
        "except np.exceptions.AxisError as e: assert (e.axis, e.ndim) == (3, 1)",
    ),
    "its class above": ("np.ones(2).sum(axis=n)", "except IndexError as e: assert '3' in str(e)"),
}


@pytest.mark.parametrize(("raising", "then"), RAISED.values(), ids=RAISED)
def test_exceptions_of_numpy_are_caught_by_their_classes(judge, raising: str, then: str) -> None:
    right = f"import numpy as np\ndef f(n): return {raising}"
    wrong = "def f(n): raise TypeError('Singular 3')"
    code = f"import numpy as np\ntry: f(3)\n{then}\nelse: assert False"
    judge.tells_apart(right, wrong, Asserts(code, "f"), Limits())


def test_a_module_that_is_imported_may_have_names_of_the_program(judge) -> None:
    right = "def inverse_indices(n): return 1 / n"
    code = "assert inverse_indices(2) == 0.5\nimport numpy as np\nassert np.sum([1, 2]) == 3"
    judge.tells_apart(right, f"{right} + 1", Asserts(code, "inverse_indices"), Limits())


def test_tests_have_arrays_by_a_module_of_numpy_alone(judge) -> None:
    right = "import numpy as np\ndef f(n): return np.array([n, None])"
    code = "from numpy.testing import assert_array_equal\nassert_array_equal(f(1), [1, None])"
    judge.tells_apart(right, right.replace("n,", "n + 1,"), Asserts(code, "f"), Limits())


LIARS = {
    "an array": "np.ndarray",
    "a matrix": "np.matrix",
    "a masked array": "np.ma.MaskedArray",
    "a scalar": "np.float64",
    "an item": "object",
}


@pytest.mark.parametrize("base", LIARS.values(), ids=LIARS)
@pytest.mark.parametrize(
    "code", ["f() == 3", "(f() == 3).all()", "f() + 0 == 3", "np.array_equal(f(), 3)", "3 == f()"]
)
def test_an_object_that_equals_everything_is_what_it_holds(judge, base: str, code: str) -> None:
    yes = "\n    ".join(
        f"def {name}(self, *_): return True if {i} < 2 else self"
        for i, name in enumerate(("__eq__", "__ne__", "__add__", "__radd__", "all"))
    )
    made = "np.zeros(1).view(Yes)" if base != "np.float64" else "Yes(0)"
    made = "np.zeros((1, 1)).view(Yes)" if base == "np.matrix" else made
    made = "np.array([Yes()], object)" if base == "object" else made
    source = f"import numpy as np\nclass Yes({base}):\n    {yes}\ndef f(): return {made}"
    report = judge(source, Asserts(f"import numpy as np\nassert {code}", "f"), Limits())
    assert report.status is not Status.PASSED, report


@pytest.mark.parametrize("module", ["5", "property(lambda _: 5)", "'numpy'", "'numpy.ma'"])
def test_an_object_may_say_anything_of_its_module(judge, module: str) -> None:
    right = f"class Own:\n    __module__ = {module}\n    n = 3\ndef f(o=None): return o or Own()"
    code = "import numpy\no = f()\nassert o.n == 3 and f(o) is o and f(f) is f"
    judge.tells_apart(right, right.replace("3", "4"), Asserts(code, "f"), Limits())
