"""vLLM's server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from router.request import ChatPrompt, Prompt, TextPrompt
from router.upstream.servers.dialect import Post


@dataclass(frozen=True, slots=True)
class VLLM:
    """Chunks carry as many tokens as it likes: only log-probabilities tell how many."""

    token_per_chunk: ClassVar[bool] = False
    plain_sampling: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    any_name: ClassVar[bool] = False
    headers: ClassVar[Mapping[str, str]] = MappingProxyType({})

    async def count_tokens(self, prompt: Prompt, name: str, post: Post) -> int:
        """By its tokenizer, which knows the template."""
        match prompt:
            case TextPrompt(text=text):
                asked: dict[str, Any] = {"prompt": text}
            case ChatPrompt(messages=messages):
                asked = {"messages": list(messages)}
        count = int((await post("/tokenize", asked | {"model": name}))["count"])
        if count < 0:
            raise ValueError("a prompt cannot have less than no tokens")
        return count
