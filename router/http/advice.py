"""What to say to a client that asks for a path which is not served.

Most often its base URL is not what it should be. Where this gateway serves the same path a little
otherwise, that is found by its own routes; paths of other interfaces are told of by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from fastapi import Request
from starlette.routing import Match

_CHATS: Final = "send chats to /v1/chat/completions"
_TEXTS: Final = "send prompts to /v1/completions, or prefix and suffix to /infill"

INSTEAD: Final[Mapping[str, str]] = MappingProxyType(
    {
        "/responses": _CHATS,
        "/messages": _CHATS,
        "/api/chat": _CHATS,
        "/api/generate": _TEXTS,
        "/completion": _TEXTS,
        "/embeddings": "this gateway completes, and has no embeddings",
        "/edits": _CHATS,
        "/health": "GET /healthz tells whether it lives, /readyz what it waits for",
    }
)
"""Paths of interfaces that are not spoken here, without `/v1`."""


def advice(request: Request) -> str:
    """What to ask instead."""
    path = request.scope["path"]
    for other in _relatives(path):
        if _is_served(request, other):
            if other == "/v1" + path:
                return f"the base URL of this gateway is {str(request.base_url).rstrip('/')}/v1"
            return f"ask {other}"
    return INSTEAD.get(_bare(path), "GET /v1/models names the models, docs/http.md the paths")


def _bare(path: str) -> str:
    """A path without its version, however often it has one, and with single slashes."""
    path = re.sub("/{2,}", "/", path)
    while path.startswith("/v1/"):
        path = path.removeprefix("/v1")
    return path.rstrip("/") or "/"


def _relatives(path: str) -> Iterator[str]:
    """The same path with a version and without, and without slashes too many."""
    bare = _bare(path)
    for other in ("/v1" + path, "/v1" + bare, bare):
        if other != path:
            yield other


def _is_served(request: Request, path: str) -> bool:
    scope = {"type": "http", "method": request.method, "path": path, "root_path": ""}
    return any(route.matches(scope)[0] is not Match.NONE for route in request.app.routes)
