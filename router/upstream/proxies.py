"""The proxies that the environment names, and the hosts that are asked without one.

Only HTTP proxies are spoken to, and this machine itself is never asked through one.
"""

from __future__ import annotations

import base64
import ipaddress
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Self, TypeAlias

import structlog
from yarl import URL

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_log = structlog.get_logger("router")

_PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, and the headers that tell it who asks."""

    url: URL
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Proxies:
    """Proxies by the scheme of the URL that is asked for, and the hosts that need none.

    Those of HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in either case, read once.
    """

    by_scheme: Mapping[str, Proxy]
    exceptions: tuple[str, ...] = ()

    @classmethod
    def of_environment(cls) -> Self:
        """As the environment has them now."""
        named = urllib.request.getproxies_environment()
        by_scheme = {}
        for scheme in _PORTS:
            url = named.get(scheme) or named.get("all") or ""
            if url and (proxy := _proxy(url)) is not None:
                by_scheme[scheme] = proxy
        exceptions = named.get("no", "").lower().split(",")
        return cls(by_scheme, tuple(entry.strip() for entry in exceptions if entry.strip()))

    def of(self, url: URL) -> Proxy | None:
        """The proxy that a URL is asked through; None where it is asked directly."""
        proxy = self.by_scheme.get(url.scheme)
        return None if proxy is None or self.bypassed(url) else proxy

    def bypassed(self, url: URL) -> bool:
        """Whether a URL is asked for without a proxy."""
        host = (url.host or "").lower()
        address = _address(host)
        if host == "localhost" or (address is not None and address.is_loopback):
            return True
        port = url.port or _PORTS.get(url.scheme, 0)
        return any(_excepts(entry, host, port, address) for entry in self.exceptions)


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


def _proxy(named: str) -> Proxy | None:
    reason = "only HTTP proxies are spoken to"
    try:
        url = URL(named if "://" in named else f"http://{named}")
    except ValueError as error:
        reason = str(error)
    else:
        if url.scheme in _PORTS and url.host:
            return Proxy(url.with_user(None), _credentials(url))
    _log.warning("a proxy of the environment is not used", reason=reason)
    return None


def _credentials(url: URL) -> dict[str, str]:
    """By the name that aiohttp looks for; its own parameter for these is going away."""
    if url.user is None:
        return {}
    told = base64.b64encode(f"{url.user}:{url.password or ''}".encode()).decode()
    return {"Authorization": f"Basic {told}"}
