"""The shape that OpenAI gives every answer and every chunk, whatever a choice holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from router.request import RouteRequest


@dataclass(frozen=True, slots=True)
class AnswerHead:
    """What every piece of one answer repeats; `created` is in seconds since 1970."""

    request_id: str
    created: int
    model: str


@dataclass(frozen=True, slots=True)
class Tally:
    """A choice that has ended: its text, and what it took. Times are in milliseconds.

    Of the prompt's tokens so many were cached.
    """

    text: str
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    prompt_ms: float
    predicted_ms: float


class TextChoices:
    """The choices of a dialect that are texts, with nothing beside them."""

    __slots__ = ()

    text: ClassVar[str]
    """What holds it."""

    def piece(self, text: str) -> dict[str, Any]:
        """The text."""
        return {self.text: text}

    def thinking(self, thought: str) -> dict[str, Any] | None:  # noqa: ARG002 of Dialect
        """A text has no thought beside it."""
        return None

    def calling(self, calls: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: ARG002 of Dialect
        """A text calls nothing."""
        return {self.text: ""}

    def ending(self) -> dict[str, Any]:
        """No more text."""
        return {self.text: ""}


class OpenAIEnvelope:
    """The outside of a dialect of OpenAI's endpoints, which differ in names alone."""

    __slots__ = ()

    id_prefix: ClassVar[str]
    whole: ClassVar[str]
    chunk: ClassVar[str]
    end_of_stream: ClassVar[bytes] = b"data: [DONE]\n\n"

    def whole_answer(
        self,
        request: RouteRequest,  # noqa: ARG002 of Dialect
        head: AnswerHead,
        choices: Sequence[dict[str, Any]],
        usage: dict[str, Any],
        details: dict[str, Any],
    ) -> Any:
        """An answer that is told at once."""
        told = {"choices": list(choices), "usage": usage}
        return self._headed(head, self.whole) | told | details

    def stream_chunk(
        self,
        head: AnswerHead,
        choices: Sequence[dict[str, Any]],
        usage: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """A piece of a stream; OpenAI's usage chunk has no choices."""
        told = {} if usage is None else {"usage": usage}
        return self._headed(head, self.chunk) | {"choices": list(choices)} | told

    def tally(self, tally: Tally) -> dict[str, Any]:  # noqa: ARG002 of Dialect
        """Nothing: usage is of a whole answer."""
        return {}

    def _headed(self, head: AnswerHead, name: str) -> dict[str, Any]:
        return {
            "id": f"{self.id_prefix}-{head.request_id}",
            "object": name,
            "created": head.created,
            "model": head.model,
        }
