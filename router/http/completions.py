"""The dialect of `POST /v1/completions`: text after a prompt, or between a prompt and a suffix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, StrictBool

from router.errors import InvalidRequest
from router.http.body import Body, Integer, understood, validated
from router.http.envelope import OpenAIEnvelope
from router.request import RequestLimits, RouteRequest, TextPrompt
from router.upstream.chunks import TokenLogprob


def _one_text(prompt: object) -> str:
    """OpenAI also takes several prompts, and prompts as token numbers; we take one text."""
    match prompt:
        case str(text) | [str(text)]:
            return text
        case _:
            raise ValueError(
                "expected one text; several prompts or token numbers are not supported"
            )


class CompletionBody(Body):
    """`POST /v1/completions`."""

    prompt: Annotated[str, BeforeValidator(_one_text)]
    suffix: str | None = None
    echo: StrictBool | None = None
    logprobs: Annotated[Integer, Field(ge=0, le=20)] | None = None


@dataclass(frozen=True, slots=True)
class Completions(OpenAIEnvelope):
    """Choices are texts; with `echo` the prompt stands before each."""

    body: ClassVar[type[Body]] = CompletionBody
    id_prefix: ClassVar[str] = "cmpl"
    whole: ClassVar[str] = "text_completion"
    chunk: ClassVar[str] = "text_completion"

    def read(self, raw: bytes, headers: Mapping[str, str], limits: RequestLimits) -> RouteRequest:
        """See `Dialect`."""
        body = validated(CompletionBody, raw)
        if body.echo and body.logprobs is not None:
            raise InvalidRequest(
                "echo with logprobs is not supported: send one of them", param="echo"
            )
        return understood(
            body,
            headers,
            limits,
            prompt=TextPrompt(body.prompt, body.suffix or None),
            max_tokens=body.max_tokens,
            logprobs=body.logprobs,
            echo=bool(body.echo),
        )

    def answer(
        self,
        request: RouteRequest,
        text: str,
        calls: Sequence[Mapping[str, Any]],  # noqa: ARG002 of Dialect
    ) -> dict[str, Any]:
        """The text, after the prompt where it is echoed."""
        return {"text": _echoed(request) + text}

    def opening(self, request: RouteRequest) -> dict[str, Any] | None:
        """The prompt, where it is echoed."""
        echoed = _echoed(request)
        return {"text": echoed} if echoed else None

    def piece(self, text: str) -> dict[str, Any]:
        """The text."""
        return {"text": text}

    def calling(self, calls: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: ARG002 of Dialect
        """A text calls nothing."""
        return {"text": ""}

    def ending(self) -> dict[str, Any]:
        """No more text."""
        return {"text": ""}

    def logprobs(self, tokens: Sequence[TokenLogprob], offset: int) -> dict[str, Any]:
        """Parallel lists."""
        offsets = []
        for token in tokens:
            offsets.append(offset)
            offset += len(token.token)
        return {
            "tokens": [token.token for token in tokens],
            "token_logprobs": [token.logprob for token in tokens],
            "top_logprobs": [dict(token.top) for token in tokens],
            "text_offset": offsets,
        }


def _echoed(request: RouteRequest) -> str:
    return request.prompt.text if request.echo and isinstance(request.prompt, TextPrompt) else ""
