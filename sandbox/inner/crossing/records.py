"""Value classes of a prompt, which both sides have, and whose instances cross by their fields.

The prompt's own text defines a dataclass, a named tuple or an enumeration on either side; the
candidate's may be another that looks the same. What crosses are the values of the fields, so that
the tests compare instances of their own class.

An instance of a dataclass that is no key, or one by its identity, is *kept*: it has a number, as
containers have, stays one object on either side for the whole run, and is told anew whenever it
was changed. One that is hashed by its fields is a copy: as a key it must be whole at once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import operator
import sys
from enum import Enum, Flag
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from sandbox.codec import CodecError

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMESPACES: Final = ("types.SimpleNamespace", "argparse.Namespace")
"""Classes of the library whose instances are kept as well; they have attributes and no fields."""

_UNSET: Final = object()
_MOST_ATTRIBUTES: Final = 1_000


def fields_of(kind: Any) -> list[str] | None:
    """The fields of a value class, or the members of an enumeration; None for other classes."""
    if not isinstance(kind, type):
        return None
    if issubclass(kind, Enum):
        return list(kind.__members__)
    if issubclass(kind, tuple):
        fields = getattr(kind, "_fields", None)
        return list(fields) if type(fields) is tuple else None
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind)]
    return None


def may_be_changed(value: Any) -> bool:
    """Whether an instance has fields that can be set, so that a copy of it is another thing."""
    parameters = getattr(type(value), "__dataclass_params__", None)
    return parameters is not None and not parameters.frozen


def _is_kept(kind: type) -> bool:
    """Whether instances can stay what they are: a key that is hashed by its fields cannot."""
    if issubclass(kind, (Enum, tuple)):
        return False
    own: Any = kind.__hash__
    return own is None or own is object.__hash__


def _are_flags(kind: Any, value: Any) -> bool:
    """Whether a value is made of flags that a class has, several of them or none."""
    if not issubclass(kind, Flag) or type(value) is not int or value < 0:
        return False
    return not value & ~functools.reduce(operator.or_, (each.value for each in kind), 0)


def _can_be_blank(kind: Any) -> bool:
    """Whether a class has instances that hold attributes and nothing else."""
    if not isinstance(kind, type) or issubclass(kind, (Enum, BaseException)):
        return False
    try:
        object.__new__(kind)
    except TypeError:
        return False
    return True


def _parsed() -> Any:
    """What `argparse` makes of arguments, if it is loaded: few programs have it."""
    return getattr(sys.modules.get("argparse"), "Namespace", None)


class Records:
    """The value classes that both sides have, by name."""

    def __init__(self, classes: Mapping[str, Any]) -> None:
        self.fields = {name: found for name, kind in classes.items() if (found := fields_of(kind))}
        self.classes: dict[str, Any] = {name: classes[name] for name in self.fields}
        self._kept: dict[type, str] = {k: n for n, k in self.classes.items() if _is_kept(k)}
        self._kept[SimpleNamespace] = NAMESPACES[0]
        self.of_program = False

    @property
    def told(self) -> dict[str, Any]:
        """What the other side must know, to have the same classes."""
        return {"fields": self.fields, "kept": [n for n in self._kept.values() if n in self.fields]}

    @staticmethod
    def beside(told: dict[str, Any], names: Mapping[str, Any]) -> Records:
        """The program's classes of those names: of kept instances whatever class it made of it.

        Others must have the same fields. Where the program has no such class, there is one of
        which it knows nothing.
        """
        made = Records({})
        made.of_program = True
        for name, fields in told["fields"].items():
            kind: Any = names.get(name)
            if name in told["kept"]:
                kind = kind if _can_be_blank(kind) else type(name, (), {})
                made._kept[kind] = name
            elif fields_of(kind) != fields:
                continue
            made.classes[name], made.fields[name] = kind, fields
        return made

    def base_of(self, kind: type) -> list[str] | None:
        """The value class that a class of the program's own derives from, if any."""
        names = (each.__name__ for each in kind.__mro__ if self.classes.get(each.__name__) is each)
        return next((["", name] for name in names), None)

    def kept_name(self, value: Any) -> str | None:
        """The name of the class of a kept instance; None for all else."""
        kind = type(value)
        found = self._kept.get(kind)
        if found is None and kind.__name__ == "Namespace" and kind is _parsed():
            self._kept[kind] = found = NAMESPACES[1]
        return found

    def blank(self, name: Any) -> Any:
        """A kept instance before its fields are known. Raises `CodecError`."""
        if name == NAMESPACES[0]:
            return SimpleNamespace()
        if name == NAMESPACES[1]:
            return importlib.import_module("argparse").Namespace()
        kind = self.classes.get(name) if type(name) is str else None
        if kind is None or kind not in self._kept:
            raise CodecError("no instance of a class of the prompt")
        return object.__new__(kind)

    def attributes_of(self, value: Any) -> dict[str, Any]:
        """What a kept instance has: its fields, but those that are unset, and what was added."""
        fields = self.fields.get(self._kept[type(value)], [])
        own: dict[str, Any] = getattr(value, "__dict__", {})
        if list(own) == fields:  # as most have
            return own
        found = {name: getattr(value, name, _UNSET) for name in fields}
        found |= {n: v for n, v in own.items() if self._is_own(value, n)}
        return {name: held for name, held in found.items() if held is not _UNSET}

    def fill(self, value: Any, attributes: dict[Any, Any]) -> list[str]:
        """Give a kept instance just these attributes. Raises `CodecError`.

        What is added beside the fields takes the place of nothing that the class has. Which these
        are is given.
        """
        fields = self.fields.get(self._kept[type(value)], [])
        if len(attributes) > _MOST_ATTRIBUTES:
            raise CodecError("too many attributes")
        for name in self.attributes_of(value).keys() - attributes.keys():
            with contextlib.suppress(AttributeError):  # a default, which is its class's
                object.__delattr__(value, name)
        for name, held in attributes.items():
            if name in fields or self._is_own(value, name):
                with contextlib.suppress(AttributeError):  # the program's class is another
                    object.__setattr__(value, name, held)
        return [name for name in attributes if name not in fields and self._is_own(value, name)]

    @staticmethod
    def _is_own(value: Any, name: Any) -> bool:
        """Whether an attribute is an instance's own, beside all that its class has."""
        told = type(name) is str and name.isidentifier() and not name.startswith("__")
        return told and not hasattr(type(value), name)

    def wire_of(self, value: Any) -> list[Any] | None:
        """A class by its name, an instance by its fields; None for all else."""
        kind: Any = value if isinstance(value, type) else type(value)
        name = kind.__name__
        if self.classes.get(name) is not kind:
            return None
        if kind is value:
            return ["rk", name]
        if isinstance(value, Flag) and value.name not in self.fields[name]:
            return ["rf", name, value.value] if _are_flags(kind, value.value) else None
        if isinstance(value, Enum):
            return ["re", name, value.name]
        return ["rv", name, [getattr(value, field, None) for field in self.fields[name]]]

    def read(self, wire: list[Any]) -> Any:
        """What a wire form stands for, made without the class's own code. Raises `CodecError`."""
        match wire:
            case ["rk", str(name)] if name in self.classes:
                return self.classes[name]
            case ["re", str(name), str(member)] if member in self.fields.get(name, ()):
                return self.classes[name].__members__[member]
            case ["rf", str(name), int(value)] if name in self.classes:
                if _are_flags(self.classes[name], value):
                    return self.classes[name](value)
            case ["rv", str(name), list(parts)] if len(parts) == len(self.fields.get(name, ())):
                return self._made(name, parts)
        raise CodecError("no instance of a class of the prompt")

    def _made(self, name: str, parts: list[Any]) -> Any:
        kind = self.classes[name]
        if issubclass(kind, Enum):
            raise CodecError("a member that is none")
        if issubclass(kind, tuple):
            return tuple.__new__(kind, parts)
        made = object.__new__(kind)
        for field, part in zip(self.fields[name], parts, strict=True):
            object.__setattr__(made, field, part)
        return made
