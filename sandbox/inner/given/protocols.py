"""What the program may ask of objects of a class of the tests, and which kinds it sees in them."""

from __future__ import annotations

import types
from typing import Any, Final

from sandbox.inner.crossing.special import ARITHMETIC, CONTAINS, PROTOCOLS, found_in
from sandbox.inner.given.mocks import is_mock
from sandbox.inner.given.shown import library_name

_NAMES: Final = PROTOCOLS | CONTAINS


def protocols_of(kind: type) -> list[str]:
    """Which special methods that the program may ask a class has."""
    found = {
        name: found_in(kind, name) for name in (_NAMES | ARITHMETIC if is_mock(kind) else _NAMES)
    }
    return sorted(
        name for name, of in found.items() if of and of[0] is not object and of[1] is not None
    )


def kind_of(kind: type) -> list[str]:
    """The place of the class of the library that a class is, after `=`; nothing for others.

    What can be called may be looked into by its class, and shows nothing of that.
    """
    if kind is object or found_in(kind, "__call__"):
        return []
    if library_name(kind) is not None:
        return [f"={kind.__module__}:{kind.__qualname__}"]
    return [f"=types:{name}" for name, each in vars(types).items() if each is kind][:1]


def has_memory(value: Any) -> bool:
    """Whether code in C reads an object's memory, as of a view of bytes, and asks for nothing."""
    try:
        memoryview(value).release()
    except (TypeError, ValueError, BufferError):
        return False
    return True
