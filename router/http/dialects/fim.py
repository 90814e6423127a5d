"""The dialect of `POST /v1/fim/completions`, as Mistral has it.

It is asked like a completion and answers like a chat, which is all that its clients can read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from router.errors import InvalidRequest
from router.http.dialects.body import Body, understood, validated
from router.http.dialects.chat import Chat
from router.http.dialects.values import Integer
from router.request import RequestLimits, RouteRequest, TextPrompt


class FimBody(Body):
    """`POST /v1/fim/completions`."""

    prompt: str
    suffix: str | None = None
    random_seed: Annotated[Integer, Field(ge=-(2**63), lt=2**63)] | None = None


@dataclass(frozen=True, slots=True)
class Fim(Chat):
    """Choices are those of a chat."""

    body: ClassVar[type[Body]] = FimBody
    id_prefix: ClassVar[str] = "fim"

    def read(
        self, raw: bytes, headers: Mapping[str, str], limits: RequestLimits
    ) -> tuple[RouteRequest, ...]:
        """See `Dialect`."""
        body = validated(FimBody, raw)
        if body.random_seed is not None:
            if body.seed not in (None, body.random_seed):
                raise InvalidRequest("seed and random_seed contradict each other", param="seed")
            body = body.model_copy(update={"seed": body.random_seed})
        prompt = TextPrompt(body.prompt, body.suffix or "")
        return (understood(body, headers, limits, prompt=prompt, logprobs=None),)
