"""What the bodies of all endpoints share: read here once, for every dialect.

Everything a client can get wrong is found here or in its dialect. Unknown fields are accepted and
passed on to the upstream, as OpenAI servers do; our own and those that the gateway decides are not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError
from pydantic_core import from_json

from router.errors import InvalidRequest
from router.http.dialects.budgets import check_place, read_budget
from router.http.dialects.complaints import complaint
from router.http.dialects.options import unfolded
from router.http.dialects.values import Form, Integer, Length, Model, Number, Stops
from router.request import (
    AUTO,
    Alias,
    BudgetRequest,
    Prompt,
    RequestLimits,
    RouteRequest,
    SampleRequest,
    TestRequest,
)
from sandbox import parse_limits, parse_min_integrity, parse_tests

_UNSUPPORTED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "tools": "tools are for chats: send the conversation to /v1/chat/completions",
        "functions": "functions are not supported: send them as tools",
        "function_call": "function_call is not supported: send tool_choice",
    }
)
"""Fields that would change what an answer is, and what to do instead."""
_DECIDED: Final = frozenset({"n_cmpl", "id_slot", "post_sampling_probs", "response_fields", "echo"})
"""Servers' own names for what the gateway decides: passed on, they would override the plan."""

_READ_APART: Final = frozenset({"budget", "tests"})
"""Fields whose every value is checked where they are read."""

_OURS: Final = frozenset({"budget", "tests", "explain", "select"})
"""Fields that no server knows: in other letters they would be passed on, and mean nothing."""

_LIKELIHOODS: Final = frozenset({"logprobs", "top_logprobs"})

_LENGTHS: Final = ("max_tokens", "max_completion_tokens", "n_predict")
"""The names that a length goes by."""


class StreamOptions(BaseModel):
    """OpenAI's `stream_options`."""

    model_config = ConfigDict(extra="ignore")
    include_usage: StrictBool | None = None


