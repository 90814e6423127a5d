"""How long a prompt is where no tokenizer says so: a likely length, and one that it cannot exceed.

Bytes are not tokens. The likely length is for deciding and for showing, the bound for reserving.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.lengths import likely_tokens, most_tokens
from router.request import ChatPrompt, Prompt, PromptLength, TextPrompt, TokenPrompt

TOKENS_AROUND_A_MESSAGE: Final = 5
MOST_TOKENS_AROUND_A_MESSAGE: Final = 16
"""What a chat template adds around one message, its role included where that is a usual one."""

TOKENS_OF_A_PART: Final = 1024
MOST_TOKENS_OF_A_PART: Final = 16384
"""What a model makes of a part of a message that is no text, such as an image of any size."""

_ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_TEXTS: Final = frozenset({"text", "input_text", "output_text"})
"""Types of parts that are text, if they have some."""

_MEDIA: Final = frozenset({"image", "audio", "video", "file"})
_PAYLOADS: Final = frozenset({"data", "source", "url"})
"""Where parts that are no text have what they are: by another name than their type's."""

_LIKELY: Final = frozenset({"chat_template_kwargs", "documents", "response_format"})
"""Fields that templates are likely to write into a prompt; the bound is for any of them."""


def guessed(prompt: Prompt) -> PromptLength:
    """The length of a prompt that nobody counted."""
    match prompt:
        case TextPrompt(text=text):
            return PromptLength(likely_tokens(text), most_tokens(text))
        case TokenPrompt(tokens=tokens):
            return PromptLength(len(tokens))
        case ChatPrompt():
            return _guessed_chat(prompt)


def _guessed_chat(chat: ChatPrompt) -> PromptLength:
    around = len(chat.messages) + 2  # the template's own beginning, and the answer's
    likely, most = TOKENS_AROUND_A_MESSAGE * around, MOST_TOKENS_AROUND_A_MESSAGE * around
    if chat.tools:
        written = _written(chat.tools)
        likely, most = likely + likely_tokens(written), most + most_tokens(written)
    if shaping := {key: value for key, value in chat.fields.items() if key in _LIKELY}:
        likely += likely_tokens(_written(shaping))
    if chat.fields:
        most += most_tokens(_written(chat.fields))
    for text, others in map(_content, chat.messages):
        likely += likely_tokens(text) + TOKENS_OF_A_PART * others
        most += most_tokens(text) + MOST_TOKENS_OF_A_PART * others
    if isinstance(template := chat.fields.get("chat_template"), str):
        most += most_tokens(template) * len(chat.messages)  # it says its own around each of them
    return PromptLength(likely, most)


def kinds_of_parts(prompt: Prompt) -> frozenset[str]:
    """What the parts of a chat are that are no text: `image` for an `image_url`, and the like."""
    messages = prompt.messages if isinstance(prompt, ChatPrompt) else ()
    parts = [part for message in messages for part in _parts(message)]
    kinds = [part.get("type") for part in parts if isinstance(part, Mapping) and not _is_text(part)]
    return frozenset(word for kind in kinds if isinstance(kind, str) for word in _kind(kind))


def _kind(name: str) -> Iterator[str]:
    """The words of a part's type that say what it is."""
    yield from (word for word in name.lower().split("_") if word not in {"url", "input", ""})


def _parts(message: Mapping[str, Any]) -> list[Any]:
    content = message.get("content")
    return content if isinstance(content, list) else [content]


def _is_media(key: str) -> bool:
    return key in _PAYLOADS or not _MEDIA.isdisjoint(_kind(key))


def _is_text(part: Mapping[str, Any]) -> bool:
    """Whether a part is nothing but text; what names an image is one, whatever it says besides."""
    kind = part.get("type")
    typed = kind is None or (isinstance(kind, str) and kind in _TEXTS)
    return typed and isinstance(part.get("text"), str) and not any(map(_is_media, part))


def _content(message: Mapping[str, Any]) -> tuple[str, int]:
    """All that a message says, and how many of its parts are no text."""
    texts, others = [], 0
    for part in _parts(message):
        match part:
            case None:
                pass
            case str(text):
                texts.append(text)
            case Mapping() if _is_text(part):
                rest = {key: part[key] for key in part if key not in {"type", "text"}}
                texts += [part["text"], _written(rest) if rest else ""]
            case Mapping():
                texts.append(_written({key: part[key] for key in part if not _is_media(key)}))
                others += 1
            case _:
                texts.append(_written(part))
                others += 1
    rest = {key: value for key, value in message.items() if key not in {"role", "content"}}
    if (role := message.get("role")) not in _ROLES:
        rest["role"] = role
    return "".join([*texts, _written(rest) if rest else ""]), others


def _written(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
