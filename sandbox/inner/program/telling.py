"""What the candidate's side tells of a class, and of what its instances hold.

Runs beside foreign code, so nothing here can be relied on.
"""

from __future__ import annotations

import functools
import types
from typing import TYPE_CHECKING, Any, Final

from sandbox.inner.crossing.special import (
    ARITHMETIC,
    BINARY,
    BINDS,
    BOUND,
    CHECKS,
    SPECIAL,
    found_in,
)
from sandbox.inner.program.execute import name_of

if TYPE_CHECKING:
    from collections.abc import Callable

    IsNamed = Callable[[type], bool]
    """Whether the tests name a class, or one above it."""

_MOST_MEMBERS: Final = 400
_SPECIAL: Final = frozenset(SPECIAL)
_BINDING: Final = (types.FunctionType, type(functools.lru_cache(int)))
"""Their objects are methods of a class that they stand in, whichever that is."""


def own_methods(kind: type, base: type, is_named: IsNamed) -> list[str]:
    """The special methods that a class has of its own, or of a base that is not told of.

    Where the content of instances is copied, its built-in type has the others over there as
    well (`base`); what the class has put in place of that type's methods is told then.
    """
    asked = _SPECIAL
    if base is not object:
        asked |= {name for name in vars(base) if name[0] != "_"}
    above = [each for each in kind.__mro__ if each not in base.__mro__]
    names = {name for each in above for name in vars(each).keys() & asked}
    if kind in BOUND:  # equal ones are one object here and there
        names -= BINARY
    found = [name for name in sorted(names) if _is_own(kind, name, base, is_named)]
    if getattr(kind, "__hash__", None) is None:
        found.append("no __hash__")
    if kind in _BINDING or kind is types.MethodType:  # a method stays as it is
        found = [name for name in found if name != "__get__"] + [BINDS] * (kind in _BINDING)
    checks = found_in(type(kind), "__instancecheck__")
    return [*found[:_MOST_MEMBERS], *([CHECKS] if checks and checks[0] is not type else [])]


def _is_own(kind: type, name: str, base: type, is_named: IsNamed) -> bool:
    own, its = found_in(kind, name), found_in(base, name)
    if own is None or own[1] is None or (its is not None and own[1] is its[1]):
        return False
    if name in ARITHMETIC and any(
        (of_base := found_in(each, name)) is not None and of_base[1] is own[1]
        for each in kind.__bases__
        if name_of(each) is None and is_named(each) is is_named(kind)
    ):
        return False  # the base has it over there; Python goes by whose method it is
    if its is None or base is object or is_named(kind) or name_of(own[0]) is None:
        return True
    # The library's classes over a built-in type compute what that type does.
    return name not in BINARY and name.startswith("__")


def array_under(kind: type) -> type | None:
    """The class of numpy's arrays, of one that derives from it."""
    above = (each for each in kind.__mro__[1:] if each.__name__ == "ndarray")
    return next((each for each in above if each.__module__ == "numpy"), None)


def is_of_base(kind: type, name: str, base: Any) -> bool:
    """Whether an operator of a class is that of its built-in type, which computes with contents."""
    own, its = found_in(kind, name), found_in(base, name)
    return name in BINARY and own is not None and its is not None and own[1] is its[1]


def error_type(kind: type) -> type | None:
    """The nearest built-in exception that a class is a kind of."""
    found = (each for each in kind.__mro__ if issubclass(each, BaseException))
    return next((each for each in found if each.__module__ == "builtins"), None)


def hash_of(value: Any, base: type) -> int | None:
    """The hash of an object whose class has its own: a key's is needed before it can be asked."""
    own: Any = type(value).__hash__
    if own is None or own is base.__hash__:
        return None
    try:
        return hash(value)
    except Exception:  # noqa: BLE001 - the candidate's own code
        return None
