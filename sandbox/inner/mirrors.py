"""Mirrors of the candidate's classes in the tests' process, and what crosses in their name.

A mirror is a real class here with the candidate's name and bases, so that `isinstance`, `except`
and `pytest.raises` work. Three kinds:

- a plain mirror, whose instances are handles (`sandbox.inner.handles`);
- a mirror of a subclass of a built-in type, whose instances hold the built-in value as a copy; what
  the class has not made its own, comparing among it, that type does here;
- a mirror of an exception class, which has the built-in one as its base.

Nothing of the candidate's runs here; what it says of a class decides only what is asked.
"""

from __future__ import annotations

import functools
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sandbox.codec import CodecError
from sandbox.inner.bound import BoundGuests
from sandbox.inner.containers import MUTABLE, Held
from sandbox.inner.exceptions import MARK, SIGNALS, library_class, new_exception
from sandbox.inner.handles import (
    CONTENTS,
    HASH,
    KEY,
    Handle,
    Mirror,
    contents_of,
    held_by,
)
from sandbox.inner.questions import Member, attribute_of, method_asked, specials_of, text_told

if TYPE_CHECKING:
    from sandbox.inner.exceptions import Group
    from sandbox.inner.handles import Asks

_HARMLESS: Final = frozenset({*CONTENTS.values(), bool, bytearray, range, object, type(None)})
"""Classes that stand for themselves: calling one of them makes a value and nothing else."""

_MOST_CLASSES: Final = 2_000
_MOST_BASES: Final = 50


def _is_plain_exception(kind: type) -> bool:
    """Whether a class may stand for itself: not one that catches a failed assertion as well."""
    return issubclass(kind, Exception) and not issubclass(AssertionError, kind)


def _is_described(special: list[Any], bases: list[Any]) -> bool:
    return all(type(each) is str for each in special) and len(bases) <= _MOST_BASES


@dataclass(frozen=True)
class _Described:
    """A class, as the candidate's side tells of it.

    `special`: its special methods, and those of a built-in type that it made its own; `known`: the
    class of the library that it is; `asked`: whether one that holds what a list, dict or set holds
    is more than its content, so that its methods are asked; `builtin`: the built-in exception that
    it is a kind of.
    """

    number: int
    name: str
    module: str
    bases: list[Any]
    special: list[str]
    known: type | None
    asked: bool
    builtin: str | None


def _bases(parents: list[type]) -> tuple[type, ...]:
    held = held_by(*parents)
    own: dict[Any, None] = dict.fromkeys(p for p in parents if isinstance(p, Mirror))
    if not any(issubclass(p, Handle) for p in own):
        own = {Handle: None, **own}
    return (*own, *([held] if held is not None else []))


def _body(told: _Described, parents: list[type]) -> dict[str, Any]:
    body: dict[str, Any] = {KEY: told.number, "__module__": told.module}
    if told.known is not None:  # for `isinstance`
        known = told.known
        body["__class__"] = property(lambda _handle: known)
    held = held_by(*parents)
    if held is not None and not told.asked:
        own = specials_of(told.special)
        if not {"__hash__", "no __hash__"} & {*told.special}:
            own["__hash__"] = held.__hash__
        members = {*told.special} & {name for name in vars(held) if not name.startswith("_")}
        own |= {name: Member(name) for name in members}
        return body | {"__repr__": held.__repr__} | own
    if held is not None:
        body |= {name: method_asked(name) for name in vars(held) if not name.startswith("_")}
    return body | specials_of(told.special)


