"""What of an object of the tests is told, so that there is a real one like it over there.

A guest is no tuple, no number and no pattern, whatever it answers. So an instance of a subclass of
a built-in type goes with what it holds, and there stands one of a subclass for it; a pattern, a
generic alias and a member of an enumeration of the library go with what they are made of.

No pattern of the program is compiled beside the tests: these go in one direction only.
"""

from __future__ import annotations

import functools
import gc
import re
import sys
import types
import typing
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from sandbox.inner.crossing.special import BASES, content_type, found_in

if TYPE_CHECKING:
    from collections.abc import Iterator

_TEXTS: Final = ("__repr__", "__str__")
_HARMLESS: Final = frozenset(
    {
        *("__new__", "__init__", "__doc__", "__module__", "__dict__", "__weakref__", "__slots__"),
        *("__reduce__", "__reduce_ex__", "__getnewargs__", "__getnewargs_ex__", "__getstate__"),
        *("__setstate__", "__copy__", "__deepcopy__", "__annotations__", "__match_args__"),
        *("__orig_bases__", "__parameters__", "__class_getitem__", "__qualname__", "__dir__"),
        *("__init_subclass__", "__set_name__", "__sizeof__", "__getattr__", "__setattr__"),
        *("__delattr__", "__objclass__", "__members__", "__replace__", *_TEXTS),
    }
)
"""What a class may have of its own and still do what its built-in type does with its content."""

_KEY: Final = type(functools.cmp_to_key(lambda _one, _other: 0))
_UNIONS: Final = ("Union", "Optional")


def likeness_of(value: Any) -> tuple[dict[str, Any], Any] | None:  # noqa: PLR0911 - one for each kind
    """What is told of an object, and its content; None where only a guest can stand for it."""
    if type(value) is re.Pattern:
        return {"as": "pattern", "flags": value.flags & ~re.DEBUG}, value.pattern
    if type(value) is types.GenericAlias:
        return {"as": "alias"}, (value.__origin__, value.__args__)
    if type(value) is types.UnionType:
        return {"as": "union"}, _parts(value.__args__)
    if type(value) is _KEY:
        return _of_key(value)
    if type(value).__module__ == "typing":
        return _of_typing(value)
    if issubclass(type(value), Enum) and (member := _of_library(value)) is not None:
        return member
    return _of_builtin(value)


def _of_typing(value: Any) -> tuple[dict[str, Any], Any] | None:
    name = getattr(value, "_name", None) or getattr(typing.get_origin(value), "_name", None)
    if type(name) is not str or not hasattr(typing, name):
        return None
    if getattr(typing, name) is value:
        return {"as": "typing", "name": name}, None
    args = typing.get_args(value)
    if not args or typing.get_origin(value) is None:
        return None
    return {"as": "typing", "name": "Union" if name in _UNIONS else name}, _parts(args)


def _parts(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The parts of an alias: the class of None has no name by which it could cross."""
    return tuple(None if arg is types.NoneType else arg for arg in args)


def _of_key(value: Any) -> tuple[dict[str, Any], Any] | None:
    """What makes keys by a function that compares two: the function is all that it has."""
    match [found for found in gc.get_referents(value) if found is not _KEY]:
        case [compare]:
            return {"as": "key"}, compare
    return None


def _place_of(kind: type) -> dict[str, str] | None:
    """Where a class of the library is found; None for others."""
    found: Any = sys.modules.get(kind.__module__)
    for name in kind.__qualname__.split("."):
        found = getattr(found, name, None)
    root = kind.__module__.partition(".")[0]
    if found is not kind or root not in sys.stdlib_module_names:
        return None
    return {"module": kind.__module__, "name": kind.__qualname__}


def _of_library(value: Enum) -> tuple[dict[str, Any], Any] | None:
    place = _place_of(type(value))
    if place is None or type(value.value) not in (int, str):
        return None
    return {"as": "member", **place}, value.value


def _of_builtin(value: Any) -> tuple[dict[str, Any], Any] | None:
    """What is told of an instance of a subclass that does nothing else with its content."""
    kind = type(value)
    base = content_type(kind)
    if base is None or base is kind or not _computes_as(kind, base):
        return None
    fields = _fields_of(kind) if base is tuple else None
    if fields is not None and len(fields) != tuple.__len__(value):
        return None
    if fields is not None and (place := _place_of(kind)) is not None:
        return {"as": "row", **place}, tuple(value)
    told = {
        "as": "builtin",
        "base": base.__name__,
        "fields": fields,
        "asked": sorted(_asked(kind, base, fields or [])),
        "texts": [name for name in _TEXTS if _is_told(kind, base, name)],
        "enum": issubclass(kind, Enum),
    }
    return told, BASES[base.__name__](value)


def _above(kind: type, base: type) -> list[type]:
    return [each for each in kind.__mro__ if each not in base.__mro__]


def _differs(kind: type, base: type, name: str) -> bool:
    own, its = found_in(kind, name), found_in(base, name)
    return own is not None and (its is None or own[1] is not its[1])


def _computes_as(kind: type, base: type) -> bool:
    special = {
        name for each in _above(kind, base) for name in vars(each) if name[:2] == "__" == name[-2:]
    }
    if "__format__" in special:
        special.discard("__format__")
        if _differs(kind, base, "__format__") and not _is_of_enum(kind):
            return False
    return not any(_differs(kind, base, name) for name in special - _HARMLESS)


def _is_of_enum(kind: type) -> bool:
    """Whether its format is its text, as an enumeration's is."""
    found = found_in(kind, "__format__")
    return found is not None and getattr(found[1], "__module__", None) == "enum"


def _fields_of(kind: Any) -> list[str] | None:
    fields = getattr(kind, "_fields", None)
    if type(fields) is not tuple or not all(type(name) is str for name in fields):
        return None
    return list(fields) if hasattr(kind, "_make") else None


def _asked(kind: type, base: type, fields: list[str]) -> Iterator[str]:
    """Public names of the built-in type, or fields, in whose place the class has something else."""
    for name in {*dir(base), *fields}:
        found = found_in(kind, name)
        is_field = found is not None and type(found[1]).__name__ == "_tuplegetter"
        if name[0] != "_" and not is_field and _differs(kind, base, name):
            yield name


def _is_told(kind: type, base: type, name: str) -> bool:
    """Whether a text of it is the tests' to tell."""
    found = found_in(kind, name)
    is_row = found is not None and getattr(found[1], "__module__", None) == "collections"
    return _differs(kind, base, name) and not (is_row and _fields_of(kind) is not None)
