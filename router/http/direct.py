"""The endpoints that answer prompts, served before the framework sees the request.

Nearly all requests go to them, and they take nothing that a framework could give: their bodies are
read by their dialects, and what goes wrong is answered by the exchange. Routing them takes a fifth
of the time that a request costs. They are routes all the same, for whoever asks what there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from router.http.dialects.dialect import Dialect
from router.http.exchange import Exchange


@dataclass(frozen=True, slots=True)
class Direct:
    """Answers posts to the paths of `dialects`; all else is for `others`."""

    others: ASGIApp
    dialects: Mapping[str, Dialect]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "http" and scope["method"] == "POST":
            dialect = self.dialects.get(scope["path"])
            if dialect is not None:
                answer = await Exchange(Request(scope, receive, send), dialect).serve()
                await answer(scope, receive, send)
                return
        await self.others(scope, receive, send)
