"""Objects of subclasses of list, dict and set, of which both processes have what they hold.

What is written in C reads a subclass as the built-in type itself: `json.dumps` of a dict, a union
of sets, a list that is added to one. It would find nothing where the methods alone are asked.
"""

from __future__ import annotations

import contextlib
import weakref
from array import array
from collections import ChainMap
from typing import TYPE_CHECKING, Any, Final

from sandbox.inner.crossing import arrays
from sandbox.inner.crossing.special import BASES

if TYPE_CHECKING:
    from collections.abc import Iterator

MUTABLE: Final = (list, dict, set)
"""Built-in types whose subclasses' instances hold what may change."""

_MOST_LENT: Final = 200
"""Objects whose methods are asked and of which is told what they hold."""

_MOST_HELD: Final = 1_000
"""What one of those holds at most: it is told anew with each change."""


class Held:
    """Objects that hold what a list, dict or set holds, under their numbers.

    Their classes are subclasses of the solution's, or of the tests'. What they hold is read and
    written as the built-in type does it, whatever those make of its methods. Those that are `lent`
    may end.
    """

    def __init__(self) -> None:
        self._objects: dict[int, Any] = {}
        self._lent: dict[int, weakref.ref[Any]] = {}
        self._told: dict[int, tuple[Any, ...] | None] = {}
        self._new: list[int] = []

    def begin(self) -> None:
        """A message is made, with which others become known."""
        self._new.clear()

    def undo(self) -> None:
        """That message was never sent: all that is known from before is told anew."""
        for number in self._new:
            for of in (self._objects, self._lent, self._told):
                of.pop(number, None)
        self._told = {n: None if held is None else () for n, held in self._told.items()}

    def add(self, number: int, value: Any) -> None:
        """One that both sides know now, with what it holds."""
        self._objects[number] = value
        self._told[number] = contents_of(_content_of(value))
        self._new.append(number)

    def add_given(self, number: int, value: Any) -> None:
        """An object of the tests that was given, under a number of its own, if it holds such."""
        if isinstance(value, MUTABLE):
            self.add(-1 - number, value)

    def lend(self, number: int, value: Any) -> bool:
        """One whose methods are asked: whether what it holds is told soon. That may be too much."""
        if number not in self._lent and len(self._lent) < _MOST_LENT:
            with contextlib.suppress(TypeError):  # it has slots alone
                self._lent[number] = weakref.ref(value)
                self._told[number] = ()
                self._new.append(number)
        return self.has_now(number)

    def borrow(self, number: int, value: Any) -> None:
        """One of which the other side tells what it holds; something stood for it before, maybe."""
        self._lent[number] = weakref.ref(value)
        if (told := self._told.setdefault(number, ())) is not None:
            _fill(value, _made(_base_of(value), told))

    def borrowed(self, number: int) -> Any:
        """What stands for one, if anything does."""
        found = self._lent.get(number)
        return None if found is None else found()

    def has_now(self, number: int | None) -> bool:
        """Whether one that was lent holds here what it holds there."""
        return number in self._lent and self._told[number] is not None

    def forget(self, numbers: list[int]) -> None:
        """Those that were lent, and nobody on the tests' side holds any more."""
        for number in numbers:
            if self._lent.pop(number, None) is not None:
                del self._told[number]

    def has(self, number: int) -> bool:
        """Whether both sides know it."""
        return number in self._objects

    def changed(self) -> Iterator[tuple[int, Any]]:
        """Those of which the other side does not know what they hold, with that."""
        for number, value in self._objects.items():
            content = _content_of(value)
            if not is_same(self._told[number], contents_of(content)):
                yield number, content
        for number, found in [*self._lent.items()]:
            if (value := found()) is None or (told := self._told[number]) is None:
                continue
            content = _content_of(value)
            if len(content) > _MOST_HELD:
                yield number, None
            elif not is_same(told, contents_of(content)):
                yield number, content

    def tell(self) -> list[tuple[int, Any]]:
        """Those that changed, with what they hold, which the other side knows from now on.

        With None where it is too much: that is told no more.
        """
        changed = list(self.changed())
        self._told |= {n: None if held is None else contents_of(held) for n, held in changed}
        return changed

    def renew(self, number: int, content: Any) -> None:
        """What one holds by now. KeyError where there is none; TypeError for another type's."""
        if content is None:
            self._lent[number]
            self._told[number] = None
            return
        lent = self._lent.get(number)
        value = self._objects[number] if lent is None else lent()
        if value is not None:
            if type(content) is not _base_of(value):
                raise TypeError("a content of another type")
            _fill(value, content)
        self._told[number] = contents_of(content)


def _base_of(value: Any) -> Any:
    return next(base for base in MUTABLE if isinstance(value, base))


def _content_of(value: Any) -> Any:
    return BASES[_base_of(value).__name__](value)


def _made(base: Any, contents: tuple[Any, ...]) -> Any:
    if base is dict:
        half = len(contents) // 2
        return dict(zip(contents[:half], contents[half:], strict=True))
    return base(contents)


def _fill(value: Any, content: Any) -> None:
    base = type(content)
    if base is list:
        list.__setitem__(value, slice(None), content)
    else:
        base.clear(value)
        base.update(value, content)


def contents_of(value: Any) -> tuple[Any, ...]:
    """What a container holds now."""
    if isinstance(value, dict):
        return (*value.keys(), *value.values())
    if isinstance(value, ChainMap):
        return tuple(value.maps)
    if arrays.is_array(value):
        return arrays.contents_of(value)
    return (bytes(value),) if isinstance(value, (bytearray, array)) else tuple(value)


def is_same(told: tuple[Any, ...] | None, now: tuple[Any, ...]) -> bool:
    """Whether it is what the other side was told, by identity."""
    if told is None or len(told) != len(now):
        return False
    return all(a is b or (type(a) is bytes and a == b) for a, b in zip(told, now, strict=True))
