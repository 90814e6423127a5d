"""What both processes hold under a number: containers, and instances of value classes."""

from __future__ import annotations

import sys
from _thread import get_ident
from collections import Counter, OrderedDict, defaultdict, deque
from typing import Any, Final

from sandbox.inner.crossed import Crossed
from sandbox.inner.records import Records

KINDS: Final[dict[type, str]] = {
    list: "l",
    dict: "d",
    set: "s",
    bytearray: "y",
    Counter: "C",
    OrderedDict: "O",
    deque: "q",
    defaultdict: "D",
}
_UNHELD: Final = 2
"""References to a container that only the table holds: its own, and the counter's."""


class Containers:
    """The containers that both sides know, by number, and what each held when last told."""

    def __init__(self) -> None:
        self.crossed = Crossed()
        self.records = Records({})
        self.objects: dict[int, Any] = {}
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
    return (bytes(value),) if isinstance(value, bytearray) else tuple(value)


def _same(told: tuple[Any, ...] | None, now: tuple[Any, ...]) -> bool:
    if told is None or len(told) != len(now):
        return False
    return all(a is b or (type(a) is bytes and a == b) for a, b in zip(told, now, strict=True))
