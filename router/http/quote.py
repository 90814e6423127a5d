"""What budgets would buy for a request that is not served: `POST /v1/quote`.

The body is a completion's or a chat's, and is read and settled as theirs are; nothing is drawn. The
prompt's tokens are all that is asked of a server, so that a quote takes no place among the requests
being served.
"""

from __future__ import annotations

import math
from typing import Any, Final

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from pydantic_core import from_json

from policies.ladder import Offer
from router.errors import InvalidRequest
from router.http.answers.headers import budget_headers
from router.http.dialects.chat import Chat
from router.http.dialects.completions import Completions
from router.http.dialects.dialect import Dialect
from router.http.exchange import Exchange

_TEXT: Final = Completions()
_CHAT: Final = Chat()
QUOTED: Final[tuple[Dialect, ...]] = (_TEXT, _CHAT)
"""In which requests are quoted for."""


class Quotation(Exchange):
    """One request for a quote, and its answer."""

    def __init__(self, request: Request) -> None:
        super().__init__(request, _TEXT)

    async def _serve(self) -> Response:
        raw = await self._body()
        limits = self._service.request_limits
        request, *more = _dialect_of(raw).read(raw, self._request.headers, limits)
        if more:
            raise InvalidRequest("a quote is for one prompt: ask for each", param="prompt")
        async with self._attended():
            offers = await self._gateway.quote(request, self._record.received)
        self._record.quoted()
        headers = {"X-Request-Id": self._id} | budget_headers(request)
        return JSONResponse({"options": [_option(offer) for offer in offers]}, headers=headers)


def _dialect_of(raw: bytes) -> Dialect:
    """A chat's where there are messages; what cannot be read is refused by the other."""
    try:
        body = from_json(raw)
    except ValueError:
        return _TEXT
    chats = isinstance(body, dict) and body.get("messages") is not None
    return _CHAT if chats else _TEXT


def _option(offer: Offer) -> dict[str, Any]:
    ladder, seconds = offer.found.ladder, offer.seconds
    return {
        "flops": offer.flops,
        # Rounded up: what is quoted must be enough.
        "latency_ms": None if seconds is None else math.ceil(10_000 * seconds) / 10,
        "plan": str(ladder),
        "success": ladder.success.value,
        "low": ladder.success.low,
        "high": ladder.success.high,
        "extrapolated": offer.found.extrapolates or None,
        "expected_flops": offer.expected_flops,
    }
