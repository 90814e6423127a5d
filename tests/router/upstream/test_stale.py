"""Connections that a server had closed by the time they were used again, or over which it died."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from router.upstream import stale
from router.upstream.transport import LARGEST_PIECE, Broken, Client

pytestmark = pytest.mark.anyio
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes at once does so however loaded the machine is."""
    monkeypatch.setattr(stale, "RESET_S", 60.0)


@dataclass
class Server:
    """Answers the first request of each connection, and does to later ones what is to be done.

    `read` are the requests that it read, by connection.
    """

    later: Callable[[socket.socket], Awaitable[None]]
    read: list[int] = field(default_factory=list)
    url: str = ""

    async def serve(self, own: socket.socket) -> None:
        loop, at = asyncio.get_running_loop(), len(self.read)
        self.read.append(0)
        with own:
            assert await loop.sock_recv(own, 2**20)
            self.read[at] += 1
            await loop.sock_sendall(own, ANSWER)
            if at == 0:
                await self.later(own)
            else:
                await asyncio.Event().wait()

    async def second(self, own: socket.socket) -> None:
        """Read a second request."""
        assert await asyncio.get_running_loop().sock_recv(own, 65536)
        self.read[0] += 1


@asynccontextmanager
async def asked_once(server: Server) -> AsyncIterator[Client]:
    """A client that has been answered by it, and keeps the connection."""
    loop, serving = asyncio.get_running_loop(), list[asyncio.Task[None]]()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        server.url = f"http://127.0.0.1:{listener.getsockname()[1]}/"

        async def accept() -> None:
            while True:
                own, _ = await loop.sock_accept(listener)
                serving.append(asyncio.create_task(server.serve(own)))

        accepting = asyncio.create_task(accept())
        async with Client(connect_s=60, read_s=60) as asking:
            assert await ask(asking, server, b"x") == b"ok"
            yield asking
        for each in (accepting, *serving):
            each.cancel()
        await asyncio.gather(accepting, *serving, return_exceptions=True)


async def ask(asking: Client, server: Server, body: bytes) -> bytes:
    answer = await asking.ask("POST", server.url, body)
    try:
        return await answer.read()
    finally:
        answer.close()


async def arrived(own: socket.socket) -> None:
    """Wait until a request is there, and do not read it."""
    loop, there = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(own, there.set)
    await there.wait()
    loop.remove_reader(own)


def resets(own: socket.socket) -> None:
    own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def ends(own: socket.socket) -> None:
    """Close its own side, while the other one may still write."""
    own.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("size", [10, LARGEST_PIECE + 10])
@pytest.mark.parametrize("how", [resets, ends, lambda _own: None])
async def test_what_met_nobody_goes_out_again(
    how: Callable[[socket.socket], None], size: int
) -> None:
    async def later(own: socket.socket) -> None:
        await arrived(own)
        how(own)
        await asyncio.sleep(0.05 if how is ends else 0)  # the reset comes a while after the end

    server = Server(later)
    async with asked_once(server) as asking:
        assert await ask(asking, server, b"x" * size) == b"ok"
        assert server.read == [1, 1]


async def test_what_was_seen_in_time_may_be_told_late(monkeypatch: pytest.MonkeyPatch) -> None:
    async def later(own: socket.socket) -> None:
        await arrived(own)
        ends(own)
        await asyncio.sleep(0.05)

    look = stale._KeptHandler._look

    def busy(handler: stale._KeptHandler) -> None:
        look(handler)
        if handler._unread:  # other things keep the loop before it says so
            monkeypatch.setattr(stale, "RESET_S", 0.0)

    monkeypatch.setattr(stale._KeptHandler, "_look", busy)
    server = Server(later)
    async with asked_once(server) as asking:
        assert await ask(asking, server, b"x") == b"ok"
        assert server.read == [1, 1]


async def test_what_a_server_hung_up_over_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    async def later(own: socket.socket) -> None:
        await server.second(own)

    server = Server(later)
    monkeypatch.setattr(stale, "RESET_S", 0.1)  # so long the reset is waited for
    async with asked_once(server) as asking:
        with pytest.raises(Broken, match="hung up"):
            await ask(asking, server, b"x")
        assert server.read == [2]


@pytest.mark.parametrize("began", [b"H", ANSWER[:-1]])
async def test_what_had_an_answer_does_not(began: bytes) -> None:
    async def later(own: socket.socket) -> None:
        await server.second(own)
        await asyncio.get_running_loop().sock_sendall(own, began)
        await asyncio.sleep(0.05)
        resets(own)

    server = Server(later)
    async with asked_once(server) as asking:
        with pytest.raises(Broken):
            await ask(asking, server, b"x")
        assert server.read == [2]


async def test_what_was_reset_after_a_while_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    async def later(own: socket.socket) -> None:
        await server.second(own)
        await asyncio.sleep(0.1)
        resets(own)

    server = Server(later)
    monkeypatch.setattr(stale, "RESET_S", 0.05)
    async with asked_once(server) as asking:
        with pytest.raises(Broken, match="reset"):
            await ask(asking, server, b"x")
        assert server.read == [2]


async def test_who_gives_up_while_the_reset_is_waited_for_leaves_nothing() -> None:
    async def later(own: socket.socket) -> None:
        await server.second(own)
        ends(own)
        await asyncio.sleep(0.1)

    server = Server(later)
    async with asked_once(server) as asking:
        asked = asyncio.create_task(ask(asking, server, b"x"))
        while server.read != [2]:  # noqa: ASYNC110 the server is another's
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.03)
        asked.cancel()
        await asyncio.wait([asked])
        assert await ask(asking, server, b"x") == b"ok"
        assert server.read == [2, 1]
