"""Asks a gateway: tries again where that helps, and gives up where it does not.

    AskFailed              this request has no answer: its error goes into the record
    GatewayDown            nobody answers there: the run stops

A busy gateway (429) is asked again after the time it names, a lost connection a few times.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

BUSY_TRIES: Final = 8
"""How often a request is sent to a gateway that answers 429."""

CONNECTION_TRIES: Final = 4
"""How many lost connections in a row, over all requests, make a gateway dead."""

LONGEST_PAUSE_S: Final = 30.0

Sleep = Callable[[float], Awaitable[None]]


class AskFailed(Exception):
    """A request without an answer. `status` is 0 where there was no HTTP response.

    `latency_s` is how long the client waited for its error.
    """

    def __init__(self, status: int, code: str, message: str, latency_s: float = 0.0) -> None:
        super().__init__(f"{status} {code}: {message}" if status else f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.latency_s = latency_s


class GatewayDown(Exception):
    """Nobody answers at the gateway's address."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its JSON, its headers (lower case) and the seconds it took, as the client saw.

    The time is that of the last try alone: waiting for a busy gateway is not its latency.
    """

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    latency_s: float


class GatewayClient:
    """Sends requests to one gateway over `client`, whose base URL is the gateway's."""

    def __init__(self, client: httpx.AsyncClient, *, sleep: Sleep = asyncio.sleep) -> None:
        self._client = client
        self._sleep = sleep
        self._lost = 0

    async def models(self) -> tuple[str, ...]:
        """The gateway's models, `auto` left out. Raises `AskFailed` and `GatewayDown`."""
        reply = await self._ask("GET", "/v1/models")
        try:
            return tuple(row["id"] for row in reply.body["data"] if row["id"] != "auto")
        except (KeyError, TypeError) as error:
            raise AskFailed(reply.status, "bad_answer", "no list of models") from error

    async def complete(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> Reply:
        """One completion with its `router` object. Raises `AskFailed` and `GatewayDown`."""
        reply = await self._ask("POST", "/v1/completions", body, headers)
        match reply.body:
            case {"choices": [{"text": str()}, *_], "router": {"commands": list()}}:
                return reply
        raise AskFailed(reply.status, "bad_answer", "no text, or no router object with commands")

    async def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        for attempt in range(BUSY_TRIES):
            response, latency_s = await self._send(method, path, body, headers)
            if response.status_code != httpx.codes.TOO_MANY_REQUESTS or attempt == BUSY_TRIES - 1:
                break
            await self._sleep(_retry_after(response))
        if response.is_success:
            return Reply(response.status_code, _object(response), dict(response.headers), latency_s)
        raise _failure(response, latency_s)

    async def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
    ) -> tuple[httpx.Response, float]:
        while True:
            began = time.perf_counter()
            try:
                response = await self._client.request(method, path, json=body, headers=headers)
            except (httpx.ReadTimeout, httpx.WriteTimeout) as error:
                raise AskFailed(0, "client_timeout", "no answer within --timeout") from error
            except httpx.TransportError as error:
                self._lost += 1
                if self._lost >= CONNECTION_TRIES:
                    raise GatewayDown(
                        f"no gateway answers at {self._client.base_url}: "
                        f"{error or type(error).__name__} ({self._lost} tries)"
                    ) from error
                await self._sleep(0.5 * 2**self._lost)
            else:
                self._lost = 0
                return response, time.perf_counter() - began


def _retry_after(response: httpx.Response) -> float:
    """Seconds to wait; HTTP dates, which our gateway never sends, count as one second."""
    try:
        seconds = float(response.headers.get("retry-after", "1"))
    except ValueError:
        return 1.0
    return min(max(seconds, 0.1), LONGEST_PAUSE_S) if math.isfinite(seconds) else 1.0


def _object(response: httpx.Response) -> Mapping[str, Any]:
    try:
        body = response.json()
    except ValueError as error:
        raise AskFailed(response.status_code, "bad_answer", "the answer is not JSON") from error
    if not isinstance(body, dict):
        raise AskFailed(response.status_code, "bad_answer", "the answer is no JSON object")
    return body


def _failure(response: httpx.Response, latency_s: float) -> AskFailed:
    """The error object of an OpenAI server, or the start of whatever came instead."""
    try:
        error = response.json()["error"]
        code, message = str(error.get("code") or "error"), str(error["message"])
        return AskFailed(response.status_code, code, message, latency_s)
    except (ValueError, KeyError, TypeError, AttributeError):
        return AskFailed(response.status_code, "http_error", response.text[:200], latency_s)
