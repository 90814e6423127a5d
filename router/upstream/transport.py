"""HTTP to upstreams: httpx's interface over aiohttp's speed, with what both leave open closed.

- Every error is httpx's: aiohttp's own for broken HTTP come through its transport untranslated,
  and a refused connection comes as a timeout.
- No cookie is kept: httpx's jar and aiohttp's would send what an upstream set for one caller along
  with the next caller's request.
- No limit on connections: aiohttp's default of 100 is where draws would queue unseen.
- No line without an end: an upstream that sends garbage for ever cannot fill the memory.
- The proxies that the environment names are gone through, but never to this machine itself.
"""

from __future__ import annotations

import base64
import ipaddress
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final, Self, TypeAlias

import httpx
import structlog
from aiohttp import (
    ClientError,
    ClientSession,
    DummyCookieJar,
    ServerTimeoutError,
    TCPConnector,
)
from aiohttp.http_exceptions import HttpProcessingError
from httpx_aiohttp import AiohttpTransport

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_log = structlog.get_logger("router")

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

    def transport(proxy: httpx.Proxy | None = None) -> Transport:
        return Transport(verify=tls, client=session, proxy=proxy)

    proxies = Proxies.of_environment()
    direct = transport()
    through = {scheme: transport(proxy) for scheme, proxy in proxies.by_scheme.items()}
    return httpx.AsyncClient(
        transport=_Routed(direct, through, proxies) if through else direct,
        timeout=httpx.Timeout(read_s, connect=connect_s),
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=())),
    )


@dataclass(frozen=True, slots=True)
class Proxies:
    """Proxies by the scheme of the URL that is asked for, and the hosts that need none.

    Those of HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in either case, read once.
    """

    by_scheme: Mapping[str, httpx.Proxy]
    exceptions: tuple[str, ...] = ()

    @classmethod
    def of_environment(cls) -> Self:
        """As the environment has them now."""
        named = urllib.request.getproxies_environment()
        by_scheme = {}
        for scheme in ("http", "https"):
            url = named.get(scheme) or named.get("all") or ""
            if url and (proxy := _proxy(url)) is not None:
                by_scheme[scheme] = proxy
        exceptions = named.get("no", "").lower().split(",")
        return cls(by_scheme, tuple(entry.strip() for entry in exceptions if entry.strip()))

    def bypassed(self, url: httpx.URL) -> bool:
        """Whether a URL is asked for without a proxy."""
        address = _address(url.host)
        if url.host == "localhost" or (address is not None and address.is_loopback):
            return True
        port = url.port or (443 if url.scheme == "https" else 80)
        return any(_excepts(entry, url.host, port, address) for entry in self.exceptions)


def _excepts(entry: str, host: str, port: int, address: _Address | None) -> bool:
    """Whether an entry of NO_PROXY means a host: `*`, a network, or a domain with all below it."""
    if entry == "*":
        return True
    if address is not None:
        with suppress(ValueError):
            return address in ipaddress.ip_network(entry, strict=False)
    domain, colon, only = entry.rpartition(":")
    if colon and only.isdecimal():
        if int(only) != port:
            return False
        entry = domain
    domain = entry.removeprefix("*").removeprefix(".")
    return host == domain or host.endswith(f".{domain}")


def _address(host: str) -> _Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _proxy(url: str) -> httpx.Proxy | None:
    reason = "only HTTP proxies are spoken to"
    try:
        proxy = httpx.Proxy(url if "://" in url else f"http://{url}")
    except (ValueError, httpx.InvalidURL) as error:
        reason = str(error)
    else:
        if proxy.url.scheme in {"http", "https"}:
            return proxy if proxy.auth is None else _with_credentials(proxy.url, *proxy.auth)
    _log.warning("a proxy of the environment is not used", reason=reason)
    return None


def _with_credentials(url: httpx.URL, user: str, password: str) -> httpx.Proxy:
    """A proxy that is told who asks: aiohttp takes this header from those that are for the proxy.

    Its own parameter for it is going away.
    """
    told = base64.b64encode(f"{user}:{password}".encode()).decode()
    return httpx.Proxy(url, headers={"Authorization": f"Basic {told}"})


@dataclass(frozen=True, slots=True)
class _Routed(httpx.AsyncBaseTransport):
    """Goes through the proxy of a URL's scheme, or past it."""

    direct: Transport
    through: Mapping[str, Transport]
    proxies: Proxies

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request. Raises `httpx.TransportError`."""
        chosen = self.direct
        if not self.proxies.bypassed(request.url):
            chosen = self.through.get(request.url.scheme, chosen)
        return await chosen.handle_async_request(request)

    async def aclose(self) -> None:
        """Close all connections."""
        for transport in (self.direct, *self.through.values()):
            await transport.aclose()


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
