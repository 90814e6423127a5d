"""When a connection is given up, by a clock that stands still; real ones: `e2e/test_bad_input`."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from router.http.connection import (
    BODY,
    LOST,
    MOST_BEHIND,
    MOST_HEAD_BYTES,
    Connection,
    patient,
)

PATIENCE_S = 10.0
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"


@dataclass
class Timer:
    """Something that is to happen later."""

    due: float
    what: Callable[[], object]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class Clock:
    """An event loop that stands still until it is told."""

    now: float = 0.0
    timers: list[Timer] = field(default_factory=list)
    work: list[asyncio.Task[None]] = field(default_factory=list)

    def call_later(self, delay: float, what: Callable[[], object]) -> Timer:
        self.timers.append(Timer(self.now + delay, what))
        return self.timers[-1]

    def create_task(self, work: object, **_: object) -> asyncio.Task[None]:
        self.work.append(asyncio.ensure_future(work))  # type: ignore[arg-type]
        return self.work[-1]

    def goes_on(self, seconds: float) -> None:
        self.now += seconds
        for timer in list(self.timers):
            if timer.due <= self.now and not timer.cancelled:
                timer.cancelled = True
                timer.what()


@dataclass
class Wire:
    """A transport that keeps what it is given."""

    buffered: int = 0
    written: bytes = b""
    closed: bool = False
    aborted: bool = False
    reads: bool = True
    own: socket.socket | None = None

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self.own if name == "socket" else default

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def get_write_buffer_size(self) -> int:
        return self.buffered


@dataclass
class Line:
    """A connection of a client, and what the application saw of it; it is told which `reads`."""

    clock: Clock
    wire: Wire
    connection: Connection
    heads: list[dict[str, Any]]
    bodies: list[bytes]
    reads: list[bool]


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    heads: list[dict[str, Any]] = []
    bodies: list[bytes] = []
    reads: list[bool] = []

    async def app(scope: Any, receive: Callable[..., Any], send: Callable[..., object]) -> None:
        heads.append(scope)
        more = bool(reads)
        bodies.append(b"")
        while more:
            told = await receive()
            bodies[-1] += told["body"]
            more = told["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})  # type: ignore[misc]
        await send({"type": "http.response.body", "body": b"x"})  # type: ignore[misc]

    config = uvicorn.Config(
        app,
        http=patient(PATIENCE_S),
        h11_max_incomplete_event_size=MOST_HEAD_BYTES,
        log_config=None,
        timeout_keep_alive=75,
    )
    config.load()
    clock, wire = Clock(), Wire()
    connection = config.http_protocol_class(config, ServerState(), {}, _loop=clock)
    assert isinstance(connection, Connection)
    connection.connection_made(wire)  # type: ignore[arg-type]
    yield Line(clock, wire, connection, heads, bodies, reads)
    connection.connection_lost(ConnectionResetError())
    await asyncio.gather(*clock.work)


pytestmark = pytest.mark.anyio


async def served(line: Line) -> None:
    await asyncio.gather(*line.clock.work)


async def test_a_client_that_sends_nothing(line: Line) -> None:
    line.clock.goes_on(PATIENCE_S - 1)
    assert not line.wire.closed
    line.clock.goes_on(1)
    assert line.wire.closed


async def test_bytes_of_a_head_win_no_time(line: Line) -> None:
    for at in range(9):
        line.connection.data_received(HEAD[at : at + 1])
        line.clock.goes_on(1)
    assert not line.wire.closed
    line.clock.goes_on(1)
    assert line.wire.closed


async def test_a_request_that_is_served_and_one_that_was_leave_the_rest_to_others(
    line: Line,
) -> None:
    line.connection.data_received(HEAD)
    line.clock.goes_on(10 * PATIENCE_S)
    assert not line.wire.closed  # its body is waited for by who reads it
    line.connection.data_received(b"{}")
    await served(line)
    assert line.wire.written.endswith(b"x\r\n0\r\n\r\n")
    line.clock.goes_on(74)
    assert not line.wire.closed  # kept for the next, as long as the operator says
    line.clock.goes_on(1)
    assert line.wire.closed
    assert not line.wire.aborted
    line.clock.goes_on(PATIENCE_S)
    assert line.wire.aborted


async def test_a_body_that_goes_on_after_its_answer(line: Line) -> None:
    line.connection.data_received(HEAD)
    await served(line)
    line.clock.goes_on(PATIENCE_S - 1)
    line.connection.data_received(b"{")
    line.clock.goes_on(PATIENCE_S - 1)
    assert not line.wire.closed
    line.connection.data_received(b"}")
    line.clock.goes_on(1)
    assert line.wire.closed


async def test_a_client_that_takes_nothing_is_dropped_and_one_that_takes_little_is_not(
    line: Line,
) -> None:
    line.connection.data_received(HEAD)
    line.wire.buffered = 100
    line.connection.pause_writing()
    for left in (99, 98, 97):
        line.wire.buffered = left
        line.clock.goes_on(PATIENCE_S)
        assert not line.wire.closed
    line.clock.goes_on(PATIENCE_S)
    assert line.wire.aborted


async def test_a_client_that_takes_of_what_the_kernel_has_is_not_dropped(line: Line) -> None:
    line.connection.data_received(HEAD)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        for _ in range(3):
            ours.send(b"x" * 1000)
        line.wire.own, line.wire.buffered = ours, 100
        line.connection.pause_writing()
        for _ in range(3):
            theirs.recv(1000)
            line.clock.goes_on(PATIENCE_S)
            assert not line.wire.closed
        line.clock.goes_on(PATIENCE_S)
        assert line.wire.aborted
    line.wire.own = None


async def test_a_client_that_has_taken_all_is_not_dropped(line: Line) -> None:
    line.connection.data_received(HEAD)
    line.wire.buffered = 100
    line.connection.pause_writing()
    line.wire.buffered = 0
    line.connection.resume_writing()
    line.clock.goes_on(2 * PATIENCE_S)
    assert not line.wire.closed
    await served(line)


async def test_every_request_hears_that_its_connection_is_lost(line: Line) -> None:
    for _ in range(2):
        line.connection.data_received(HEAD + b"{}")
        await served(line)
    first, second = line.heads
    assert not first[LOST].done()
    assert not second[LOST].done()
    assert first[BODY] == second[BODY] == b"{}"
    line.connection.connection_lost(None)
    assert first[LOST].done()
    assert second[LOST].done()


@pytest.mark.parametrize("rest", [b"{", b"{}" + HEAD])
async def test_a_body_that_is_not_all_there_or_that_is_followed_is_asked_for(
    line: Line, rest: bytes
) -> None:
    line.connection.data_received(HEAD + rest)
    await served(line)
    assert BODY not in line.heads[0]


async def test_who_waits_for_a_slow_client_hears_first_that_it_is_gone(line: Line) -> None:
    line.connection.data_received(HEAD + b"{}")
    await served(line)
    line.connection.pause_writing()
    heard: list[str] = []

    async def waits() -> None:
        await line.connection.flow.drain()
        heard.append("goes on")

    waiting = asyncio.create_task(waits())
    await asyncio.sleep(0)
    line.heads[0][LOST].add_done_callback(lambda _: heard.append("lost"))
    line.connection.connection_lost(ConnectionResetError())
    await waiting
    assert heard == ["lost", "goes on"]


async def test_a_connection_that_is_over_has_nothing_left_to_do(line: Line) -> None:
    line.connection.data_received(HEAD[:9])
    line.connection.pause_writing()
    line.connection.connection_lost(ConnectionResetError())
    assert all(timer.cancelled for timer in line.clock.timers)


FIELD = b"X-Field: " + b"x" * 1000 + b"\r\n"


@pytest.mark.parametrize("after", [b"", HEAD + b"{}"], ids=["first", "kept"])
async def test_a_head_without_an_end(line: Line, after: bytes) -> None:
    if after:
        line.connection.data_received(after)
        await served(line)
    before = line.wire.written
    line.connection.data_received(b"GET / HTTP/1.1\r\nHost: x\r\nX-Field: ")
    for _ in range(65):
        assert line.wire.written == before
        line.connection.data_received(b"x" * 1000)
    line.connection.data_received(b"x" * 1000)
    told = line.wire.written.removeprefix(before)
    assert told.startswith(b"HTTP/1.1 400 ")
    assert told.count(b"HTTP/1.1") == 1
    assert b"64 KiB" in told
    assert line.wire.closed


async def test_fields_after_a_body_are_bounded_as_well(line: Line) -> None:
    head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    line.connection.data_received(head + b"1\r\n{\r\n0\r\n")
    for _ in range(70):
        line.connection.data_received(FIELD)
    assert line.wire.closed


@pytest.mark.parametrize("cut", [True, False])
async def test_fields_after_a_body_are_no_headers(line: Line, *, cut: bool) -> None:
    line.reads.append(True)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b"1\r\n{\r\n0\r\nX-Budget-FLOPs: 3\r\n\r\n"
    for piece in [head, body] if cut else [head + body]:
        line.connection.data_received(piece)
    await served(line)
    assert [name for name, _ in line.heads[0]["headers"]] == [b"host", b"transfer-encoding"]


async def test_an_offer_to_speak_another_protocol_is_passed_over(line: Line) -> None:
    line.reads.append(True)
    offer = b"\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n"
    line.connection.data_received(HEAD.replace(b"\r\n\r\n", offer) + b"{}")
    await served(line)
    assert line.wire.written.startswith(b"HTTP/1.1 200 ")
    assert line.bodies == [b"{}"]


async def test_a_large_body_is_no_head(line: Line) -> None:
    line.connection.data_received(HEAD.replace(b": 2", b": 200000"))
    for _ in range(200):
        line.connection.data_received(b"x" * 1000)
    await served(line)
    assert line.wire.written.startswith(b"HTTP/1.1 200 ")
    assert not line.wire.closed


async def test_what_comes_of_a_body_after_its_answer_is_no_head(line: Line) -> None:
    line.connection.data_received(HEAD.replace(b": 2", b": 200000"))
    await served(line)
    answer = line.wire.written
    for _ in range(100):
        line.connection.data_received(b"x" * 1000)
    assert line.wire.written == answer
    assert not line.wire.closed


async def test_each_head_is_measured_by_itself(line: Line) -> None:
    for _ in range(5):
        line.connection.data_received(b"GET / HTTP/1.1\r\nHost: x\r\n" + FIELD * 20)
        line.connection.data_received(b"\r\n")
        await served(line)
    assert line.wire.written.count(b"HTTP/1.1 200 ") == 5
    assert not line.wire.closed


async def test_what_comes_behind_a_request_is_read_up_to_a_bound(line: Line) -> None:
    line.connection.data_received(HEAD + b"{}")
    for _ in range(MOST_BEHIND // 1024):
        line.connection.data_received(b"x" * 1024)
        assert line.wire.reads
    line.connection.data_received(b"x")
    assert not line.wire.reads
    await served(line)
    assert line.wire.reads


async def test_a_body_that_nobody_reads_is_not_read_on(line: Line) -> None:
    line.connection.data_received(HEAD.replace(b": 2", b": 200000") + b"x" * 100_000)
    assert not line.wire.reads
    await served(line)
    assert line.wire.reads


async def test_who_hangs_up_is_waited_for_no_longer(line: Line) -> None:
    line.connection.data_received(HEAD + b"{}")
    line.connection.eof_received()
    assert line.wire.aborted  # and not closed, which waits until all is taken
    await served(line)


async def test_who_closes_its_side_after_its_answer_may_still_take_it(line: Line) -> None:
    line.connection.data_received(HEAD + b"{}")
    await served(line)
    line.connection.eof_received()
    assert not line.wire.aborted


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"http://x/v1/a%20b?c=d", "/v1/a b"),
        (b"HTTPS://x:80/", "/"),
        (b"http://x", "/"),
        (b"/http://x/", "/http://x/"),
    ],
)
async def test_a_whole_url_is_asked_for(line: Line, target: bytes, path: str) -> None:
    line.connection.data_received(HEAD.replace(b" / ", b" %b " % target) + b"{}")
    await served(line)
    assert line.heads[0]["path"] == path


async def test_after_two_lengths_nothing_is_a_request(line: Line) -> None:
    line.reads.append(True)
    both = b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
    line.connection.data_received(b"POST / HTTP/1.1\r\nHost: x\r\n" + both + b"0\r\n\r\n" + HEAD)
    await served(line)
    assert line.bodies == [b""]
    assert b"connection: close" in line.wire.written.lower()
    assert line.wire.closed
    line.connection.data_received(b"{}")
    assert len(line.heads) == 1


async def test_what_follows_the_last_request_of_a_connection_is_no_fault(line: Line) -> None:
    line.connection.data_received(HEAD.replace(b"Host", b"Connection: close\r\nHost") + b"{}")
    line.connection.data_received(b"\r\n")
    await served(line)
    assert line.wire.written.startswith(b"HTTP/1.1 200 ")
    assert line.wire.written.count(b"HTTP/1.1") == 1
