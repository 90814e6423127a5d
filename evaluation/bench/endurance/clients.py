"""Clients that ask, listen or hang up, and what became of each request. Times are the event loop's.

Each request has a connection of its own: leaving is closing it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import aiohttp

from evaluation.bench.endurance.load import INFILL, Leaving, Wish

ANSWER_S: Final = 300.0
"""Longer than any request may take, on a busy machine too: what has no answer by then hangs."""

CUT: Final = "cut off"
LOST: Final = "connection lost"
HUNG: Final = "no answer"
"""What can be wrong with an answer besides the codes of errors."""

_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Spent:
    """What an answer says of a FLOPs budget: the limit, and what was used of it."""

    budget: float
    used: float

    @property
    def exceeded(self) -> bool:
        """Whether more was used than allowed, rounding apart."""
        return self.used > self.budget * (1 + 1e-9)


@dataclass(slots=True)
class Fate:
    """What became of a request. `code` is that of an error, empty where all went well.

    `left` is when its client hung up; None where it stayed. `flops` are those that the answer
    tells.
    """

    wish: Wish
    began: float
    ended: float = 0.0
    left: float | None = None
    status: int = 0
    code: str = ""
    message: str = ""
    spent: list[Spent] = field(default_factory=list)
    flops: float | None = None


class _Left(Exception):
    """The client hangs up."""


def session(url: str) -> aiohttp.ClientSession:
    """A session whose connections are used once each."""
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    return aiohttp.ClientSession(
        url, connector=connector, timeout=aiohttp.ClientTimeout(total=None)
    )


async def ask(client: aiohttp.ClientSession, wish: Wish) -> Fate:
    """Send a request, and listen or leave as it says."""
    now = asyncio.get_running_loop().time
    fate = Fate(wish, now())
    leaves = wish.leaving is not Leaving.NEVER
    try:
        async with asyncio.timeout(wish.after if leaves and not wish.chunks else ANSWER_S):
            await _listen(client, wish, fate)
    except _Left:
        fate.left = now()
    except TimeoutError:
        if leaves and not wish.chunks:
            fate.left = now()
        else:
            fate.code = HUNG
    except (aiohttp.ClientError, ConnectionError) as error:
        fate.code, fate.message = LOST, repr(error)[:_SHOWN]
    fate.ended = now()
    return fate


async def _listen(client: aiohttp.ClientSession, wish: Wish, fate: Fate) -> None:
    request = client.post(wish.path, json=dict(wish.body), headers=dict(wish.headers))
    async with request as response:
        fate.status = response.status
        if response.content_type != "text/event-stream":
            _take(fate, _object(await response.text()))
            _headers(fate, response.headers)
            return
        whole = False
        seen = 0
        async for line in response.content:
            if not line.startswith(b"data:"):
                continue
            seen += 1
            whole |= _event(fate, line.removeprefix(b"data:").strip())
            if seen == wish.chunks:
                response.close()
                raise _Left
        if not whole and not fate.code:
            fate.code = CUT


def _event(fate: Fate, data: bytes) -> bool:
    """Take an event; whether it is the last."""
    if data == b"[DONE]":
        return True
    shown = _object(data.decode(errors="replace"))
    _take(fate, shown)
    return fate.wish.path == INFILL and (shown.get("stop") is True or "error" in shown)


def _object(text: str) -> dict[str, Any]:
    try:
        shown = json.loads(text)
    except ValueError:
        return {"error": {"code": "not JSON", "message": text[:_SHOWN]}}
    # Several answers of `/infill` are a list.
    return shown if isinstance(shown, dict) else {}


def _take(fate: Fate, shown: Mapping[str, Any]) -> None:
    if "error" in shown:
        error = shown["error"]
        fate.code = str(error.get("code"))
        fate.message = str(error.get("message"))[:_SHOWN]
    elif fate.status >= HTTPStatus.BAD_REQUEST:
        fate.code = f"{fate.status} without an error object"
    if isinstance(router := shown.get("router"), Mapping):
        fate.spent += _spent(router)
        fate.flops = router.get("flops_used")


def _spent(router: Mapping[str, Any]) -> Iterator[Spent]:
    """Of an object `router`, and of those of its prompts."""
    for each in (router, *router.get("prompts", ())):
        budget, used = (each.get("budget") or {}).get("flops"), each.get("flops_used")
        if budget is not None and used is not None:
            yield Spent(float(budget), float(used))


def _headers(fate: Fate, headers: Mapping[str, str]) -> None:
    used, budget = headers.get("X-Budget-FLOPs-Used"), headers.get("X-Budget-FLOPs")
    if used is not None:
        fate.flops = float(used)
    if used is not None and budget is not None:
        fate.spent.append(Spent(float(budget), float(used)))
