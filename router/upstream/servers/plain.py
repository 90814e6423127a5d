"""A server of which only OpenAI's API is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from router.request import Prompt
from router.upstream.servers.dialect import Post, PromptScoring


@dataclass(frozen=True, slots=True)
class PlainOpenAI:
    """It has no tokenizer that could be asked."""

    echoes: ClassVar[bool] = False
    scoring: ClassVar[PromptScoring | None] = None
    counts_tokens: ClassVar[bool] = False
    token_per_chunk: ClassVar[bool] = False
    plain_sampling: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    telling: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    any_name: ClassVar[bool] = False
    headers: ClassVar[Mapping[str, str]] = MappingProxyType({})
    forces_calls: ClassVar[bool] = True
    takes_hints: ClassVar[bool] = False
    most_stops: ClassVar[int | None] = 4

    def of_text(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """They are the same."""
        return fields

    def special_stops(self, tokens: Sequence[str]) -> Mapping[str, Any]:  # noqa: ARG002 no such field
        """OpenAI's API has no such field."""
        return {}

    async def count_tokens(self, prompt: Prompt, name: str, post: Post) -> int | None:  # noqa: ARG002
        """It cannot tell."""
        return None
