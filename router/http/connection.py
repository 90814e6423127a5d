"""A client's connection, which is given up where the client keeps nobody but us waiting.

Guards against connections on which no request comes or none that ends, against uploads that go on
after their answer, and against answers that nobody takes: all of them would be kept for ever. What
a request's body may take is bounded where it is read (`router.http.exchange`). It does not guard
against clients that are slow and get on.

A client that closes its own side has hung up, though it could still read: servers cannot tell the
two apart, and most clients that leave in mid-answer say no more than that. It is heard of by
reading alone: so what comes behind a request is read while that is served, up to a bound.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import re
import struct
import termios
import uuid
from contextlib import suppress
from typing import Any, ClassVar, Final
from urllib.parse import unquote

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from router.errors import ErrorObject

MOST_HEAD_BYTES: Final = 2**16
"""For the server's setting: h11 itself has a quarter of that."""

LOST: Final = "router.lost"
"""Where the scope of a request has the future that is done when its connection is lost."""

BODY: Final = "router.body"
"""Where it has its body, if all of that came with the head."""

MOST_BEHIND: Final = 2**16
"""Bytes that are read behind a request that is served; of who sends more we hear at its end."""

_WHOLE_URL: Final = re.compile(rb"https?://[^/]*", re.IGNORECASE)

_LENGTHS: Final = frozenset({b"content-length", b"transfer-encoding"})

_INT: Final = struct.Struct("i")

_CLOSE: Final = (b"connection", b"close")

NO_REQUEST: Final = "this is no HTTP request, or its head is longer than 64 KiB"


class Connection(H11Protocol):
    """Serves requests one after the other, and waits for none of them longer than `patience_s`.

    The patience begins when something is to come: a request's head, or that some of an answer is
    taken. It does not begin again with each byte of a head.
    """

    patience_s: ClassVar[float] = 60.0

    _head: asyncio.TimerHandle | None = None
    _taking: asyncio.TimerHandle | None = None
    _untaken: int = 0
    _lost: asyncio.Future[None]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has come."""
        super().connection_made(transport)
        self._lost = asyncio.get_running_loop().create_future()
        self._expect()

    def handle_events(self) -> None:
        """Begin what was read, and tell a request that began what is known of it here.

        Where reading is paused, asking for the body is what goes on with it.
        """
        before = self.cycle
        super().handle_events()
        if self.cycle is not None and self.cycle is not before:
            scope: dict[str, Any] = self.cycle.scope  # type: ignore[assignment]
            _put_right(scope)
            scope[LOST] = self._lost
            if not self.cycle.more_body and not self.flow.read_paused:
                scope[BODY] = bytes(self.cycle.body)
        self._listen()

    def data_received(self, data: bytes) -> None:
        """A piece of a request came, or what follows one that was answered already."""
        if self.conn.their_state is h11.MUST_CLOSE:
            return  # it said that no request would follow
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._forget()
        elif self._head is None:
            self._expect()

    def eof_received(self) -> None:
        """It has hung up: what was not sent by then, nobody waits for."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.abort()

    def pause_writing(self) -> None:
        """The client takes less than it is sent."""
        super().pause_writing()
        self._untaken = _untaken(self.transport)
        self._taking = self.loop.call_later(self.patience_s, self._look)

    def resume_writing(self) -> None:
        """It has taken it."""
        super().resume_writing()
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over: who waits until it takes more hears that first, or would go on for nobody."""
        if not self._lost.done():
            self._lost.set_result(None)
        self._forget()
        super().connection_lost(exc)
        self.resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """No further request came. What was sent may still be taken, but not for ever."""
        super().timeout_keep_alive_handler()
        self.loop.call_later(self.patience_s, self.transport.abort)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 what it says is uvicorn's
        """Say what is wrong as everywhere, and close."""
        if self.cycle is None or not self.cycle.response_started or self.cycle.response_complete:
            shown = ErrorObject(400, "invalid_request", NO_REQUEST)
            body = json.dumps(shown.body())
            self.transport.write(
                f"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n"
                f"X-Request-Id: {uuid.uuid4().hex}\r\nConnection: close\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
            )
        self.transport.close()

    def _listen(self) -> None:
        """Read on while a request is served that has come whole: or nobody hears of a hang-up."""
        cycle = self.cycle
        if cycle is None or cycle.more_body or cycle.response_complete:
            return
        if self.flow.read_paused and len(self.conn.trailing_data[0]) <= MOST_BEHIND:
            self.flow.resume_reading()

    def _expect(self) -> None:
        self._head = self.loop.call_later(self.patience_s, self.transport.close)

    def _forget(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _look(self) -> None:
        """Go on waiting only where something was taken meanwhile."""
        left = _untaken(self.transport)
        if left >= self._untaken:
            self.transport.abort()
            return
        self._untaken = left
        self._taking = self.loop.call_later(self.patience_s, self._look)


def _untaken(transport: asyncio.Transport) -> int:
    """Bytes that its client has not taken: those that wait here, and those with the kernel.

    What waits here stands still until much of that is taken, which may be megabytes.
    """
    waiting, own = transport.get_write_buffer_size(), transport.get_extra_info("socket")
    if own is None:
        return waiting
    with suppress(OSError):  # of a kernel that does not tell
        told = fcntl.ioctl(own.fileno(), termios.TIOCOUTQ, bytes(_INT.size))
        return waiting + int(_INT.unpack(told)[0])
    return waiting


def _put_right(scope: dict[str, Any]) -> None:
    """Where a whole URL was asked for, its path counts, as proxies are asked.

    A request that tells two lengths is read by its chunks. Who stands before us may have read it
    by the other: what is the rest of that body there must be no request here, so it is the last.
    """
    if (found := _WHOLE_URL.match(scope["raw_path"])) is not None:
        raw: bytes = scope["raw_path"][found.end() :] or b"/"
        scope["raw_path"], scope["path"] = raw, unquote(raw.decode("ascii"))
    if {name for name, _ in scope["headers"]} >= _LENGTHS:
        scope["headers"].append(_CLOSE)


def patient(seconds: float) -> type[Connection]:
    """Connections with that much patience."""
    return type("PatientConnection", (Connection,), {"patience_s": seconds})