class Body(BaseModel):
    """The fields of every endpoint."""

    model_config = ConfigDict(extra="allow", frozen=True)
    checked: ClassVar[tuple[str, ...]] = ("stop", "response_format")
    """Fields that are looked at here, and are the upstream's all the same."""

    model: Model = AUTO
    max_tokens: Length = None
    max_completion_tokens: Length = None
    n_predict: Length = None
    temperature: Annotated[Number, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    n: Annotated[Integer, Field(ge=1)] | None = None
    seed: Annotated[Integer, Field(ge=-(2**63), lt=2**63)] | None = None
    stop: Stops = None
    response_format: Form = None
    stream: StrictBool | None = None
    stream_options: StreamOptions | None = None
    best_of: Integer | None = None
    tests: Any = None
    budget: Any = None
    explain: StrictBool | None = None
    select: str | None = None


AnyBody = TypeVar("AnyBody", bound=Body)


def validated(kind: type[AnyBody], raw: bytes) -> AnyBody:
    """The body as the endpoint's own fields. Raises `InvalidRequest` and `InvalidBudget`."""
    try:
        # NaN and Infinity are no JSON, and a budget or temperature must not smuggle them in.
        parsed = from_json(raw, allow_inf_nan=False)
        _require_finite(parsed)
        body = kind.model_validate(unfolded(parsed))
    except ValidationError as error:
        raise complaint(error.errors(include_url=False)[0]) from None
    except ValueError as error:
        raise InvalidRequest(f"the body cannot be read as JSON: {error}") from None
    _check_extra(body.model_extra or {})
    return body


def _check_extra(extra: Mapping[str, Any]) -> None:
    """Refuse, of the fields that nobody here knows, those that should not be passed over.

    Raises `InvalidRequest` and `InvalidBudget`.
    """
    for name, advice in _UNSUPPORTED.items():
        if extra.get(name):
            raise InvalidRequest(advice, param=name)
    given = [name for name, value in extra.items() if value is not None]
    for name in given:
        if name.lower() in _OURS:
            raise InvalidRequest(f"{name} is not known: write {name.lower()}", param=name)
    check_place(given)


def understood(
    body: Body,
    headers: Mapping[str, str],
    limits: RequestLimits,
    *,
    prompt: Prompt,
    logprobs: int | None,
    least_tokens: int = 1,
) -> RouteRequest:
    """The request that a body makes, given what its dialect read of it.

    An answer must have room for `least_tokens`: with none there is an endpoint that has something
    to say. An answer of no tokens is the same however often it is drawn.

    Raises `InvalidRequest`, `InvalidBudget` and `InvalidTests`.
    """
    if body.select is not None and body.tests is not None:
        raise InvalidRequest(
            "select orders answers that no tests judge: send one of the two", param="select"
        )
    max_tokens = _length(body, least_tokens)
    meant = limits.meant_by(body.model)
    return RouteRequest(
        sampling=SampleRequest(
            prompt, passed_on(body), logprobs, _asked(body, max_tokens, logprobs)
        ),
        budget=_budget(body, headers, limits, meant),
        model=meant.model,
        n=_answers(body, limits),
        max_tokens=max_tokens,
        temperature=0 if max_tokens == 0 else body.temperature,
        seed=body.seed,
        tests=_tests(body.tests, limits),
        stream=bool(body.stream),
        include_usage=bool(body.stream_options and body.stream_options.include_usage),
        explain=bool(body.explain),
        select=body.select,
    )


def _budget(
    body: Body, headers: Mapping[str, str], limits: RequestLimits, meant: Alias
) -> BudgetRequest:
    """The request's own, over what its alias has, over the operator's."""
    return read_budget(
        headers,
        body.budget,
        default=meant.budget.over(limits.default_budget),
        maximum=limits.max_budget,
        policy_by_default=meant.policy,
    )


def _require_finite(parsed: object) -> None:
    """Refuse 1e999, which is JSON, but parses as infinity and cannot be passed on.

    Budget and tests never are, and who reads them has an error of their own. Raises
    `InvalidRequest`.
    """
    level: list[tuple[str, object]] = [("", parsed)]
    while level:
        inner: list[tuple[str, object]] = []
        for where, value in level:
            if isinstance(value, dict):
                keys = value.keys() - _READ_APART if value is parsed else value.keys()
                inner += [(where or key, value[key]) for key in keys]
            elif isinstance(value, list):
                inner += [(where, each) for each in value]
            elif isinstance(value, float) and not math.isfinite(value):
                raise InvalidRequest(
                    f"{where or 'the body'} has a number that is too large: leave it out, or send "
                    "one below 1e308",
                    param=where or None,
                )
        level = inner


def passed_on(body: Body) -> dict[str, Any]:
    """The client's own fields, but those that the gateway decides."""
    own = {k: v for k, v in (body.model_extra or {}).items() if k not in _DECIDED}
    for name in body.checked:
        if (value := getattr(body, name)) is not None:
            own[name] = value
    return own


def _length(body: Body, least: int) -> int | None:
    """How many tokens an answer may have, by whichever name that is said."""
    given: list[tuple[str, int]] = [
        (name, value) for name in _LENGTHS if (value := getattr(body, name)) is not None
    ]
    if not given:
        return None
    (name, value), *others = given
    for other, contradicting in others:
        if contradicting != value:
            raise InvalidRequest(
                f"{name} ({value}) and {other} ({contradicting}) contradict each other: send one",
                param=name,
            )
    if value < least:
        raise InvalidRequest(f"{name} is {value}; an answer has at least {least}", param=name)
    return value


def _asked(body: Body, max_tokens: int | None, logprobs: int | None) -> frozenset[str]:
    """What the client set, also where its endpoint has another name for it."""
    limit = () if max_tokens is None else ("max_tokens",)
    likelihoods = () if logprobs is None else ("logprobs",)
    usual, extra = _usual(type(body)), body.model_extra or {}
    # A client that says that it wants none has not set those that we ask for.
    unwanted = _LIKELIHOODS if logprobs is None else frozenset[str]()
    named = (
        name
        for name in body.model_fields_set - unwanted
        if (value := extra[name] if name in extra else getattr(body, name)) is not None
        and value != usual.get(name)
    )
    return frozenset((*named, *limit, *likelihoods))


@cache
def _usual(kind: type[Body]) -> Mapping[str, Any]:
    """The fields' values where a client sets none."""
    return {name: field.default for name, field in kind.model_fields.items()}


def _answers(body: Body, limits: RequestLimits) -> int:
    """How many answers are wanted."""
    n = body.n or 1
    if n > limits.max_n:
        raise InvalidRequest(f"n is {n}; this gateway returns at most {limits.max_n}", param="n")
    if body.best_of not in (None, n):
        raise InvalidRequest(
            "best_of is not supported: ask for the policy best_of_n instead", param="best_of"
        )
    return n


def _tests(tests: object, limits: RequestLimits) -> TestRequest | None:
    if tests is None:
        return None
    parsed = parse_tests(tests, max_bytes=limits.max_tests_bytes)
    options = tests if isinstance(tests, Mapping) else {}
    return TestRequest(
        parsed,
        parse_limits(options.get("limits"), limits.sandbox_caps),
        parse_min_integrity(options.get("min_integrity")),
    )
