"""Objects of the tests that the candidate was given: what it may ask of them, and of no others.

Built-ins and callables of the library cross by name, and are the candidate's own over there. Other
objects answer calls, items and public attributes; nothing that is given leads to globals, code or
built-ins of this process. Of an object of a class of the tests' own, what it itself has under one
underscore is shown as well, where that is data. What a function or the class of an object is called
is told as text, with the object, and the parameters of a function where they are asked for, without
their defaults.
"""

from __future__ import annotations

import functools
import operator
import types
from typing import TYPE_CHECKING, Any, Final

from sandbox.codec import CannotCross, CodecError
from sandbox.inner.handles import number_of
from sandbox.inner.likeness import likeness_of
from sandbox.inner.shown import (
    FUNCTIONS,
    INNER,
    annotations_of,
    attributes_of,
    called,
    close_files,
    has_operators,
    hash_of,
    is_method,
    is_of_the_library,
    is_open,
    is_private_data,
    library_name,
    names_in,
    own_methods,
    parameters_of,
    protocols_of,
    text_shown,
)
from sandbox.inner.special import ASYNCHRONOUS, PROTOCOLS, found_in, identity_of, method_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.codec import Wire


class Guests:
    """The objects that were given, by number."""

    def __init__(self) -> None:
        self._objects: dict[int, Any] = {}
        self._numbers: dict[Any, int] = {}
        self._methods: dict[int, dict[str, Any]] = {}
        self._is_changed = False
        self._kinds: dict[int, int] = {}
        self._likes = set[int]()

    def known(self, number: int) -> bool:
        """Whether an object of this number was given."""
        return number in self._objects

    def __getitem__(self, number: int) -> Any:
        """The object itself, come back. Raises `CodecError` for what leads into the tests."""
        found = self._objects[number]
        if isinstance(found, INNER):
            raise CodecError("something inside the tests")
        return found

    def refer(self, value: Any) -> Wire:
        """What stands for a value of the tests over there. Raises `CannotCross`, and `Stop`."""
        number = number_of(value)
        if number is not None:
            return ["o", number]
        named = library_name(value)
        if named is not None:
            return named
        kind = type(value)
        if (like := self._like(value)) is not None:
            return like
        if isinstance(value, (types.ModuleType, type)) or (
            has_operators(kind) or any(hasattr(kind, name) for name in ASYNCHRONOUS)
        ):
            raise CannotCross(kind.__qualname__)
        does = _does(value)
        number = self._numbers.get(identity_of(value))
        if number is not None:
            return ["p", number, does]
        close_files(value)
        number = len(self._objects)
        self._objects[number] = value
        self._numbers[identity_of(value)] = number
        self._methods[number] = own_methods(value)
        if isinstance(value, FUNCTIONS):
            return ["p", number, does, called(value), None]
        # Kept by the object, a class keeps its address.
        kinds = self._kinds.setdefault(id(kind), len(self._kinds))
        wire: list[Any] = ["p", number, does, called(kind), kinds]
        protocols, hashed = protocols_of(kind), hash_of(value)
        return wire if not protocols and hashed is None else [*wire, protocols, hashed]

    def _like(self, value: Any) -> Wire | None:
        """What stands for an object of which there is a real one over there; None for others."""
        if (known := self._numbers.get(identity_of(value))) is not None:
            return ["p", known, "plain"] if known in self._likes else None
        if (found := likeness_of(value)) is None:
            return None
        told, content = found
        number = len(self._objects)
        self._objects[number] = value
        self._numbers[identity_of(value)] = number
        self._methods[number] = own_methods(value)
        self._likes.add(number)
        if told["as"] == "builtin":
            kind = type(value)
            told["called"] = called(kind)
            told["kind"] = self._kinds.setdefault(id(kind), len(self._kinds))
        return ["pb", number, told, content]

    def perform(self, ask: Any, on: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Do what the candidate asks of an object of the tests: calls, items, public attributes.

        Raises `CodecError` for what is no such question, and what the object raises.
        """
        if type(on) is not int or not self.known(on) or type(ask) is not str:
            raise CodecError("a question about nothing")
        value = self._objects[on]
        if ask == "call" and callable(value):
            return value(*args, **kwargs)
        if ask in _ATTRIBUTE and args and type(args[0]) is str and not kwargs:
            return self._attribute(ask, value, *args)
        question = None if kwargs else _question(ask, value)
        if question is None:
            raise CodecError("an unknown question")
        return question(value, *args)

    def _attribute(self, ask: str, value: Any, name: str, *given: Any) -> Any:
        """Get, set or delete one. Raises `AttributeError` for one that is not shown."""
        may_be_new = ask == "set"
        if not is_open(value, name) and not is_private_data(value, name, may_be_new=may_be_new):
            raise AttributeError(f"{name} of an object of the tests")
        if ask == "set":
            return self._set(value, name, *given)
        if ask == "delattr":
            return self._delete(value, name, *given)
        return getattr(value, name, *given)

    def _set(self, value: Any, name: str, given: Any) -> None:
        """Set an attribute. What is no plain value is the program's word, and no method of a mock.

        Raises `AttributeError`.
        """
        if callable(given) or number_of(given) is not None:
            if name.startswith("_"):
                raise AttributeError(f"{name} of an object of the tests is data")
            found = found_in(type(value), name)
            if found is not None and is_method(found[1]) and is_of_the_library(found[0]):
                raise AttributeError(f"{name} of an object of the tests is a method of the library")
            self._is_changed |= identity_of(given) not in self._numbers
        setattr(value, name, given)

    def _delete(self, value: Any, name: str) -> None:
        """Delete an attribute. What stands behind something callable is its class's, and else."""
        self._is_changed |= callable(getattr(value, "__dict__", {}).get(name))
        delattr(value, name)

    def are_changed(self) -> bool:
        """Whether one does something else now than when it was given."""
        return self._is_changed or any(
            told.get(name) is not method
            for number, told in self._methods.items()
            for name, method in own_methods(self._objects[number]).items()
        )


_ATTRIBUTE: Final = frozenset({"get", "set", "delattr"})
_ITEMS: Final[dict[str, Callable[..., Any]]] = {
    "signature": parameters_of,
    "annotations": annotations_of,
    "vars": attributes_of,
    "dir": names_in,
    "next": lambda value: _step(next, value),
    "iter": iter,
    "len": len,
    "item": operator.getitem,
    "setitem": operator.setitem,
    "contains": operator.contains,
    "bool": bool,
    "str": lambda value: text_shown(str, value),
    "repr": lambda value: text_shown(repr, value),
    "enter": lambda value: type(value).__enter__(value),
    "exit": lambda value, *told: bool(type(value).__exit__(value, *told)),
}


def _question(ask: str, value: Any) -> Callable[..., Any] | None:
    """What is done for a question; None for what is none."""
    if ask in _GENERATOR:
        return _GENERATOR[ask] if type(value) is types.GeneratorType else None
    if ask in PROTOCOLS:
        return functools.partial(_protocol, ask) if ask in protocols_of(type(value)) else None
    return _ITEMS.get(ask)


def _protocol(name: str, value: Any, *args: Any) -> Any:
    given = method_of(value, name)(*args)
    if given is NotImplemented:
        raise TypeError(f"{name} of an object of the tests")
    return given


def _thrown(value: Any, error: Any) -> tuple[bool, Any]:
    if not isinstance(error, BaseException):
        raise CodecError("nothing that can be thrown")
    if isinstance(error, StopIteration):  # one of the tests: it may end a loop in there
        raise RuntimeError("generator raised StopIteration")  # noqa: TRY004 - as Python does
    return _step(value.throw, error)


_GENERATOR: Final[dict[str, Callable[..., Any]]] = {
    "send": lambda value, given: _step(value.send, given),
    "throw": _thrown,
    "close": lambda value: value.close(),
}
"""What a generator is asked beside its items; it shows nothing."""


def _does(value: Any) -> str:
    if type(value) is types.GeneratorType:
        return "generator"
    return "next" if hasattr(type(value), "__next__") else "call" if callable(value) else "plain"


def _step(of: Callable[..., Any], *args: Any) -> tuple[bool, Any]:
    """What an iterator gives, or that it has ended, and what a generator returned."""
    try:
        return True, of(*args)
    except StopIteration as end:
        return False, end.value
