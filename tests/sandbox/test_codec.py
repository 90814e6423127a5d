"""The codec keeps what it carries, and takes nothing but what it could have sent."""

import contextlib
import json
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import Integrity, Status
from sandbox.codec import CannotCross, CodecError, Decoder, Encoder
from sandbox.frames import FrameError, pack, unpack
from sandbox.judging import build_report

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.text(st.characters(exclude_categories=[]))
    | st.binary()
)
HASHABLE = st.recursive(
    SCALARS, lambda inner: st.tuples(inner, inner) | st.frozensets(inner), max_leaves=5
)
VALUES = st.recursive(
    SCALARS | st.builds(bytearray, st.binary()) | st.builds(range, st.integers(), st.integers()),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(HASHABLE, inner)
        | st.sets(HASHABLE)
    ),
    max_leaves=20,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
TAGS = st.sampled_from([*"ldsytzbrnkifce", "x", ""])
HOSTILE = st.recursive(
    JSON,
    lambda inner: (
        st.builds(lambda tag, *rest: [tag, *rest], TAGS, inner)
        | st.builds(lambda tag, n, rest: [tag, n, rest], TAGS, st.integers(-2, 5), inner)
    ),
)


def types_of(value: Any) -> Any:
    if isinstance(value, dict):
        return dict, [(types_of(k), types_of(v)) for k, v in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value), [types_of(item) for item in value]
    return type(value)


def across(value: Any) -> Any:
    wire = Encoder().encode(value)
    return Decoder().decode(json.loads(json.dumps(wire, allow_nan=False)))


@given(VALUES)
def test_what_crosses_arrives_with_value_and_type(value: Any) -> None:
    arrived = across(value)
    assert arrived == value
    assert types_of(arrived) == types_of(value)


@given(HOSTILE)
@settings(max_examples=500)
def test_hostile_input_is_a_value_or_a_codec_error(wire: Any) -> None:
    try:
        value = Decoder().decode(wire)
    except CodecError:
        return
    Encoder().encode(value)


@given(st.binary())
def test_hostile_bytes_are_a_frame_or_a_frame_error(body: bytes) -> None:
    try:
        frame = unpack(body)
    except FrameError:
        return
    assert isinstance(frame, dict)


@given(st.dictionaries(st.sampled_from(["status", "exit", "cpu_s", "peak", "out", "x"]), JSON))
def test_a_hostile_outcome_is_a_report_or_our_own_fault(outcome: dict[str, Any]) -> None:
    report = build_report(outcome, Integrity.ISOLATED)
    assert report.status in set(Status)


def test_frames_that_json_itself_would_choke_on() -> None:
    digits = b"9" * (sys.get_int_max_str_digits() + 1)
    for body in (b"[" * 100_000, b'{"a": NaN}', b'{"a": ' + digits + b"}"):
        with pytest.raises(FrameError):
            unpack(body)


def test_a_frame_survives_packing() -> None:
    frame = {"a": [1, "\ud800", None]}
    assert unpack(pack(frame)[4:]) == frame


class Lying(int):
    pass


@pytest.mark.parametrize("value", [Lying(1), object(), len, [Lying(1)], {1: object()}, type])
def test_what_could_lie_does_not_cross(value: object) -> None:
    with pytest.raises(CannotCross):
        Encoder().encode(value)


def test_deep_nesting_does_not_cross() -> None:
    value: list[Any] = []
    for _ in range(1000):
        value = [value]
    with pytest.raises(CannotCross):
        Encoder().encode(value)


def test_changes_aliases_and_cycles_come_back_into_the_callers_objects() -> None:
    inner = [3, 1]
    asked = Encoder()
    question = asked.encode([inner, inner])
    theirs = Decoder()
    first, second = theirs.decode(question)
    assert first is second
    first.sort()
    first.append(first)
    answer = Encoder(theirs.objects).encode([first, {"new": first}])
    ours, new = Decoder(asked.objects).decode(answer)
    assert ours is inner
    assert inner[:2] == [1, 3]
    assert inner[2] is inner
    assert new["new"] is inner


def test_an_answer_cannot_change_the_type_of_an_argument() -> None:
    asked = Encoder()
    asked.encode([[1]])
    with pytest.raises(CodecError):
        Decoder(asked.objects).decode(["d", 0, []])


@pytest.mark.parametrize("text", ["\ud83d\ude00", "a\ud800\udc00b"])
def test_a_pair_of_surrogates_stays_two_which_json_would_join(text: str) -> None:
    wire = json.loads(json.dumps(Encoder().encode({1: [text]})))
    assert Decoder().decode(wire) == {1: [text]}


@pytest.mark.parametrize("digits", ["00", "zz", "00001100", "ffffffff", 5, None])
def test_what_is_no_text_is_refused(digits: object) -> None:
    with pytest.raises(CodecError):
        Decoder().decode(["u", digits])


def test_both_ends_count_the_same_parts() -> None:
    inner = [1, 2]
    value = [range(2), slice(1), {1: b"x"}, (2, frozenset({3})), 1 << 80, inner, inner]
    wire, fitting = Encoder().encode(value), []
    for cap in range(1, 40):
        with contextlib.suppress(CannotCross):
            Encoder(most_nodes=cap).encode(value)
            fitting.append(cap)
        with contextlib.nullcontext() if cap in fitting else pytest.raises(CodecError):
            Decoder(most_nodes=cap).decode(wire)
    assert 1 < fitting[0] < fitting[-1]


def test_nesting_inside_a_range_or_a_slice_counts() -> None:
    for tag in "nk":
        wire: Any = 1
        for _ in range(300):
            wire = [tag, [wire, 1, 1]]
        with pytest.raises(CodecError, match="deeply"):
            Decoder().decode(wire)
