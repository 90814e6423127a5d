"""Connections that are kept for the next request, and that a server may have closed by then.

It says so as the request is on its way to it, or has said so and we have not read it yet. Such a
request was read by nobody, whatever it asks for, and goes out again on a new connection. What may
have been read must not: so it is told from a server that read the request and hung up over it.

A host answers bytes for a connection that nobody has any more with a reset. Where the server's own
end of the connection comes first, the reset follows it within a round trip, and is waited for.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from functools import partial
from typing import Any, Final

from aiohttp import ClientOSError, TCPConnector
from aiohttp.client_proto import ResponseHandler

RESET_S: Final = 0.1
"""How soon after it was sent a request meets a connection that had been closed before.

What is reset later may have been read, and computed in part.
"""

_LOOK_S: Final = 0.002
"""How often it is looked whether the reset has come."""


class KeptTooLong(ClientOSError):
    """The connection had been closed before the request came: nobody has read that."""


class _KeptHandler(ResponseHandler):
    """A connection that knows which of its requests met nobody."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._requests = 0
        self._asked_at = 0.0
        self._heard = False
        self._unread = False

    def set_response_params(self, **options: Any) -> None:
        """A request goes out."""
        super().set_response_params(**options)
        self._requests += 1
        self._asked_at, self._heard = self._loop.time(), False

    def data_received(self, data: bytes) -> None:
        """Some of the answer came."""
        self._heard = True
        super().data_received(data)

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """The server has closed its side; where that may be before it read a request, look."""
        super().eof_received()
        secured = self.transport is None or self.transport.get_extra_info("sslcontext")
        if secured or not self._may_be_unread:
            return None
        self._look()
        return True

    def connection_lost(self, exc: BaseException | None) -> None:
        """It is over; where a reset was found, by that."""
        if exc is None and self._unread:
            exc = ConnectionResetError(errno.ECONNRESET, "closed before it had read the request")
        super().connection_lost(exc)

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """What the request has failed of."""
        if isinstance(exc, ClientOSError) and (self._unread or self._may_be_unread):
            exc = KeptTooLong(*exc.args)
        super().set_exception(exc, *cause)

    @property
    def _may_be_unread(self) -> bool:
        """Whether a request is on its way, on a connection that others went before it."""
        soon = self._loop.time() - self._asked_at <= RESET_S
        return self._requests > 1 and not self._heard and soon

    def _look(self) -> None:
        if self.transport is None:  # who asked has given up
            return
        own: socket.socket = self.transport.get_extra_info("socket")
        if own.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._unread = True
            self.transport.abort()
        elif self._may_be_unread:
            self._loop.call_later(_LOOK_S, self._look)
        else:
            self.transport.close()


class KeptConnector(TCPConnector):
    """Connections whose requests fail of `KeptTooLong` where they met nobody."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._factory = partial(_KeptHandler, loop=self._loop)  # type: ignore[assignment]
