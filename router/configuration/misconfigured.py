"""What is wrong in a configuration, for the person who wrote it: where, and what would do.

The validator's own words speak of inputs, tags and extra keys, which nobody wrote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from router.settings import Settings

_SHOWN: Final = 60
_EXPECTED: Final[Mapping[str, str]] = {
    "missing": "is missing",
    "int": "must be a whole number",
    "float": "must be a number",
    "bool": "must be true or false",
    "string": "must be a text",
    "path": "must be a path",
    "url": "must be a URL such as http://127.0.0.1:8001",
    "dict": "must be a table",
    "model": "must be a table",
    "list": "must be a list",
    "tuple": "must be a list",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "finite_number": "must be finite",
    "literal_error": "must be {expected}",
    "union_tag_invalid": "must be one of {expected_tags}",
    "union_tag_not_found": "{discriminator} is missing",
    "string_pattern_mismatch": "must be printable ASCII without spaces, of at most 256 characters",
    "too_short": "needs at least {min_length}",
}
"""By the kind of error, or its first word; with what the kind tells of the bound."""

_TOLD_WITHOUT_VALUE: Final = frozenset({"missing", "union_tag_not_found", "too_short"})


def complaint(error: ValidationError) -> str:
    """All that is wrong, in one line."""
    return "; ".join(_one(each) for each in error.errors(include_url=False))


def _one(error: ErrorDetails) -> str:
    location, kind = error["loc"], error["type"]
    place = ".".join(_written(location))
    if kind == "extra_forbidden":
        return _unknown_key(location)
    if kind == "value_error":
        told = str(error["ctx"]["error"])
        return f"{place}: {told}" if place else told
    said = _EXPECTED.get(kind) or _EXPECTED.get(kind.partition("_")[0]) or error["msg"]
    said = said.format_map(error.get("ctx", {})).replace("'", '"')
    if kind in _TOLD_WITHOUT_VALUE:
        return f"{place}: {said}"
    return f"{place}: {said}, not {_short(error['input'])}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _unknown_key(location: tuple[int | str, ...]) -> str:
    *parts, name = location
    place = ".".join([*_written(parts), str(name)])
    known = _keys_at(parts)
    like = get_close_matches(str(name), known, n=1)
    meant = f"did you mean {like[0]}? " if like else ""
    return f"{place}: is no setting: {meant}there are {', '.join(known)}"


def _keys_at(parts: Sequence[int | str]) -> list[str]:
    """The keys that may stand in the section at a place."""
    here: Any = Settings
    for part in parts:
        here = _section(here, str(part))
    return list(here.model_fields) if _is_section(here) else []


def _written(location: Sequence[int | str]) -> list[str]:
    """A place as it stands in the file: the validator adds the kinds of the sections it chose."""
    here: Any = Settings
    found = []
    for part in map(str, location):
        if not any(part in _tags(each) for each in _choices(here)):
            found.append(part)
        here = _section(here, part)
    return found


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _section(kind: Any, part: str) -> Any:
    """What lies below a section, a table of sections, or the choice of one by its kind."""
    if _is_section(kind):
        field = kind.model_fields.get(part)
        return None if field is None else field.annotation
    choices = _choices(kind)
    tagged = [each for each in choices if part in _tags(each)]
    if tagged:
        return tagged[0]
    return choices[0] if len(choices) == 1 else kind


def _choices(kind: Any) -> list[Any]:
    """The sections that may stand in a table of them."""
    return [each for each in _all_args(kind) if _is_section(each)]


def _all_args(kind: Any) -> list[Any]:
    found = []
    for each in get_args(kind):
        found += [each, *_all_args(each)]
    return found


def _tags(kind: type[BaseModel]) -> set[str]:
    """The values of a section's literal fields, one of which tells its kind."""
    fields = kind.model_fields.values()
    return {value for each in fields for value in get_args(each.annotation) if type(value) is str}