class Mirrors:
    """The mirrors of one run, and what crosses in their name."""

    def __init__(self, asks: Asks) -> None:
        self.guests = BoundGuests()
        self.held = Held()
        self.dropped: list[int] = []
        self._asks = asks
        self._classes: dict[int, type] = {}
        self._known: dict[int, type] = {}
        self._handles: dict[int, weakref.ref[Any]] = {}
        self._kept: dict[int, Any] = {}

    def describe(self, classes: Any) -> None:
        """Make mirrors of classes that are new. Raises `CodecError`."""
        if type(classes) is not list or len(classes) + len(self._classes) > _MOST_CLASSES:
            raise CodecError("too many classes")
        for one in classes:
            match one:
                case {
                    "number": int(number),
                    "name": str(name),
                    "module": str(module),
                    "known": known,
                    "asked": bool(asked),
                    "builtin": None | str() as builtin,
                    "bases": list(bases),
                    "special": list(special),
                } if number not in self._classes and _is_described(special, bases):
                    own = library_class(known) or self._asks.value_class(known)
                    self._classes[number] = self._mirror(
                        _Described(number, name, module, bases, special, own, asked, builtin)
                    )
                    if own in _HARMLESS or (own and _is_plain_exception(own)):
                        self._known[number] = own
                case _:
                    raise CodecError("not a class")

    def _mirror(self, told: _Described) -> type:
        parents = [self._base(base) for base in told.bases]
        if told.known is not None and _is_plain_exception(told.known):
            parents = [Exception if told.known.__name__ in SIGNALS else told.known]
        if told.builtin is not None and not any(issubclass(p, BaseException) for p in parents):
            parents.append(self._base(["builtins", told.builtin]))
        exceptions = [p for p in parents if issubclass(p, BaseException)]
        if exceptions:
            own = {"__str__": text_told, "__getattr__": attribute_of}
            body = {KEY: told.number, "__module__": "solution", **own}
            return self._made(told.name, tuple(dict.fromkeys(exceptions)), body)
        return self._made(told.name, _bases(parents), _body(told, parents))

    def _made(self, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
        made_name = name if name.isidentifier() else "Object"
        body["asks"] = self._asks
        for own in (bases, bases[:1]):
            try:
                return Mirror(made_name, own, dict(body), asks=self._asks)
            except TypeError:  # bases that do not go together here
                continue
        return Mirror(made_name, (Handle,), dict(body), asks=self._asks)

    def _base(self, base: Any) -> type:
        if type(base) is int:
            if base not in self._classes:
                raise CodecError("a base that was not told of")
            return self._classes[base]
        found = library_class(base)
        if found is None:
            return Handle
        steers = found.__name__ in SIGNALS or not issubclass(found, Exception)
        return Exception if issubclass(found, BaseException) and steers else found

    def name(self, values: Any) -> None:
        """The tests name these; those that are classes have operators."""
        for value in values:
            if isinstance(value, Mirror) and KEY in vars(value):
                type.__setattr__(value, "named", True)

    def resolve(self, wire: list[Any]) -> Any:  # noqa: PLR0911 - one for each kind of object
        """What stands for an object of the candidate, or a tests' own. Raises `CodecError`."""
        match wire:
            case ["p", int(number)] if self.guests.known(number):
                return self.guests[number]
            case ["k", int(number)] if number in self._classes:
                return self._known.get(number, self._classes[number])
            case ["h", int(number), int(kind), None | int() as hashed]:
                return self._handle(number, kind, (), hashed)
            case ["w", int(number), int(kind), None | int() as hashed, str(tag), content] if (
                tag in CONTENTS
            ):
                return self._handle(number, kind, (self._content(tag, content),), hashed)
            case ["wk", int(number)] if self.held.has(number):
                return self._kept[number]
            case ["x", int(number), int(kind), str(text), list(args)]:
                return self._kept_exception(number, kind, args, text)
            case ["co", int(number)]:
                return self._coroutine(number)
        raise CodecError("an unknown object")

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
        if mirror is None or issubclass(mirror, BaseException):
            raise CodecError("an object of no class")
        if content and kept is None and (found := self._kept.get(number)) is not None:
            return found
        made = _new(mirror, content)
        contents_of(made).update({KEY: number, HASH: hashed})
        if not content:
            if number in self.dropped:  # let go while the question was under way, and given again
                self.dropped.remove(number)
            self._handles[number] = weakref.ref(made, functools.partial(self._gone, number))
        else:
            self._kept[number] = made
            if type(content[0]) in MUTABLE:
                self.held.add(number, made)
        return made

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
        return self._exception(number, kind, args, text, group)

    def _kept_exception(self, number: int, kind: int, args: list[Any], text: str) -> BaseException:
        """One that was given and not raised: the same object each time."""
        if number not in self._kept:
            self._kept[number] = self._exception(number, kind, args, text, _group_in(args))
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
    if make is None:
        return object.__new__(mirror)
    if not content and make not in MUTABLE:
        raise CodecError("a value without its content")
    made = make.__new__(mirror, *content)
    if make in MUTABLE:
        make.__init__(made, *content)
    return made
