"""What a model is asked: a text to complete, or a conversation to answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class TextPrompt:
    """Text to complete. With a suffix, the answer belongs between the two (fill in the middle)."""

    text: str
    suffix: str | None = None


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """A conversation, in the OpenAI message format, as it came."""

    messages: tuple[Mapping[str, Any], ...]


Prompt: TypeAlias = TextPrompt | ChatPrompt
