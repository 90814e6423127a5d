"""Reads a request's budget: header over body over configuration, capped by the operator."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from policies.values import Budget, InvalidBudget, InvalidTarget
from router.http.dialects.complaints import shown
from router.request import AUTO, BudgetRequest

_SCALE: Final = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
_QUANTITY: Final = re.compile(
    r"(?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(?P<unit>[KMGTPE]?)"
)
"""No two of its parts can take the same digits, or a text that is none would be tried by pairs."""
_PROXY_TIMEOUT: Final = "x-envoy-expected-rq-timeout-ms"
_PREFIXES: Final = ("x-budget", "x_budget")
"""How headers begin that are meant as a budget, however they are misspelt."""

_HEADERS: Final = {
    "flops": "X-Budget-FLOPs",
    "latency_ms": "X-Budget-Latency-Ms",
    "policy": "X-Budget-Policy",
    "target": "X-Budget-Target",
}
_FIELDS: Final = {header.lower(): field for field, header in _HEADERS.items()}
_OF_ANSWERS: Final = frozenset({"x-budget-flops-used", "x-budget-latency-ms-used"})
"""What clients may send back as it came."""


def parse_flops(value: object) -> float:
    """FLOPs from a number, or from text such as `17.6T`. Raises `InvalidBudget`."""
    if isinstance(value, str) and (match := _QUANTITY.fullmatch(value.strip())):
        value = float(match["number"]) * _SCALE[match["unit"]]
    return _positive(value, "flops", "a number such as 2.5e15, or 17.6T or 2.5P")


def parse_latency(value: object) -> float:
    """Milliseconds from a number or its text. Raises `InvalidBudget`."""
    if isinstance(value, str) and (match := _QUANTITY.fullmatch(value.strip())):
        value = float(match["number"]) if not match["unit"] else value
    return _positive(value, "latency_ms", "milliseconds as a number, such as 500")


def parse_target(value: object) -> float:
    """A probability from a number or its text. Raises `InvalidTarget`."""
    if isinstance(value, str) and (match := _QUANTITY.fullmatch(value.strip())):
        value = float(match["number"]) if not match["unit"] else value
    if isinstance(value, float) and 0 < value < 1:
        return value
    raise InvalidTarget(f"budget target is {shown(value)}; expected a number above 0 and below 1")


def read_budget(
    headers: Mapping[str, str],
    body: object,
    *,
    default: Budget,
    maximum: Budget,
    policy_by_default: str | None = None,
) -> BudgetRequest:
    """The effective budget of a request. `headers` match without regard to case.

    A target is none of the operator's business: what it may spend is.

    Raises `InvalidBudget`, also for a header that looks like one of ours and is none: a budget that
    is misspelt must not be passed over.
    """
    given = _parsed(_of_body(body)) | _parsed(_of_headers(headers))  # a bad one never hides
    latency = given.get("latency_ms", default.latency_ms)
    return BudgetRequest(
        Budget(
            _least(given.get("flops", default.flops), maximum.flops),
            _least(latency, maximum.latency_ms, _proxy_timeout(headers)),
            given.get("target", default.target),
        ),
        policy=given.get("policy", policy_by_default or AUTO),
        given=bool(given.keys() - {"policy"}),
    )


def check_place(fields: Iterable[str]) -> None:
    """Refuse what belongs into `budget`, or into a header, among fields that nobody knows.

    Passed on like others, it would be passed over, and the request have no budget. Raises
    `InvalidBudget`.
    """
    for name in fields:
        if (field := name.lower()) in _HEADERS:
            raise InvalidBudget(f'{name} belongs into budget: send "budget": {{"{field}": ...}}')
        if name.lower().startswith(_PREFIXES):
            raise InvalidBudget(f'{name} is no field: send it as a header, or "budget": {{...}}')


def _policy_name(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidBudget(f"budget policy is {shown(value)}; expected the name of a policy")
    return value


_READ_BY: Final[Mapping[str, Callable[[object], Any]]] = {
    "flops": parse_flops,
    "latency_ms": parse_latency,
    "policy": _policy_name,
    "target": parse_target,
}


def _parsed(given: Mapping[str, object]) -> dict[str, Any]:
    """The fields that have a value, as what they mean."""
    return {field: _READ_BY[field](value) for field, value in given.items() if value is not None}


def _of_body(body: object) -> dict[str, object]:
    if body is None:
        return {}
    if not isinstance(body, Mapping):
        raise InvalidBudget('budget must be an object such as {"flops": "2.5T"}')
    if unknown := sorted(set(body) - _HEADERS.keys()):
        raise InvalidBudget(f"budget has no {', '.join(unknown)}; it has {', '.join(_HEADERS)}")
    return dict(body)


def _of_headers(headers: Mapping[str, str]) -> dict[str, object]:
    given: dict[str, object] = {}
    for header, value in headers.items():
        name = header.lower()
        if not name.startswith(_PREFIXES) or name in _OF_ANSWERS:
            continue
        field = _FIELDS.get(name)
        if field is None:
            there = ", ".join(_HEADERS.values())
            raise InvalidBudget(f"there is no header {header}; there are {there}")
        if field in given:
            raise InvalidBudget(f"the header {_HEADERS[field]} is there more than once")
        given[field] = value
    return given


def _positive(value: object, name: str, expected: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidBudget(f"budget {name} is {shown(value)}; expected {expected}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not (math.isfinite(number) and number > 0):
        raise InvalidBudget(f"budget {name} must be positive and finite, not {shown(value)}")
    return number


def _least(*values: float | None) -> float | None:
    known = [value for value in values if value is not None]
    return min(known) if known else None


def _proxy_timeout(headers: Mapping[str, str]) -> float | None:
    """The time that a proxy in front will wait: a bound it sets, so nonsense is no client error."""
    if _PROXY_TIMEOUT not in headers:  # mostly so, and looked at faster than caught
        return None
    try:
        return parse_latency(headers[_PROXY_TIMEOUT])
    except InvalidBudget:
        return None
