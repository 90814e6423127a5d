"""How connections come to workers: the parent accepts each, and hands it to one of them.

To the worker that has the fewest. Of a socket that all of them listen on, whoever wakes first takes
all that wait; of a port that each of them binds, the kernel deals connections out by their
addresses, and the few that editors keep open for hours may all fall to one worker. And a worker
that dies, or ends, or is not there yet, takes no connection with it that it had not begun to serve:
what it has left in its door is given to another.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

log = structlog.get_logger("router")

BACKLOG: Final = 2048
"""Connections that may wait to be accepted, as uvicorn has it."""

_AT_ONCE: Final = 32
"""Connections accepted before other work has its turn."""

_PAUSE_S: Final = 0.01
_LONG_PAUSE_S: Final = 1.0


class Receiver(Protocol):
    """A worker that serves connections."""

    @property
    def rank(self) -> tuple[int, float]:
        """How many it has, and when it got the latest: the least comes first."""
        ...

    def hand(self, connection: socket.socket) -> bool:
        """Let it serve this one; False where it can take none at this moment."""
        ...


async def bound(host: str, port: int) -> list[socket.socket]:
    """Sockets that are bound, and do not listen yet, to all that the host's name means.

    Raises OSError.
    """
    loop = asyncio.get_running_loop()
    server = await loop.create_server(asyncio.Protocol, host, port, start_serving=False)
    try:
        return [socket.socket(fileno=os.dup(each.fileno())) for each in server.sockets]
    finally:
        server.close()


@dataclass(slots=True, eq=False)
class Doors:
    """Accepts on `listeners`, and hands what comes to `receivers`, of which there may be none."""

    listeners: Sequence[socket.socket]
    receivers: Callable[[], Iterable[Receiver]]
    _held: list[socket.socket] = field(default_factory=list)
    opened: bool = field(default=False, init=False)
    _paused: asyncio.TimerHandle | None = None

    @property
    def port(self) -> int:
        """Of the first."""
        return int(self.listeners[0].getsockname()[1])

    def open(self) -> None:
        """Let connections come, from now until `close`."""
        self.opened = True
        for listener in self.listeners:
            listener.setblocking(False)  # noqa: FBT003 the standard library's
            listener.listen(BACKLOG)
        self.resume()

    def resume(self) -> None:
        """Go on, where nobody was there to take a connection before."""
        if self._paused is not None:
            self._paused.cancel()
            self._paused = None
        if self.opened:
            loop = asyncio.get_running_loop()
            for listener in self.listeners:
                loop.add_reader(listener, self._accept, listener)
            if self._held:
                loop.call_soon(self._accept, self.listeners[0])

    def again(self, connections: Iterable[socket.socket]) -> None:
        """Hand these to others: they were handed to one that did not take them."""
        self._held += connections
        if self.opened:
            self.resume()
        else:
            self._drop()

    def close(self) -> None:
        """Let no more come; those that nobody has accepted are refused."""
        self._stop_accepting()
        self.opened = False
        for each in self.listeners:
            each.close()
        self._drop()

    def _drop(self) -> None:
        for each in self._held:
            each.close()
        self._held.clear()

    def _stop_accepting(self) -> None:
        if self._paused is not None:
            self._paused.cancel()
            self._paused = None
        if self.opened:
            loop = asyncio.get_running_loop()
            for listener in self.listeners:
                loop.remove_reader(listener)

    def _pause(self, seconds: float | None) -> None:
        """Accept none for so long, or until `resume`: they wait with the kernel meanwhile."""
        self._stop_accepting()
        if seconds is not None:
            self._paused = asyncio.get_running_loop().call_later(seconds, self.resume)

    def _accept(self, listener: socket.socket) -> None:
        if not self.opened:  # since this was to be called
            return
        for _ in range(_AT_ONCE):
            ready = sorted(self.receivers(), key=lambda each: each.rank)
            if not ready:
                self._pause(None)
                return
            try:
                connection = self._held.pop(0) if self._held else listener.accept()[0]
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # no descriptor to be had, as far as accept goes
                log.warning("cannot accept connections", reason=str(error))
                self._pause(_LONG_PAUSE_S)
                return
            if any(each.hand(connection) for each in ready):
                connection.close()
            else:
                self._held.append(connection)
                self._pause(_PAUSE_S)
                return
        if self._held:  # of which the listener does not tell
            asyncio.get_running_loop().call_soon(self._accept, listener)


def hand(door: socket.socket, connection: socket.socket) -> bool:
    """Send a connection through a door; False where it does not get through now."""
    try:
        socket.send_fds(door, [b"."], [connection.fileno()])
    except OSError:  # full, or nobody there, or too many on their way
        return False
    return True


def taken(door: socket.socket) -> socket.socket | None:
    """The next connection that came through a door, which does not block.

    None where it is lost, because this process can have no more files open. Raises BlockingIOError
    where there is none yet, and EOFError where there will be none any more.
    """
    try:
        said, descriptors, _, _ = socket.recv_fds(door, 1, 1)
    except ConnectionError:
        said = b""
    if not said:
        raise EOFError
    if not descriptors:
        return None
    os.set_inheritable(descriptors[0], False)  # noqa: FBT003 the standard library's
    connection = socket.socket(fileno=descriptors[0])
    connection.setblocking(False)  # noqa: FBT003
    return connection


def left(door: socket.socket) -> list[socket.socket]:
    """All that came through a door and that nobody has taken."""
    found = []
    with contextlib.suppress(BlockingIOError, EOFError):
        while True:
            if (connection := taken(door)) is not None:
                found.append(connection)
    return found
