"""What tells one endpoint from another: how its JSON is read, and how its answers are written.

A dialect is a value without state. `router.http.dialects.body` reads what all of them share, and
`router.http.answers.answer` puts what a dialect writes into one answer or into a stream.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from router.http.dialects.body import Body
from router.http.dialects.envelope import AnswerHead, Tally
from router.request import RequestLimits, RouteRequest
from router.upstream.said.chunks import TokenLogprob


class Dialect(Protocol):
    """One endpoint's JSON, in and out."""

    @property
    def body(self) -> type[Body]:
        """What its requests hold."""
        ...

    @property
    def end_of_stream(self) -> bytes:
        """What is sent after the last event."""
        ...

    def read(
        self, raw: bytes, headers: Mapping[str, str], limits: RequestLimits
    ) -> tuple[RouteRequest, ...]:
        """Read what was posted: a request for each of its prompts, alike in all but these.

        Raises `InvalidRequest`, `InvalidBudget` and `InvalidTests`.
        """
        ...

    def whole_answer(
        self,
        request: RouteRequest,
        head: AnswerHead,
        choices: Sequence[dict[str, Any]],
        usage: dict[str, Any],
        details: dict[str, Any],
    ) -> Any:
        """An answer that is told at once; `details` are what is added to its fields."""
        ...

    def stream_chunk(
        self,
        head: AnswerHead,
        choices: Sequence[dict[str, Any]],
        usage: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """A piece of a stream, or the usage of all of it."""
        ...

    def answer(
        self, request: RouteRequest, text: str, calls: Sequence[Mapping[str, Any]], thought: str
    ) -> dict[str, Any]:
        """The content of a choice that is told at once: its text, calls of tools, and a thought."""
        ...

    def opening(self, request: RouteRequest) -> dict[str, Any] | None:
        """What a stream tells of a choice before its first token; None where there is nothing."""
        ...

    def piece(self, text: str) -> dict[str, Any]:
        """Some text of a choice, in a stream."""
        ...

    def thinking(self, thought: str) -> dict[str, Any] | None:
        """A piece of a thought, in a stream; None where there is no place for one."""
        ...

    def calling(self, calls: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Pieces of calls of tools, in a stream."""
        ...

    def ending(self) -> dict[str, Any]:
        """The content of the chunk that ends a choice."""
        ...

    def tally(self, tally: Tally) -> dict[str, Any]:
        """What is told of a choice's tokens and times where it ends, whole or streamed."""
        ...

    def logprobs(self, tokens: Sequence[TokenLogprob], offset: int) -> dict[str, Any]:
        """Log-probabilities of tokens; `offset` is how much text of the choice went before."""
        ...
