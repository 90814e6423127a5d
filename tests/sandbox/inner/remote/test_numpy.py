"""What numpy makes, in the tests' process, of objects of the program."""

from __future__ import annotations

import pytest

from sandbox import Asserts, Integrity, Status

pytest.importorskip("numpy", reason="numpy is not installed")

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
        np.array([None, n]), np.array([(n, 2)], dtype="i4,i4"), np.timedelta64(n, "D"),
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


@pytest.mark.parametrize(
    "code",
    [
        "np.array_equal(f(1)[8], np.array([None, 1]))",
        "(f(1)[8] == np.array([None, 1])).all()",
        "(f(1)[9] == np.array([(1, 2)], dtype='i4,i4')).all()",
    ],
)
def test_an_array_that_cannot_cross_needs_one_process(judge, code: str) -> None:
    report = judge(MADE, Asserts(f"import numpy as np\nassert {code}", "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED), report


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
