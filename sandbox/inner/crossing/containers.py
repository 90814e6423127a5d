"""What both processes hold under a number: containers, and instances of value classes."""

from __future__ import annotations

import sys
from _thread import get_ident
from typing import TYPE_CHECKING, Any, Final

from sandbox.codec import CannotCross
from sandbox.inner.crossing import arrays, hidden, parts
from sandbox.inner.crossing.crossed import Crossed
from sandbox.inner.crossing.held import Held, contents_of, is_same
from sandbox.inner.crossing.records import NAMESPACES, Records

if TYPE_CHECKING:
    from collections.abc import Callable

_AROUND: Final = 20
"""Levels that the tests may put around the deepest value of the program, and still hand it back."""

_UNHELD: Final = 2
"""References to a container that only the table holds: its own, and the counter's."""


class Containers:
    """The containers that both sides know, by number, and what each held when last told.

    `arrays`: whether arrays of numpy are among them; `wrapping`, `wrapped`: by how much what is
    told, and heard, may be deeper than others; `adds`: what is called with each attribute of a kept
    instance that comes in and is no field.
    """

    def __init__(self, *, of_tests: bool | None = None) -> None:
        self.wrapping = _AROUND if of_tests is True else 0
        self.wrapped = _AROUND if of_tests is False else 0
        self.crossed = Crossed()
        self.adds: Callable[[str, Any], object] = lambda _name, _value: None
        self.records = Records({})
        self.held = Held()
        self.objects: dict[int, Any] = {}
        self.arrays = False
        self.next = 0
        self._numbers: dict[int, int] = {}
        self._told: dict[int, tuple[Any, ...]] = {}
        self._wholes: dict[int, Any] = {}
        self._kinds: dict[int, tuple[Any, int]] = {}
        self._shown: dict[int, Any] = {}
        self._laid_out = set[int]()
        self.closed = set[int]()
        self.reading = self.reader = 0
        self._are_nested = False

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

    def whole_of(self, value: Any) -> Any:
        """The array of which one is to be told as a part; None for one of its own.

        Of the program's only what both sides have: what it writes elsewhere is told of each part.
        Raises `CannotCross` for one of the tests that shares memory, and cannot be told so.
        """
        known = (self.objects[number] for number in self._laid_out)
        whole = parts.whole_of(value, known, new=not self.records.of_program)
        if whole is None and not self.records.of_program:
            arrays.refuse_overlap(value, self.objects.values())
        return whole

    def add_part(self, value: Any, whole: Any) -> int:
        """Number a new part of an array. What it holds is told of that, which stays for it."""
        number = self.add(value)
        self._wholes[number] = whole
        self._kinds[number] = value.dtype, value.size
        return number

    def has_whole(self, number: int) -> Any:
        """The array of which one was told as a part; None for one of its own."""
        return self._wholes.get(number)

    def given(self, number: int) -> Any:
        """A container that comes in by its number.

        Raises `KeyError`, and `CannotCross` for an array of the tests that nobody handed over.
        """
        found = self.objects[number]
        if number in self._shown:
            raise CannotCross("memory around a part of an array")
        return found

    def show(self, number: int, part: Any = None) -> bool:
        """The tests hand over a part of an array, or all of it: whether that is news."""
        marks = self._shown.get(number)
        if marks is None:
            return False
        its = marks if part is None else hidden.region(marks, self.objects[number], part)
        is_news = not its.all()
        its[...] = True
        if marks.all():
            del self._shown[number]
        return is_news

    def hide(self, number: int) -> None:
        """An array is told for its parts alone."""
        self._shown[number] = hidden.nothing_of(self.objects[number])

    def marks_of(self, number: int) -> Any:
        """Which values of an array the program has; None where it has all."""
        return self._shown.get(number)

    def are_shown_of(self, whole: Any, part: Any) -> bool:
        """Whether the program has all values of a part of an array."""
        number = self.number_of(whole)
        marks = None if number is None else self._shown.get(number)
        return marks is None or bool(hidden.region(marks, whole, part).all())

    def as_shown(self, number: int) -> Any:
        """What the other side is to have of a container."""
        value, marks = self.objects[number], self._shown.get(number)
        return value if marks is None else hidden.as_shown(value, marks)

    def add_array(self, value: Any, *, is_laid_out: bool) -> int:
        """Number a new array, and note if it has the same layout on both sides."""
        number = self.add(value)
        self._kinds[number] = value.dtype, value.size
        if is_laid_out:
            self._laid_out.add(number)
        return number

    def is_another(self, number: int) -> bool:
        """Whether an array has become one that the other side's cannot become."""
        value = self.objects[number]
        return self._kinds[number] != (value.dtype, value.size)

    def close(self, number: int, *, by_word: bool) -> None:
        """Note whether it is the other side's word that an array is read-only."""
        (self.closed.add if by_word else self.closed.discard)(number)

    def note(self, number: int) -> None:
        """The other side knows what it holds now."""
        self._told[number] = self._contents(number)
        self._are_nested |= arrays.holds_arrays(self.objects[number])

    def refuse_depth(self, most: int, error: type[Exception]) -> None:
        """Raise `error` for arrays that hold each other deeper than that, or themselves."""
        if self._are_nested and not arrays.are_within(self.objects.values(), most):
            raise error(f"arrays nested deeper than {most}")
        self._are_nested = False

    def changed(self) -> list[int]:
        """Those whose contents the other side does not know.

        None while a payload is read: a key that is hashed may ask, and its dict is half full.
        """
        if self.reading:
            return []
        return [number for number in self.objects if not self.is_told(number)]

    def is_told(self, number: int) -> bool:
        """Whether the other side knows what one holds now."""
        return is_same(self._told.get(number), self._contents(number))

    def has_news(self) -> bool:
        """Whether anything holds what the other side does not know."""
        return bool(self.changed()) or next(self.held.changed(), None) is not None

    def are_shown(self, value: Any, name: str = "") -> bool:
        """Whether a namespace or a dict crosses, as all of the program do.

        Of the tests' only what the program has by a number as well: in another may be what it must
        not change, or a method that it must not replace. Arguments with functions stay handles,
        which are compared by the names of these.
        """
        if self.number_of(value) is not None:
            return True
        by_name = name == NAMESPACES[1] and any(map(callable, vars(value).values()))
        return self.records.of_program and not by_name

    def _contents(self, number: int) -> tuple[Any, ...]:
        """What one holds, shown or not, which for a part is told of its whole."""
        value = self.objects[number]
        if number in self._wholes:
            return (arrays.form_of(value),)
        if self.records.kept_name(value) is not None:
            value = self.records.attributes_of(value)
        return contents_of(value)

    def forget(self, numbers: list[int]) -> list[Any]:
        """Drop containers, which are given with what they held when last told.

        Numbers that are unknown are passed over.
        """
        ended: list[Any] = []
        for number in numbers:
            self._laid_out.discard(number)
            self.closed.discard(number)
            self._kinds.pop(number, None)
            self._shown.pop(number, None)
            if number in self.objects:
                value = self.objects.pop(number)
                del self._numbers[id(value)]
                ended += value, self._told.pop(number, None), self._wholes.pop(number, None)
        return ended

    def undo(self, since: int) -> None:
        """A message was never sent, in which numbers from there on were given."""
        self.forget([*range(since, self.next)])
        self.next = since
        self._told.clear()
        self.held.undo()

    def unheld(self) -> list[int]:
        """Containers that nothing but this table and the contents of others hold."""
        if self.reading:
            return []
        return [n for n in self.objects if sys.getrefcount(self.objects[n]) <= _UNHELD]
