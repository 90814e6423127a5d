"""What a server says of its prompt cache: how many tokens of a prompt it had not to compute.

It guards against figures that cannot be: an answer is worth more than a count of what was spared,
so a wrong one is set right, and said to be wrong.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def told_cached(usage: Mapping[str, Any], event: Mapping[str, Any]) -> object:
    """What is told, if anything: in OpenAI's place, or in an older llama.cpp's."""
    told = _within(usage, "prompt_tokens_details", "cached_tokens")
    return _within(event, "timings", "cache_n") if told is None else told


def cached_tokens(told: object, prompt_tokens: int) -> tuple[int | None, bool]:
    """Cached tokens as they can be, None where nothing is told; and whether it cannot be so.

    What is no number is no cached token.
    """
    if told is None:
        return None, False
    if isinstance(told, bool) or not isinstance(told, int | float):
        return 0, True
    if isinstance(told, float) and not math.isfinite(told):  # an int may be too large to ask
        return 0, True
    possible = min(max(0, int(told)), prompt_tokens)
    return possible, not 0 <= told <= prompt_tokens


def _within(outer: Mapping[str, Any], place: str, name: str) -> object:
    inner = outer.get(place)
    return inner.get(name) if isinstance(inner, Mapping) else None
