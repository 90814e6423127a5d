"""What stands in the candidate's process for objects of the tests that are more than guests.

Each is a real object of the built-in type or the library class, comes back as the tests' own, and
asks there for what its type does not know.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import operator
import re
import typing
from collections import namedtuple
from typing import TYPE_CHECKING, Any

from sandbox.codec import CodecError
from sandbox.inner.crossing.special import BASES

if TYPE_CHECKING:
    from collections.abc import Callable

    Ask = Callable[[str, int, tuple[Any, ...], Any], Any]


class Likenesses:
    """Those that the tests gave, by the objects that stand for them here."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._numbers: dict[int, int] = {}
        self._objects: list[Any] = []
        self._classes: dict[int, Any] = {}

    def number_of(self, value: Any) -> int | None:
        """The number of the tests' object that this stands for."""
        return self._numbers.get(id(value))

    def stand_in(self, number: int, told: dict[str, Any], content: Any) -> Any:
        """What stands for an object of the tests. Raises `CodecError`."""
        match told:
            case {"as": "builtin", "kind": int(kind)}:
                if kind not in self._classes:
                    self._classes[kind] = self._class(told)
                made = _made(self._classes[kind], told["base"], content)
            case _:
                made = _of_library(told, content)
        self._objects.append(made)  # its address stays its own
        self._numbers[id(made)] = number
        return made

    def _class(self, told: dict[str, Any]) -> Any:
        name, qualname, module, doc = told["called"]
        base: Any = getattr(builtins, told["base"])
        if told["fields"] is not None:
            base = _row(told["fields"])
        body: dict[str, Any] = {
            "__slots__": (),
            "__module__": module,
            "__qualname__": qualname,
            "__doc__": doc,
            "__getattr__": self._get(),
            "__setattr__": self._set(),
        }
        get = self._get()
        body |= {name: property(functools.partial(get, name=name)) for name in told["asked"]}
        body |= {name: self._text(base, name) for name in told["texts"]}
        if told["enum"]:
            body |= {"__copy__": lambda self: self, "__deepcopy__": lambda self, _memo: self}
            if "__str__" in told["texts"]:
                body["__format__"] = lambda self, how: format(str(self), how)
        return type(name, (base,), body)

    def _of(self, value: Any, name: str) -> int:
        number = self._numbers.get(id(value))
        if number is None or name.startswith("_"):
            raise AttributeError(f"{type(value).__name__!r} object has no attribute {name!r}")
        return number

    def _get(self) -> Callable[..., Any]:
        def get(value: Any, name: str) -> Any:
            return self._ask("get", self._of(value, name), (name,), {})

        return get

    def _set(self) -> Callable[[Any, str, Any], None]:
        def put(value: Any, name: str, given: Any) -> None:
            self._ask("set", self._of(value, name), (name, given), {})

        return put

    def _text(self, base: Any, name: str) -> Callable[[Any], str]:
        def text(value: Any) -> str:
            number = self._numbers.get(id(value))
            if number is None:
                found: str = getattr(base, name)(value)
                return found
            return str(self._ask(name.strip("_"), number, (), {}))

        return text


def _row(fields: list[str]) -> Any:
    """A class of named tuples with these fields."""
    return namedtuple("_Row", fields, rename=True)  # noqa: PYI024 - by names that are told


def _made(kind: Any, base: str, content: Any) -> Any:
    if base not in BASES:
        raise CodecError("a likeness of nothing")
    built: Any = getattr(builtins, base)
    made = built.__new__(kind, content)
    if base in ("list", "dict", "set"):
        built.__init__(made, content)
    return made


def _of_library(told: dict[str, Any], content: Any) -> Any:  # noqa: PLR0911 - one for each kind
    """What is a thing of the library on both sides. Raises `CodecError`."""
    match told:
        case {"as": "pattern", "flags": int(flags)}:
            return re.compile(content, flags)
        case {"as": "alias"}:
            origin, args = content
            return origin[args]
        case {"as": "union"}:
            return functools.reduce(operator.or_, content)
        case {"as": "key"}:
            return functools.cmp_to_key(content)
        case {"as": "row", "module": str(module), "name": str(name)}:
            return tuple.__new__(_class_of(module, name), content)
        case {"as": "typing", "name": str(name)}:
            found = getattr(typing, name)
            return found if content is None else found[content]
        case {"as": "member", "module": str(module), "name": str(name)}:
            return _class_of(module, name)(content)
    raise CodecError("a likeness of nothing")


def _class_of(module: str, name: str) -> Any:
    return operator.attrgetter(name)(importlib.import_module(module))
