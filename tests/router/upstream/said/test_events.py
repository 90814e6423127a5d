"""Server-sent events, however their bytes are cut and their lines end."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.upstream.said import events
from router.upstream.said.events import EventDecoder, StreamEvent

WORDS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r\n"), max_size=9)
EVENTS = st.lists(
    st.builds(
        StreamEvent,
        # What begins with a space, or with a byte-order mark, is written with one more.
        WORDS,
        st.lists(WORDS, min_size=1, max_size=3).map("\n".join),
    ),
    max_size=5,
)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


def decoded(*pieces: bytes) -> list[StreamEvent]:
    decoder = EventDecoder()
    return [event for piece in pieces for event in decoder.events(piece)]


def written(told: list[StreamEvent], end: str) -> bytes:
    lines = []
    for event in told:
        lines += [f"event: {event.name}", ": a comment", "id: 7", "retry: 1"]
        lines += [f"data: {line}" for line in event.data.split("\n")] + [""]
    return "".join(line + end for line in lines).encode()


@given(EVENTS, ENDS, st.lists(st.integers(0, 400)), st.booleans())
def test_what_was_written_is_read_wherever_it_is_cut(
    told: list[StreamEvent], end: str, cuts: list[int], marked: bool
) -> None:
    # A last CR may be half of a line's end, so something has to follow it.
    stream = b"\xef\xbb\xbf" * marked + written(told, end) + b":"
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    assert decoded(*(stream[a:b] for a, b in itertools.pairwise(places))) == told


@pytest.mark.parametrize(
    ("stream", "data"),
    {
        b"data: 1\n\ndata: 2": ["1"],  # one that was cut off is none
        b"data:1\n\n": ["1"],
        b"data:  1\n\n": [" 1"],
        b"data\n\n": [""],
        b"data: \xff\n\n": ["\ufffd"],
        b"event: ping\n\ndata: 1\n\n": ["1"],
        b": working\n\n\n\ndata: 1\n\n": ["1"],
        b"datum: 1\n\ndata: 2\n\n": ["2"],
        b"data: a\xc2\x85b\x0bc\n\n": ["a\x85b\x0bc"],  # these end no line
    }.items(),
)
def test_what_servers_write(stream: bytes, data: list[str]) -> None:
    assert [event.data for event in decoded(stream)] == data


def test_the_name_of_an_event_is_not_that_of_the_next() -> None:
    assert decoded(b"event: error\ndata: 1\n\ndata: 2\n\n") == [
        StreamEvent("error", "1"),
        StreamEvent("", "2"),
    ]
    assert decoded(b"event: error\n\ndata: 2\n\n") == [StreamEvent("", "2")]


def test_an_error_may_be_a_field_of_its_own() -> None:
    assert decoded(b'error: {"code": 500}\n\ndata: 2\n\n') == [
        StreamEvent("error", '{"code": 500}'),
        StreamEvent("", "2"),
    ]


@pytest.mark.parametrize("endless", [b"x" * 2**16, b"data: x\n", b": x\n"])
def test_what_never_ends_is_given_up(endless: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LONGEST_EVENT", 2**20)
    with pytest.raises(events.EventTooLong):
        decoded(*[b"data: 1\n\n", *[endless] * (2**20 // len(endless) + 1)])


def test_many_events_are_no_long_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LONGEST_EVENT", 100)
    assert len(decoded(*[b"data: " + b"x" * 60 + b"\n\n"] * 50)) == 50
