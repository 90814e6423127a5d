"""An HTTP server that listens nowhere: its connections are handed to it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Final

import uvicorn

from router.listening import UnsignalledServer
from router.plan.queues.occupancy import Occupancy
from router.workers.doors import taken

_AT_ONCE: Final = 32
"""Connections taken before other work has its turn."""


class HandedServer(UnsignalledServer):
    """Serves what comes through a door, and counts the connections that have `closed`.

    `on_leave` is called when it takes no more: what is in the door then is not its own.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        door: socket.socket,
        *,
        closed: Occupancy,
        on_ready: Callable[[], None],
        on_leave: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._door = door
        self._closed = closed
        self._on_ready = on_ready
        self._on_leave = on_leave
        self._connecting: set[asyncio.Task[None]] = set()
        self._kind: Any = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002
        """Begin to take connections."""
        await super().startup([])
        self._kind = _counted(self.config.http_protocol_class, self._closed)
        asyncio.get_running_loop().add_reader(self._door, self._take)
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more; then finish what was begun."""
        asyncio.get_running_loop().remove_reader(self._door)
        self._on_leave()
        await asyncio.gather(*self._connecting)  # or it would not know of these, and wait for them
        await super().shutdown(sockets)

    def leave(self, *, now: bool) -> None:
        """Shut down, and wait for nothing where it is `now`."""
        self.should_exit = True
        self.force_exit = self.force_exit or now

    def _take(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection = taken(self._door)
            except (BlockingIOError, InterruptedError):
                return
            except EOFError:
                asyncio.get_running_loop().remove_reader(self._door)
                return
            if connection is None:
                self._closed.add(1)
                continue
            task = asyncio.create_task(self._connect(connection))
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)

    async def _connect(self, connection: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)
        except OSError:
            connection.close()
            self._closed.add(1)

    def _protocol(self) -> asyncio.Protocol:
        """As uvicorn makes one."""
        made: asyncio.Protocol = self._kind(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made


def _counted(kind: Any, closed: Occupancy) -> Any:
    """The same kind of protocol, of which each counts its own end."""

    class Counted(kind):  # type: ignore[misc]
        def connection_lost(self, error: Exception | None) -> None:
            super().connection_lost(error)
            closed.add(1)

    return Counted
