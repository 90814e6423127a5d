"""What clients send and do that no client should, byte by byte, to the real process that serves.

Each is answered or hung up on, and leaves the gateway as it was: it answers others, serves nothing
any more, and holds no more than before.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import httpx
import psutil
import pytest
from fake_upstream import Call, FakeUpstream, answering, silent
from http_world import CHAT, COMPLETIONS, Connection, eventually, eventually_asked
from serving import RunningGateway, behind

pytestmark = [pytest.mark.anyio]
PATIENCE_S = 3.0
"""Of the gateway, with a client that is only late; what tests its end takes as long."""
MOST_BODY = 100_000
SETTINGS = f"client_timeout_s = {PATIENCE_S}\nmax_body_bytes = {MOST_BODY}"
HEAD = b"POST /v1/completions HTTP/1.1\r\nHost: x\r\n"
BODY = b'{"model": "small", "prompt": "x", "max_tokens": 8}'
STREAM = b'{"model": "small", "prompt": "x", "max_tokens": 8, "stream": true}'
GROWTH = 64 * 2**20


def whole(body: bytes, headers: bytes = b"") -> bytes:
    return HEAD + headers + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


@dataclass
class Besieged:
    """The gateway, and the server behind it."""

    gateway: RunningGateway
    upstream: FakeUpstream
    client: httpx.AsyncClient

    async def send(self, data: bytes = b"", limit: int = 2**16) -> Connection:
        """Send raw bytes on a connection of its own, which holds so much that was not read."""
        port = int(self.gateway.url.rsplit(":", 1)[1])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=limit)
        writer.write(data)
        return Connection(reader, writer)

    async def answers(self) -> None:
        """It answers others."""
        answer = await self.client.post(COMPLETIONS, content=BODY)
        assert answer.status_code == 200, answer.text

    async def figure(self, name: str) -> float:
        text = (await self.client.get("/metrics")).text
        return sum(map(float, re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", text, re.MULTILINE)))

    async def gone(self) -> float:
        return await self.figure(r'router_requests_total\{.*error="client_gone".*\}')

    @property
    def memory(self) -> int:
        return psutil.Process(self.gateway.process.pid).memory_info().rss

    @property
    def descriptors(self) -> int:
        return psutil.Process(self.gateway.process.pid).num_fds()


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One event loop for all: they share the gateway."""
    return "asyncio"


@pytest.fixture(scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Besieged]:
    upstream = FakeUpstream(answering())
    directory = tmp_path_factory.mktemp("gateway")
    async with behind(directory, upstream, SETTINGS) as gateway:
        limits = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(
            base_url=gateway.url, timeout=120, trust_env=False, limits=limits
        ) as client:
            yield Besieged(gateway, upstream, client)
        assert "Traceback" not in (directory / "log").read_text()


@pytest.fixture
async def besieged(shared: Besieged) -> AsyncIterator[Besieged]:
    """It is as it was before, whatever a test does."""
    shared.upstream.play = answering()
    shared.upstream.calls.clear()
    await shared.answers()
    tasks, descriptors = await shared.figure("router_tasks"), shared.descriptors
    yield shared
    shared.upstream.play = answering()
    await shared.answers()
    await eventually_asked(lambda: shared.figure("router_requests_active"), 0.0)
    async with asyncio.timeout(120):
        while await shared.figure("router_tasks") > tasks:  # noqa: ASYNC110 another process's
            await asyncio.sleep(0.05)
    await eventually(lambda: shared.descriptors <= descriptors + 1)  # one that the pool keeps


async def answered(connection: Connection) -> tuple[int, dict[str, Any]]:
    """The status and the object of an answer after which the gateway hangs up, or does not."""
    head = await connection.until(b"\r\n\r\n")
    length = int(re.findall(rb"(?i)content-length: (\d+)", head)[0])
    body = json.loads(await connection.reader.readexactly(length))
    return int(head.split()[1]), body


