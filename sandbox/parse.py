"""Builds tests and limits from the JSON objects of the HTTP contract.

It guards the sandbox against tests that cannot be run, and tells the caller which part is wrong
and what would do: a fault of the tests must never be booked as the candidate's. It does not judge
what tests do, only that they can be read.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, TypeAlias

from sandbox import source as syntax
from sandbox.program import (
    IO,
    Asserts,
    Call,
    Calls,
    Integrity,
    InvalidTests,
    IOCase,
    Limits,
    Pytest,
    Tests,
)

Fields: TypeAlias = Mapping[str, Any]

_COMMON = frozenset({"kind", "limits", "min_integrity"})
_MAX_DEPTH = 100
_CASES = 10_000
_SHOWN = 80


def parse_tests(obj: object, *, max_bytes: int = 1 << 20) -> Tests:
    """Tests from their JSON object. Raises `InvalidTests`, also above `max_bytes` as JSON text.

    The optional keys `limits` and `min_integrity` are left to `parse_limits` and
    `parse_min_integrity`.
    """
    data = _object(obj, "tests")
    _check_size(data, max_bytes)
    kind = data.get("kind")
    parser = _PARSERS.get(kind) if isinstance(kind, str) else None
    if parser is None:
        named = ", ".join(_PARSERS)
        raise InvalidTests(f"tests.kind must be one of {named}, not {_short(kind)}")
    allowed, build = parser
    unknown = sorted(set(data) - allowed - _COMMON)
    if unknown:
        known = ", ".join(sorted(allowed | _COMMON))
        raise InvalidTests(f"tests of kind {kind} have no key {unknown[0]!r}; known are {known}")
    return build(data)


def parse_limits(obj: object, caps: Limits) -> Limits:
    """Limits from their JSON object, each capped by the operator's; absent ones are the cap.

    Raises `InvalidTests`.
    """
    if obj is None:
        return caps
    wanted: dict[str, float] = {}
    names = {item.name for item in fields(Limits)}
    for name, value in _object(obj, "tests.limits").items():
        if name not in names:
            raise InvalidTests(f"tests.limits has no key {name!r}; known are {sorted(names)}")
        wanted[name] = _limit(name, value, getattr(caps, name))
    return replace(caps, **wanted)  # type: ignore[arg-type] # each has its field's own type


def _limit(name: str, value: object, cap: float) -> float:
    whole = isinstance(cap, int)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidTests(f"tests.limits.{name} must be a number, not {_short(value)}")
    if not 0 < value < math.inf:
        raise InvalidTests(f"tests.limits.{name} must be above zero, not {_short(value)}")
    if whole and value != int(value):
        raise InvalidTests(f"tests.limits.{name} must be a whole number, not {_short(value)}")
    return cap if value >= cap else type(cap)(value)


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _named(value: object) -> str:
    """What it is, in JSON's words."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case Mapping():
            return "an object"
        case _:
            return "a list"


def parse_min_integrity(obj: object) -> Integrity:
    """The least integrity that a pass needs; `shared`, which any pass has, when absent."""
    if obj is None:
        return Integrity.SHARED
    if isinstance(obj, str) and obj in set(Integrity):
        return Integrity(obj)
    known = ", ".join(Integrity)
    raise InvalidTests(f"tests.min_integrity must be one of {known}, not {_short(obj)}")


def _object(obj: object, where: str) -> Fields:
    if not isinstance(obj, Mapping):
        raise InvalidTests(f"{where} must be an object, not {_named(obj)}")
    return obj


def _check_size(data: Fields, max_bytes: int) -> None:
    try:
        size = len(
            json.dumps(data, ensure_ascii=False, allow_nan=False).encode("utf-8", "surrogatepass")
        )
    except ValueError as error:  # infinity, which a number such as 1e400 is read as
        raise InvalidTests("tests have a number that is too large or not finite") from error
    except (TypeError, RecursionError) as error:
        raise InvalidTests(f"tests cannot be written as JSON: {error}") from error
    if size > max_bytes:
        raise InvalidTests(f"tests have {size} bytes; at most {max_bytes} are accepted")


def _text(data: Fields, key: str, where: str = "tests", default: str | None = None) -> str:
    value = data.get(key, default)
    if not isinstance(value, str):
        found = "is missing" if value is None else f"must be text, not {_named(value)}"
        raise InvalidTests(f"{where}.{key} {found}")
    return value


