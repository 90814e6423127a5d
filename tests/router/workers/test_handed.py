"""A server whose connections are handed to it, as it is told to leave."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import uvicorn
from http_world import eventually

from router.plan.queues.occupancy import OwnOccupancy
from router.workers.doors import hand, left
from router.workers.handed import HandedServer

pytestmark = pytest.mark.anyio


async def application(scope, receive, send) -> None:
    """Answers nothing."""


@dataclass
class Served:
    """A server that serves, and both sides of its door."""

    server: HandedServer
    door: socket.socket
    inside: socket.socket
    closed: OwnOccupancy
    told: list[str]


@asynccontextmanager
async def served() -> AsyncIterator[Served]:
    door, inside = socket.socketpair()
    inside.setblocking(False)
    closed, told = OwnOccupancy(), []
    server = HandedServer(
        uvicorn.Config(application, lifespan="off", log_level="critical"),
        inside,
        closed=closed,
        on_ready=lambda: told.append("ready"),
        on_leave=lambda: told.append("leaves"),
    )
    with door, inside:
        serving = asyncio.create_task(server.serve())
        await eventually(lambda: told)
        try:
            yield Served(server, door, inside, closed, told)
        finally:
            server.leave(now=True)
            await serving


def connection(served: Served) -> socket.socket:
    """One that is on its way to the server; the client's end of it."""
    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listener.getsockname())
    theirs, _ = listener.accept()
    theirs.setblocking(False)
    client.setblocking(False)
    with listener, theirs:
        assert hand(served.door, theirs)
    return client


async def test_one_that_came_just_before_does_not_hold_up_the_end() -> None:
    async with served() as world:
        with connection(world) as client:
            world.server._take()  # its protocol is made later
            await asyncio.wait_for(world.server.shutdown(), 120)
            assert world.told == ["ready", "leaves"]
            assert await asyncio.get_running_loop().sock_recv(client, 1) == b""
            assert world.closed.total == 1


async def test_what_comes_later_is_left_in_the_door() -> None:
    async with served() as world:
        await asyncio.wait_for(world.server.shutdown(), 120)
        with connection(world):
            await asyncio.sleep(0.05)
            (found,) = left(world.inside)
            found.close()
            assert world.closed.total == 0
