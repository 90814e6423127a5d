"""Compares what a candidate returned or printed with what was expected, in the server.

Values arrive in the codec's wire form and are compared as they are: nothing is built from them,
and the walk follows the expected value, so its cost is bounded by what the caller sent. By value:
tuple and list are alike, int and float too, a bool is no number, floats are exact unless a
tolerance (absolute and relative) is given. Text ignores white space at the ends of lines and of
the whole, and with a tolerance how its numbers are written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.codec import Wire
    from sandbox.program import JSONValue

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_KEY_KINDS = (str, int, float, bool, type(None))
_PAIR = 2
_BRACKETS = {"l": "[]", "t": "()", "s": "{}", "z": "{}", "n": ("range(", ")"), "k": ("slice(", ")")}


def same_value(expected: JSONValue, wire: Wire, tolerance: float | None = None) -> bool:
    """Whether a wire form holds the expected value. Malformed wire forms are just unequal."""
    if isinstance(expected, str):
        return type(wire) is str and wire == expected
    if expected is None or isinstance(expected, bool):
        return wire is expected
    if isinstance(expected, (int, float)):
        return _same_number(expected, wire, tolerance)
    if type(wire) is not list:
        return False
    if isinstance(expected, Mapping):
        return _same_mapping(expected, wire, tolerance)
    return _same_sequence(expected, wire, tolerance)


def _same_number(expected: float, wire: Wire, tolerance: float | None) -> bool:
    found = _number(wire)
    if found is None:
        return False
    if found == expected:
        return True
    if tolerance is None or (isinstance(expected, int) and isinstance(found, int)):
        return False
    try:
        return math.isclose(found, expected, rel_tol=tolerance, abs_tol=tolerance)
    except OverflowError:
        return False


def _number(wire: Wire) -> float | None:
    match wire:
        case bool():
            return None
        case int() | float():
            return wire
        case ["i", str(digits)]:
            try:
                return int(digits, 16)
            except ValueError:
                return None
        case ["f", ("nan" | "inf" | "-inf") as name]:
            return float(name)
        case _:
            return None


def _same_sequence(expected: Sequence[JSONValue], wire: list[Any], tolerance: float | None) -> bool:
    match wire:
        case ["l", int(), list(items)] | ["t", list(items)] if len(items) == len(expected):
            return all(same_value(e, w, tolerance) for e, w in zip(expected, items, strict=True))
        case _:
            return False


def _same_mapping(
    expected: Mapping[str, JSONValue], wire: list[Any], tolerance: float | None
) -> bool:
    match wire:
        case ["d", int(), list(pairs)] if len(pairs) == len(expected):
            pass
        case _:
            return False
    found: dict[str, Wire] = {}
    for pair in pairs:
        match pair:
            case [key, value] if type(key) in _KEY_KINDS:
                found[_key_text(key)] = value
            case _:
                return False
    return len(found) == len(expected) and all(
        key in found and same_value(value, found[key], tolerance) for key, value in expected.items()
    )


def _key_text(key: object) -> str:
    """A key as JSON would write it: expected objects can only have text as keys."""
    if isinstance(key, str):
        return key
    if isinstance(key, bool) or key is None:
        return {True: "true", False: "false", None: "null"}[key]
    return repr(key)


def same_text(expected: str, found: str, tolerance: float | None = None) -> bool:
    """Equality of program outputs, blind to white space at line ends and around the whole.

    With a tolerance (absolute and relative), lines may also agree word by word, where words that
    are written as numbers are as close as that, whole numbers exact.
    """
    wanted, had = _lines(expected), _lines(found)
    if wanted == had or tolerance is None:
        return wanted == had
    return len(wanted) == len(had) and all(
        _same_line(one, other, tolerance) for one, other in zip(wanted, had, strict=True)
    )


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


def _same_line(expected: str, found: str, tolerance: float) -> bool:
    wanted, had = expected.split(), found.split()
    return len(wanted) == len(had) and all(
        _same_word(one, other, tolerance) for one, other in zip(wanted, had, strict=True)
    )


def _same_word(expected: str, found: str, tolerance: float) -> bool:
    if expected == found:
        return True
    if not (_NUMBER.fullmatch(expected) and _NUMBER.fullmatch(found)):
        return False
    if _WHOLE.fullmatch(expected) and _WHOLE.fullmatch(found):
        return False
    wanted, had = float(expected), float(found)
    return math.isfinite(wanted) and math.isclose(wanted, had, rel_tol=tolerance, abs_tol=tolerance)


def shown(wire: Wire, most: int = 200) -> str:
    """A wire form as a person would write the value, cut at that many characters.

    No more of it is read than is shown: it may be large, and built to be slow.
    """
    text = ""
    for piece in _pieces(wire):
        text += piece[:most]
        if len(text) >= most:
            break
    return text[:most]


def _pieces(wire: Wire) -> Iterator[str]:
    match wire:
        case ["l" | "s", int(), list(items)] | ["t" | "z" | "n" | "k", list(items)]:
            first, last = _BRACKETS[wire[0]]
            yield first
            for number, item in enumerate(items):
                yield ", " if number else ""
                yield from _pieces(item)
            yield f",{last}" if wire[0] == "t" and len(items) == 1 else last
        case ["d", int(), list(pairs)] if all(type(p) is list and len(p) == _PAIR for p in pairs):
            yield "{"
            for number, pair in enumerate(pairs):
                yield ", " if number else ""
                yield from _pieces(pair[0])
                yield ": "
                yield from _pieces(pair[1])
            yield "}"
        case ["i", str(digits)]:
            yield f"{'-' * digits.startswith('-')}0x{digits.lstrip('-')}"
        case ["f", str(name)]:
            yield name
        case ["c", str(real), str(imaginary)]:
            yield f"complex({real}, {imaginary})"
        case ["b", str(digits)] | ["y", int(), str(digits)]:
            yield f"bytes.fromhex('{digits}')"
        case list():
            yield "..."  # a part that was shown before, or the value that is written so
        case _:
            yield repr(wire)
