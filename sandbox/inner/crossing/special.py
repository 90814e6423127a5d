"""Special methods, by what asking one of a candidate's object means for a verdict."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

MODULE: Final = -1
"""The number by which the module of the solution is asked."""

ALONE: Final = frozenset(
    {
        *("__len__", "__bool__", "__str__", "__repr__", "__format__", "__int__", "__float__"),
        *("__complex__", "__index__", "__abs__", "__neg__", "__pos__", "__invert__", "__round__"),
        *("__trunc__", "__floor__", "__ceil__", "__hash__", "__iter__", "__next__", "__bytes__"),
        *("__reversed__", "__fspath__", "__getitem__", "__setitem__", "__delitem__", "__call__"),
        *("__enter__", "__exit__", "__dir__", "__length_hint__", "__copy__", "__deepcopy__"),
        *("__aiter__", "__missing__"),
    }
)
"""They are told nothing that a test expects: what they give is copied, and compared over there."""

PROTOCOLS: Final = frozenset(
    {
        *("__int__", "__float__", "__complex__", "__index__", "__round__", "__trunc__"),
        *("__floor__", "__ceil__", "__abs__", "__neg__", "__pos__", "__invert__"),
        *("__bytes__", "__format__", "__fspath__", "__length_hint__", "__reversed__"),
        "__delitem__",
    }
)
"""What the program may ask of an object of the tests beside what any has. They compare nothing."""

CONTAINS: Final = frozenset(
    {
        *("__getitem__", "__setitem__", "__contains__", "__len__", "__iter__", "__bool__"),
        *("__enter__", "__exit__"),
    }
)
"""What it may ask, too, of an object whose class has it: who looks for one goes by that."""

_OPERATORS: Final = (
    *("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "divmod", "pow"),
    *("lshift", "rshift", "and", "or", "xor"),
)
IN_PLACE: Final = frozenset(f"__i{name}__" for name in _OPERATORS)
"""Operators that change the object itself, or give another in its place."""

ARITHMETIC: Final = IN_PLACE | {f"__{way}{name}__" for way in ("", "r") for name in _OPERATORS}
"""Operators of one side, of the other where the first has none, and in place."""

BINARY: Final = ARITHMETIC | {
    *("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__contains__"),
}
"""They are handed the other side of a comparison: their answer is the candidate's word."""

ASYNCHRONOUS: Final = frozenset({"__await__", "__anext__", "__aenter__", "__aexit__"})
"""What they give is awaited over there, and the result of that is the answer."""

DESCRIBING: Final = frozenset({"__get__", "__set__", "__delete__", "__set_name__"})
"""They are handed a class of the tests, or write to what an object of such a class has."""

BINDS: Final = "binds"
"""Told of a class whose objects are bound to an object of the class that they stand in, as Python's
own functions are, and no more."""

CHECKS: Final = "checks"
"""Told of a class whose metaclass says what is an instance of it."""

HELD: Final = "held "
"""Before the name of an operator that a class has from the built-in type whose content it holds."""

SPECIAL: Final = (*sorted(ALONE), *sorted(BINARY), *sorted(ASYNCHRONOUS), *sorted(DESCRIBING))


_MRO: Final[Any] = type.__dict__["__mro__"]
_BASES: Final[Any] = type.__dict__["__bases__"]
_OWN: Final[Any] = type.__dict__["__dict__"]


def mro_of(kind: type) -> tuple[type, ...]:
    """The order in which Python looks into classes, whatever a metaclass shows as that."""
    found: tuple[type, ...] = _MRO.__get__(kind)
    return found


def bases_of(kind: type) -> tuple[type, ...]:
    """What Python has a class derive from, likewise."""
    found: tuple[type, ...] = _BASES.__get__(kind)
    return found


def own_of(kind: type) -> Mapping[str, Any]:
    """What Python finds in a class itself, likewise."""
    found: Mapping[str, Any] = _OWN.__get__(kind)
    return found


BOUND: Final = (types.MethodType, types.BuiltinMethodType, types.MethodWrapperType)
"""Methods of an object: each time one is looked up, it is a new object that equals the others."""


def identity_of(value: Any) -> Any:
    """What tells an object that is kept from others; equal methods of an object are one."""
    kind = type(value)
    if kind is types.MethodType:
        return id(value.__self__), id(value.__func__)
    if kind in BOUND and not isinstance(value.__self__, (types.ModuleType, type(None))):
        return id(value.__self__), value.__name__
    return id(value)


def found_in(kind: type, name: str) -> tuple[type, Any] | None:
    """What Python finds where it looks up a special method: in classes, never in a metaclass.

    With the class that has it; None where none has.
    """
    for each in mro_of(kind):
        own = own_of(each)
        if name in own:
            return each, own[name]
    return None


def method_of(value: Any, name: str) -> Any:
    """A special method of an object, bound as Python binds it, if it is one that is bound."""
    found = found_in(type(value), name)
    if found is None:
        raise AttributeError(name)
    method = found[1]
    bind = getattr(type(method), "__get__", None)
    return method if bind is None else bind(method, value, type(value))


def _items(kind: type) -> Any:
    return lambda value: kind(kind.__iter__(value))  # type: ignore[attr-defined]


BASES: Final[dict[str, Any]] = {
    "int": int.__int__,
    "float": float.__float__,
    "complex": complex.__complex__,
    "str": str.__str__,
    "bytes": bytes.__bytes__,
    "tuple": _items(tuple),
    "frozenset": _items(frozenset),
    "list": _items(list),
    "set": _items(set),
    "dict": lambda value: dict(dict.items(value)),
}
"""What an instance of a subclass holds, by the built-in type's own methods."""

_EXACT: Final = (int, float, complex, str, bytes, tuple, frozenset, list, dict, set)


def content_type(kind: type) -> type | None:
    """The built-in type that a class is a kind of."""
    # An object may lie about its class.
    return next((each for each in _EXACT if issubclass(kind, each)), None)


def content_of(value: Any) -> tuple[str, Any] | None:
    """The exact built-in value that an instance of a subclass of a built-in type holds."""
    kind = content_type(type(value))
    return None if kind is None else (kind.__name__, BASES[kind.__name__](value))
