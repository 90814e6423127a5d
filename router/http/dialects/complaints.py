"""What is wrong with a body, for whoever wrote it: where, what was expected, and what is there.

The validator's own words speak of dictionaries, instances and classes, which nobody wrote. What has
no words here is told without them, and never in the validator's.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from pydantic_core import ErrorDetails

from router.errors import InvalidRequest

_EXPECTED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "bool_type": "true or false",
        "dict_type": "an object",
        "float_type": "a number",
        "int_from_float": "a whole number",
        "int_parsing_size": "a whole number of at most 64 bits",
        "int_type": "a whole number",
        "list_type": "a list",
        "model_type": "an object",
        "string_type": "a text",
        "tuple_type": "a list",
    }
)
"""By the kind of error, where the type is wrong."""

_BOUNDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "greater_than": "a number above {gt}",
        "greater_than_equal": "a number of at least {ge}",
        "less_than": "a number below {lt}",
        "less_than_equal": "a number of at most {le}",
    }
)
"""Likewise, where a number is none of those that may be."""

_SIZES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "string_too_long": "has {length} characters; there may be at most {max_length}",
        "too_long": "has {length} entries; there may be at most {max_length}",
        "too_short": "has {length} entries; send at least {min_length}",
    }
)

_NEEDED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "prompt": "the text to go on from",
        "messages": 'a list such as [{"role": "user", "content": "..."}]',
        "role": 'who says it, such as "user"',
        "input_prefix": "the text before the cursor",
        "input_suffix": "the text behind the cursor, which may be empty",
        "text": "the text of that part of a file",
    }
)
"""What to send for a field that must be there."""

_ONLY_KINDS: Final = frozenset({"an object", "a list"})
"""What `shown` says of values whose parts it does not tell."""

_SHOWN: Final = 40
_MOST_DIGITS: Final = 40


def complaint(error: ErrorDetails) -> InvalidRequest:
    """The error of a client that posted such a body."""
    where = place(error["loc"]) or "the body"
    param = ".".join(map(str, error["loc"]))
    return InvalidRequest(f"{where}{_said(error)}", param=param or None)


def place(keys: Iterable[int | str]) -> str:
    """Where a value stands in a body, as in `messages[0].role`."""
    found = ""
    for key in keys:
        if isinstance(key, int):
            found += f"[{key}]"
        else:
            found += f".{key}" if found else key
    return found


def shown(value: object) -> str:
    """A value that came as JSON, as JSON; what is long is only told of."""
    match value:
        case None | bool():
            return json.dumps(value)
        case int() | float():
            return _number(value)
        case str():
            return json.dumps(value, ensure_ascii=False) if len(value) <= _SHOWN else "a long text"
        case Mapping():
            return "an object"
        case _:
            return "a list" if value else "an empty list"


def _said(error: ErrorDetails) -> str:
    kind, given = error["type"], error["input"]
    if kind == "missing":
        needed = _NEEDED.get(str(error["loc"][-1]))
        return f" is missing: send {needed}" if needed else " is missing"
    if size := _SIZES.get(kind):
        return f" {size.format(length=len(given), **_known(error))}"
    if kind == "finite_number" or (kind == "float_type" and type(given) in (int, float)):
        return ": expected a number that is not as large as that"
    if expected := _expected(error):
        if kind == "value_error" and shown(given) in _ONLY_KINDS:
            # It may be what was expected but for what is in it: "a list of texts, not a list".
            return f": expected {expected}"
        return f": expected {expected}, not {shown(given)}"
    return f": {shown(given)} is not what may stand here"


def _expected(error: ErrorDetails) -> str | None:
    """What should stand there; None where nobody has words for it."""
    kind = error["type"]
    if kind == "value_error":  # our own: it says what was expected
        return str(error["ctx"]["error"])
    if bound := _BOUNDS.get(kind):
        return bound.format_map(_known(error))
    return _EXPECTED.get(kind)


def _known(error: ErrorDetails) -> dict[str, Any]:
    """What the validator tells of a bound, numbers as they are written in JSON."""
    return {
        key: f"{value:g}" if isinstance(value, float) else value
        for key, value in error.get("ctx", {}).items()
    }


def _number(value: float) -> str:
    if isinstance(value, float):
        return json.dumps(value) if math.isfinite(value) else "a number so large"
    # No more digits than can be read, and than can be written without harm.
    return str(value) if abs(value) < 10**_MOST_DIGITS else "a number so large"
