"""Where an answer ends, however its bytes are split."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.bench.gateways.framing import Answer, BrokenAnswer

bodies = st.binary(max_size=200) | st.sampled_from([b"", b"\r\n", b"0\r\n\r\n", b"5\r\nhello\r\n"])


@st.composite
def answers(draw):
    """The bytes of an answer, and its body."""
    status = draw(st.sampled_from([200, 429, 500]))
    more = draw(st.sampled_from(["", "Server: x\r\n", "X-Length: 7\r\ndate: today\r\n"]))
    body = draw(bodies)
    if draw(st.booleans()):
        name = draw(st.sampled_from(["Content-Length", "content-length"]))
        head = f"HTTP/1.1 {status} Any Reason\r\n{more}{name}: {len(body)}\r\n\r\n"
        return head.encode() + body, status, body
    sizes = draw(st.lists(st.integers(1, 60), max_size=8))
    chunks, rest = [], body
    for size in [*sizes, len(body)]:
        if piece := rest[:size]:
            extension = draw(st.sampled_from([b"", b";name=value", b" "]))
            chunks.append(b"%x%b\r\n%b\r\n" % (len(piece), extension, piece))
        rest = rest[size:]
    trailers = draw(st.sampled_from([b"", b"X-Spent: 7\r\n"]))
    head = f"HTTP/1.1 {status} OK\r\n{more}Transfer-Encoding: chunked\r\n\r\n".encode()
    return head + b"".join(chunks) + b"0\r\n" + trailers + b"\r\n", status, body


def fed(data, cuts=()):
    """What comes of an answer in pieces; it must be complete with its last byte, and no sooner."""
    answer = Answer()
    ends = [*sorted(cuts), len(data)]
    for begin, end in zip([0, *ends], ends, strict=False):
        assert answer.feed(data[begin:end]) == (end == len(data))
    return answer


@given(answers(), st.data())
def test_it_ends_where_it_ends(answered, data):
    sent, status, body = answered
    cuts = data.draw(st.sets(st.integers(1, len(sent) - 1), max_size=10))
    answer = fed(sent, cuts)
    assert (answer.status, answer.body) == (status, body)
    assert not answer.closes


@given(answers())
def test_it_may_come_byte_by_byte(answered):
    sent, status, body = answered
    answer = fed(sent, range(1, len(sent)))
    assert (answer.status, answer.body) == (status, body)


@given(answers(), st.binary(min_size=1, max_size=5))
def test_bytes_after_its_end_are_an_error(answered, more):
    with pytest.raises(BrokenAnswer, match="more bytes"):
        Answer().feed(answered[0] + more)


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "no answer of HTTP"),
        (b"HTTP/1.1 OK\r\n\r\n", "no answer of HTTP"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "neither a length nor chunks"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", "neither a length nor chunks"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfive\r\n", "no size of a chunk"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n", "longer than"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nab\r\n",
            "no size of a chunk",
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 9999, "without an end"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 99999, "without an end"),
    ],
)
def test_what_does_not_say_where_it_ends_is_an_error(sent, why):
    with pytest.raises(BrokenAnswer, match=why):
        Answer().feed(sent)


def test_it_tells_of_a_connection_that_closes():
    sent = b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n"
    assert fed(sent).closes
