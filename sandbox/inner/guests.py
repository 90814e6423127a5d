"""Objects of the tests that the candidate was given: what it may ask of them, and of no others.

Built-ins and callables of the library cross by name, and are the candidate's own over there. Other
objects answer calls, items and public attributes; nothing that is given leads to globals, code or
built-ins of this process. What a function or the class of an object is called is told as text, with
the object, and the parameters of a function where they are asked for, without their defaults.
"""

from __future__ import annotations

import functools
import inspect
import operator
import sys
import types
from typing import TYPE_CHECKING, Any, Final

from sandbox.codec import CannotCross, CodecError
from sandbox.inner.handles import number_of
from sandbox.inner.likeness import likeness_of
from sandbox.inner.special import ASYNCHRONOUS, BINARY, found_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.codec import Wire

_CLOSED: Final = (
    *(types.CodeType, types.FrameType, types.TracebackType, types.ModuleType, type),
    *(types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType),
)
"""Objects of the tests that show no attribute: theirs lead to code and globals.

Neither does what can only be called, as a function or a partial: it says there what it holds.
"""

_FUNCTIONS: Final = (types.FunctionType, types.MethodType, types.BuiltinFunctionType)
_MOST_TEXT: Final = 10_000


class Guests:
    """The objects that were given, by number."""

    def __init__(self) -> None:
        self._objects: dict[int, Any] = {}
        self._numbers: dict[int, int] = {}
        self._methods: dict[int, dict[str, Any]] = {}
        self._is_changed = False
        self._kinds: dict[int, int] = {}
        self._likes = set[int]()

    def known(self, number: int) -> bool:
        """Whether an object of this number was given."""
        return number in self._objects

    def __getitem__(self, number: int) -> Any:
        """The object itself, come back."""
        return self._objects[number]

    def refer(self, value: Any) -> Wire:
        """What stands for a value of the tests over there. Raises `CannotCross`, and `Stop`."""
        number = number_of(value)
        if number is not None:
            return ["o", number]
        named = _library_name(value)
        if named is not None:
            return named
        kind = type(value)
        if (like := self._like(value)) is not None:
            return like
        if isinstance(value, (types.ModuleType, type)) or (
            _has_operators(kind) or any(hasattr(kind, name) for name in ASYNCHRONOUS)
        ):
            raise CannotCross(kind.__qualname__)
        does = "next" if hasattr(kind, "__next__") else "call" if callable(value) else "plain"
        number = self._numbers.get(id(value))
        if number is not None:
            return ["p", number, does]
        number = len(self._objects)
        self._objects[number] = value
        self._numbers[id(value)] = number
        self._methods[number] = _own_methods(value)
        if isinstance(value, _FUNCTIONS):
            return ["p", number, does, _called(value), None]
        # Kept by the object, a class keeps its address.
        return [
            "p",
            number,
            does,
            _called(kind),
            self._kinds.setdefault(id(kind), len(self._kinds)),
        ]

    def _like(self, value: Any) -> Wire | None:
        """What stands for an object of which there is a real one over there; None for others."""
        if (known := self._numbers.get(id(value))) is not None:
            return ["p", known, "plain"] if known in self._likes else None
        if (found := likeness_of(value)) is None:
            return None
        told, content = found
        number = len(self._objects)
        self._objects[number] = value
        self._numbers[id(value)] = number
        self._methods[number] = _own_methods(value)
        self._likes.add(number)
        if told["as"] == "builtin":
            kind = type(value)
            told["called"] = _called(kind)
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
        if ask in ("get", "set") and args and type(args[0]) is str and not kwargs:
            if not _is_open(value, args[0]):
                raise AttributeError(f"{args[0]} of an object of the tests")
            if ask == "set":
                return self._set(value, *args)
            return getattr(value, *args)
        if ask == "signature" and not args and not kwargs:
            return _parameters(value)
        if ask in _ITEMS and not kwargs:
            return _ITEMS[ask](value, *args)
        raise CodecError("an unknown question")

    def _set(self, value: Any, name: str, given: Any) -> None:
        """Set an attribute. What is no plain value is the program's word, and no method of a mock.

        Raises `AttributeError`.
        """
        if callable(given) or number_of(given) is not None:
            found = found_in(type(value), name)
            if found is not None and _is_method(found[1]) and _is_of_the_library(found[0]):
                raise AttributeError(f"{name} of an object of the tests is a method of the library")
            self._is_changed |= id(given) not in self._numbers
        setattr(value, name, given)

    def are_changed(self) -> bool:
        """Whether one does something else now than when it was given."""
        return self._is_changed or any(
            told.get(name) is not method
            for number, told in self._methods.items()
            for name, method in _own_methods(self._objects[number]).items()
        )


