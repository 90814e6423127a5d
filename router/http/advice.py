"""What to say to a client that asks for a path which is not served.

Most often its base URL is not what it should be. Where this gateway serves the same path a little
otherwise, or what a path ends with, that is found by its own routes; paths of other interfaces are
told of by name.
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
_OTHERS: Final = (
    "this gateway speaks OpenAI's interface: choose an OpenAI-compatible provider in your client, "
    "with the base URL {base}"
)

INSTEAD: Final[Mapping[str, str]] = MappingProxyType(
    {
        "/responses": _CHATS,
        "/messages": _CHATS,
        "/chat": _CHATS,
        "/api": _OTHERS,
        "/api/chat": _CHATS,
        "/api/generate": _TEXTS,
        "/v1beta": _OTHERS,
        "/completion": _TEXTS,
        "/generate": _TEXTS,
        "/embeddings": "this gateway completes, and has no embeddings",
        "/edits": _CHATS,
        "/health": "GET /healthz tells whether it lives, /readyz what it waits for",
    }
)
"""Paths of interfaces that are not spoken here, and all below them, without `/v1`."""

_LONGEST: Final = 256
"""Of a path that is looked into, in characters: every end of it is held against every route."""

_NOTHING_NEAR: Final = "GET /v1/models names the models, docs/http.md the paths"


def advice(request: Request) -> str:
    """What to ask instead."""
    path = request.scope["path"]
    if len(path) > _LONGEST:
        return _NOTHING_NEAR
    base = f"{str(request.base_url).rstrip('/')}/v1"
    based = f"the base URL of this gateway is {base}"
    for other in _relatives(path):
        if _match(request, other) is not Match.NONE:
            return based if other == "/v1" + path else f"ask {other}"
    # The end of a long path may fit a route by chance: so it must be of this method.
    if any(_match(request, end) is Match.FULL for end in _ends(path)):
        return based
    for known in _above(_bare(path)):
        if known in INSTEAD:
            return INSTEAD[known].format(base=base)
    return _NOTHING_NEAR


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


def _ends(path: str) -> Iterator[str]:
    """What a wrong base URL may have been put before, the longest first; in lower case."""
    parts = _bare(path.strip().lower()).split("/")[1:]
    for start in range(len(parts)):
        yield "/".join(["/v1", *parts[start:]])


def _above(path: str) -> Iterator[str]:
    """A path, and the folders that it is in, the nearest first."""
    while path:
        yield path
        path = path.rpartition("/")[0]


def _match(request: Request, path: str) -> Match:
    scope = {"type": "http", "method": request.method, "path": path, "root_path": ""}
    found = [route.matches(scope)[0] for route in request.app.routes]
    return max(found, key=lambda match: match.value, default=Match.NONE)
