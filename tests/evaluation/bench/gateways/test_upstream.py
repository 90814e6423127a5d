"""The upstream answers every request once, however requests come."""

import asyncio
import json

from hypothesis import given
from hypothesis import strategies as st

from evaluation.bench.gateways.framing import Answer
from evaluation.bench.gateways.upstream import COUNT, Count, UpstreamProtocol
from evaluation.bench.gateways.wire import TOKEN, request


class Written(asyncio.WriteTransport):
    def __init__(self):
        super().__init__()
        self.answers = []

    def write(self, data):
        self.answers.append(bytes(data))


def answered(*pieces, count=None):
    """What it writes, for what comes in these pieces."""
    written = Written()
    protocol = UpstreamProtocol(count or Count())
    protocol.connection_made(written)
    for piece in pieces:
        protocol.data_received(piece)
    return written.answers


def read(sent):
    answer = Answer()
    assert answer.feed(sent)
    return answer


@given(st.lists(st.booleans(), min_size=1, max_size=4), st.data())
def test_requests_may_come_in_pieces_or_several_in_one(streams, data):
    sent = b"".join(request("localhost", stream=stream) for stream in streams)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(sent) - 1), max_size=6)))
    pieces = [sent[a:b] for a, b in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
    count = Count()
    answers = answered(*pieces, count=count)
    assert [b"[DONE]" in each for each in answers] == streams
    assert all(TOKEN.encode() in read(each).body for each in answers)
    assert count.completions == len(streams)


def test_it_tells_how_many_completions_it_was_asked_for():
    asked = request("localhost", stream=False)
    *_, told = answered(asked, asked, f"GET {COUNT} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert json.loads(read(told).body) == 2


def test_a_stream_is_one_token_its_usage_and_the_end():
    (stream,) = answered(request("localhost", stream=True))
    *events, end = read(stream).body.decode().split("\n\n")
    assert end == ""
    token, usage, done = (event.removeprefix("data: ") for event in events)
    choice = json.loads(token)["choices"][0]
    assert (choice["text"], choice["finish_reason"]) == (TOKEN, "length")
    assert json.loads(usage)["usage"]["completion_tokens"] == 1
    assert done == "[DONE]"


def test_what_it_does_not_know_is_refused():
    head = b"POST /v1/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert b" 411 " in answered(head)[0]
    assert b" 404 " in answered(b"POST /v1/embeddings HTTP/1.1\r\nContent-Length: 0\r\n\r\n")[0]