@pytest.mark.parametrize("body", [BODY, STREAM], ids=["plain", "stream"])
async def test_a_client_that_closes_its_own_side_has_hung_up(
    besieged: Besieged, body: bytes
) -> None:
    besieged.upstream.play = silent()
    before = await besieged.gone()
    connection = await besieged.send(whole(body))
    await eventually(lambda: len(besieged.upstream.calls) == 2)
    connection.writer.write_eof()
    await eventually(besieged.upstream.calls[1].closed_by_client.is_set)
    assert await connection.reader.read() == b""
    await connection.close()
    await eventually_asked(besieged.gone, before + 1)


async def test_a_stream_that_nobody_reads_ends_and_holds_nothing(besieged: Besieged) -> None:
    sent: list[Call] = []

    async def flood(call: Call, server: FakeUpstream) -> None:
        if call.body["max_tokens"] == 8:
            await answering()(call, server)
            return
        sent.append(call)
        for _ in range(4000):
            await call.token(0, "x" * 4096, server)
        await call.finish(0, "stop", server)
        await call.done(server)

    besieged.upstream.play = flood
    many = STREAM.replace(b"8", b"4000")
    held = []
    for _ in range(3):
        sent.clear()
        before = await besieged.gone()
        connections = [await besieged.send(whole(many), limit=1024) for _ in range(3)]
        await eventually(lambda: len(sent) == 3)
        await besieged.answers()
        await eventually_asked(besieged.gone, before + 3)
        held.append(besieged.memory)
        for connection in connections:
            assert b"[DONE]" not in await rest(connection)
            connection.writer.transport.abort()
    # What were kept would be added each time; memory that is free again is taken from anew or not.
    grown = [later - earlier for earlier, later in pairwise(held)]
    assert min(grown) < 0.75 * 3 * 4000 * 4096, held


FLOODS = {
    "many headers": b"".join(b"X-%d: y\r\n" % at for at in range(100_000)),
    "one large header": b"X-Large: " + b"x" * 2**20 + b"\r\n",
    "one large name": b"X" * 2**20,
    "a large path": b"",
    "no end of line": b"x: y" * 2**18,
}


@pytest.mark.parametrize("kind", FLOODS)
async def test_a_head_that_is_too_large(besieged: Besieged, kind: str) -> None:
    memory = besieged.memory
    start = b"GET /" + b"x" * 2**20 if kind == "a large path" else HEAD
    for _ in range(10):
        connection = await besieged.send(start + FLOODS[kind])
        seen = await rest(connection)
        connection.writer.transport.abort()
        assert not seen or seen.startswith(b"HTTP/1.1 400 ")
    assert besieged.memory < memory + GROWTH


async def test_a_head_that_is_a_little_too_large_is_told_so(besieged: Besieged) -> None:
    connection = await besieged.send(HEAD + b"X-Large: " + b"x" * 66_000)
    status, body = await answered(connection)
    assert (status, body["error"]["code"]) == (400, "invalid_request")
    assert "64 KiB" in body["error"]["message"]
    assert await connection.reader.read() == b""
    await connection.close()


BEGINNINGS = {
    "nothing": b"",
    "half a head": HEAD + b"X-Half",
    "half a head after a whole request": whole(BODY) + HEAD + b"X-Half",
}


@pytest.mark.parametrize("beginning", BEGINNINGS.values(), ids=BEGINNINGS)
async def test_a_head_that_never_ends(besieged: Besieged, beginning: bytes) -> None:
    """Bytes that trickle in win no time."""
    connection = await besieged.send(beginning)
    reading = asyncio.create_task(rest(connection))
    async with asyncio.timeout(120):
        while not reading.done():
            if beginning:
                connection.writer.write(b"x")
            await asyncio.sleep(PATIENCE_S / 20)
    seen = reading.result()
    assert seen.count(b"HTTP/1.1") <= beginning.count(BODY)
    connection.writer.transport.abort()


async def test_a_kept_connection_is_not_closed_for_what_came_in_pieces(besieged: Besieged) -> None:
    connection = await besieged.send()
    for _ in range(2):
        request = whole(BODY)
        for piece in (request[:10], request[10:70], request[70:]):
            connection.writer.write(piece)
            await connection.writer.drain()
        assert (await answered(connection))[0] == 200
    await connection.close()


