"""What tells one kind of server from another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from router.request import Prompt

Post: TypeAlias = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]
"""Sends JSON to a path of the server, and gives its answer. Raises `UpstreamError`."""


class PromptScoring(Protocol):
    """How a server tells the log-probabilities of what it did not write.

    Both raise `UpstreamError`, and what an answer of another shape makes them raise, as
    `ServerDialect.count_tokens` does, and IndexError.
    """

    async def tokens(self, prompt: Prompt, name: str, post: Post, *, special: bool) -> list[int]:
        """The numbers of a prompt's tokens; unless `special`, a text's without a start of its own.

        `name` is what the server calls the model.
        """
        ...

    async def logprobs(
        self, read: Sequence[int], scored: Sequence[int], name: str, post: Post
    ) -> list[float]:
        """The log-probability of each token that is `scored`, after those that are `read`."""
        ...


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
    def telling(self) -> Mapping[str, Any]:
        """Fields that have it say, before the first token, how much of a prompt is cached."""
        ...

    @property
    def any_name(self) -> bool:
        """Whether it answers for its one model by whatever name it is called."""
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
    def scoring(self) -> PromptScoring | None:
        """How it scores texts of others; None where it cannot."""
        ...

    @property
    def forces_calls(self) -> bool:
        """Whether `tool_choice` makes any of its models call a tool."""
        ...

    def of_text(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """A client's fields as the endpoint for texts takes them, which may not be as for chats."""
        ...

    @property
    def takes_hints(self) -> bool:
        """Whether it takes, or passes over, what tells llama.cpp's sampler and cache what to do."""
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

    @property
    def counts_tokens(self) -> bool:
        """Whether it has a tokenizer that can be asked."""
        ...

    async def count_tokens(self, prompt: Prompt, name: str, post: Post) -> int | None:
        """Tokens of a prompt under the model that the server calls `name`; None if it cannot tell.

        Raises `UpstreamError`, and what an answer of another shape makes it raise: KeyError,
        TypeError, ValueError, OverflowError.
        """
        ...
