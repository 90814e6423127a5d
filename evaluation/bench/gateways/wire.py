"""What is asked and answered: the same bytes for every contender."""

from __future__ import annotations

import json
from typing import Final

MODEL: Final = "bench"

TOKEN: Final = " zqxj"  # noqa: S105 - of a model
"""The one token of every answer: nothing else in an answer holds it."""

BUDGET_HEADER: Final = "X-Budget-FLOPs"

BUDGET: Final = "1T"
"""Of each request: more than a sample of one token costs, at `FLOPS_PER_TOKEN`."""

FLOPS_PER_TOKEN: Final = 1e9

_PROMPT: Final = "def add(a, b):\n    return"
PROMPT_TOKENS: Final = 8


def body(*, stream: bool) -> bytes:
    """What is posted to `/v1/completions`."""
    wish = {"model": MODEL, "prompt": _PROMPT, "max_tokens": 1, "temperature": 0}
    return json.dumps(wish | ({"stream": True} if stream else {})).encode()


def request(host: str, *, stream: bool) -> bytes:
    """A whole HTTP request for one token."""
    posted = body(stream=stream)
    head = (
        f"POST /v1/completions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"{BUDGET_HEADER}: {BUDGET}\r\nContent-Length: {len(posted)}\r\n\r\n"
    )
    return head.encode() + posted
