"""HTTP to upstreams: aiohttp, with what it leaves open closed.

- Every error is one of three: `Unreachable`, `Silent` and `Broken`; aiohttp has dozens.
- No cookie is kept: a jar would send what an upstream set for one caller along with the next
  caller's request. No redirect is followed: it could lead a caller's prompt anywhere.
- No limit on connections: aiohttp's default of 100 is where draws would queue unseen.
- What sends and gets nowhere is given up: a body that nobody takes, a proxy that says nothing, an
  answer whose head never ends.
- No answer is asked for in compressed form: who compresses a stream holds back tokens.
- What met a connection that had been closed meanwhile is sent on a new one (`kept`).
- The proxies that the environment names are gone through (`proxies`).

It is on the way of every request, and httpx over the same connections takes three times the time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self

import httpx
from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    DummyCookieJar,
    ServerDisconnectedError,
    ServerTimeoutError,
    TCPConnector,
)
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from router.process.garbage import without_traces
from router.upstream.proxies import Proxies, Proxy
from router.upstream.stale import KeptConnector, KeptTooLong

KEEPALIVE_S: Final = 4.0
"""How long an idle connection is kept: less than the five seconds of most servers."""

LARGEST_PIECE: Final = 2**18
"""Bytes of a request that are written at once."""


class TransportError(Exception):
    """No answer, or not all of one; the message says what went wrong, as the end of a sentence."""


class Unreachable(TransportError):
    """There is no connection, so that nothing was sent."""


class Silent(TransportError):
    """Nothing came for too long."""


class Broken(TransportError):
    """What came is no HTTP, or the connection was lost on the way."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of an answer, and its body as it comes."""

    response: ClientResponse

    @property
    def status(self) -> int:
        """The status code."""
        return self.response.status

    @property
    def is_success(self) -> bool:
        """Whether it is of the 200s."""
        return HTTPStatus.OK <= self.response.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, by names in any case."""
        return self.response.headers

    @property
    def is_kept(self) -> bool:
        """Whether its connection serves others after it, where it is read to its end."""
        return self.response.request_info.headers.get("Connection", "").lower() != "close"

    async def piece(self) -> bytes:
        """What has come of the body since the last piece; empty at its end.

        Raises `Silent` and `Broken`.
        """
        with _TRANSLATED:
            return await self.response.content.readany()

    @property
    def is_read(self) -> bool:
        """Whether the body was read to its end."""
        return self.response.content.at_eof()

    def close(self) -> None:
        """Give its connection back; one that is not read to its end is closed."""
        self.response.release()

    async def read(self, most: int | None = None, within_s: float | None = None) -> bytes:
        """The whole body; where `most` is given, hardly more than so many bytes of it.

        Raises `Silent` as well where it takes longer than `within_s`, whatever comes of it.
        """
        body = bytearray()
        with _TRANSLATED:
            async with asyncio.timeout(within_s):
                while piece := await self.piece():
                    body += piece
                    if most is not None and len(body) > most:
                        break
        return bytes(body)

    async def beginning(self, most: int, within_s: float) -> bytes:
        """As much of the body as has come by then, and hardly more than `most` bytes of it."""
        body = bytearray()
        with suppress(TransportError, TimeoutError):
            async with asyncio.timeout(within_s):
                while len(body) <= most and (piece := await self.piece()):
                    body += piece
        return bytes(body)


@dataclass(slots=True)
class Client:
    """The connections to all upstreams; enter it before it is used.

    `connect_s` are seconds to connect, `read_s` of silence while an answer comes.
    """

    connect_s: float
    read_s: float
    _usual: ClientTimeout = field(init=False)
    _patient: ClientTimeout = field(init=False)
    _proxies: Proxies = field(default_factory=Proxies.of_environment)
    _ways: dict[str, tuple[URL, Proxy | None]] = field(default_factory=dict)
    _kept: ClientSession | None = None
    _fresh: ClientSession | None = None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def __post_init__(self) -> None:
        self._patient = ClientTimeout(total=None, connect=self.connect_s)
        self._usual = ClientTimeout(total=None, connect=self.connect_s, sock_read=self.read_s)

    async def __aenter__(self) -> Self:
        tls, enter = httpx.create_ssl_context(), self._stack.enter_async_context
        keeping = KeptConnector(limit=0, keepalive_timeout=KEEPALIVE_S, ssl=tls)
        self._kept = await enter(_session(keeping))
        self._fresh = await enter(_session(TCPConnector(limit=0, force_close=True, ssl=tls)))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._kept = self._fresh = None
        await self._stack.aclose()

    async def ask(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        patient: bool = False,
    ) -> Answer:
        """The answer, whatever its status; it must be closed. Raises `TransportError`.

        One who is `patient` waits for ever for what comes.
        """
        if self._kept is None or self._fresh is None:
            raise RuntimeError("the client is not entered")
        # aiohttp's own clock begins when all is written, and again with every byte of a head.
        large = body is not None and len(body) > LARGEST_PIECE
        longest_s = None if patient else self.connect_s + (1 + large) * self.read_s
        try:
            with _TRANSLATED:
                async with asyncio.timeout(longest_s):
                    asking = partial(self._sent, method, url, body, headers or {}, patient=patient)
                    try:
                        return Answer(await asking(self._kept))
                    except KeptTooLong:
                        return Answer(await asking(self._fresh))
        except ValueError as error:  # such as a key that cannot stand in a header
            raise Broken(f"cannot be asked: {error}") from error

    async def _sent(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str],
        session: ClientSession,
        *,
        patient: bool,
    ) -> ClientResponse:
        to, proxy = self._way(url)
        sent: bytes | AsyncIterator[bytes] | None = body
        if body is not None and len(body) > LARGEST_PIECE:
            sent, headers = _in_pieces(body), {**headers, "Content-Length": str(len(body))}
        return await session.request(
            method,
            to,
            data=sent,
            headers=headers,
            allow_redirects=False,
            timeout=self._patient if patient else self._usual,
            proxy=None if proxy is None else proxy.url,
            proxy_headers=None if proxy is None else proxy.headers,
        )

    def _way(self, url: str) -> tuple[URL, Proxy | None]:
        """A URL that was read once, and the proxy that leads there."""
        if (way := self._ways.get(url)) is None:
            to = URL(url)
            way = self._ways[url] = to, self._proxies.of(to)
        return way


def _session(connector: TCPConnector) -> ClientSession:
    return ClientSession(
        connector=connector,
        cookie_jar=DummyCookieJar(),
        headers={"User-Agent": "budget-router", "Accept-Encoding": "identity"},
    )


async def _in_pieces(body: bytes) -> AsyncIterator[bytes]:
    """A large body, written bit by bit, between which others go on."""
    for at in range(0, len(body), LARGEST_PIECE):
        yield body[at : at + LARGEST_PIECE]


def _first_line(told: str) -> str:
    return told.strip().partition("\n")[0].rstrip(":")


class _Translation:
    """Has only the three errors of this module leave a block."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        match error:  # what is raised must be in no variable here, or the two hold each other
            case None:
                pass
            case ClientConnectorError() | ConnectionTimeoutError():
                raise Unreachable(f"cannot be reached: {error}") from without_traces(error)
            case ServerTimeoutError() | TimeoutError():
                raise Silent("did not answer in time") from without_traces(error)
            case ServerDisconnectedError():  # what it says is all that was read, as code
                raise Broken("hung up without an answer") from without_traces(error)
            case ClientResponseError(message=told) | HttpProcessingError(message=told):
                said = f"answered what is no HTTP: {_first_line(told)}"
                raise Broken(said) from without_traces(error)
            case ClientError() | OSError():
                said = f"failed: {error or type(error).__name__}"
                raise Broken(said) from without_traces(error)
            case _:
                pass


_TRANSLATED: Final = _Translation()
