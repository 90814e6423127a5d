"""What servers say, as text that can be passed on: whole characters, and the words of OpenAI's API.

It guards against halves of characters, which JSON can carry and nothing else, and against words for
the end of an answer that clients of OpenAI's do not know: some of them fail of one.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, MutableMapping
from types import MappingProxyType
from typing import Final, TypeAlias

_REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("eos", "eos_token", "stop_sequence", "end_turn"), "stop"),
        **dict.fromkeys(("max_tokens", "model_length"), "length"),
    }
)
"""How answers end in the words of some servers (TGI, Mistral, proxies of Anthropic's), and in
OpenAI's."""


Halves: TypeAlias = MutableMapping[Hashable, str]
"""First halves of characters whose second is still to come, by the text of which they are part."""


def mended(text: str) -> str:
    """Text that can be encoded: halves of surrogate pairs, which JSON can carry, are replaced."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def text_of(value: object) -> str:
    """A text as it can be encoded; null is none. Raises TypeError."""
    return mended(_raw(value))


def reason_of(value: object) -> str | None:
    """How an answer ended, in OpenAI's word where there is one; None where it did not."""
    reason = text_of(value)
    return _REASONS.get(reason, reason) or None


def written(content: object) -> object:
    """What a content says: the text among its parts, where Mistral's thinking models have some."""
    if not isinstance(content, list):
        return content
    return "".join(_raw(part["text"]) for part in content if part["type"] == "text")


def joined(value: object, place: Hashable, halves: Halves | None, *, last: bool) -> str:
    """The text of a piece after the half of a character before it, without the one at its end."""
    if halves is None:
        return text_of(value)
    text = halves.pop(place, "") + _raw(value)
    if not last and text and "\ud800" <= text[-1] <= "\udbff":
        halves[place] = text[-1]
        text = text[:-1]
    return mended(text)


def _raw(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(f"expected text, not {value!r}")
    return value
