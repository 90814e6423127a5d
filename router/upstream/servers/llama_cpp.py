"""llama.cpp's own server, which is also what an embedded engine speaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Final

from router.request import ChatPrompt, Prompt, TextPrompt, TokenPrompt
from router.upstream.servers.dialect import Post, PromptScoring

_PLAIN_SAMPLING: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "top_k": 0,
        "min_p": 0.0,
        "repeat_penalty": 1.0,
        "top_p": 1.0,
        "samplers": [
            *("penalties", "dry", "top_n_sigma", "temperature"),
            *("top_k", "typ_p", "top_p", "min_p", "xtc"),
        ],
    }
)
"""Its sampler has defaults of its own; these make it a plain temperature/top-p one. Its own order
takes the temperature last; vLLM, transformers and the paper's samples take the nucleus of the
distribution at that temperature."""


@dataclass(frozen=True, slots=True)
class LlamaCpp:
    """Every chunk is one token, and each choice ends with its own usage.

    It leaves a connection open after a stream and does not answer on it any more.
    """

    echoes: ClassVar[bool] = False
    scoring: ClassVar[PromptScoring | None] = None
    counts_tokens: ClassVar[bool] = True
    token_per_chunk: ClassVar[bool] = True
    plain_sampling: ClassVar[Mapping[str, Any]] = _PLAIN_SAMPLING
    telling: ClassVar[Mapping[str, Any]] = MappingProxyType({"return_progress": True})
    any_name: ClassVar[bool] = True
    headers: ClassVar[Mapping[str, str]] = MappingProxyType({"Connection": "close"})
    forces_calls: ClassVar[bool] = False
    takes_hints: ClassVar[bool] = True
    most_stops: ClassVar[int | None] = None

    def of_text(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Of a text it passes over `response_format`, and takes the schema alone."""
        match fields.get("response_format"):
            case {"type": "json_schema", "json_schema": {"schema": schema}}:
                pass
            case {"type": "json_object", **more}:
                schema = more.get("schema", {"type": "object"})
            case _:
                return fields
        others = {name: value for name, value in fields.items() if name != "response_format"}
        return {"json_schema": schema, **others}

    def special_stops(self, tokens: Sequence[str]) -> Mapping[str, Any]:
        """It writes those that it is told to preserve."""
        return {"preserved_tokens": list(tokens)}

    async def count_tokens(self, prompt: Prompt, name: str, post: Post) -> int:  # noqa: ARG002
        """By its tokenizer; a chat by its template first, which reads what a chat is asked with."""
        match prompt:
            case TextPrompt(text=text):
                pass
            case TokenPrompt(tokens=tokens):
                return len(tokens)
            case ChatPrompt(messages=messages, tools=tools, fields=fields):
                asked = {**fields, "messages": list(messages)}
                if tools:
                    asked["tools"] = list(tools)
                text = (await post("/apply-template", asked))["prompt"]
        whole = {"content": text, "add_special": True, "parse_special": True}
        return len((await post("/tokenize", whole))["tokens"])
