"""Ollama keeps what others say at the top of a body in an object `options`: put where it belongs.

An option is taken under its usual name or refused by its own. Passed over, `num_predict` would be a
request for 4 tokens that computes for a minute.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from router.errors import InvalidRequest
from router.http.dialects.complaints import shown

OPTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "num_predict": "max_tokens",
        **{name: name for name in ("temperature", "top_p", "top_k", "min_p", "stop", "seed")},
        **{name: name for name in ("presence_penalty", "frequency_penalty")},
    }
)
"""What every server understands, by Ollama's name and by the usual one."""

_NO_LENGTH: Final = (-1, -2)
"""Ollama's `num_predict` without an end, and up to the end of the context."""

_TOP_NO_LENGTH: Final = -1
"""A body's own length, where it has none."""


def unfolded(body: object) -> object:
    """The body with its options at its top. Raises `InvalidRequest`."""
    if not isinstance(body, Mapping) or "options" not in body:
        return body
    top = dict(body)
    options = top.pop("options")
    if options is None:
        return top
    if not isinstance(options, Mapping):
        raise InvalidRequest(f"options must be an object, not {shown(options)}", param="options")
    for option, value in options.items():
        _place(top, option, value)
    return top


def _place(top: dict[str, Any], option: str, value: object) -> None:
    if option not in OPTIONS:
        raise InvalidRequest(
            f"options.{option} is not supported: leave it out; of options there are "
            f"{', '.join(OPTIONS)}",
            param="options",
        )
    if option == "num_predict" and value in _NO_LENGTH:
        value = None
    name = OPTIONS[option]
    said = top.get(name)
    if name == "max_tokens" and said == _TOP_NO_LENGTH:
        said = None
    if None not in (said, value) and said != value:
        raise InvalidRequest(
            f"{name} ({shown(said)}) and options.{option} ({shown(value)}) contradict each other: "
            "send one",
            param="options",
        )
    top[name] = said if value is None else value
