"""Arrays of numpy are one object on both sides, of which each sees what the other changes."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import pytest
from of_arrays import cross, refuse, sides

from sandbox import Asserts, Integrity, Limits, Pytest, Status
from sandbox.codec import CannotCross, CodecError
from sandbox.inner.crossing import arrays
from sandbox.inner.crossing.exchange import heard, told

np = pytest.importorskip("numpy", reason="numpy is not installed")


BOOLS = [1, ["a", "|b1", 0]]


def wire_of(*form: Any) -> list[Any]:
    """An array as number 0, whose values lie in order."""
    return [arrays.TAG, 0, *form[:3], *(True for _ in form[2:3]), *form[3:]]


@pytest.mark.parametrize(
    "rest",
    [
        *([], ["00" * 8], ["00" * 8, "<i8"], ["00" * 8, 8, True, 1], [b"", "<i8", True, 0]),
        *(["00" * 8, "<i8", True, 2], ["00" * 8, "<i8", True, -1, -1], ["text", "<i8", True, 1]),
        *(["00" * 8, "<i8", True, 1.0], ["00" * 8, "<i8", True, True], ["zz" * 8, "<i8", True, 1]),
        *(["00" * 8, "O", True, 1], ["00" * 8, "|O8", True, 1], ["ff" * 8, "<U2", True, 1]),
        *(["02", "|b1", True, 1], ["00" * 9, "<i9", True, 1], ["00" * 16, "<i8,<i8", True, 1]),
        *(["00" * 16, "<f12", True, 1], ["00" * 8, "|V8", True, 1], ["", "<i8", True, 0, 2**70]),
        *(["00" * 8, "<i8", True, *[1] * 65], ["00" * 8, "<i8", True, 2**62, 2**62]),
        *(["00" * 8, "<M8[x]", True, 1], ["00" * 8, "<M8[0s]", True, 1], ["", "<U0", True, 9]),
        *(["", "|S0", True, 9], ["00001100", "<U1", True, 1], ["00" * 8, ">U2", True, 1]),
        *(["00", "|i1\n", True, 1], ["00" * 8, "<i8", True, None]),
        *(["00" * 8, "|O", True, 1], [[], "|O", True, 1], [[1], "<i8", True, 1]),
        *(["00" * 8, ["matrix", "<i8"], True, 1], ["00" * 8, ["own", "<i8"], True, 1]),
        *(["00" * 8, [8, ["a"]], True], ["00" * 8, [8, ["a", "|O", 0]], True, 1]),
        *(["00" * 8, [8, ["a", "<i8", 1]], True, 1], ["00" * 8, [8, ["a", "<i8", -1]], True, 1]),
        *(["00" * 8, [8, ["a", "<i4", 0], ["a", "<i4", 4]], True, 1], ["02", BOOLS, True, 1]),
        *(["00001100", [4, ["a", "<U1", 0]], True, 1], ["00", [1, ["a", "|i1", 0, 2]], True, 1]),
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_no_array_is_refused(rest: list[Any]) -> None:
    ours, _ = sides()
    for frame in (
        {"value": wire_of(*rest), "changed": []},
        {"value": None, "changed": [wire_of(*rest)]},
    ):
        with pytest.raises(CodecError):
            heard(frame, ours, refuse)


KINDS = ("bool", "int8", "uint16", "int64", "float16", "float64", "complex64", "<U3", "S2")
ODD = (">i4", ">f8", ">c8", "longdouble", "clongdouble")
TIMES = ("M8[D]", "M8[ns]", "m8[25s]", "m8", ">M8[D]")


def test_arrays_arrive_as_they_were() -> None:
    for kind in (*KINDS, *ODD, *TIMES):
        for shape in ((), (0,), (3,), (2, 3), (2, 0, 1)):
            for can_be_changed in (True, False):
                value = np.ones(shape, "i8" if kind in TIMES else kind).astype(kind)
                value.flags.writeable = can_be_changed
                arrived = cross(value, *sides())
                assert (arrived.dtype, arrived.shape) == (value.dtype, value.shape)
                assert arrived.tolist() == value.tolist()
                assert arrived.flags.writeable is can_be_changed
    texts = np.array(["", "a\x00b", "\U0010ffff", "\ud800"])
    assert cross(texts, *sides()).tolist() == texts.tolist()


def test_what_holds_anything_else_does_not_cross() -> None:
    own = type("Own", (np.ndarray,), {})
    others = (np.ones(1).view(own), np.ones(1, ">U1"), np.ones(1, "V3"), np.rec.array([(1, 2)]))
    for other in (*others, np.array([(None, 1)], "O,i4")):
        assert not arrays.is_array(other)
        with pytest.raises(CannotCross):
            told(other, sides()[0], refuse)


RECORDS = [
    np.array([(1, "a"), (2, "bc")], [("n", "i4"), ("t", "U2")]),
    np.zeros(2, {"names": ["a"], "formats": ["f8"], "offsets": [8], "itemsize": 24}),
    np.ones((2, 1), [("in", [("x", "f4"), ("on", "?")]), ("many", "i2", (2, 3))]),
]


@pytest.mark.parametrize("value", RECORDS, ids=str)
def test_records_arrive_as_they_were(value: Any) -> None:
    arrived = cross(value, *sides())
    assert (arrived.dtype, repr(arrived)) == (value.dtype, repr(value))
    first = value.reshape(-1)[0]
    one, kind = cross([first, value.dtype], *sides())
    assert (type(one), repr(one), kind) == (np.void, repr(first), value.dtype)


def test_objects_in_an_array_are_those_of_both_sides() -> None:
    ours, theirs = sides()
    mine = np.empty((2, 2), object)
    mine[...] = [[1, "a"], [None, 2.5]]
    mine[1, 0] = held = [1]
    there = cross([mine, held], ours, theirs)
    assert there[0].tolist() == [[1, "a"], [[1], 2.5]]
    assert there[0][1, 0] is there[1]
    there[0][0, 0] = there[1]
    there[1].append(5)
    cross(None, theirs, ours)
    assert mine[0, 0] is held
    assert held == [1, 5]
    assert told(None, ours, refuse)["changed"] == []


def nested(depth: int, inner: Any = None) -> Any:
    """An array in an array, and so on, each of which is in another twice."""
    for _ in range(depth):
        made = np.empty(2, object)
        made[0] = made[1] = inner
        inner = made
    return inner


def in_itself() -> Any:
    made = nested(1)
    made[1] = made
    return made


def test_arrays_are_in_arrays_as_deep_as_values_in_others() -> None:
    ours, theirs = sides()
    there = cross(nested(70), ours, theirs)
    assert there[0] is there[1]
    deeper = nested(70, there)
    assert cross(deeper, theirs, ours)[0][1][0].shape == (2,)
    for value in (nested(20, deeper), in_itself()):
        with pytest.raises(CannotCross, match="nested deeper"):
            told(value, theirs, refuse)


HOLDING = {
    "itself": [["N", 0, [["r", 0]], "|O", True, True, 1]],
    "itself, and of no axis": [["N", 0, [["r", 0]], "|O", True, True]],
    "one that holds it": [
        ["N", 0, [["N", 1, [["r", 0]], "|O", True, True, 1]], "|O", True, True, 1]
    ],
    "a part of it": [
        ["N", 0, [1, 2], "|O", True, True, 2],
        ["N", 0, [["NP", 1, ["r", 0], "ndarray", True, 0, [8], [1]], 3], "|O", True, True, 2],
    ],
    "a matrix that holds it": [
        ["N", 0, [["N", 1, [["r", 0]], ["matrix", "|O"], True, True, 1, 1]], "|O", True, True, 1]
    ],
    "many": [["N", n, [["r", n - 1]] if n else [1], "|O", True, True, 1] for n in range(200)],
    "many, from outside in": [
        *(["N", n, [1], "|O", True, True, 1] for n in range(200)),
        *(["N", n, [["r", n + 1]], "|O", True, True, 1] for n in range(199)),
    ],
}


@pytest.mark.parametrize("changed", HOLDING.values(), ids=HOLDING)
def test_arrays_that_hold_each_other_without_an_end_are_refused(changed: list[Any]) -> None:
    """What numpy does with them ends the process."""
    ours, _ = sides()
    with pytest.raises(CodecError, match="nested deeper"):
        heard({"value": None, "changed": changed}, ours, refuse)


def test_arrays_that_are_let_into_each_other_later_are_refused() -> None:
    ours, theirs = sides()
    arrays_ = [nested(1) for _ in range(200)]
    there = cross(arrays_, ours, theirs)
    for outer, inner in itertools.pairwise(arrays_[:140]):
        outer[0] = inner
        cross(None, ours, theirs)
    assert there[0][0][0][0] is there[3]
    for outer, inner in itertools.pairwise(arrays_[139:]):
        outer[0] = inner
    with pytest.raises(CannotCross, match="nested deeper"):
        told(None, ours, refuse)


def test_matrices_and_scalars_arrive_as_they_were() -> None:
    matrix = cross(np.array([[1, 2], [3, 4]]).view(np.matrix), *sides())
    assert type(matrix) is np.matrix
    assert (matrix @ matrix).tolist() == [[7, 10], [15, 22]]
    for kind in (*KINDS, *ODD, *TIMES):
        value = np.ones(1, "i8" if kind in TIMES else kind).astype(kind)[0]
        arrived = cross(value, *sides())
        assert (type(arrived), arrived, arrived.dtype) == (type(value), value, value.dtype)
    assert cross(np.ma.masked, *sides()) is np.ma.masked
    assert type(cross(np.str_(), *sides())) is str


@pytest.mark.parametrize(
    "wire",
    [
        *(["NS", "00" * 7, "<i8"], ["NS", "00" * 8, "|O"], ["NS", "02", "|b1"], ["NS", 1, "<i8"]),
        *(["NS", "00001100", "<U1"], ["NS"], ["NM", 1], ["ND", "<i9"], ["ND", [True, 1]], ["ND"]),
        *(["ND", [8, ["a", ["matrix", "<i8"], 0]]], ["ND", [0, ["a", "|O", 0]]]),
        ["ND", [2**40]],
    ],
    ids=repr,
)
def test_what_is_no_value_of_numpy_is_refused(wire: list[Any]) -> None:
    with pytest.raises((CodecError, ValueError)):
        heard({"value": wire, "changed": []}, sides()[0], refuse)


def test_an_array_stays_one_and_is_told_anew() -> None:
    ours, theirs = sides()
    mine = np.arange(4).reshape(2, 2)
    there = cross(mine, ours, theirs)
    assert cross(mine, ours, theirs) is there
    assert cross(there, theirs, ours) is mine
    there[1] = 9
    assert cross(None, theirs, ours) is None
    assert mine.tolist() == [[0, 1], [9, 9]]
    mine *= 2
    cross(None, ours, theirs)
    assert there.tolist() == [[0, 2], [18, 18]]
    assert told(None, ours, refuse)["changed"] == []


def test_an_array_keeps_its_form() -> None:
    for form in (
        *(["00" * 8, "<i4", True, 2], ["00" * 16, "<i8", True, 2], ["00", "|b1", True, 1]),
        *(["00" * 8, "<i8", True, *each] for each in ([-1, -1], [1] * 65, [True], [1.0])),
    ):
        ours, theirs = sides()
        cross(np.zeros(1, "<i8"), ours, theirs)
        with pytest.raises(CodecError):
            heard({"value": None, "changed": [wire_of(*form)]}, ours, refuse)
    ours, theirs = sides()
    cross([], ours, theirs)
    with pytest.raises(CodecError):
        heard({"value": None, "changed": [wire_of("00" * 8, "<i8", True, 1)]}, ours, refuse)


def test_an_array_may_be_given_another_shape_in_place() -> None:
    ours, theirs = sides()
    one, turned = np.arange(6), np.arange(6).reshape(2, 3)  # which is a part of another
    there, also = cross(one, ours, theirs), cross(turned, ours, theirs)
    one.shape = (2, 3)
    cross(None, ours, theirs)
    assert there.tolist() == [[0, 1, 2], [3, 4, 5]]
    there.shape = also.shape = (3, 2)
    there[2, 1] = also[2, 1] = 9
    cross(None, theirs, ours)
    assert one.tolist() == turned.tolist() == [[0, 1], [2, 3], [4, 9]]
    assert told(None, ours, refuse)["changed"] == told(None, theirs, refuse)["changed"] == []
    nothing = np.zeros((0, 3))
    cross(nothing, ours, theirs)
    for shape in ([2**70, 0], [2**62, 0, 2**62], [0, 1.5]):
        with pytest.raises((CodecError, ArithmeticError)):
            heard(
                {"value": None, "changed": [["N", 3, "", "<f8", True, True, *shape]]}, ours, refuse
            )
    assert nothing.shape == (0, 3)


def test_an_array_may_be_made_read_only_in_place_and_changed_again() -> None:
    ours, theirs = sides()
    own, part = np.zeros(2), np.arange(4)[1:]
    for mine in (own, part):
        there = cross(mine, ours, theirs)
        there.flags.writeable = False
        cross(None, theirs, ours)
        assert not mine.flags.writeable
        there.flags.writeable = True
        there[0] = 5
        there.flags.writeable = False
        cross(None, theirs, ours)
        assert mine[0] == 5
        assert not mine.flags.writeable
        there.flags.writeable = True
        cross(None, theirs, ours)
        assert mine.flags.writeable
    made = cross(np.zeros(2), theirs, ours)
    made.flags.writeable = False
    assert not cross(made, ours, theirs).flags.writeable


def test_what_the_tests_have_made_read_only_stays_so() -> None:
    ours, theirs = sides()
    constant, part = np.zeros(2), np.arange(4)[1:]
    constant.flags.writeable = part.flags.writeable = False
    for mine in (constant, part):
        there = cross(mine, ours, theirs)
        assert not there.flags.writeable
        there.flags.writeable = True
        there[0] = 7
        cross(None, theirs, ours)
        assert not mine.flags.writeable
    assert constant[0] == 0  # the other is a part of what may be changed


def test_an_array_that_becomes_another_does_not_cross() -> None:
    for change in (
        lambda one: one.resize(9, refcheck=False),
        lambda one: setattr(one, "dtype", np.dtype("f8")),
    ):
        ours, theirs = sides()
        there = cross(np.arange(4), ours, theirs)
        with warnings.catch_warnings(action="ignore"):
            change(there)
        with pytest.raises(CannotCross, match="another"):
            told(None, theirs, refuse)


def test_what_shares_memory_and_is_no_part_does_not_cross_beside_it() -> None:
    turned = np.asfortranarray(np.arange(6).reshape(2, 3))
    large = np.zeros(1_000_000)
    numbers = np.arange(4)
    for first, then in (
        (turned, turned[0]),  # over there its values lie in another order
        (large[:2], large),  # it was not worth it to tell the whole
        (numbers, numbers.view("f8")),
        (numbers, np.broadcast_to(numbers, (5, 4))),
    ):
        ours, theirs = sides()
        cross(first, ours, theirs)
        with pytest.raises(CannotCross, match="a part of an array"):
            told(then, ours, refuse)


CHANGED = {
    "its shape": (
        "import numpy as np\ndef f(a):\n    a.shape = (3, 2)\n    return a",
        ("(3, 2)", "(2, 3)"),
        (
            "for a in (np.arange(6), np.arange(6).reshape(2, 3)):\n"
            "    assert f(a) is a and a.tolist() == [[0, 1], [2, 3], [4, 5]]"
        ),
    ),
    "that it is read-only": (
        (
            "import numpy as np\nclass f:\n    def __init__(self, a): self.a = a; self.lock()\n"
            "    def lock(self): self.a.flags.writeable = False\n"
            "    def put(self, at, x):\n        self.a.flags.writeable = True\n"
            "        self.a[at] = x\n        self.lock()\n"
        ),
        ("= False", "= True"),
        (
            "a = np.arange(3)\nb = f(a)\nb.put(0, 7)\nb.put(0, 9)\nassert a.tolist() == [9, 1, 2]\n"
            "try: a[1] = 8\nexcept ValueError: pass\nelse: raise AssertionError"
        ),
    ),
}


@pytest.mark.parametrize(("source", "edit", "code"), CHANGED.values(), ids=CHANGED)
@pytest.mark.usefixtures("with_numpy")
def test_programs_that_change_the_form_of_arrays(
    judge: Any, source: str, edit: tuple[str, str], code: str
) -> None:
    judge.tells_apart(
        source,
        source.replace(*edit),
        Asserts(f"import numpy as np\n{code}", "f"),
        Limits(wall_s=8.0),
    )


ARRAYS = [
    ("np.arange(4).reshape(2, 2)", "np.array_equal(f(1), [[0, 1], [2, 3]])"),
    ("np.arange(3) / 2", "np.allclose(f(1), [0, 0.5, 1]) and f(1)[2] == 1 and f(1).sum() == 1.5"),
    (
        "[np.array(x > 1), np.array([])]",
        "f(2)[0] == True and f(1)[0] == False and f(1)[1].size == 0",
    ),
    ("np.array([[1, 2], [3, 4]]).T[::-1]", "(f(1) == np.array([[2, 4], [1, 3]])).all()"),
    ("np.array(['a', 'b'])", "f(1).tolist() == ['a', 'b'] and len(f(1)) == 2"),
]


@pytest.mark.parametrize(("result", "then"), ARRAYS)
@pytest.mark.usefixtures("with_numpy")
def test_arrays_of_numpy_are_compared_beside_the_tests(judge, result: str, then: str) -> None:
    source = f"import numpy as np\ndef f(x): return {result}"
    report = judge(source, Asserts(f"import numpy as np\nassert {then}", "f"), Limits())
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report
    wrong = "import numpy as np\ndef f(x): return np.zeros(7)"
    assert judge(wrong, Asserts(f"import numpy as np\nassert {then}", "f"), Limits()).status in (
        *(Status.FAILED, Status.ERROR),
    )


GIVEN = {
    "a sum": ("return x.sum() + 1", "return x.sum()", "f(np.arange(3)) == 4"),
    "its form": (
        "return (x.shape, str(x.dtype), x.ndim)",
        "return (x.size, str(x.dtype), x.ndim)",
        "f(np.ones((2, 3), 'float32')) == ((2, 3), 'float32', 2)",
    ),
    "in place": ("x += 1", "x = x + 1", "(f(a) is None) and a.tolist() == [1, 2, 3]"),
    "the same": ("return x", "return x + 0", "f(a) is a"),
    "a part that it gives back": (
        "return x[1:]",
        "return x[1:].copy()",
        "len(b := f(a)) == 2\nb[:] = 7\nassert a.tolist() == [0, 7, 7] and b.base is a",
    ),
    "parts, and then the whole": (
        "x *= 2",
        "x = x * 2",
        "f(m[0]) is f(m[:, 1]) is f(m) is None and m.tolist() == [[0, 8], [4, 12]]",
    ),
    "two parts that overlap": (
        "x[0][1] = 9; return int(x[1][0])",
        "x[0][1] = 9; return 1",
        "f((a[:2], a[1:])) == 9 and a.tolist() == [0, 9, 2]",
    ),
    "a view of it": (
        "x[1:] = 7",
        "x[1:] += 7",
        "f(m[0]) is None and m.tolist() == [[0, 7], [2, 3]]",
    ),
    "in a list": (
        "return np.concatenate(x)",
        "return np.concatenate(x[::-1])",
        "f([a, np.array([9])]).tolist() == [0, 1, 2, 9]",
    ),
}
BEFORE = "import numpy as np\na = np.arange(3)\nm = np.arange(4).reshape(2, 2)\nassert "


@pytest.mark.parametrize(("right", "wrong", "then"), GIVEN.values(), ids=GIVEN)
@pytest.mark.usefixtures("with_numpy")
def test_a_program_is_given_arrays(judge, right: str, wrong: str, then: str) -> None:
    program = "import numpy as np\ndef f(x):\n    "
    report = judge(program + right, Asserts(BEFORE + then, "f"), Limits())
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report
    report = judge(program + wrong, Asserts(BEFORE + then, "f"), Limits())
    assert report.status is Status.FAILED, report


@pytest.mark.usefixtures("with_numpy")
def test_a_program_keeps_an_array_of_the_tests(judge) -> None:
    right = (
        "import numpy as np\nclass Grid:\n    def __init__(self, cells): self.cells = cells\n"
        "    def total(self): return int(self.cells.sum())\n"
        "    def clear(self): self.cells[:] = 0\n"
    )
    tests = (
        "import numpy as np\nfrom solution import Grid\n"
        "def test_it():\n    cells = np.ones((2, 2), int)\n    grid = Grid(cells)\n"
        "    cells[0, 0] = 5\n    assert grid.total() == 8\n    assert grid.cells is cells\n"
        "    grid.cells[1, 1] = 2\n    assert grid.total() == 9\n    grid.clear()\n"
        "    assert not cells.any()\n"
    )
    report = judge(right, Pytest(tests), Limits())
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report
    wrong = right.replace("self.cells = cells", "self.cells = cells.copy()")
    assert judge(wrong, Pytest(tests), Limits()).status is Status.FAILED


@pytest.mark.usefixtures("with_numpy")
def test_arrays_of_what_cannot_cross_share_a_process(judge) -> None:
    for given in ("[None, 1], object", "[b'a', b'b'], 'V1'"):
        tests = f"import numpy as np\nassert f(np.array({given})) == 2"
        report = judge("def f(x): return len(x)", Asserts(tests, "f"), Limits())
        integrity = Integrity.SHARED if "V1" in given else Integrity.ISOLATED
        assert (report.status, report.integrity) == (Status.PASSED, integrity), report


@pytest.mark.parametrize("number", [1, 2, 300])
@pytest.mark.usefixtures("with_numpy")
def test_what_holds_itself_ends_no_process_of_the_tests(judge, number: int) -> None:
    source = (
        f"import numpy as np\ndef f(): return [np.empty(1, object) for _ in range({number})]\n"
        "def join(made):\n"
        "    for one, other in zip(made, made[1:] + made[:1]): one[0] = other\n"
    )
    for code in ("np.allclose(made[0], 1)", "(made[0] % 3).tolist() == [1]"):
        tests = Asserts(f"import numpy as np\nmade = f()\njoin(made)\nassert {code}", "f")
        report = judge(source, tests, Limits())
        assert (report.status, report.integrity) == (Status.FAILED, Integrity.ISOLATED), report


@pytest.mark.usefixtures("with_numpy")
def test_records_of_no_length_are_values(judge) -> None:
    right = "import numpy as np\ndef f(n): return np.zeros(n, np.dtype([]))"
    code = "import numpy as np\nassert f(3).shape == (3,) and f(3).dtype == np.dtype([])"
    judge.tells_apart(right, right.replace("(n,", "(n + 1,"), Asserts(code, "f"), Limits())
    for shape in ([2**40], [2**20, 2**20], [2**62]):
        with pytest.raises(CodecError):
            heard(
                {"value": ["N", 0, "", [0], True, True, *shape], "changed": []}, sides()[0], refuse
            )
