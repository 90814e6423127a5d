"""vLLM's server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from router.request import ChatPrompt, Prompt, TextPrompt, TokenPrompt
from router.upstream.servers.dialect import Post


@dataclass(frozen=True, slots=True)
class VLLM:
    """Chunks carry as many tokens as it likes: only log-probabilities tell how many."""

    echoes: ClassVar[bool] = True
    token_per_chunk: ClassVar[bool] = False
    plain_sampling: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    telling: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    any_name: ClassVar[bool] = False
    headers: ClassVar[Mapping[str, str]] = MappingProxyType({})
    forces_calls: ClassVar[bool] = True
    most_stops: ClassVar[int | None] = None

    def special_stops(self, tokens: Sequence[str]) -> Mapping[str, Any]:  # noqa: ARG002 all of them
        """It writes all of them or none; the one that ends an answer is no part of it."""
        return {"skip_special_tokens": False}

    async def count_tokens(self, prompt: Prompt, name: str, post: Post) -> int:
        """By its tokenizer, which knows the template."""
        match prompt:
            case TextPrompt(text=text):
                asked: dict[str, Any] = {"prompt": text}
            case TokenPrompt(tokens=tokens):
                return len(tokens)
            case ChatPrompt(messages=messages, tools=tools):
                asked = {"messages": list(messages)} | ({"tools": list(tools)} if tools else {})
        count = int((await post("/tokenize", asked | {"model": name}))["count"])
        if count < 0:
            raise ValueError("a prompt cannot have less than no tokens")
        return count
