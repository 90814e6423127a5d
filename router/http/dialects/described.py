"""What `/openapi.json` says: the bodies, budgets and tests that requests may hold.

It is read off the models that parse the bodies and off the values that the sandbox takes, so that
it cannot say anything else than they do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import MISSING, fields
from dataclasses import Field as DataclassField
from typing import Annotated, Any, Final, TypeAlias

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from starlette.routing import BaseRoute

from policies.selection.choosing import NAMES
from router.http.dialects.dialect import Dialect
from router.http.dialects.options import OPTIONS
from sandbox import IO, Asserts, Call, Calls, Integrity, IOCase, Limits, Pytest

_REF: Final = "#/components/schemas/{model}"


def _ref(name: str) -> dict[str, str]:
    return {"$ref": _REF.format(model=name)}


_KINDS: Final[Mapping[str, type]] = {
    "asserts": Asserts,
    "calls": Calls,
    "io": IO,
    "pytest": Pytest,
}
_ANY: Final[Mapping[str, Any]] = {}
_WRITTEN: Final[Mapping[str, Mapping[str, Any]]] = {
    "str": {"type": "string"},
    "bool": {"type": "boolean"},
    "float | None": {"type": ["number", "null"], "minimum": 0},
    "JSONValue": _ANY,
    "Sequence[JSONValue]": {"type": "array"},
    "tuple[JSONValue, ...]": {"type": "array"},
    "Mapping[str, JSONValue]": {"type": "object"},
    "tuple[Call, ...]": {"type": "array", "minItems": 1, "items": _ref("Call")},
    "tuple[IOCase, ...]": {"type": "array", "minItems": 1, "items": _ref("IOCase")},
}
"""How the types of fields look in JSON."""

_BOUNDS: Final[Mapping[str, str]] = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
}
_OPTIONS: Final[Mapping[str, Any]] = {
    "type": ["object", "null"],
    "description": "Ollama's way to say what else stands at the top.",
    "properties": dict.fromkeys(OPTIONS, _ANY),
    "additionalProperties": False,
}

_SELECT: Final[Mapping[str, Any]] = {
    "type": ["string", "null"],
    "description": "What orders answers that no tests judge.",
    "examples": list(NAMES),
}

_OPTIONAL: Final = frozenset({"args", "stdin"})
"""Fields that a case may leave out, though the value has them."""

_NUMBER: Final = r"(0*[1-9]\d{0,9}(\.\d{0,9})?|0*\.0{0,9}[1-9]\d{0,9})"
"""Digits that are more than nothing; exponents are taken too, but not all are a finite number."""

FlopsText: TypeAlias = Annotated[str, Field(pattern=f"^{_NUMBER}[KMGTPE]?$")]
ProbabilityText: TypeAlias = Annotated[str, Field(pattern=r"^0*\.\d{0,9}[1-9]\d{0,5}$")]
MillisecondsText: TypeAlias = Annotated[str, Field(pattern=f"^{_NUMBER}$")]
Positive: TypeAlias = Annotated[float, Field(gt=0)]
Probability: TypeAlias = Annotated[float, Field(gt=0, lt=1)]


class BudgetObject(BaseModel):
    """What a request may spend; headers of the same meaning win."""

    model_config = ConfigDict(extra="forbid")
    flops: Positive | FlopsText | None = None
    latency_ms: Positive | MillisecondsText | None = None
    policy: str | None = None
    target: Probability | ProbabilityText | None = None


_BUDGET: Final[Mapping[str, tuple[str, Any]]] = {
    "X-Budget-FLOPs": (
        "Total model FLOPs: a number, or one with K, M, G, T, P or E as in 17.6T.",
        FlopsText,
    ),
    "X-Budget-Latency-Ms": ("Milliseconds from receipt to the last byte.", MillisecondsText),
    "X-Budget-Policy": ("The name of a policy.", Annotated[str, Field(min_length=1)]),
    "X-Budget-Target": (
        "Wanted probability that tests pass: the cheapest plan that is expected to reach it.",
        ProbabilityText,
    ),
}
_SESSION: Final[Mapping[str, tuple[str, Any]]] = {
    "X-Session-Id": (
        "An editor's session: a newer request of it ends the older one.",
        Annotated[str, Field(pattern=r"^[!-~]{1,256}$")],
    ),
}


class ErrorDetail(BaseModel):
    """What went wrong, in OpenAI's form; `code` is stable."""

    message: str
    type: str
    param: str | None
    code: str


class ErrorAnswer(BaseModel):
    """The body of every answer that is an error."""

    error: ErrorDetail


class QuoteOption(BaseModel):
    """What one budget would buy: give it as FLOPs, or as milliseconds.

    `success` is the expected probability that the tests pass, with its 95 % interval;
    `extrapolated` says in words what of the request was not calibrated.
    """

    flops: float
    latency_ms: float | None
    plan: str
    success: float
    low: float
    high: float
    extrapolated: str | None
    expected_flops: float


class QuoteAnswer(BaseModel):
    """What budgets would buy, the cheapest first, each more than the one before."""

    options: list[QuoteOption]


