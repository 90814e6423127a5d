"""OpenAI JSON in, domain values out. Everything a client can get wrong is found here.

Unknown fields are accepted and passed on to the upstream, as OpenAI servers do; our own and those
that the gateway decides are not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, ValidationError
from pydantic_core import from_json

from policies.values import Budget
from router.errors import InvalidRequest, InvalidTestsError
from router.http.budgets import BudgetRequest, read_budget
from router.plan.verdicts import TestRequest
from router.request import ChatPrompt, Prompt, TextPrompt
from router.upstream.client import SampleRequest
from sandbox import InvalidTests, Limits, parse_limits, parse_min_integrity, parse_tests

AUTO: Final = "auto"
_UNSUPPORTED: Final = ("tools", "functions")
_DECIDED: Final = frozenset(
    {"n_predict", "n_cmpl", "id_slot", "max_completion_tokens", "post_sampling_probs"}
)
"""Servers' own names for what the gateway decides: passed on, they would override the plan."""


def _number(value: object) -> object:
    """`true` and "5" are no numbers, though they can be read as some."""
    if isinstance(value, bool | str):
        raise ValueError("expected a number")  # noqa: TRY004 pydantic's way to say so
    return value


def _stops(value: object) -> object:
    """What is not understood would be passed over by some servers, and decides what is tested."""
    match value:
        case None | str():
            return value
        case list() if all(isinstance(stop, str) for stop in value):
            return value
    raise ValueError("expected a text or a list of texts")


Integer: TypeAlias = Annotated[int, BeforeValidator(_number)]
Number: TypeAlias = Annotated[float, BeforeValidator(_number)]
Tokens: TypeAlias = Annotated[Integer, Field(ge=1, lt=2**31)]
"""A number of tokens, of a size that servers and floats can still take."""


class StreamOptions(BaseModel):
    """OpenAI's `stream_options`."""

    model_config = ConfigDict(extra="ignore")
    include_usage: StrictBool = False


class Body(BaseModel):
    """What both endpoints share."""

    model_config = ConfigDict(extra="allow", frozen=True)

    model: Annotated[str, Field(min_length=1, max_length=256)] = AUTO
    max_tokens: Tokens | None = None
    temperature: Annotated[Number, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    n: Annotated[Integer, Field(ge=1)] | None = None
    seed: Annotated[Integer, Field(ge=-(2**63), lt=2**63)] | None = None
    stop: Annotated[Any, BeforeValidator(_stops)] = None
    stream: StrictBool | None = None
    stream_options: StreamOptions | None = None
    best_of: Integer | None = None
    tests: Any = None
    budget: Any = None
    explain: StrictBool | None = None
    select: Any = None


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


class Message(BaseModel):
    """One message of a conversation; its content is the upstream's to understand."""

    model_config = ConfigDict(extra="allow", frozen=True)
    role: str


class ChatBody(Body):
    """`POST /v1/chat/completions`."""

    messages: Annotated[list[Message], Field(min_length=1)]
    max_completion_tokens: Tokens | None = None
    logprobs: StrictBool | None = None
    top_logprobs: Annotated[Integer, Field(ge=0, le=20)] | None = None


@dataclass(frozen=True, slots=True)
class RouteRequest:
    """A request, understood."""

    kind: Literal["completion", "chat"]
    prompt: Prompt
    sampling: SampleRequest
    budget: BudgetRequest
    model: str = AUTO
    n: int = 1
    max_tokens: int | None = None
    temperature: float | None = None
    seed: int | None = None
    tests: TestRequest | None = None
    stream: bool = False
    include_usage: bool = False
    echo: bool = False
    explain: bool = False

    @property
    def detailed(self) -> bool:
        """Whether a stream's last chunk carries the `router` object."""
        return self.explain or self.budget.given or self.tests is not None


@dataclass(frozen=True, slots=True)
class WireLimits:
    """What the operator allows a request to ask for."""

    max_n: int = 64
    max_tests_bytes: int = 2**20
    default_budget: Budget = field(default_factory=Budget)
    max_budget: Budget = field(default_factory=Budget)
    sandbox_caps: Limits = field(default_factory=Limits)


def parse_completion(raw: bytes, headers: Mapping[str, str], limits: WireLimits) -> RouteRequest:
    """Read a completion request. Raises `InvalidRequest` and `InvalidBudget`."""
    body = _validate(CompletionBody, raw)
    return _request(
        body,
        headers,
        limits,
        kind="completion",
        prompt=TextPrompt(body.prompt, body.suffix or None),
        max_tokens=body.max_tokens,
        logprobs=body.logprobs,
        echo=bool(body.echo),
    )


def parse_chat(raw: bytes, headers: Mapping[str, str], limits: WireLimits) -> RouteRequest:
    """Read a chat request. Raises `InvalidRequest` and `InvalidBudget`."""
    body = _validate(ChatBody, raw)
    return _request(
        body,
        headers,
        limits,
        kind="chat",
        prompt=ChatPrompt(tuple(message.model_dump() for message in body.messages)),
        max_tokens=body.max_completion_tokens or body.max_tokens,
        logprobs=(body.top_logprobs or 0) if body.logprobs else None,
        echo=False,
    )


AnyBody = TypeVar("AnyBody", bound=Body)


def _validate(kind: type[AnyBody], raw: bytes) -> AnyBody:
    try:
        # NaN and Infinity are no JSON, and a budget or temperature must not smuggle them in.
        parsed = from_json(raw, allow_inf_nan=False)
        _require_finite(parsed)
        body = kind.model_validate(parsed)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidRequest(f"{where or 'body'}: {first['msg']}", param=where or None) from None
    except ValueError as error:
        raise InvalidRequest(f"the body is not JSON: {error}") from None
    for name in _UNSUPPORTED:
        if (body.model_extra or {}).get(name):
            raise InvalidRequest(
                f"{name} are not supported: this gateway completes code", param=name
            )
    return body


def _require_finite(parsed: object) -> None:
    """Raise ValueError for 1e999, which is JSON, but parses as infinity and cannot be passed on."""
    level: list[object] = [parsed]
    while level:
        inner: list[object] = []
        for value in level:
            if isinstance(value, Mapping):
                inner += value.values()
            elif isinstance(value, list):
                inner += value
            elif isinstance(value, float) and not math.isfinite(value):
                raise ValueError("a number is too large")
        level = inner


def _request(
    body: Body,
    headers: Mapping[str, str],
    limits: WireLimits,
    *,
    kind: Literal["completion", "chat"],
    prompt: Prompt,
    max_tokens: int | None,
    logprobs: int | None,
    echo: bool,
) -> RouteRequest:
    if echo and logprobs is not None:
        raise InvalidRequest("echo with logprobs is not supported: send one of them", param="echo")
    if body.select is not None:
        raise InvalidRequest("select is not supported yet: leave it out", param="select")
    return RouteRequest(
        kind=kind,
        prompt=prompt,
        sampling=SampleRequest(prompt, _passed_on(body), logprobs),
        budget=read_budget(
            headers, body.budget, default=limits.default_budget, maximum=limits.max_budget
        ),
        model=body.model,
        n=_answers(body, limits),
        max_tokens=max_tokens,
        temperature=body.temperature,
        seed=body.seed,
        tests=_tests(body.tests, limits),
        stream=bool(body.stream),
        include_usage=body.stream_options is not None and body.stream_options.include_usage,
        echo=echo,
        explain=bool(body.explain),
    )


def _passed_on(body: Body) -> dict[str, Any]:
    """The client's own fields, but those that the gateway decides."""
    own = {k: v for k, v in (body.model_extra or {}).items() if k not in _DECIDED}
    return own if body.stop is None else own | {"stop": body.stop}


def _answers(body: Body, limits: WireLimits) -> int:
    """How many answers are wanted."""
    n = body.n or 1
    if n > limits.max_n:
        raise InvalidRequest(f"n is {n}; this gateway returns at most {limits.max_n}", param="n")
    if body.best_of not in (None, n):
        raise InvalidRequest(
            "best_of is not supported: ask for the policy best_of_n instead", param="best_of"
        )
    return n


def _tests(tests: object, limits: WireLimits) -> TestRequest | None:
    if tests is None:
        return None
    try:
        parsed = parse_tests(tests, max_bytes=limits.max_tests_bytes)
        options = tests if isinstance(tests, Mapping) else {}
        return TestRequest(
            parsed,
            parse_limits(options.get("limits"), limits.sandbox_caps),
            parse_min_integrity(options.get("min_integrity")),
        )
    except InvalidTests as error:
        raise InvalidTestsError(str(error), param="tests") from error
