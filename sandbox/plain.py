"""Plain values between two processes: what `calls` hand over, and what their results hold.

A result is told by what it holds, not by what its type says of itself: whoever compares it never
asks it anything. Forms on the wire, as JSON:

    null, true, 1, 2.5, "x"      themselves
    ["i", "ff"]                  an integer of 64 bits or more, in hexadecimal
    ["f", "nan"]                 a number that is not finite: nan, inf, -inf
    ["l", [...]]                 what is in order: list, tuple, range, generator, view, deque, ...
    ["s", [...]]                 a set or frozenset
    ["d", [[key, value], ...]]   a mapping
    ["?", "Decimal"]             what is none of these, by the name of its type

Telling a value runs code of the program, so it ends only by the limits of the run; what it may come
to has a bound of its own. The side that listens checks the form before it is used.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

Told: TypeAlias = Any  # JSON as `json.loads` gives it

MAX_DEPTH: Final = 110
"""A little more than expected values and arguments may have."""

_SMALL: Final = 1 << 63
_HEX: Final = re.compile("-?[0-9a-f]+")
_SURROGATES: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")  # JSON reads one character
_ORDERED: Final[tuple[Any, ...]] = (list, tuple)
_UNORDERED: Final[tuple[Any, ...]] = (set, frozenset)
_OPAQUE: Final = (type, bytes, bytearray, memoryview)
"""Iterable, but not read as lists."""

_PART: Final = 2
"""The least characters of a part and its comma."""

_FRAME: Final = 6
"""Further ones around what is in a container."""

_BITS_PER_DIGIT: Final = 4


class ValueTooLong(Exception):
    """A value comes to more than it may."""


@dataclass(slots=True)
class Teller:
    """Tells values that together have at most about `left` characters of JSON."""

    left: int

    def tell(self, value: object, depth: int = 0) -> Told:
        """The form of a value. Raises `ValueTooLong`, and whatever the value's own code raises."""
        self.pay(_PART)
        kind = type(value)
        if value is None or kind is bool:
            return value
        # By the type's own methods: a subclass may have put others in their place.
        if issubclass(kind, (str, int, float)):
            return self._scalar(kind, value)
        self.pay(_FRAME)
        if depth >= MAX_DEPTH:
            return ["?", f"a value nested deeper than {MAX_DEPTH}"]
        if kind.__module__.partition(".")[0] == "numpy" and hasattr(kind, "tolist"):
            return self.tell(kind.tolist(value), depth + 1)
        return self._container(kind, value, depth + 1)

    def _scalar(self, kind: type, value: Any) -> Told:
        if issubclass(kind, str):
            return self._text(value)
        if issubclass(kind, int):
            return self._integer(value)
        number = float.__float__(value)
        return number if math.isfinite(number) else ["f", repr(number)]

    def _container(self, kind: type, value: Any, depth: int) -> Told:
        if issubclass(kind, dict):
            return self._mapping(dict.items(value), depth)
        for base in (*_ORDERED, *_UNORDERED):
            if issubclass(kind, base):
                return self._items("l" if base in _ORDERED else "s", base.__iter__(value), depth)
        if issubclass(kind, Mapping):
            return self._mapping(value.items(), depth)
        if _iterates(kind) and not issubclass(kind, _OPAQUE):
            return self._items("l", value, depth)
        return ["?", self.named(kind, value)]

    def named(self, kind: type, value: Any) -> str:  # noqa: ARG002 - for those who tell more
        """What is told of a value that is none of these."""
        self.pay(len(kind.__qualname__))
        return kind.__qualname__

    def _items(self, tag: str, items: Iterable[object], depth: int) -> Told:
        return [tag, [self.tell(item, depth) for item in items]]

    def _mapping(self, pairs: Iterable[tuple[object, object]], depth: int) -> Told:
        return ["d", [[self.tell(key, depth), self.tell(item, depth)] for key, item in pairs]]

    def _text(self, value: str) -> Told:
        text = str.__str__(value)
        self.pay(len(text))
        if not text.isascii() and _SURROGATES.search(text):
            return ["?", "str with a pair of surrogates"]
        return text

    def _integer(self, value: int) -> Told:
        number = int.__int__(value)
        if -_SMALL < number < _SMALL:
            return number
        self.pay(number.bit_length() // _BITS_PER_DIGIT)
        return ["i", f"{number:x}"]

    def pay(self, characters: int) -> None:
        """Count what was told. Raises `ValueTooLong`."""
        self.left -= characters
        if self.left < 0:
            raise ValueTooLong


def _iterates(kind: type) -> bool:
    """Whether its values do. Of an enumeration it is the class that does, not its members."""
    found = (vars(base)["__iter__"] for base in kind.__mro__ if "__iter__" in vars(base))
    return next(found, None) is not None


def is_told(told: Told, depth: int = 0) -> bool:
    """Whether this is the form of a value, and no deeper than one can be."""
    match told:
        case None | bool() | int() | str() | ["f", "nan" | "inf" | "-inf"] | ["?", str()]:
            return True
        case float():
            return math.isfinite(told)
        case ["i", str(digits)]:
            return _HEX.fullmatch(digits) is not None
        case ["l" | "s", list(items)] if depth <= MAX_DEPTH:
            return all(is_told(item, depth + 1) for item in items)
        case ["d", list(pairs)] if depth <= MAX_DEPTH:
            return all(_is_pair(pair, depth + 1) for pair in pairs)
        case _:
            return False


def _is_pair(pair: object, depth: int) -> bool:
    match pair:
        case [key, value]:
            return is_told(key, depth) and is_told(value, depth)
        case _:
            return False


def made_of(told: Told) -> Any:
    """The value that JSON has for a form; for the arguments of calls, which we told ourselves."""
    match told:
        case ["l", list(items)]:
            return [made_of(item) for item in items]
        case ["d", list(pairs)]:
            return {made_of(key): made_of(item) for key, item in pairs}
        case ["i", str(digits)]:
            return int(digits, 16)
        case ["f", str(name)]:
            return float(name)
        case _:
            return told
