"""Messages both ways between two processes, over a pair of sockets that nobody else has."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, Protocol

from router.workers.messages import Message, decoded, encoded

_LONGEST: Final = 64 * 2**20


class UnreadableMessage(Exception):
    """The other process says what nobody understands."""


class Peer(Protocol):
    """Another process that can be told something."""

    def send(self, message: Message) -> None:
        """Tell it."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Wire:
    """One end of it. What was sent arrives, in order, as long as the other process lives."""

    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter

    @classmethod
    async def over(cls, connected: socket.socket) -> Wire:
        """Over one of a pair of connected sockets, which it closes with itself."""
        reader, writer = await asyncio.open_connection(sock=connected, limit=_LONGEST)
        return cls(reader, writer)

    def send(self, message: Message) -> None:
        """Send one, without waiting for it; to a process that is gone it is lost."""
        if not self._writer.is_closing():
            self._writer.write(encoded(message))

    async def flushed(self) -> None:
        """Wait until what was sent is with the other process, or that one is gone."""
        try:
            self._writer.transport.set_write_buffer_limits(high=0)
            await self._writer.drain()
        except ConnectionError:
            return

    async def received(self) -> AsyncIterator[Message]:
        """Those that come, until the other end is closed. Raises `UnreadableMessage`."""
        try:
            while line := await self._line():
                yield decoded(line)
        except (ValueError, KeyError, TypeError) as error:  # no JSON, no kind, or other fields
            raise UnreadableMessage(f"{type(error).__name__}: {error}") from error

    async def _line(self) -> bytes:
        try:
            line = await self._reader.readline()
        except ConnectionError:
            return b""
        return line if line.endswith(b"\n") else b""  # its sender died over it

    def close(self) -> None:
        """Let go."""
        self._writer.close()
