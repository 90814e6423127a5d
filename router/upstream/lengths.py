"""How long a prompt is where no tokenizer says so: a likely length, and one that it cannot exceed.

Bytes are not tokens. The likely length is for deciding and for showing, the bound for reserving.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.cost import likely_tokens, most_tokens
from router.request import ChatPrompt, Prompt, PromptLength, TextPrompt, TokenPrompt

TOKENS_AROUND_A_MESSAGE: Final = 5
MOST_TOKENS_AROUND_A_MESSAGE: Final = 16
"""What a chat template adds around one message."""

TOKENS_OF_A_PART: Final = 1024
MOST_TOKENS_OF_A_PART: Final = 16384
"""What a model makes of a part of a message that is no text, such as an image of any size."""


def guessed(prompt: Prompt) -> PromptLength:
    """The length of a prompt that nobody counted."""
    match prompt:
        case TextPrompt(text=text):
            return PromptLength(likely_tokens(text), most_tokens(text))
        case TokenPrompt(tokens=tokens):
            return PromptLength(len(tokens))
        case ChatPrompt(messages=messages, tools=tools):
            around = len(messages) + 2  # the template's own beginning, and the answer's
            likely, most = TOKENS_AROUND_A_MESSAGE * around, MOST_TOKENS_AROUND_A_MESSAGE * around
            if tools:
                written = json.dumps(tools, ensure_ascii=False)
                likely, most = likely + likely_tokens(written), most + most_tokens(written)
            for text, others in map(_content, messages):
                likely += likely_tokens(text) + TOKENS_OF_A_PART * others
                most += most_tokens(text) + MOST_TOKENS_OF_A_PART * others
            return PromptLength(likely, most)


def kinds_of_parts(prompt: Prompt) -> frozenset[str]:
    """What the parts of a chat are that are no text: `image` for an `image_url`, and the like."""
    messages = prompt.messages if isinstance(prompt, ChatPrompt) else ()
    parts = [part for message in messages for part in _parts(message)]
    kinds = [part.get("type") for part in parts if isinstance(part, Mapping) and "text" not in part]
    return frozenset(word for kind in kinds if isinstance(kind, str) for word in _kind(kind))


def _kind(name: str) -> Iterator[str]:
    """The words of a part's type that say what it is."""
    yield from (word for word in name.lower().split("_") if word not in {"url", "input", ""})


def _parts(message: Mapping[str, Any]) -> list[Any]:
    content = message.get("content")
    return content if isinstance(content, list) else [content]


def _content(message: Mapping[str, Any]) -> tuple[str, int]:
    """The text of a message, and how many of its parts are none."""
    texts, others = [], 0
    for part in _parts(message):
        match part:
            case str(text) | {"text": str(text)}:
                texts.append(text)
            case None:
                pass
            case _:
                others += 1
    rest = {key: value for key, value in message.items() if key not in {"role", "content"}}
    return "".join([*texts, json.dumps(rest, ensure_ascii=False) if rest else ""]), others
