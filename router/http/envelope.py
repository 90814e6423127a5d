"""The shape that OpenAI gives every answer and every chunk, whatever a choice holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class AnswerHead:
    """What every piece of one answer repeats; `created` is in seconds since 1970."""

    request_id: str
    created: int
    model: str


class OpenAIEnvelope:
    """The outside of a dialect of OpenAI's endpoints, which differ in names alone."""

    __slots__ = ()

    id_prefix: ClassVar[str]
    whole: ClassVar[str]
    chunk: ClassVar[str]
    end_of_stream: ClassVar[bytes] = b"data: [DONE]\n\n"

    def whole_answer(
        self, head: AnswerHead, choices: Sequence[dict[str, Any]], usage: dict[str, int]
    ) -> dict[str, Any]:
        """An answer that is told at once."""
        return self._headed(head, self.whole) | {"choices": list(choices), "usage": usage}

    def stream_chunk(
        self,
        head: AnswerHead,
        choices: Sequence[dict[str, Any]],
        usage: dict[str, int] | None = None,
    ) -> dict[str, Any]:
        """A piece of a stream; OpenAI's usage chunk has no choices."""
        told = {} if usage is None else {"usage": usage}
        return self._headed(head, self.chunk) | {"choices": list(choices)} | told

    def _headed(self, head: AnswerHead, name: str) -> dict[str, Any]:
        return {
            "id": f"{self.id_prefix}-{head.request_id}",
            "object": name,
            "created": head.created,
            "model": head.model,
        }
