"""Values between two processes that do not trust each other.

Only exact built-in types cross: None, bool, int, float, complex, str, bytes, bytearray, list,
tuple, dict, set, frozenset, range, slice and Ellipsis. A subclass, whose methods could lie about
equality, does not, and neither does anything else: `CannotCross`. What comes in is checked against
caps on depth and on the number of nodes before it is built; anything unexpected is a `CodecError`.

Containers that can change carry a number. The answer to a call repeats the arguments under the
numbers of the question, and decoding it fills the caller's own objects, so that changes made by
the callee, aliases and cycles arrive as in one process.

It guards against hostile values, not against slow ones: hash collisions cost time, which the
limits of the run bound.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final, TypeAlias

Wire: TypeAlias = Any  # JSON as `json.loads` gives it

MAX_DEPTH: Final = 150
MAX_NODES: Final = 4_000_000
MAX_BYTES: Final = 32 * 2**20
_SMALL_INT: Final = 1 << 63
_PLAIN: Final = frozenset({str, bool, type(None)})
_SURROGATES: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")  # JSON reads one character
_POINTS: Final = "utf-32-le"
_MUTABLE: Final[dict[type, str]] = {list: "l", dict: "d", set: "s", bytearray: "y"}
_MAKERS: Final[dict[str, type]] = {tag: kind for kind, tag in _MUTABLE.items()}


class CannotCross(Exception):
    """A value has no faithful form on the wire; the text names its type."""


class CodecError(Exception):
    """What was received is not an encoded value."""


class Encoder:
    """Encodes values; `objects` lists the numbered containers, in order of their numbers."""

    most_depth = MAX_DEPTH

    def __init__(self, known: list[Any] | None = None, *, most_nodes: int = MAX_NODES) -> None:
        self._most = most_nodes
        self.objects: list[Any] = list(known or ())
        self._numbers = {id(item): number for number, item in enumerate(self.objects)}
        self._sent: set[int] = set()
        self._nodes = 0

    def encode(self, value: Any, depth: int = 0) -> Wire:
        """The wire form of a value. Raises `CannotCross`."""
        self._nodes += 1
        if self._nodes > self._most:
            raise CannotCross(f"a value of more than {self._most} parts")
        kind = type(value)
        if kind is str and not value.isascii() and _SURROGATES.search(value):
            return ["u", value.encode(_POINTS, "surrogatepass").hex()]
        if kind in _PLAIN:
            return value
        if kind is int:
            return value if -_SMALL_INT < value < _SMALL_INT else ["i", f"{value:x}"]
        if kind is float:
            return value if math.isfinite(value) else ["f", repr(value)]
        if depth > self.most_depth:
            raise CannotCross(f"a value nested deeper than {self.most_depth}")
        tag = _MUTABLE.get(kind)
        if tag is not None:
            return self._container(tag, value, depth)
        return self._value(kind, value, depth)

    def _container(self, tag: str, value: Any, depth: int) -> Wire:
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self.objects)
            self.objects.append(value)
        if number in self._sent:
            return ["r", number]
        self._sent.add(number)
        if tag == "y":
            return [tag, number, value.hex()]
        if tag == "d":
            pairs = [
                [self.encode(key, depth + 1), self.encode(item, depth + 1)]
                for key, item in value.items()
            ]
            return [tag, number, pairs]
        return [tag, number, [self.encode(item, depth + 1) for item in value]]

    def _value(self, kind: type, value: Any, depth: int) -> Wire:  # noqa: PLR0911 - a closed set
        if kind is tuple:
            return ["t", [self.encode(item, depth + 1) for item in value]]
        if kind is frozenset:
            return ["z", [self.encode(item, depth + 1) for item in value]]
        if kind is bytes:
            return ["b", value.hex()]
        if kind is complex:
            return ["c", repr(value.real), repr(value.imag)]
        if kind is range or kind is slice:
            parts = (value.start, value.stop, value.step)
            return ["n" if kind is range else "k", [self.encode(p, depth + 1) for p in parts]]
        if value is Ellipsis:
            return ["e"]
        return self._other(value, depth)

    def _other(self, value: Any, depth: int) -> Wire:  # noqa: ARG002 - for those who know more kinds
        raise CannotCross(type(value).__qualname__)


def copied(value: Any) -> Any:
    """The wire form of a plain value; None where it has none."""
    try:
        return Encoder().encode(value)
    except (CannotCross, RecursionError, MemoryError):
        return None


class Decoder:
    """Decodes wire forms into new objects, or into `known` ones where a number names them."""

    most_depth = MAX_DEPTH

    def __init__(self, known: list[Any] | None = None, *, most_nodes: int = MAX_NODES) -> None:
        self._most = most_nodes
        self.objects: list[Any] = list(known or ())
        self._nodes = 0

    def decode(self, wire: Wire, depth: int = 0) -> Any:
        """The value of a wire form. Raises `CodecError`."""
        self._nodes += 1
        if self._nodes > self._most or depth > self.most_depth + 1:
            raise CodecError("too many or too deeply nested values")
        kind = type(wire)
        if kind is not list:
            if kind is str:
                self._note(wire)
            if kind in _PLAIN or kind is int or kind is float:
                return wire
            raise CodecError("an untagged value")
        try:
            return self._tagged(wire, depth + 1)
        except (TypeError, ValueError, IndexError, KeyError) as error:
            raise CodecError(f"a malformed value: {error}") from error

    def _tagged(self, wire: list[Any], depth: int) -> Any:  # noqa: C901, PLR0911 - one match over a closed set
        tag = wire[0]
        maker = _MAKERS.get(tag)
        if maker is not None:
            _, number, items = wire
            return self._fill(self._object(maker, number), items, depth)
        match wire:
            case ["r", int(number)] if number >= 0:
                return self.objects[number]
            case ["t", list(items)]:
                return tuple([self.decode(item, depth) for item in items])
            case ["z", list(items)]:
                return frozenset([self.decode(item, depth) for item in items])
            case ["n", [start, stop, step]]:
                return range(*(self.decode(part, depth) for part in (start, stop, step)))
            case ["k", [start, stop, step]]:
                return slice(*(self.decode(part, depth) for part in (start, stop, step)))
            case ["i", str(digits)]:
                return int(digits, 16)
            case ["f", ("nan" | "inf" | "-inf") as name]:
                return float(name)
            case ["c", str(real), str(imaginary)]:
                return complex(float(real), float(imaginary))
            case ["b", str(digits)]:
                return bytes.fromhex(digits)
            case ["u", str(digits)]:
                text = bytes.fromhex(digits).decode(_POINTS, "surrogatepass")
                self._note(text)
                return text
            case ["e"]:
                return Ellipsis
        return self._other(wire, depth)

    def _note(self, text: str) -> None:
        """Hear of every text that comes in."""

    def _other(self, wire: list[Any], depth: int) -> Any:  # noqa: ARG002 - for those who know more tags
        raise CodecError("an unknown tag")

    def _object(self, maker: type, number: object) -> Any:
        if type(number) is not int or not 0 <= number <= len(self.objects):
            raise CodecError("a container number out of order")
        if number == len(self.objects):
            self.objects.append(maker())
        found = self.objects[number]
        if type(found) is not maker:
            raise CodecError("a container that changed its type")
        return found

    def _fill(self, target: Any, items: Any, depth: int) -> Any:
        if type(target) is bytearray:
            target[:] = bytes.fromhex(items)
            return target
        if type(items) is not list:
            raise CodecError("a container without a list of items")
        if type(target) is dict:
            pairs = [(self.decode(key, depth), self.decode(item, depth)) for key, item in items]
            target.clear()
            target.update(pairs)
            return target
        values = [self.decode(item, depth) for item in items]
        target.clear()
        if type(target) is list:
            target.extend(values)
        else:
            target.update(values)
        return target
