"""What both processes hold under a number: containers, and instances of value classes."""

from __future__ import annotations

import sys
from _thread import get_ident
from array import array
from collections import ChainMap
from collections.abc import Iterator
from typing import Any, Final

from sandbox.inner import arrays
from sandbox.inner.crossed import Crossed
from sandbox.inner.records import Records
from sandbox.inner.special import BASES

MUTABLE: Final = (list, dict, set)
"""Built-in types whose subclasses' instances hold what may change."""

_AROUND: Final = 20
"""Levels that the tests may put around the deepest value of the program, and still hand it back."""

_UNHELD: Final = 2
"""References to a container that only the table holds: its own, and the counter's."""


class Held:
    """Objects that hold what a list, dict or set holds, under their numbers.

    Their classes are subclasses of the solution's, or of the tests'. What they hold is read and
    written as the built-in type does it, whatever those make of its methods.
    """

    def __init__(self) -> None:
        self._objects: dict[int, Any] = {}
        self._told: dict[int, tuple[Any, ...]] = {}

    def add(self, number: int, value: Any) -> None:
        """One that both sides know now, with what it holds."""
        self._objects[number] = value
        self._told[number] = _contents(BASES[_base_of(value).__name__](value))

    def add_given(self, number: int, value: Any) -> None:
        """An object of the tests that was given, under a number of its own, if it holds such."""
        if isinstance(value, MUTABLE):
            self.add(-1 - number, value)

    def has(self, number: int) -> bool:
        """Whether both sides know it."""
        return number in self._objects

    def changed(self) -> Iterator[tuple[int, Any]]:
        """Those of which the other side does not know what they hold, with that."""
        for number, value in self._objects.items():
            content = BASES[_base_of(value).__name__](value)
            if not _same(self._told[number], _contents(content)):
                yield number, content

    def tell(self) -> list[tuple[int, Any]]:
        """Those that changed, with what they hold, which the other side knows from now on."""
        changed = list(self.changed())
        self._told |= {number: _contents(content) for number, content in changed}
        return changed

    def renew(self, number: int, content: Any) -> None:
        """What one holds by now. KeyError where there is none; TypeError for another type's."""
        value = self._objects[number]
        base = _base_of(value)
        if type(content) is not base:
            raise TypeError("a content of another type")
        if base is list:
            list.__setitem__(value, slice(None), content)
        else:
            base.clear(value)
            base.update(value, content)
        self._told[number] = _contents(content)


def _base_of(value: Any) -> Any:
    return next(base for base in MUTABLE if isinstance(value, base))


class Containers:
    """The containers that both sides know, by number, and what each held when last told.

    `arrays`: whether arrays of numpy are among them; `wrapping`, `wrapped`: by how much what is
    told, and heard, may be deeper than others.
    """

    def __init__(self, *, of_tests: bool | None = None) -> None:
        self.wrapping = _AROUND if of_tests is True else 0
        self.wrapped = _AROUND if of_tests is False else 0
        self.crossed = Crossed()
        self.records = Records({})
        self.held = Held()
        self.objects: dict[int, Any] = {}
        self.arrays = False
        self.next = 0
        self._numbers: dict[int, int] = {}
        self._told: dict[int, tuple[Any, ...]] = {}
        self.reading = self.reader = 0

    def is_read_here(self) -> bool:
        """Whether this thread is reading a message."""
        return self.reading > 0 and self.reader == get_ident()

    def number_of(self, value: Any) -> int | None:
        """The number of a known container."""
        return self._numbers.get(id(value))

    def add(self, value: Any) -> int:
        """Number a new container."""
        number, self.next = self.next, self.next + 1
        self.objects[number] = value
        self._numbers[id(value)] = number
        return number

    def add_array(self, value: Any) -> int:
        """Number a new array. Raises `CannotCross` for a part of another one of the tests."""
        if not self.records.of_program:
            arrays.refuse_overlap(value, self.objects.values())
        return self.add(value)

    def note(self, number: int) -> None:
        """The other side knows what it holds now."""
        self._told[number] = self._contents(self.objects[number])

    def changed(self) -> list[int]:
        """Those whose contents the other side does not know.

        None while a payload is read: a key that is hashed may ask, and its dict is half full.
        """
        if self.reading:
            return []
        return [
            number
            for number, value in self.objects.items()
            if not _same(self._told.get(number), self._contents(value))
        ]

    def has_news(self) -> bool:
        """Whether anything holds what the other side does not know."""
        return bool(self.changed()) or next(self.held.changed(), None) is not None

    def are_shown(self, value: Any) -> bool:
        """Whether a namespace or a dict crosses, as all of the program do.

        Of the tests' only what the program has by a number as well: in another may be what it must
        not change, or a method that it must not replace.
        """
        return self.records.of_program or self.number_of(value) is not None

    def _contents(self, value: Any) -> tuple[Any, ...]:
        if self.records.kept_name(value) is not None:
            value = self.records.attributes_of(value)
        return _contents(value)

    def forget(self, numbers: list[int]) -> None:
        """Drop containers. Numbers that are unknown are passed over."""
        for number in numbers:
            value = self.objects.pop(number, None)
            self._told.pop(number, None)
            if value is not None:
                del self._numbers[id(value)]

    def unheld(self) -> list[int]:
        """Containers that nothing but this table and the contents of others hold."""
        if self.reading:
            return []
        return [n for n in self.objects if sys.getrefcount(self.objects[n]) <= _UNHELD]


def _contents(value: Any) -> tuple[Any, ...]:
    if isinstance(value, dict):
        return (*value.keys(), *value.values())
    if isinstance(value, ChainMap):
        return tuple(value.maps)
    if arrays.is_array(value):
        return arrays.contents_of(value)
    return (bytes(value),) if isinstance(value, (bytearray, array)) else tuple(value)


def _same(told: tuple[Any, ...] | None, now: tuple[Any, ...]) -> bool:
    if told is None or len(told) != len(now):
        return False
    return all(a is b or (type(a) is bytes and a == b) for a, b in zip(told, now, strict=True))
