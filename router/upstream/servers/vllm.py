"""vLLM's server."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Final

from router.request import ChatPrompt, Prompt, TextPrompt, TokenPrompt
from router.upstream.servers.dialect import Post, PromptScoring

_COUNTED: Final = (
    *("add_generation_prompt", "continue_final_message", "add_special_tokens"),
    *("chat_template", "chat_template_kwargs", "mm_processor_kwargs", "media_io_kwargs"),
)
"""Fields of a chat that decide what its prompt is, and that its tokenizer takes as well."""

_UNCOUNTED: Final = frozenset({"documents", "reasoning_effort", "response_format"})
"""Fields of a chat that its tokenizer does not take, and that a template may write into it."""


@dataclass(frozen=True, slots=True)
class VLLMScoring:
    """By `prompt_logprobs`, for which it does not use its cache: k texts are k whole passes."""

    async def tokens(self, prompt: Prompt, name: str, post: Post, *, special: bool) -> list[int]:
        """By its tokenizer; the template of a chat writes its own special tokens."""
        match prompt:
            case TokenPrompt(tokens=tokens):
                return list(tokens)
            case TextPrompt():
                asked = _tokenized(prompt) | {"add_special_tokens": special}
            case ChatPrompt():
                asked = _tokenized(prompt)
        told = await post("/tokenize", asked | {"model": name})
        return [int(token) for token in told["tokens"]]

    async def logprobs(
        self, read: Sequence[int], scored: Sequence[int], name: str, post: Post
    ) -> list[float]:
        """It draws a token in any case, which the same pass makes."""
        asked = {"model": name, "prompt": [*read, *scored], "max_tokens": 1, "temperature": 0}
        told = await post("/v1/completions", asked | {"prompt_logprobs": 0})
        entries = told["choices"][0]["prompt_logprobs"][len(read) :]
        found = [
            float(entry[str(token)]["logprob"])
            for token, entry in zip(scored, entries, strict=True)
        ]
        if not math.isfinite(math.fsum(found)):
            raise ValueError("a log-probability is a finite number")
        return found


@dataclass(frozen=True, slots=True)
class VLLM:
    """Chunks carry as many tokens as it likes: only log-probabilities tell how many."""

    echoes: ClassVar[bool] = True
    scoring: ClassVar[PromptScoring | None] = VLLMScoring()
    counts_tokens: ClassVar[bool] = True
    token_per_chunk: ClassVar[bool] = False
    plain_sampling: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    telling: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    any_name: ClassVar[bool] = False
    headers: ClassVar[Mapping[str, str]] = MappingProxyType({})
    forces_calls: ClassVar[bool] = True
    takes_hints: ClassVar[bool] = True
    most_stops: ClassVar[int | None] = None

    def of_text(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """They are the same."""
        return fields

    def special_stops(self, tokens: Sequence[str]) -> Mapping[str, Any]:  # noqa: ARG002 all of them
        """It writes all of them or none; the one that ends an answer is no part of it."""
        return {"skip_special_tokens": False}

    async def count_tokens(self, prompt: Prompt, name: str, post: Post) -> int | None:
        """By its tokenizer, which knows the template, and not all that it is given."""
        if isinstance(prompt, TokenPrompt):
            return len(prompt.tokens)
        if isinstance(prompt, ChatPrompt) and prompt.fields.keys() & _UNCOUNTED:
            return None
        asked = _tokenized(prompt) | {"model": name}
        count = int((await post("/tokenize", asked))["count"])
        if count < 0:
            raise ValueError("a prompt cannot have less than no tokens")
        return count


def _tokenized(prompt: TextPrompt | ChatPrompt) -> dict[str, Any]:
    """What its tokenizer is asked."""
    match prompt:
        case TextPrompt(text=text):
            return {"prompt": text}
        case ChatPrompt(messages=messages, tools=tools, fields=fields):
            asked = {name: fields[name] for name in _COUNTED if name in fields}
            told = {"tools": list(tools)} if tools else {}
            return {**asked, **told, "messages": list(messages)}
