"""The dialect of `POST /v1/chat/completions`: the next message of a conversation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, FailFast, Field, StrictBool

from router.errors import InvalidRequest
from router.http.dialects.body import Body, passed_on, understood, validated
from router.http.dialects.envelope import OpenAIEnvelope
from router.http.dialects.values import Integer, Modalities, Tools
from router.request import ChatPrompt, RequestLimits, RouteRequest
from router.upstream.said.chunks import TokenLogprob


class Message(BaseModel):
    """One message of a conversation; its content is the upstream's to understand."""

    model_config = ConfigDict(extra="allow", frozen=True)
    role: str


class ChatBody(Body):
    """`POST /v1/chat/completions`."""

    checked: ClassVar[tuple[str, ...]] = (*Body.checked, "modalities")

    messages: Annotated[list[Message], FailFast(), Field(min_length=1)]
    tools: Tools = []  # noqa: RUF012 pydantic copies it
    modalities: Modalities = None
    logprobs: StrictBool | None = None
    top_logprobs: Annotated[Integer, Field(ge=0, le=20)] | None = None


@dataclass(frozen=True, slots=True)
class Chat(OpenAIEnvelope):
    """Choices are messages, and in a stream what is added to them."""

    body: ClassVar[type[Body]] = ChatBody
    id_prefix: ClassVar[str] = "chatcmpl"
    whole: ClassVar[str] = "chat.completion"
    chunk: ClassVar[str] = "chat.completion.chunk"

    def read(
        self, raw: bytes, headers: Mapping[str, str], limits: RequestLimits
    ) -> tuple[RouteRequest, ...]:
        """See `Dialect`."""
        body = validated(ChatBody, raw)
        forced = (body.model_extra or {}).get("tool_choice") not in (None, "auto", "none")
        if forced and not body.tools:
            raise InvalidRequest(
                "tool_choice forces a call, and there are no tools: send tools, or leave it out",
                param="tool_choice",
            )
        request = understood(
            body,
            headers,
            limits,
            prompt=ChatPrompt(
                tuple(message.model_dump() for message in body.messages),
                tuple(body.tools or ()),
                {name: value for name, value in passed_on(body).items() if value is not None},
            ),
            logprobs=(body.top_logprobs or 0) if body.logprobs else None,
        )
        return (request,)

    def answer(
        self,
        request: RouteRequest,  # noqa: ARG002 of Dialect
        text: str,
        calls: Sequence[Mapping[str, Any]],
        thought: str,
    ) -> dict[str, Any]:
        """The message; one that only calls has no content."""
        told: dict[str, Any] = {"tool_calls": list(calls)} if calls else {}
        if thought:
            told["reasoning_content"] = thought
        return {"message": {"role": "assistant", "content": text or (None if calls else "")} | told}

    def opening(self, request: RouteRequest) -> dict[str, Any] | None:  # noqa: ARG002 of Dialect
        """Who speaks."""
        return {"delta": {"role": "assistant", "content": ""}}

    def piece(self, text: str) -> dict[str, Any]:
        """What is added."""
        return {"delta": {"content": text}}

    def thinking(self, thought: str) -> dict[str, Any] | None:
        """What is added to the thought."""
        return {"delta": {"reasoning_content": thought}}

    def calling(self, calls: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Pieces of calls, each with the place of its own."""
        return {"delta": {"tool_calls": list(calls)}}

    def ending(self) -> dict[str, Any]:
        """Nothing is added any more."""
        return {"delta": {}}

    def logprobs(self, tokens: Sequence[TokenLogprob], offset: int) -> dict[str, Any]:  # noqa: ARG002 of Dialect
        """An entry for each token."""

        def entry(token: str, logprob: float | None) -> dict[str, Any]:
            return {"token": token, "logprob": logprob, "bytes": list(token.encode())}

        return {
            "content": [
                entry(token.token, token.logprob)
                | {"top_logprobs": [entry(*alternative) for alternative in token.top]}
                for token in tokens
            ]
        }
