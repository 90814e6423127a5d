"""What tells one kind of server from another."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from policies.cost import most_tokens
from router.request import ChatPrompt, Prompt, TextPrompt, TokenPrompt

CHAT_TOKENS_PER_MESSAGE = 16
"""Upper bound on what a chat template adds around one message, where no tokenizer is at hand."""

Post: TypeAlias = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]
"""Sends JSON to a path of the server, and gives its answer. Raises `UpstreamError`."""


class ServerDialect(Protocol):
    """A kind of server: how its prompts are counted, and what it must be told and spared."""

    @property
    def token_per_chunk(self) -> bool:
        """Whether every chunk with text is one token, and lone usage is of the last choice ended.

        Log-probabilities are then not needed to count tokens.
        """
        ...

    @property
    def plain_sampling(self) -> Mapping[str, Any]:
        """Fields that make its sampler a plain one of temperature and nucleus."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Of every request for samples."""
        ...

    @property
    def echoes(self) -> bool:
        """Whether it can repeat a prompt, with the log-probabilities of its tokens.

        Such a server wants at least one token drawn where nothing is repeated.
        """
        ...

    @property
    def most_stops(self) -> int | None:
        """How many stops it takes; None if as many as one likes."""
        ...

    def special_stops(self, tokens: Sequence[str]) -> Mapping[str, Any]:
        """Fields, besides `stop`, that make special tokens among the stops end an answer.

        Servers leave them out of the text, where a stop would have to be found.
        """
        ...

    async def count_tokens(self, prompt: Prompt, name: str, post: Post) -> int:
        """Tokens of a prompt under the model that the server calls `name`; an upper bound at worst.

        Raises `UpstreamError`, and what an answer of another shape makes it raise: KeyError,
        TypeError, ValueError, OverflowError.
        """
        ...


def upper_bound(prompt: Prompt) -> int:
    """More tokens than any byte-level tokenizer and template make of a prompt."""
    match prompt:
        case TextPrompt(text=text):
            return most_tokens(text)
        case TokenPrompt(tokens=tokens):
            return len(tokens)
        case ChatPrompt(messages=messages, tools=tools):
            size = len(json.dumps([messages, tools], ensure_ascii=False).encode())
            return size + CHAT_TOKENS_PER_MESSAGE * (len(messages) + 2)
