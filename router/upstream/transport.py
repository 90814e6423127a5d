"""HTTP to upstreams: httpx's interface over aiohttp's speed, with what both leave open closed.

- Every error is httpx's: aiohttp's own for broken HTTP come through its transport untranslated,
  and a refused connection comes as a timeout.
- No cookie is kept: httpx's jar and aiohttp's would send what an upstream set for one caller along
  with the next caller's request.
- No limit on connections: aiohttp's default of 100 is where draws would queue unseen.
- No line without an end: an upstream that sends garbage for ever cannot fill the memory.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import httpx
from aiohttp import (
    ClientError,
    ClientSession,
    DummyCookieJar,
    ServerTimeoutError,
    TCPConnector,
)
from aiohttp.http_exceptions import HttpProcessingError
from httpx_aiohttp import AiohttpTransport

KEEPALIVE_S: Final = 4.0
"""How long an idle connection is kept: less than the five seconds of most servers."""

LONGEST_LINE: Final = 16 * 2**20
"""Bytes: far above any event of a stream, and above the list of tokens of any usual prompt."""


LARGEST_PIECE: Final = 2**18
"""Bytes of a request that are written at once."""


def client(*, connect_s: float, read_s: float) -> httpx.AsyncClient:
    """The client for all upstreams; seconds to connect, and of silence while an answer comes."""
    tls = httpx.create_ssl_context()

    def session() -> ClientSession:
        connector = TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_S, ssl=tls)
        return ClientSession(connector=connector, cookie_jar=DummyCookieJar())

    return httpx.AsyncClient(
        transport=Transport(verify=tls, client=session),
        timeout=httpx.Timeout(read_s, connect=connect_s),
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=())),
    )


class Transport(AiohttpTransport):
    """httpx-aiohttp's transport, guarded."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request. Raises `httpx.TransportError`, and nothing of aiohttp's."""
        with _translated():
            response = await super().handle_async_request(_in_pieces(request))
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 for the type checker
        response.stream = _Guarded(response.stream)
        return response


def _in_pieces(request: httpx.Request) -> httpx.Request:
    """A request whose body, if it is large, is written bit by bit, between which others go on."""
    body = request.content
    if len(body) <= LARGEST_PIECE:
        return request

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(body), LARGEST_PIECE):
            yield body[at : at + LARGEST_PIECE]

    return httpx.Request(
        request.method,
        request.url,
        headers=request.headers,
        content=pieces(),
        extensions=request.extensions,
    )


class _Guarded(httpx.AsyncByteStream):
    """A body whose errors are httpx's and whose lines end."""

    def __init__(self, inner: httpx.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        line = 0
        with _translated():
            async for data in self._inner:
                newline = data.rfind(b"\n")
                line = line + len(data) if newline < 0 else len(data) - newline - 1
                if line > LONGEST_LINE:
                    raise httpx.RemoteProtocolError(f"sent a line of over {LONGEST_LINE} bytes")
                yield data

    async def aclose(self) -> None:
        with _translated():
            await self._inner.aclose()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (ClientError, HttpProcessingError) as error:
        raise httpx.RemoteProtocolError(f"broken HTTP: {error}") from error
    except httpx.ConnectTimeout as error:
        if isinstance(error.__cause__, ServerTimeoutError):
            raise
        raise httpx.ConnectError(str(error) or "connection lost") from error
