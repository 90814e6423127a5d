"""What crosses in the name of the candidate's classes: objects, exceptions and coroutines.

What stands for an object is of its class's mirror (`sandbox.inner.remote.mirrored`).
"""

from __future__ import annotations

import functools
import weakref
from typing import TYPE_CHECKING, Any, Final

from sandbox.codec import CodecError
from sandbox.inner.answers.bound import BoundGuests
from sandbox.inner.crossing.held import MUTABLE, Held
from sandbox.inner.remote.classes import KEY, Mirror
from sandbox.inner.remote.exceptions import MARK, new_exception
from sandbox.inner.remote.handles import (
    CONTENTS,
    HASH,
    held_by,
)
from sandbox.inner.remote.methods import kept_by
from sandbox.inner.remote.mirrored import MirroredClasses

if TYPE_CHECKING:
    from sandbox.frames import Frame
    from sandbox.inner.remote.classes import Asks
    from sandbox.inner.remote.exceptions import Group

_MOST_KEPT: Final = 10_000
_LIFETIMES: Final = frozenset({"gc", "weakref", "ref", "WeakSet", "getrefcount"})
"""What tests look with at how long an object lives."""


class Mirrors(MirroredClasses):
    """The mirrors of one run, and what crosses in their name."""

    def __init__(self, asks: Asks) -> None:
        super().__init__(asks)
        self.guests = BoundGuests()
        self.held = Held()
        self.dropped: list[int] = []
        self._handles: dict[int, weakref.ref[Any]] = {}
        self._kept: dict[int, Any] = {}
        self._errors = weakref.WeakValueDictionary[int, BaseException]()
        self._identified: list[Any] = []

    def lifetimes(self) -> Frame:
        """What the candidate's side is to know of who still holds what here."""
        dropped, self.dropped = self.dropped, []
        self.held.forget(dropped)
        return {"drop": dropped, **self.guests.lifetimes()}

    def resolve(self, wire: list[Any]) -> Any:  # noqa: C901, PLR0911 - one for each kind of object
        """What stands for an object of the candidate, or a tests' own. Raises `CodecError`."""
        match wire:
            case ["p", int(number)] if self.guests.known(number):
                return self.guests[number]
            case ["g", str(), str()]:
                return self.guests.of_library(wire)
            case ["k", int(number)] if number in self._classes:
                return self._known.get(number, self._classes[number])
            case ["h", int(number), int(kind), None | int() as hashed]:
                return self._handle(number, kind, (), hashed)
            case ["hl", int(number), int(kind), None | int() as hashed]:
                return self._borrowed(number, self._handle(number, kind, (), hashed))
            case ["w", int(number), int(kind), None | int() as hashed, str(tag), content] if (
                tag in CONTENTS
            ):
                if kind in self._members:
                    return self._member(kind, content)
                return self._handle(number, kind, (self._content(tag, content),), hashed)
            case ["wk", int(number)] if self.held.has(number):
                return self._kept[number]
            case ["x", int(number), int(kind), str(text), list(args)]:
                return self._kept_exception(number, kind, args, text)
            case ["co", int(number)]:
                return self._coroutine(number)
        raise CodecError("an unknown object")

    def _member(self, kind: int, value: Any) -> Any:
        """A member of an enumeration of the library, which is the same one here."""
        try:
            return self._members[kind](value)
        except (TypeError, ValueError):
            raise CodecError("no member of that enumeration") from None

    def _content(self, tag: str, content: Any) -> Any:
        if type(content) is not CONTENTS[tag]:
            raise CodecError("a content of another type")
        return content

    def _handle(
        self, number: int, kind: int, content: tuple[Any, ...], hashed: int | None = None
    ) -> Any:
        kept = self._handles.get(number)
        if kept is not None and not content and (found := kept()) is not None:
            return found
        mirror = self._classes.get(kind)
        if mirror is None or issubclass(mirror, (BaseException, type)):
            raise CodecError("an object of no class")
        if content and kept is None and (found := self._kept.get(number)) is not None:
            return found
        made = _new(mirror, content)
        kept_by(made).update({KEY: number, HASH: hashed})
        if not content:
            if number in self.dropped:  # let go while the question was under way, and given again
                self.dropped.remove(number)
            self._keep(made)
            self._handles[number] = weakref.ref(made, functools.partial(self._gone, number))
        else:
            self._kept[number] = made
            if type(content[0]) in MUTABLE:
                self.held.add(number, made)
        return made

    def _borrowed(self, number: int, handle: Any) -> Any:
        """One whose methods are asked, and of which is told what it holds all the same."""
        if not isinstance(handle, MUTABLE):
            raise CodecError("an object that holds nothing")
        if self.held.borrowed(number) is not handle:
            self.held.borrow(number, handle)
        return handle

    def _keep(self, handle: Any) -> None:
        """Keep a handle whose `id` the tests may take, so that its object has one `id`."""
        names = self._asks.named
        if "id" in names and not names & _LIFETIMES and len(self._identified) < _MOST_KEPT:
            self._identified.append(handle)

    def _gone(self, number: int, which: object) -> None:
        if self._handles.get(number) is which:
            del self._handles[number]
            self.dropped.append(number)

    def exception(
        self, number: Any, kind: Any, args: list[Any], text: str, group: Group | None
    ) -> BaseException:
        """What stands for an exception that the candidate raised. Raises `CodecError`."""
        if type(number) is not int or type(kind) is not int:
            raise CodecError("not an exception")
        found = self._errors.get(number)
        if found is None:
            return self._exception(number, kind, args, text, group)
        found.args = tuple(args)
        vars(found)["\0text"] = text
        vars(found).pop("__notes__", None)  # they are told anew
        return found

    def _kept_exception(self, number: int, kind: int, args: list[Any], text: str) -> BaseException:
        """One that was given and not raised: the same object each time, as one that was raised."""
        if number not in self._kept:
            found = self._errors.get(number)
            if found is None:
                found = self._exception(number, kind, args, text, _group_in(args))
            self._kept[number] = found
        kept: BaseException = self._kept[number]
        return kept

    def _exception(
        self, number: int, kind: int, args: list[Any], text: str, group: Group | None = None
    ) -> BaseException:
        mirror = self._classes.get(kind)
        if mirror is None or not issubclass(mirror, Exception) or not isinstance(mirror, Mirror):
            raise CodecError("an exception of no class")
        made = new_exception(mirror, *args, group=group)
        vars(made).update({KEY: number, "\0text": text, MARK: True})
        self._errors[number] = made
        return made

    def _coroutine(self, number: int) -> Any:
        asks = self._asks

        async def of_the_solution() -> Any:
            return await asks.awaited(number, "__await__", ())

        return of_the_solution()


def _group_in(args: list[Any]) -> Group | None:
    """The text and the members of a group, which its arguments are."""
    match args:
        case [str(text), [_, *_] as members] if all(isinstance(m, Exception) for m in members):
            return text, members
    return None


def _new(mirror: type, content: tuple[Any, ...]) -> Any:
    make: Any = held_by(mirror)
    if content and type(content[0]) is not make:
        raise CodecError("a content of another class")
    if make is None:
        return object.__new__(mirror)
    if not content and make not in MUTABLE:
        raise CodecError("a value without its content")
    made = make.__new__(mirror, *content)
    if make in MUTABLE:
        make.__init__(made, *content)
    return made
