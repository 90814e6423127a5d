"""Compares what a candidate returned or printed with what was expected, in the server.

Values arrive as `sandbox.plain` tells them and are compared as they are: nothing is built from
them, and the walk follows the expected value, so its cost is bounded by what the caller sent, but
for sets, of which members are looked for: that has a bound of its own (`Undecided`). By value:
everything that is in order is a list, a set has its members in any order, a key that is no text is
its JSON text, an int is the float that it equals, a bool is no number, floats are exact unless a
tolerance (absolute and relative) is given.

Text ignores white space at the ends of lines and of the whole. With a tolerance it is nothing how
numbers are written, and by words it is nothing how they are spaced, nor are blank lines.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sandbox.members import Closeness, Work, same_members

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.plain import Told
    from sandbox.program import JSONValue

# No digit can be read in two ways: where a number ends is tried once, however long it is.
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_SPACE = re.compile(r"(\s+)")
_PAIR = 2


@dataclass(frozen=True, slots=True)
class Rules:
    """What else counts as equal: numbers that are close, and True and False as 1 and 0."""

    tolerance: float | None = None
    bools_as_numbers: bool = False


EXACT: Final = Rules()


def same_value(
    expected: JSONValue, told: Told, rules: Rules = EXACT, work: Work | None = None
) -> bool:
    """Whether a told value is the expected one. Raises `Undecided` where `work` is used up."""
    if isinstance(expected, str):
        return type(told) is str and told == expected
    if expected is None or isinstance(expected, bool):
        return told is expected or (
            rules.bools_as_numbers and expected is not None and _number(told) == expected
        )
    if isinstance(expected, (int, float)):
        found = int(told) if rules.bools_as_numbers and type(told) is bool else _number(told)
        return found is not None and _same_number(expected, found, rules.tolerance)
    return _same_container(expected, told, rules, work or Work())


def _same_container(
    expected: Sequence[JSONValue] | Mapping[str, JSONValue], told: Told, rules: Rules, work: Work
) -> bool:
    match told:
        case ["l", list(items)] if isinstance(expected, Sequence):
            return len(items) == len(expected) and all(
                same_value(one, other, rules, work)
                for one, other in zip(expected, items, strict=True)
            )
        case ["s", list(items)] if isinstance(expected, Sequence):
            return same_members(
                expected,
                items,
                Closeness(
                    lambda one, other: same_value(one, other, rules, work),
                    exact=rules == EXACT,
                    tolerance=rules.tolerance or 0.0,
                    bools=rules.bools_as_numbers,
                    work=work,
                ),
            )
        case ["d", list(pairs)] if isinstance(expected, Mapping):
            return _same_mapping(expected, pairs, rules, work)
        case _:
            return False


def _same_number(expected: float, found: float, tolerance: float | None) -> bool:
    if found == expected:
        return True
    if tolerance is None or (isinstance(expected, int) and isinstance(found, int)):
        return False
    try:
        return math.isclose(found, expected, rel_tol=tolerance, abs_tol=tolerance)
    except OverflowError:
        return False


def _number(told: Told) -> float | None:
    match told:
        case bool():
            return None
        case int() | float():
            return told
        case ["i", str(digits)]:
            return int(digits, 16)
        case ["f", str(name)]:
            return float(name)
        case _:
            return None


def _same_mapping(
    expected: Mapping[str, JSONValue], pairs: list[Any], rules: Rules, work: Work
) -> bool:
    if len(pairs) != len(expected):
        return False
    if any(type(key) is list and key[0] == "l" for key, _ in pairs):
        expected = {_respaced(key): item for key, item in expected.items()}
    found: dict[str, Told] = {}
    for key, item in pairs:
        text = _key_text(key)
        if text is None:
            return False
        found[text] = item
    return len(found) == len(expected) and all(
        key in found and same_value(item, found[key], rules, work) for key, item in expected.items()
    )


def _key_text(told: Told) -> str | None:
    """A key as JSON would write it: expected objects can only have text as keys."""
    if isinstance(told, str):
        return told
    try:
        return json.dumps(_json_of(told), separators=(",", ":"))
    except ValueError:
        return None


def _json_of(told: Told) -> JSONValue:
    """A key as JSON has it. Raises `ValueError` for what JSON has not."""
    match told:
        case ["l", list(items)]:
            return [_json_of(item) for item in items]
        case ["i", str(digits)]:
            return int(digits, 16)
        case ["f", str(name)]:
            return float(name)
        case list():
            raise ValueError("a set, a mapping or no value at all")
        case None | bool() | int() | float() | str():
            return told
        case _:
            raise ValueError("no value")


def _respaced(key: str) -> str:
    """A key that is a list in JSON, however it was spaced."""
    try:
        return json.dumps(json.loads(key), separators=(",", ":")) if key[:1] == "[" else key
    except (ValueError, RecursionError):
        return key


def same_text(
    expected: str, found: str, tolerance: float | None = None, *, words: bool = False
) -> bool:
    """Equality of program outputs, blind to white space at the ends of lines and of the whole.

    With a tolerance (absolute and relative), words that are written as numbers may be as close as
    that, whole numbers exact. By words, only they and their lines count, and no blank line.
    """
    wanted, had = _lines(expected, words=words), _lines(found, words=words)
    if wanted == had or tolerance is None:
        return wanted == had
    return len(wanted) == len(had) and all(
        one == other or _same_line(one, other, tolerance)
        for one, other in zip(wanted, had, strict=True)
    )


def _lines(text: str, *, words: bool) -> list[str]:
    lines = [line.rstrip() for line in text.rstrip().split("\n")]
    return [" ".join(line.split()) for line in lines if line] if words else lines


def _same_line(expected: str, found: str, tolerance: float) -> bool:
    wanted, had = _SPACE.split(expected), _SPACE.split(found)
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


def shown(told: Told, most: int = 200) -> str:
    """A told value as a person would write it, cut at that many characters.

    No more of it is read than is shown: it may be large, and built to be slow.
    """
    text = ""
    for piece in _pieces(told):
        text += piece[:most]
        if len(text) >= most:
            break
    return text[:most]


def _pieces(told: Told) -> Iterator[str]:
    match told:
        case ["l" | "s", list(items)]:
            first, last = "[]" if told[0] == "l" else "{}"
            yield first
            for number, item in enumerate(items):
                yield ", " if number else ""
                yield from _pieces(item)
            yield last
        case ["d", list(pairs)] if all(type(p) is list and len(p) == _PAIR for p in pairs):
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
        case ["?", str(name)]:
            yield f"<{name}>"
        case list():
            yield "..."
        case _:
            yield repr(told)
