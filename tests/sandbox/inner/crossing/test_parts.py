"""Parts of arrays are views over there as well, of memory that both sides have as one array."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from of_arrays import cross, refuse, sides

from sandbox.codec import CodecError
from sandbox.inner.crossing import parts
from sandbox.inner.crossing.exchange import heard, told

np = pytest.importorskip("numpy", reason="numpy is not installed")

SLICES = st.builds(
    slice, st.integers(-4, 4), st.integers(-4, 4), st.sampled_from([1, 2, -1, -2, None])
)
KINDS = ("i8", "f4", "|b1", "<U3", "M8[D]", "O", [("a", "i4"), ("b", "f8")])


@st.composite
def views(draw: st.DrawFn, of: Any) -> Any:
    """A view of an array, by a few steps."""
    for _ in range(draw(st.integers(1, 3))):
        match draw(st.sampled_from(["part", "row", "turned", "flat", "read only", "axis"])):
            case "part":
                of = of[tuple(draw(SLICES) for _ in of.shape)]
            case "row" if of.ndim > 1 and len(of):
                of = of[draw(st.integers(0, len(of) - 1))]
            case "turned":
                of = of.T
            case "flat" if of.flags.c_contiguous:
                of = of.reshape(-1)
            case "axis":
                of = of[np.newaxis]
            case "read only":
                of = of.view()
                of.flags.writeable = False
    return of


def filled(kind: Any) -> Any:
    return np.arange(12).astype("i8" if kind == "M8[D]" else kind).astype(kind).reshape(3, 4)


@given(st.data())
def test_a_part_shows_the_same_of_the_same(data: st.DataObject) -> None:
    ours, theirs = sides()
    whole = filled(data.draw(st.sampled_from(KINDS)))
    if data.draw(st.booleans()):
        whole = whole.reshape(-1)
    if data.draw(st.booleans()):  # else the whole is told with its first part
        cross(whole, ours, theirs)
    for _ in range(2):
        part = data.draw(views(whole))
        there = cross(part, ours, theirs)
        assert (there.shape, there.dtype, there.flags.writeable) == (
            *(part.shape, part.dtype, part.flags.writeable),
        )
        assert there.tolist() == part.tolist()
        assert np.shares_memory(there, cross(whole, ours, theirs)) == bool(part.size)
        if part.size and part.flags.writeable:
            at = (0,) * part.ndim
            there[at] = part.ravel()[-1]
            cross(None, theirs, ours)
            assert there.tolist() == part.tolist()
    assert told(None, ours, refuse)["changed"] == told(None, theirs, refuse)["changed"] == []


@given(st.data())
def test_a_part_that_comes_back_is_one_of_the_array_that_is_here(data: st.DataObject) -> None:
    ours, theirs = sides()
    whole = filled(data.draw(st.sampled_from(KINDS)))
    given_ = data.draw(st.sampled_from([whole, whole[1:], whole[0]]))
    there = data.draw(views(cross(given_, ours, theirs)))
    back = cross(there, theirs, ours)
    assert back.tolist() == there.tolist()
    assert np.shares_memory(back, whole) == bool(there.size)


def test_matrices_have_parts() -> None:
    ours, theirs = sides()
    with pytest.warns(PendingDeprecationWarning):
        matrix = np.matrix([[1, 2], [3, 4]])
    there = cross(matrix, ours, theirs)
    row, plain = cross(matrix[0], ours, theirs), cross(matrix.A, ours, theirs)
    row[0, 1] = 9
    assert type(row) is type(matrix)
    assert type(plain) is np.ndarray
    assert there.tolist() == plain.tolist() == [[1, 9], [3, 4]]


def test_the_whole_stays_for_its_parts() -> None:
    ours, theirs = sides()
    part = np.arange(6).reshape(2, 3)[1]
    there = cross(part, ours, theirs)
    assert ours.unheld() == []
    there[0] = 9
    frame = told(None, theirs, refuse)
    assert len(frame["changed"]) == 1
    heard(frame, ours, refuse)
    assert part.tolist() == [9, 4, 5]
    del part
    assert ours.unheld() == [1]
    ours.forget([1])
    assert ours.unheld() == [0]


def test_a_part_of_a_part_keeps_that_too() -> None:
    ours, theirs = sides()
    large = np.zeros(1_000_000)
    cross(large[10:20], ours, theirs)  # the whole is not told for so little of it
    part = large[12:14]
    there = cross(part, ours, theirs)
    assert ours.unheld() == []
    there[0] = 9
    cross(None, theirs, ours)
    assert large[12] == 9


def test_what_the_program_makes_of_its_own_is_told_whole() -> None:
    ours, theirs = sides()
    buffer = np.zeros(1_000, "i8")
    arrived = cross(buffer[:3], theirs, ours)
    assert arrived.base is None or arrived.base.size == 3
    buffer[1] = 5
    cross(None, theirs, ours)
    assert arrived.tolist() == [0, 5, 0]


IN_ORDER = ["ndarray", True, 8, [8], [2]]


@pytest.mark.parametrize(
    "form",
    [
        *([], ["ndarray"], [*IN_ORDER, 1], ["matrix", *IN_ORDER[1:]], ["own", *IN_ORDER[1:]]),
        *(["ndarray", 1, 8, [8], [2]], ["ndarray", True, 8.0, [8], [2]]),
        *(["ndarray", True, -8, [8], [2]], ["ndarray", True, 8, [8], [4]]),
        *(["ndarray", True, 0, [-8], [2]], ["ndarray", True, 0, [16], [3]]),
        *(["ndarray", True, 4, [8], [2]], ["ndarray", True, 0, [4], [2]]),
        *(["ndarray", True, 0, [0], [5]], ["ndarray", True, 0, [0, 0], [2**40, 2**40]]),
        *(["ndarray", True, 0, [8], [-1]], ["ndarray", True, 0, [8], [True]]),
        *(["ndarray", True, 0, [2**70], [1]], ["ndarray", True, 2**70, [8], [1]]),
        *(["ndarray", True, 0, [2**70], [0]], ["ndarray", True, 0, [8, 8], [2]]),
        *(["ndarray", True, 0, [8] * 40, [1] * 40], ["ndarray", True, 0, 8, 2]),
        *(["ndarray", True, 0, [-(2**63)], [3]], ["ndarray", True, 8, [2**63 - 8], [3]]),
        *(
            ["ndarray", True, 0, [2**62, -(2**62)], [2, 2]],
            ["ndarray", True, 0, [-(2**62)] * 2, [2, 2]],
        ),
    ],
    ids=repr,
)
def test_what_is_no_part_is_refused(form: list[Any]) -> None:
    ours, theirs = sides()
    cross(np.arange(4), ours, theirs)
    with pytest.raises(CodecError):
        heard({"value": [parts.TAG, 1, ["r", 0], *form], "changed": []}, ours, refuse)


@pytest.mark.parametrize(
    "of", [["r", 0], ["r", 1], ["r", 7], 5, None, [parts.TAG, 2, ["r", 0], *IN_ORDER]]
)
def test_a_part_is_one_of_an_array(of: Any) -> None:
    ours, theirs = sides()
    cross((np.asfortranarray(np.ones((2, 2))), [1]), ours, theirs)
    for number in (2, 3):
        with pytest.raises((CodecError, KeyError)):
            heard({"value": [parts.TAG, number, of, *IN_ORDER], "changed": []}, ours, refuse)


def test_parts_come_in_order_and_only_where_tests_have_arrays() -> None:
    ours, theirs = sides()
    cross(np.arange(4), ours, theirs)
    for number in (0, 2, "1", True, None):
        with pytest.raises(CodecError):
            heard({"value": [parts.TAG, number, ["r", 0], *IN_ORDER], "changed": []}, ours, refuse)
    ours.arrays = False
    with pytest.raises(CodecError):
        heard({"value": [parts.TAG, 1, ["r", 0], *IN_ORDER], "changed": []}, ours, refuse)