@pytest.mark.parametrize("path", [COMPLETIONS, CHAT, "/infill", "/v1/quote"])
async def test_a_body_that_trickles_in(besieged: Besieged, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    connection = await besieged.send(head.encode())
    answer = asyncio.create_task(answered(connection))
    async with asyncio.timeout(120):
        while not answer.done():
            connection.writer.write(b"1\r\n{\r\n")
            await asyncio.sleep(PATIENCE_S / 20)
    status, body = answer.result()
    assert (status, body["error"]["code"]) == (408, "request_timeout")
    assert f"{PATIENCE_S:g} s" in body["error"]["message"]
    await hung_up(connection, b"1\r\n{\r\n")


async def test_an_upload_that_goes_on_after_its_answer(besieged: Besieged) -> None:
    piece = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    connection = await besieged.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + 4 * piece)
    status, body = await answered(connection)
    assert (status, body["error"]["code"]) == (413, "request_too_large")
    memory = besieged.memory
    await hung_up(connection, piece)
    assert besieged.memory < memory + GROWTH


async def hung_up(connection: Connection, piece: bytes) -> None:
    """The gateway ends a connection on which this is sent all the time."""
    async with asyncio.timeout(120):
        while not connection.writer.is_closing():
            connection.writer.write(piece)
            await asyncio.sleep(PATIENCE_S / 50)
    connection.writer.transport.abort()


async def rest(connection: Connection) -> bytes:
    """What there still is to read, until the gateway has hung up."""
    seen = b""
    try:
        while piece := await connection.reader.read(2**16):
            seen += piece
    except ConnectionError:
        pass
    return seen


async def test_a_body_that_is_no_utf_8(besieged: Besieged) -> None:
    for body in (b"\xff\xfe", b'{"prompt": "\xc3\x28"}', b'{"prompt": "x", "\xff": 1}'):
        connection = await besieged.send(whole(body))
        status, shown = await answered(connection)
        assert (status, shown["error"]["code"]) == (400, "invalid_request")
        await connection.close()


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (b"X-Request-Id: \xff\xfe\r\n", 200),
        (b"Content-Type: \xff\xfe\r\n", 200),
        (b"Authorization: Bearer \xff\r\n", 200),
        (b"X-Other: \xc3\x28\r\n", 200),
        (b"X-Session-Id: \xff\r\n", 400),
        (b"X-Budget-Policy: \xff\r\n", 400),
        (b"X-Budget-FLOPs: \xb2\r\n", 400),
        (b"X-Budget-\xff: 1\r\n", 400),
        (b"X-Nothing: \x00\r\n", 400),
        (b"X-\xe4: 1\r\n", 400),
    ],
    ids=repr,
)
async def test_a_header_that_is_no_utf_8(besieged: Besieged, header: bytes, status: int) -> None:
    connection = await besieged.send(whole(BODY, header))
    seen, shown = await answered(connection)
    assert seen == status, shown
    assert ("error" in shown) == (status == 400)
    await connection.close()


@pytest.mark.parametrize("path", ["/v1/%ff", "/v1/models/%ff%00", "/v1/engines/%ff/completions"])
async def test_a_path_that_is_no_utf_8(besieged: Besieged, path: str) -> None:
    answer = await besieged.client.post(path, content=b'{"prompt": "x"}')
    assert answer.status_code in {404, 405}
    assert answer.json()["error"]["code"]


async def test_a_body_that_is_compressed(besieged: Besieged) -> None:
    for coding, body in (("gzip", gzip.compress(BODY)), ("br", BODY), ("identity, GZIP", BODY)):
        headers = {"Content-Encoding": coding}
        for path in (COMPLETIONS, CHAT, "/infill", "/v1/quote"):
            answer = await besieged.client.post(path, content=body, headers=headers)
            error = answer.json()["error"]
            assert (answer.status_code, error["code"]) == (415, "unsupported_encoding")
            assert "Content-Encoding" in error["message"]
            assert answer.headers["accept-encoding"] == "identity"
    headers = {"Content-Encoding": "identity"}
    answer = await besieged.client.post(COMPLETIONS, content=BODY, headers=headers)
    assert answer.status_code == 200
