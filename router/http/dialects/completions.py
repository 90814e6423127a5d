"""The dialect of `POST /v1/completions`: text after a prompt, or between a prompt and a suffix.

A prompt is a text or token numbers, and there may be several: each becomes a request of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Final, TypeAlias

from pydantic import BeforeValidator, Field, SkipValidation, StrictBool

from router.errors import InvalidRequest
from router.http.dialects.body import Body, understood, validated
from router.http.dialects.envelope import OpenAIEnvelope, TextChoices
from router.http.dialects.values import Integer
from router.request import AUTO, RequestLimits, RouteRequest, TextPrompt, TokenPrompt
from router.upstream.said.chunks import TokenLogprob

_LARGEST_TOKEN: Final = 2**31 - 1
"""Servers keep token numbers in 32 bits."""


def _prompts(prompt: object) -> object:
    """One text or several, or the same as token numbers; not a mixture, and not none at all."""
    match prompt:
        case str():
            return prompt
        case [str(), *_] if all(isinstance(text, str) for text in prompt):
            return prompt
        case [list(), *_] if all(_are_tokens(tokens) for tokens in prompt):
            return prompt
        case _ if _are_tokens(prompt):
            return prompt
    raise ValueError("a text, a list of texts, token numbers, or a list of such lists")


def _are_tokens(prompt: object) -> bool:
    return (
        isinstance(prompt, list)
        and bool(prompt)
        and set(map(type, prompt)) == {int}  # no bool among them, and no loop of our own
        and min(prompt) >= 0
        and max(prompt) <= _LARGEST_TOKEN
    )


Prompts: TypeAlias = str | list[str] | list[int] | list[list[int]]
_Tokens: TypeAlias = Annotated[
    list[Annotated[int, Field(ge=0, le=_LARGEST_TOKEN)]], Field(min_length=1)
]
_Told: TypeAlias = (
    str
    | Annotated[list[str], Field(min_length=1)]
    | _Tokens
    | Annotated[list[_Tokens], Field(min_length=1)]
)
"""What `_prompts` lets through, for those who read the schema."""


class CompletionBody(Body):
    """`POST /v1/completions`."""

    # A union would have it all tried again as each of its members, and copied.
    prompt: Annotated[
        SkipValidation[Prompts], BeforeValidator(_prompts, json_schema_input_type=_Told)
    ]
    suffix: str | None = None
    echo: StrictBool | None = None
    logprobs: Annotated[Integer, Field(ge=0, le=20)] | None = None


@dataclass(frozen=True, slots=True)
class Completions(TextChoices, OpenAIEnvelope):
    """Choices are texts; with `echo` the prompt stands before each.

    `engine` is the model that the path names, where it is not the body that does.
    """

    engine: str | None = None
    body: ClassVar[type[Body]] = CompletionBody
    id_prefix: ClassVar[str] = "cmpl"
    text: ClassVar[str] = "text"
    whole: ClassVar[str] = "text_completion"
    chunk: ClassVar[str] = "text_completion"

    def read(
        self, raw: bytes, headers: Mapping[str, str], limits: RequestLimits
    ) -> tuple[RouteRequest, ...]:
        """See `Dialect`."""
        body = self._named(validated(CompletionBody, raw))
        prompts = _understood_prompts(body, limits.max_prompts)
        numbers = isinstance(prompts[0], TokenPrompt)
        # What the server knows of a prompt comes with the prompt, and then nobody else adds it.
        told = bool(body.echo) and (numbers or body.logprobs is not None)
        _check(body, several=len(prompts) > 1, numbers=numbers, told=told)
        request = understood(
            body,
            headers,
            limits,
            prompt=prompts[0],
            logprobs=body.logprobs,
            least_tokens=0 if body.echo else 1,
        )
        if body.echo:
            sampling = replace(request.sampling, echo=told)
            request = replace(request, sampling=sampling, echo=not told)
        others = (
            replace(request, sampling=replace(request.sampling, prompt=prompt))
            for prompt in prompts[1:]
        )
        return (request, *others)

    def answer(
        self,
        request: RouteRequest,
        text: str,
        calls: Sequence[Mapping[str, Any]],  # noqa: ARG002 of Dialect
        thought: str,  # noqa: ARG002 of Dialect
    ) -> dict[str, Any]:
        """The text, after the prompt where it is echoed."""
        return {"text": _echoed(request) + text}

    def opening(self, request: RouteRequest) -> dict[str, Any] | None:
        """The prompt, where it is echoed."""
        echoed = _echoed(request)
        return {"text": echoed} if echoed else None

    def logprobs(self, tokens: Sequence[TokenLogprob], offset: int) -> dict[str, Any]:
        """Parallel lists; a token itself is always among its alternatives.

        The first token of a prompt follows nothing, so that it has neither.
        """
        offsets = []
        for token in tokens:
            offsets.append(offset)
            offset += len(token.token)
        return {
            "tokens": [token.token for token in tokens],
            "token_logprobs": [token.logprob for token in tokens],
            "top_logprobs": [_alternatives(token) for token in tokens],
            "text_offset": offsets,
        }

    def _named(self, body: CompletionBody) -> CompletionBody:
        """The body with the model that the path names."""
        if not self.engine:
            return body
        if body.model not in (AUTO, self.engine):
            raise InvalidRequest(
                f"the path names the model {self.engine!r}, the body {body.model!r}: send one",
                param="model",
            )
        return body.model_copy(update={"model": self.engine})


def _understood_prompts(body: CompletionBody, most: int) -> list[TextPrompt] | list[TokenPrompt]:
    """The prompts of a body. Raises `InvalidRequest` where there are more than `most`."""
    prompt: Any = body.prompt  # of which the first entry tells the shape
    if isinstance(prompt, str):
        return [TextPrompt(prompt, body.suffix)]
    if isinstance(prompt[0], int):
        return [TokenPrompt(tuple(prompt))]
    if len(prompt) > most:
        raise InvalidRequest(
            f"{len(prompt)} prompts; this gateway takes at most {most} at once", param="prompt"
        )
    if isinstance(prompt[0], str):
        return [TextPrompt(text, body.suffix) for text in prompt]
    return [TokenPrompt(tuple(tokens)) for tokens in prompt]


def _check(body: CompletionBody, *, several: bool, numbers: bool, told: bool) -> None:
    """Refuse what goes with one text only. Raises `InvalidRequest`."""
    if body.tests is not None and several:
        raise InvalidRequest("tests are for one prompt: send a request for each", param="tests")
    if body.tests is not None and (numbers or told):
        what = "token numbers" if numbers else "echo with logprobs"
        raise InvalidRequest(
            f"tests need a program's text: they do not go with {what}", param="tests"
        )
    if body.suffix and (numbers or told):
        what = "token numbers" if numbers else "echo with logprobs"
        raise InvalidRequest(f"a suffix does not go with {what}: leave it out", param="suffix")


def _alternatives(token: TokenLogprob) -> dict[str, float] | None:
    if token.logprob is None:
        return None
    return dict(token.top) | {token.token: token.logprob}


def _echoed(request: RouteRequest) -> str:
    return request.prompt.text if request.echo and isinstance(request.prompt, TextPrompt) else ""
