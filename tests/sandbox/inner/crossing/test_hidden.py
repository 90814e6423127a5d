"""Of an array that is handed over in parts, the program has these parts and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from of_arrays import cross, refuse, sides
from test_parts import KINDS, filled

from sandbox import Asserts, Integrity, Limits, Status
from sandbox.codec import CannotCross, CodecError
from sandbox.inner.crossing.exchange import heard, told

np = pytest.importorskip("numpy", reason="numpy is not installed")

LIMITS = Limits(wall_s=8.0)
TABLE = "t = np.array([[1., 2., 3.], [4., 5., 9.]])\nx, y = t[:, :2], t[:, 2]\n"
PRYING = {
    "a part beside it": ("return x.base[:, 2]", f"{TABLE}assert np.array_equal(f(x), y)"),
    "a copy of that": ("return x.base[:, 2].tolist()", f"{TABLE}assert f(x) == y.tolist()"),
    "what it has written there": (
        "x.base[:, 2] = 7\n    return x[:, 0] * 0 + 7",
        f"{TABLE}assert np.array_equal(f(x), y)",
    ),
    "all of it": ("return x.base", "t = np.arange(8)\nassert np.array_equal(f(t[:4]), t)"),
    "what is between": (
        "return x.base[1::2]",
        "t = np.arange(8)\nassert np.array_equal(f(t[::2]), t[1::2])",
    ),
    "what lies after it": (
        "return as_strided(x, (8,), x.strides)",
        "t = np.arange(8)\nassert np.array_equal(f(t[:4]), t)",
    ),
    "it to a function of the tests": (
        "g(x.base)\n    return 1",
        "t = np.arange(8)\ndef g(a): assert np.array_equal(a, t)\nassert f(t[:4], g) == 1",
    ),
}


@pytest.mark.parametrize(("body", "code"), PRYING.values(), ids=PRYING)
def test_no_program_gets_at_what_stands_around(judge: Any, body: str, code: str) -> None:
    source = (
        "import numpy as np\nfrom numpy.lib.stride_tricks import as_strided\n"
        f"def f(x, g=None):\n    {body}"
    )
    report = judge(source, Asserts(f"import numpy as np\n{code}", "f"), LIMITS)
    assert report.integrity is Integrity.ISOLATED, report
    assert report.status in {Status.FAILED, Status.ERROR}, report


@pytest.mark.usefixtures("with_numpy")
def test_parts_of_one_array_that_are_handed_over_one_after_another(judge: Any) -> None:
    source = (
        "class Scaled:\n    def __init__(self, by): self.by = by\n"
        "    def scale(self, *arrays):\n        for a in arrays: a *= self.by\n"
        "        return [a[::-1] for a in arrays]\n"
    )
    code = (
        f"import numpy as np\n{TABLE}s = Scaled(2)\ns.scale(x)\n"
        "assert t.tolist() == [[2, 4, 3], [8, 10, 9]]\ns.scale(y, t[0])\n"
        "assert t.tolist() == [[4, 8, 12], [8, 10, 18]]\nlast = s.scale(t)[0]\n"
        "assert last.tolist() == [[16, 20, 36], [8, 16, 24]] and x[0, 0] == 8\n"
        "last[0, 0] = 1\nassert s.scale(y)[0].tolist() == [72, 48] and t[1, 0] == 1"
    )
    judge.tells_apart(source, source.replace("*= self", "+= self"), Asserts(code, "Scaled"), LIMITS)


@given(st.data())
def test_what_was_handed_over_is_there_and_nothing_else(data: st.DataObject) -> None:
    ours, theirs = sides()
    whole = filled(data.draw(st.sampled_from(KINDS)))
    before = whole.copy()
    marks = np.zeros(whole.shape, bool)
    for _ in range(data.draw(st.integers(1, 3))):
        rows, columns = (
            slice(*sorted(data.draw(st.tuples(*[st.integers(0, n)] * 2)))) for n in (3, 4)
        )
        part = whole[rows, columns]
        there = cross(part, ours, theirs)
        assert there.tolist() == part.tolist()
        marks[rows, columns] = True
        if part.size:
            around = there.base
            hidden = around.reshape(whole.shape)[~marks]
            assert hidden.tolist() == np.zeros(12, whole.dtype)[: hidden.size].tolist()
            around[...] = around.ravel()[::-1].reshape(around.shape)
            cross(None, theirs, ours)
            assert whole[~marks].tolist() == before[~marks].tolist()
            assert there.tolist() == part.tolist()
            around.reshape(whole.shape)[~marks] = np.zeros(1, whole.dtype)
            cross(None, theirs, ours)
    assert cross(whole, ours, theirs).tolist() == whole.tolist()
    assert told(None, ours, refuse)["changed"] == told(None, theirs, refuse)["changed"] == []


def test_what_stands_around_is_nothing_that_can_come_back() -> None:
    ours, theirs = sides()
    whole = np.arange(6)
    part = whole[:2]
    cross(part, ours, theirs)
    [number] = (n for n, each in ours.objects.items() if each is whole)
    form = ["ndarray", True, 16, [8], [2]]
    for wire in (["r", number], ["l", 9, [["r", number]]], ["NP", ours.next, ["r", number], *form]):
        wire[1] = ours.next if wire[0] == "l" else wire[1]
        with pytest.raises(CannotCross, match="around"):
            heard({"value": wire, "changed": []}, ours, refuse)
    all_of_it = ["N", number, np.full(6, 7).tobytes().hex(), "<i8", True, True, 6]
    given_ = heard({"value": all_of_it, "changed": []}, ours, refuse)
    assert not np.shares_memory(given_, whole)
    assert whole.tolist() == [7, 7, 2, 3, 4, 5]


def test_a_part_that_is_new_is_told_alone() -> None:
    """Else going through the rows of a table would tell all of it with each."""
    ours, theirs = sides()
    table = np.arange(4000.0).reshape(-1, 4)
    cross(table[0], ours, theirs)
    for row in (table[1], table[2:4], table[::-1][:2]):
        frame = told(row, ours, refuse)
        assert len(str(frame)) < 1000
        assert heard(frame, theirs, refuse).tolist() == row.tolist()
        assert told(None, theirs, refuse)["changed"] == []
    table.flags.writeable = False
    last = cross(table[5], ours, theirs)
    assert (last.tolist(), last.flags.writeable) == ([20, 21, 22, 23], False)


@pytest.mark.parametrize(
    "data", [1, None, "", "00" * 8, "zz" * 16, [1], [1, 2], ["r", 0], "00" * 24]
)
def test_what_is_told_with_a_part_fits_into_it(data: Any) -> None:
    ours, theirs = sides()
    cross(np.arange(4), ours, theirs)
    form = ["ndarray", True, 8, [8], [2]]
    with pytest.raises(CodecError):
        heard({"value": ["NP", 1, ["r", 0], *form, data], "changed": []}, theirs, refuse)
    with pytest.raises(CodecError):
        heard({"value": ["NP", 1, ["r", 0], *form, "00" * 16, 1], "changed": []}, theirs, refuse)
