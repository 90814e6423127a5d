"""Value classes of a prompt, which both sides have, and whose instances cross by their fields.

The prompt's own text defines a dataclass, a named tuple or an enumeration on either side; the
candidate's may be another that looks the same. What crosses are the values of the fields, so that
the tests compare instances of their own class.
"""

from __future__ import annotations

import dataclasses
from enum import Enum
from typing import TYPE_CHECKING, Any

from sandbox.codec import CodecError

if TYPE_CHECKING:
    from collections.abc import Mapping


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


class Records:
    """The value classes that both sides have, by name."""

    def __init__(self, classes: Mapping[str, Any]) -> None:
        self.fields = {name: found for name, kind in classes.items() if (found := fields_of(kind))}
        self.classes: dict[str, Any] = {name: classes[name] for name in self.fields}

    def wire_of(self, value: Any) -> list[Any] | None:
        """A class by its name, an instance by its fields; None for all else."""
        kind: Any = value if isinstance(value, type) else type(value)
        name = kind.__name__
        if self.classes.get(name) is not kind:
            return None
        if kind is value:
            return ["rk", name]
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