ERROR: Final[Mapping[str, Any]] = {
    "description": "An error.",
    "content": {"application/json": {"schema": _ref("ErrorAnswer")}},
}
"""An answer that is an error, as an entry of `responses`."""


def quoting(dialects: Iterable[Dialect]) -> dict[str, Any]:
    """What is added to the entry of quotes, for requests in one of these dialects."""
    bodies = {"anyOf": [_ref(dialect.body.__name__) for dialect in dialects]}
    content = {"application/json": {"schema": _ref("QuoteAnswer")}}
    answers = {"200": {"description": "What budgets would buy.", "content": content}}
    return _operation(bodies, answers, _BUDGET)


def operation(dialect: Dialect) -> dict[str, Any]:
    """What is added to an endpoint's entry: its body, headers and answers."""
    body = _ref(dialect.body.__name__)
    several = "n_cmpl" in dialect.body.model_fields  # llama.cpp tells them as a list
    answer = {"type": ["object", "array"] if several else "object"}
    content = {
        "application/json": {"schema": answer},
        "text/event-stream": {},  # of a stream, OpenAPI 3.1 can say no more
    }
    told = {"description": "An answer, or with `stream` its events.", "content": content}
    return _operation(body, {"200": told}, {**_BUDGET, **_SESSION})


def _operation(
    body: Mapping[str, Any],
    answers: Mapping[str, Any],
    headers: Mapping[str, tuple[str, Any]],
) -> dict[str, Any]:
    return {
        "parameters": [
            {
                "name": name,
                "in": "header",
                "schema": TypeAdapter(kind).json_schema(),
                "description": text,
            }
            for name, (text, kind) in headers.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {**answers, "default": ERROR},
    }


def describe(
    app: FastAPI, routes: Iterable[BaseRoute], dialects: Iterable[Dialect]
) -> dict[str, Any]:
    """The whole document, of these routes."""
    told = [_without_head(route) for route in routes]
    document = get_openapi(title=app.title, version=app.version, routes=told)
    known: dict[str, Any] = document.setdefault("components", {}).setdefault("schemas", {})
    bodies = [dialect.body for dialect in dialects]
    models: list[type[BaseModel]] = [BudgetObject, ErrorAnswer, QuoteAnswer, *bodies]
    for model in models:
        schema = model.model_json_schema(ref_template=_REF)
        known |= schema.pop("$defs", {})
        known[model.__name__] = schema
    for body in bodies:
        for name, own in (("tests", "Tests"), ("budget", "BudgetObject")):
            known[body.__name__]["properties"][name] = {"anyOf": [_ref(own), {"type": "null"}]}
        known[body.__name__]["properties"] |= {"select": _SELECT, "options": _OPTIONS}
    known["Tests"] = {
        "oneOf": [_ref(kind.__name__) for kind in _KINDS.values()],
        "description": "Tests that choose among the samples.",
    }
    known |= {kind.__name__: _tests(name, kind) for name, kind in _KINDS.items()}
    known |= {kind.__name__: _fields_of(kind) for kind in (Call, IOCase)}
    for entry in (entry for path in document["paths"].values() for entry in path.values()):
        entry["responses"].pop("422", None)  # FastAPI's own, which never comes
        entry["responses"].setdefault("default", ERROR)
    for unused in ("HTTPValidationError", "ValidationError"):
        known.pop(unused, None)
    standard: dict[str, Any] = _standard(document)
    return standard


def _without_head(route: BaseRoute) -> BaseRoute:
    """The route, told of once: HEAD goes without saying where there is GET."""
    if not isinstance(route, APIRoute) or "GET" not in (route.methods or ()):
        return route
    told = copy(route)
    told.methods = {"GET"}
    return told


def _standard(schema: Any) -> Any:
    """A schema with bounds as the standard writes them: those outside a validator come as ours."""
    if isinstance(schema, dict):
        return {_BOUNDS.get(key, key): _standard(value) for key, value in schema.items()}
    return [_standard(each) for each in schema] if isinstance(schema, list) else schema


def _tests(name: str, kind: type[Any]) -> dict[str, Any]:
    """The object of one kind of tests."""
    limits = {field.name: {"type": "number", "exclusiveMinimum": 0} for field in fields(Limits)}
    schema = _fields_of(kind)
    schema["properties"] |= {
        "kind": {"const": name},
        "limits": {"type": ["object", "null"], "properties": limits, "additionalProperties": False},
        "min_integrity": {"enum": [*Integrity, None]},
    }
    schema["required"] = ["kind", *schema["required"]]
    return schema


def _fields_of(kind: type[Any]) -> dict[str, Any]:
    """The object whose keys are the fields of a value."""
    optional = {each.name for each in fields(kind) if _has_default(each)} | _OPTIONAL
    return {
        "type": "object",
        "description": (kind.__doc__ or "").partition("\n")[0],
        "properties": {each.name: dict(_WRITTEN[str(each.type)]) for each in fields(kind)},
        "required": [each.name for each in fields(kind) if each.name not in optional],
        "additionalProperties": False,
    }


def _has_default(field: DataclassField[Any]) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING
