"""The dialect of `POST /infill`, as llama.cpp's own clients speak it.

`input_prefix` and `prompt` stand before the cursor (what is above its line, and what is on it),
`input_suffix` behind it; `input_extra` are parts of other files. `t_max_predict_ms` is the time
that an editor waits, so it caps the latency budget. A request for no tokens at all is sent while
nobody types, so that the server has read the prompt when somebody does: it is in no hurry.

Answers have llama.cpp's fields, as far as they are known here; `response_fields` picks some of
them, by paths such as `timings/prompt_n`. Where several answers are asked for (`n_cmpl`), they are
a list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Final, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field

from router.errors import InvalidRequest
from router.http.dialects.body import Body, understood, validated
from router.http.dialects.envelope import AnswerHead, Tally, TextChoices
from router.http.dialects.values import Integer, Number, no_list
from router.request import RequestLimits, RouteRequest, TextPrompt
from router.upstream.said.chunks import TokenLogprob

_HINTS: Final = frozenset({"samplers", "n_indent", "cache_prompt", "top_k"})
"""What editors tell llama.cpp with each keystroke, and nobody can set: of answers it asks nothing.
"""

_STOP_TYPES: Final[Mapping[str, str]] = {"length": "limit", "stop": "eos"}
"""Finish reasons in llama.cpp's words. Which of the stops ended an answer is not known here."""


def _text(value: object) -> object:
    """Null is no text."""
    return "" if value is None else value


Text: TypeAlias = Annotated[str, BeforeValidator(_text, json_schema_input_type=str | None)]


class ExtraFile(BaseModel):
    """A part of another file; when it was last seen is of no use here."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    text: str
    filename: Text = ""


class InfillBody(Body):
    """`POST /infill`."""

    input_prefix: Text
    input_suffix: Text
    input_extra: Annotated[
        tuple[ExtraFile, ...],
        FailFast(),
        BeforeValidator(no_list, json_schema_input_type=list[ExtraFile] | None),
    ] = ()
    prompt: Text = ""
    n_cmpl: Annotated[Integer, Field(ge=1)] | None = None
    t_max_predict_ms: Annotated[Number, Field(allow_inf_nan=False)] | None = None
    t_max_prompt_ms: Annotated[Number, Field(allow_inf_nan=False)] | None = None
    response_fields: Annotated[
        tuple[str, ...],
        FailFast(),
        BeforeValidator(no_list, json_schema_input_type=list[str] | None),
    ] = ()


@dataclass(frozen=True, slots=True)
class Infill(TextChoices):
    """Choices are results: a text, and whether and how it has stopped."""

    body: ClassVar[type[Body]] = InfillBody
    text: ClassVar[str] = "content"
    end_of_stream: ClassVar[bytes] = b""

    def read(
        self, raw: bytes, headers: Mapping[str, str], limits: RequestLimits
    ) -> tuple[RouteRequest, ...]:
        """See `Dialect`."""
        body = validated(InfillBody, raw)
        if body.n_cmpl is not None:
            if body.n not in (None, body.n_cmpl):
                raise InvalidRequest("n and n_cmpl contradict each other: send one", param="n")
            body = body.model_copy(update={"n": body.n_cmpl})
        prompt = TextPrompt(
            body.input_prefix + body.prompt,
            body.input_suffix,
            tuple((extra.filename, extra.text) for extra in body.input_extra),
        )
        request = understood(body, headers, limits, prompt=prompt, logprobs=None, least_tokens=0)
        sampling = replace(request.sampling, hints=_HINTS)
        request = replace(
            request, sampling=sampling, answer_fields=body.response_fields, include_usage=False
        )
        if request.max_tokens == 0 or not body.t_max_predict_ms or body.t_max_predict_ms < 0:
            return (request,)
        return (_within(request, body.t_max_predict_ms),)

    def whole_answer(
        self,
        request: RouteRequest,
        head: AnswerHead,
        choices: Sequence[dict[str, Any]],
        usage: dict[str, Any],  # noqa: ARG002 of Dialect
        details: dict[str, Any],
    ) -> Any:
        """A result, or a list of them where several were asked for."""
        best, *others = (
            _picked(_result(choice, head.model), request.answer_fields) for choice in choices
        )
        results = [best | details, *others]
        return results if request.n > 1 else results[0]

    def stream_chunk(
        self,
        head: AnswerHead,
        choices: Sequence[dict[str, Any]],
        usage: dict[str, Any] | None = None,  # noqa: ARG002 of Dialect
    ) -> dict[str, Any]:
        """A piece of a result."""
        (choice,) = choices
        return _result(choice, head.model)

    def answer(
        self,
        request: RouteRequest,  # noqa: ARG002 of Dialect
        text: str,
        calls: Sequence[Mapping[str, Any]],  # noqa: ARG002 of Dialect
        thought: str,  # noqa: ARG002 of Dialect
    ) -> dict[str, Any]:
        """The text."""
        return {"content": text}

    def opening(self, request: RouteRequest) -> dict[str, Any] | None:  # noqa: ARG002 of Dialect
        """Nothing."""
        return None

    def tally(self, tally: Tally) -> dict[str, Any]:
        """Tokens and times. What a slot holds at the end is what llama.cpp calls cached."""
        computed = tally.prompt_tokens - tally.cached_tokens
        return {
            "tokens_predicted": tally.completion_tokens,
            "tokens_evaluated": tally.prompt_tokens,
            "tokens_cached": tally.prompt_tokens + tally.completion_tokens,
            "has_new_line": "\n" in tally.text,
            "truncated": False,
            "timings": {"cache_n": tally.cached_tokens}
            | _timed("prompt", computed, tally.prompt_ms)
            | _timed("predicted", tally.completion_tokens, tally.predicted_ms),
        }

    def logprobs(self, tokens: Sequence[TokenLogprob], offset: int) -> dict[str, Any]:  # noqa: ARG002 of Dialect
        """Nobody can ask for them here."""
        return {}


def _within(request: RouteRequest, milliseconds: float) -> RouteRequest:
    """The request, with no more time than that."""
    given = request.budget.budget
    latency = min(milliseconds, given.latency_ms or milliseconds)
    budget = replace(given, latency_ms=latency)
    return replace(request, budget=replace(request.budget, budget=budget))


def _result(choice: Mapping[str, Any], model: str) -> dict[str, Any]:
    """A choice in llama.cpp's words; the one that ends it says how."""
    told = {key: value for key, value in choice.items() if key not in {"logprobs", "finish_reason"}}
    reason = choice["finish_reason"]
    if reason is None:
        return told | {"tokens": [], "stop": False, "id_slot": -1}
    stopped = {"stop_type": _STOP_TYPES.get(reason, "none"), "stopping_word": ""}
    return told | {"tokens": [], "stop": True, "id_slot": -1, "model": model} | stopped


def _timed(name: str, tokens: int, milliseconds: float) -> dict[str, float]:
    return {
        f"{name}_n": tokens,
        f"{name}_ms": round(milliseconds, 3),
        f"{name}_per_token_ms": round(milliseconds / tokens, 3) if tokens else 0.0,
        f"{name}_per_second": round(1000 * tokens / milliseconds, 3) if milliseconds else 0.0,
    }


def _picked(result: dict[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """What the client wants of a result, each under the path that it named; all if none."""
    if not paths:
        return result
    picked: dict[str, Any] = {}
    for path in paths:
        value: Any = result
        for key in path.split("/"):
            value = value.get(key, _MISSING) if isinstance(value, Mapping) else _MISSING
        if value is not _MISSING:
            picked[path] = value
    return picked


_MISSING: Final = object()
