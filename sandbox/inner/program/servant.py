"""The candidate's side of handles: its objects by number, and what is asked of them.

Runs beside foreign code, so nothing here can be relied on; the tests' side takes every answer as
hostile. What it tells of an object is enough to stand for it over there: its class, that class's
bases, and which special methods there are. Objects of the tests arrive as `Guest`s, which answer
calls, items and public attributes by asking back.
"""

from __future__ import annotations

import copy
import functools
import gc
import importlib
import itertools
import operator
import types
from typing import TYPE_CHECKING, Any, Final

from sandbox.codec import CodecError
from sandbox.inner.crossing.held import MUTABLE, Held
from sandbox.inner.crossing.recipes import recipe_of
from sandbox.inner.crossing.records import Records
from sandbox.inner.crossing.special import HELD, content_of, content_type, identity_of, method_of
from sandbox.inner.given.likenesses import Likenesses
from sandbox.inner.given.standins import Guest, StandIns
from sandbox.inner.given.thrown import GUEST, error_of
from sandbox.inner.program.execute import MOST_TEXT, describe, name_of
from sandbox.inner.program.loops import Loops, awaited
from sandbox.inner.program.telling import array_under, error_type, hash_of, is_of_base, own_methods

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.codec import Wire
    from sandbox.frames import Frame

_collect: Final = gc.collect  # programs put something else in its place
_CALLED: Final = ("__name__", "__qualname__", "__module__", "__doc__")