def _code(data: Fields, key: str, default: str | None = None) -> str:
    source = syntax.without_mark(_text(data, key, default=default))
    try:
        syntax.check(source)
    except SyntaxError as error:
        raise InvalidTests(f"tests.{key}, line {error.lineno}: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise InvalidTests(f"tests.{key} cannot be parsed: {error}") from error
    return source


def _prelude(data: Fields) -> str:
    return _code(data, "prelude", default="")


def _header(data: Fields) -> str:
    return _code(data, "header", default="")


def _entry_point(data: Fields) -> str:
    name = _text(data, "entry_point")
    if not syntax.is_name(name):
        raise InvalidTests(f"tests.entry_point must be a Python name, not {_short(name)}")
    return name


def _way(data: Fields) -> str:
    """The entry point of calls."""
    way = _text(data, "entry_point")
    if not syntax.is_way(way):
        raise InvalidTests(
            "tests.entry_point must be a Python name, or a way to one such as Class().method, "
            f"not {_short(way)}"
        )
    return way


def _cases(data: Fields) -> Sequence[object]:
    cases = data.get("cases")
    if not isinstance(cases, Sequence) or isinstance(cases, str):
        raise InvalidTests("tests.cases must be a list")
    if len(cases) > _CASES:
        raise InvalidTests(f"tests.cases has {len(cases)} cases; at most {_CASES} are accepted")
    return cases


def _case(item: object, number: int, allowed: frozenset[str]) -> Fields:
    where = f"tests.cases[{number}]"
    case = _object(item, where)
    unknown = sorted(set(case) - allowed)
    if unknown:
        raise InvalidTests(f"{where} has no key {unknown[0]!r}; known are {sorted(allowed)}")
    return case


def _asserts(data: Fields) -> Asserts:
    return Asserts(_code(data, "code"), _entry_point(data), _prelude(data), _header(data))


def _pytest(data: Fields) -> Pytest:
    return Pytest(_code(data, "code"), _prelude(data))


_CALL_KEYS = frozenset(
    {
        *("args", "kwargs", "expected", "tolerance"),
        *("alternatives", "integer_keys", "bools_as_numbers"),
    }
)
_IO_KEYS = frozenset({"stdin", "stdout", "tolerance", "words"})


def _calls(data: Fields) -> Calls:
    cases = tuple(_call(item, number) for number, item in enumerate(_cases(data)))
    return Calls(_way(data), cases, _header(data))


def _call(item: object, number: int) -> Call:
    where = f"tests.cases[{number}]"
    case = _case(item, number, _CALL_KEYS)
    args, kwargs = _list(case, "args", where), case.get("kwargs", {})
    alternatives = _list(case, "alternatives", where)
    if "expected" not in case:
        raise InvalidTests(f"{where}.expected is missing")
    for name in _object(kwargs, f"{where}.kwargs"):
        if not isinstance(name, str):
            raise InvalidTests(f"{where}.kwargs has a key that is not text")
    _check_depth([args, kwargs, case["expected"], alternatives], where)
    return Call(
        args,
        case["expected"],
        kwargs,
        _tolerance(case.get("tolerance"), where),
        tuple(alternatives),
        integer_keys=_flag(case, "integer_keys", where),
        bools_as_numbers=_flag(case, "bools_as_numbers", where),
    )


def _list(case: Fields, key: str, where: str) -> Sequence[Any]:
    value = case.get(key, [])
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise InvalidTests(f"{where}.{key} must be a list")
    return value


def _flag(case: Fields, key: str, where: str) -> bool:
    value = case.get(key, False)
    if not isinstance(value, bool):
        raise InvalidTests(f"{where}.{key} must be true or false")
    return value


def _check_depth(value: object, where: str) -> None:
    level: list[object] = [value]
    for _ in range(_MAX_DEPTH):
        inner: list[object] = []
        for item in level:
            if isinstance(item, Mapping):
                inner += item.values()
            elif isinstance(item, Sequence) and not isinstance(item, str):
                inner += item
        level = inner
    if level:
        raise InvalidTests(f"{where} is nested deeper than {_MAX_DEPTH}")


def _tolerance(value: object, where: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidTests(f"{where}.tolerance must be a number")
    if not 0 <= value <= sys.float_info.max:
        raise InvalidTests(f"{where}.tolerance must be finite and not below zero")
    return float(value)


def _io(data: Fields) -> IO:
    found: list[IOCase] = []
    for number, item in enumerate(_cases(data)):
        where = f"tests.cases[{number}]"
        case = _case(item, number, _IO_KEYS)
        stdin, stdout = _text(case, "stdin", where, default=""), _text(case, "stdout", where)
        tolerance, words = _tolerance(case.get("tolerance"), where), _flag(case, "words", where)
        found.append(IOCase(stdin, stdout, tolerance, words))
    return IO(tuple(found), _header(data))


_PARSERS: dict[str, tuple[frozenset[str], Callable[[Fields], Tests]]] = {
    "asserts": (frozenset({"code", "entry_point", "prelude", "header"}), _asserts),
    "calls": (frozenset({"entry_point", "cases", "header"}), _calls),
    "io": (frozenset({"cases", "header"}), _io),
    "pytest": (frozenset({"code", "prelude"}), _pytest),
}
