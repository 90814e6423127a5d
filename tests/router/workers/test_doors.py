"""Connections on their way from the parent to workers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from http_world import eventually

from router.workers.doors import Doors, bound, hand, left, taken

pytestmark = pytest.mark.anyio


@dataclass(eq=False)
class Taker:
    """A worker that keeps what it is handed; it is full where it has no room."""

    room: int = 1000
    kept: list[socket.socket] = field(default_factory=list)

    @property
    def rank(self) -> tuple[int, float]:
        return len(self.kept), 0.0

    def hand(self, connection: socket.socket) -> bool:
        if not self.room:
            return False
        self.room -= 1
        self.kept.append(connection.dup())
        return True


@asynccontextmanager
async def opened(takers: list[Taker]) -> AsyncIterator[Doors]:
    doors = Doors(await bound("127.0.0.1", 0), lambda: takers)
    doors.open()
    try:
        yield doors
    finally:
        doors.close()
        for taker in takers:
            for each in taker.kept:
                each.close()


async def connected(doors: Doors, times: int) -> list[socket.socket]:
    loop = asyncio.get_running_loop()
    made = []
    for _ in range(times):
        client = socket.socket()
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", doors.port))
        made.append(client)
    return made


def close(clients: list[socket.socket]) -> None:
    for each in clients:
        each.close()


async def test_those_with_the_fewest_get_them() -> None:
    takers = [Taker(), Taker(), Taker()]
    async with opened(takers) as doors:
        clients = await connected(doors, 7)
        await eventually(lambda: sum(len(taker.kept) for taker in takers) == 7)
        assert sorted(len(taker.kept) for taker in takers) == [2, 2, 3]
        takers.append(late := Taker())
        clients += await connected(doors, 2)
        await eventually(lambda: len(late.kept) == 2)
        close(clients)


async def test_what_nobody_can_take_now_waits_for_one_who_can() -> None:
    full = Taker(room=1)
    takers = [full]
    async with opened(takers) as doors:
        clients = await connected(doors, 3)
        await eventually(lambda: full.kept)
        await asyncio.sleep(0.05)
        takers.append(late := Taker())
        await eventually(lambda: len(late.kept) == 2)
        takers.clear()
        clients += await connected(doors, 2)
        await asyncio.sleep(0.05)
        takers += [late, full]
        doors.resume()
        await eventually(lambda: len(late.kept) == 4)
        close(clients)


async def test_the_last_one_that_waits_is_not_forgotten() -> None:
    full = Taker(room=1)
    takers = [full]
    async with opened(takers) as doors:
        clients = await connected(doors, 2)
        await eventually(lambda: full.kept)
        await asyncio.sleep(0.05)
        full.room = 1  # and nobody comes after it
        await eventually(lambda: len(full.kept) == 2)
        close(clients)


async def test_what_one_was_handed_and_did_not_take_is_handed_to_another() -> None:
    leaving, other = Taker(), Taker()
    takers = [leaving]
    many = 100  # more than are accepted at once
    async with opened(takers) as doors:
        clients = await connected(doors, many)
        await eventually(lambda: len(leaving.kept) == many)
        takers[:] = [other]
        doors.again(leaving.kept)
        leaving.kept = []
        await eventually(lambda: len(other.kept) == many)
        close(clients)


async def test_what_comes_back_when_no_more_are_to_be_served_is_refused() -> None:
    taker = Taker()
    async with opened([taker]) as doors:
        (client,) = await connected(doors, 1)
        await eventually(lambda: taker.kept)
        doors.close()
        doors.again(taker.kept)
        assert await asyncio.get_running_loop().sock_recv(client, 1) == b""
        close([client])


async def test_a_closed_door_refuses() -> None:
    async with opened([Taker()]) as doors:
        port = doors.port
        clients = await connected(doors, 1)
    with pytest.raises(ConnectionError):
        await asyncio.open_connection("127.0.0.1", port)
    close(clients)


async def test_a_port_that_is_taken_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(OSError, match="in use"):
        await bound("127.0.0.1", other.getsockname()[1])


def test_a_connection_comes_out_of_the_door_as_it_went_in() -> None:
    door, inside = socket.socketpair()
    ours, theirs = socket.socketpair()
    inside.setblocking(False)
    with ours:
        with pytest.raises(BlockingIOError):
            taken(inside)
        assert hand(door, theirs)
        theirs.close()
        with inside:
            connection = taken(inside)
            assert connection is not None
            with connection:
                connection.sendall(b"hello")
                assert ours.recv(5) == b"hello"
                assert not connection.get_inheritable()
            door.close()
            with pytest.raises(EOFError):
                taken(inside)


def test_nothing_goes_through_to_one_who_is_gone() -> None:
    door, inside = socket.socketpair()
    ours, theirs = socket.socketpair()
    inside.close()
    with door, ours, theirs:
        assert not hand(door, theirs)


def test_what_is_left_in_a_door_is_there_whoever_else_had_it_open() -> None:
    door, inside = socket.socketpair()
    inside.setblocking(False)
    pairs = [socket.socketpair() for _ in range(3)]
    with door, inside, inside.dup() as workers:
        assert left(inside) == []
        for _, theirs in pairs:
            assert hand(door, theirs)
            theirs.close()
        first = taken(workers)
        workers.close()
        found = left(inside)
        assert len(found) == 2
        for (ours, _), connection in zip(pairs, [first, *found], strict=True):
            assert connection is not None
            with ours, connection:
                connection.sendall(b"hello")
                assert ours.recv(5) == b"hello"
        door.close()
        assert left(inside) == []