class Servant:
    """The candidate's objects that the tests hold, and the tests' objects that it holds."""

    def __init__(self, ask: Callable[[str, int, tuple[Any, ...], Any], Any]) -> None:
        self.objects: dict[int, Any] = {}
        self._numbers: dict[Any, int] = {}
        self._guests = StandIns(ask)
        self.gone = self._guests.gone
        self.lifetimes = self._guests.lifetimes
        self._likenesses = Likenesses(ask)
        self._next = 0
        self._of_library: dict[int, tuple[Any, Wire]] = {}
        self._described: set[int] = set()
        self.named: set[type] = set()
        self.loops = Loops()
        self.records = Records({})
        self.held = Held()
        self.classes: list[Frame] = []

    def refer(self, value: Any) -> Wire:  # noqa: PLR0911 - one for each kind of object
        """What stands for an object in a message; its class is described along with it."""
        if (of_tests := self._number_there(value)) is not None:
            return ["p", of_tests]
        if (given := self._of_library.get(id(value))) is not None:
            return given[1]
        if (record := self.records.wire_of(value)) is not None:
            return record
        if isinstance(value, type):
            return ["k", self._class(value)]
        kind = type(value)
        if isinstance(value, types.CoroutineType):
            return ["co", self._number(value)]
        number = self._number(value)
        if self.held.has(number):
            return ["wk", number]
        lent = (is_asked := self._is_asked(kind)) and self.held.lend(number, value)
        content = None if is_asked else content_of(value)
        if isinstance(value, BaseException):
            return self._error(number, value)
        if content is None:
            return ["hl" if lent else "h", number, self._class(kind), hash_of(value, object)]
        tag, exact = content
        # Where it may be had, the content's own hash is over there as well.
        told = self._is_named(kind) or type(exact).__hash__ is None
        hashed = hash_of(value, type(exact)) if told else None
        if type(exact) in MUTABLE:
            self.held.add(number, value)
        return ["w", number, self._class(kind), hashed, tag, exact]

    def _number_there(self, value: Any) -> int | None:
        if isinstance(value, Guest):
            number: int = value._number  # noqa: SLF001 - ours
            return number
        return self._likenesses.number_of(value)

    def _error(self, number: int, error: BaseException) -> Wire:
        if type(guest := vars(error).get(GUEST)) is int:
            return ["t", guest]
        text = describe(error, MOST_TEXT)["message"]
        return ["x", number, self._class(type(error)), text, list(error.args)]

    def resolve(self, wire: list[Any]) -> Any:  # noqa: PLR0911 - one for each kind of object
        """An object in a message of the tests: one of ours, a guest, or a thing of the library."""
        match wire:
            case ["o", int(number)]:
                return self.objects[number]
            case ["p", int(number), str(does), *told]:
                return self._guests.of(number, does, *told)
            case ["pd", int(number), list(told), content]:
                return self._guests.of(number, *told, content)
            case ["pb", int(number), dict(told), content]:
                found = self._likenesses.stand_in(number, told, content)
                return self._guests.keep(number, found)
            case ["g", str(module), str(name)]:
                found = functools.reduce(getattr, name.split("."), importlib.import_module(module))
                self._of_library[id(found)] = found, wire
                return found
            case ["e", dict(told)]:
                return error_of(told)
        try:
            return self.records.read(wire)
        except CodecError:  # the program has made another class of it
            return object()

    def perform(  # noqa: C901, PLR0911, PLR0912 - one for each question
        self, ask: str, on: int, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Do what is asked of one of our objects."""
        value: Any = self.objects.get(on)
        match ask:
            case "call":
                return value(*args, **kwargs)
            case "get":
                return getattr(value, *args)
            case "set":
                return setattr(value, *args)
            case "del":
                return delattr(value, *args)
            case "begin":
                return self.loops.begin(_in_flight(value, *args))
            case "turn" | "cancel" | "result":
                return self.loops.answer(ask, on)
            case "items":
                return list(value)
            case "first":
                return list(itertools.islice(value, *args))
            case "copy":
                return copy.copy(value)
            case "deepcopy":
                return copy.deepcopy(value)
            case "collect":
                return _collect()
            case "called":
                return tuple(getattr(value, name, None) for name in _CALLED)
            case "bool":
                return bool(value)
            case "isinstance":
                return isinstance(args[0], value)
            case "issubclass":
                return issubclass(args[0], value)
            case "operate":
                return _operated(value, *args)
            case "recipe":
                return recipe_of(value)
            case "__next__":
                return _next(value)
            case "leave":
                return _left(value, *args)
            case "lineup":
                return [_said(value, args[0], other) for other in args[1]]
            case "__getitem__" | "__setitem__" | "__delitem__" if isinstance(value, type):
                return getattr(operator, ask)(value, *args)
            case "__reversed__" if isinstance(value, type):
                return reversed(value)  # type: ignore[call-overload]
            case _:
                return method_of(value, ask)(*args, **kwargs)

    def forget(self, numbers: list[int]) -> list[Any]:
        """Nobody over there holds these any more, which end with what is given here."""
        self.held.forget(numbers)
        ended = [self.objects.pop(number) for number in numbers if number in self.objects]
        for value in ended:
            self._numbers.pop(identity_of(value), None)
        return ended

    def _named_class(self, kind: type) -> Wire:
        """A class of the library by its name, another by its number."""
        known = name_of(kind)
        return self._class(kind) if known is None else known

    def _is_asked(self, kind: type) -> bool:
        """Whether a class over a list, dict or set is named by the tests: it is no mere value."""
        return issubclass(kind, (list, dict, set)) and self._is_named(kind)

    def _is_named(self, kind: type) -> bool:
        return not self.named.isdisjoint(kind.__mro__)

    def _number(self, value: Any) -> int:
        identity = identity_of(value)
        number = self._numbers.get(identity)
        if number is None:
            number, self._next = self._next, self._next + 1
            self.objects[number] = value
            self._numbers[identity] = number
        return number

    def _class(self, kind: type) -> int:
        number = self._number(kind)
        if number in self._described:
            return number
        self._described.add(number)
        own = name_of(kind)
        bases = [self._named_class(each) for each in kind.__bases__[:50]]
        mro = [number if each is kind else self._named_class(each) for each in kind.__mro__[:100]]
        meta = self._class(type(kind)) if name_of(type(kind)) is None else None
        built_in = content_type(kind) or error_type(kind)
        asked = self._is_asked(kind)
        holds = built_in if asked else array_under(kind)
        base = object if asked or built_in is None else built_in
        self.classes.append(
            {
                "number": number,
                "name": str(kind.__name__)[:200],
                "module": str(getattr(kind, "__module__", ""))[:200],
                "qualname": str(kind.__qualname__)[:200],
                "known": own or self.records.base_of(kind),
                "asked": asked,
                "builtin": getattr(error_type(kind), "__name__", None),
                "bases": bases,
                "mro": [] if own else mro,
                "base": kind.__bases__.index(kind.__base__)
                if kind.__base__ in kind.__bases__
                else 0,
                "metaclass": meta,
                "special": [
                    f"{HELD}{name}" if holds and is_of_base(kind, name, holds) else name
                    for name in own_methods(kind, base, self._is_named)
                ],
            }
        )
        return number


def _next(value: Any) -> list[Any]:
    """The next item, alone in a list; nothing at the end."""
    try:
        return [next(value)]
    except StopIteration:
        return []


def _left(value: Any, error: BaseException | None) -> bool:
    """Leave a `with`, in which the tests raised what an exception stands for."""
    return bool(method_of(value, "__exit__")(*_told_of_end(error)))


def _told_of_end(error: BaseException | None) -> tuple[Any, Any, Any]:
    return (None, None, None) if error is None else (type(error), error, error.__traceback__)


def _operated(value: Any, operator_: str, *others: Any) -> tuple[Any, ...]:
    """What an operator of an object gives, alone in a tuple; nothing where it has no answer."""
    given = method_of(value, operator_)(*others)
    return () if given is NotImplemented else (given,)


def _said(value: Any, special: str, other: Any) -> Any:
    """What a comparison gives: yes or no, an object that is made of it, or what it raises."""
    try:
        given = value == other if special == "__eq__" else value != other
    except Exception as error:  # noqa: BLE001 - over a value that the tests did not mean, too
        return error
    kind = type(given)
    is_made = (
        name_of(kind) is None and not hasattr(kind, "__bool__") and not hasattr(kind, "__len__")
    )
    return given if is_made else bool(given)


def _in_flight(value: Any, special: str, *args: Any) -> Any:
    """What the tests await of an object."""
    if special != "__aexit__":
        return awaited(value, special, args)
    return awaited(value, special, _told_of_end(*args))