_ITEMS: Final[dict[str, Callable[..., Any]]] = {
    "next": next,
    "iter": iter,
    "len": len,
    "item": operator.getitem,
    "setitem": operator.setitem,
    "contains": operator.contains,
    "bool": bool,
    "str": str,
    "repr": repr,
    "enter": lambda value: type(value).__enter__(value),
    "exit": lambda value, *told: bool(type(value).__exit__(value, *told)),
}


def _is_open(value: Any, name: str) -> bool:
    if name.startswith("_") or isinstance(value, _CLOSED):
        return False
    call = found_in(type(value), "__call__")
    return call is None or isinstance(call[1], types.FunctionType)


def _is_of_the_library(kind: type) -> bool:
    """Whether a class came by an import: the module of the tests has no specification."""
    return getattr(sys.modules.get(kind.__module__), "__spec__", None) is not None


def _is_method(found: Any) -> bool:
    return callable(found) or isinstance(found, classmethod)


def _own_methods(value: Any) -> dict[str, Any]:
    """What an object itself has in place of methods of its class."""
    kind, held = type(value), getattr(value, "__dict__", None)
    if type(held) is not dict:
        return {}
    return {
        name: own
        for name, own in held.items()
        if callable(own) and (found := found_in(kind, name)) is not None and _is_method(found[1])
    }


def _called(value: Any) -> list[str | None]:
    """What a function or a class is called, and its own text."""
    found = (getattr(value, name, None) for name in ("__name__", "__qualname__", "__module__"))
    names = [text[:_MOST_TEXT] if type(text) is str else "" for text in found]
    doc = getattr(value, "__doc__", None)
    of_library = names[-1].partition(".")[0] in sys.stdlib_module_names
    return [*names, doc[:_MOST_TEXT] if type(doc) is str and not of_library else None]


def _parameters(value: Any) -> list[tuple[str, int, bool, tuple[type, ...]]]:
    """Names, kinds and classes of a function's parameters, and whether there is a default.

    Which one is not told: it may be what a test expects. Of annotations only classes of the library
    are, which are the program's own over there.
    """
    if isinstance(value, (types.FunctionType, types.MethodType)):
        return [
            (each.name, int(each.kind), each.default is not each.empty, _class_in(each.annotation))
            for each in inspect.signature(value).parameters.values()
        ]
    raise AttributeError("parameters of an object of the tests")


def _class_in(annotation: Any) -> tuple[type, ...]:
    is_told = annotation is not inspect.Parameter.empty and _library_name(annotation) is not None
    return (annotation,) if is_told and isinstance(annotation, type) else ()


def _library_name(value: Any) -> Wire | None:
    """Built-ins and library callables cross by name: they are the candidate's own over there."""
    if not isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType)):
        return None
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", "")
    owner = getattr(value, "__self__", None)
    if module is None and isinstance(owner, types.ModuleType):
        module = owner.__name__
    if type(module) is not str or module.partition(".")[0] not in sys.stdlib_module_names:
        return None
    try:
        found = functools.reduce(getattr, name.split("."), sys.modules[module])
    except (KeyError, AttributeError):
        return None
    return ["g", module, name] if found is value else None


def _has_operators(kind: type) -> bool:
    """Whether a class of the tests has operators: the candidate could not use them over there."""
    return any(
        vars(each).get(name) is not None
        for each in kind.__mro__
        if each.__module__ not in sys.stdlib_module_names
        for name in BINARY
    )
