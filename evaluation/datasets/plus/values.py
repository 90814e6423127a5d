"""What JSON cannot say of Python values, told and read; and which results are the same.

It stands before tests and before references, as text, in processes that have the standard library
alone: it imports nothing else.
"""

import math
from collections.abc import Callable
from typing import Any

RELATIVE = 1e-7
"""Tolerance of floats besides the absolute one, as numpy's `allclose` is given it there."""

OF_FLOATS = 1e-6
"""Tolerance of floats where none is published, as the published harness has it."""


def told(value: Any) -> Any:
    """A value as JSON: a list is one, and what JSON has not is an object of one key.

    The members of a set are put in order, so that one set is told in one way. An instance of a
    subclass, such as a counter, is told as one of the built-in type. Raises TypeError for others.
    """
    for kind in type(value).__mro__:
        if kind in _TELLERS:
            return _TELLERS[kind](value)
    raise TypeError(f"a {type(value).__name__} cannot be told")


_TELLERS: dict[type, Callable[[Any], Any]] = {
    type(None): lambda value: value,
    bool: lambda value: value,
    str: lambda value: value,
    int: lambda value: value if abs(value) < 2**63 else {"int": hex(value)},
    float: lambda value: value if math.isfinite(value) else {"float": repr(value)},
    complex: lambda value: {"complex": [told(value.real), told(value.imag)]},
    list: lambda value: [told(item) for item in value],
    tuple: lambda value: {"tuple": [told(item) for item in value]},
    set: lambda value: {"set": sorted(map(told, value), key=repr)},
    frozenset: lambda value: {"frozenset": sorted(map(told, value), key=repr)},
    dict: lambda value: {"dict": [[told(key), told(item)] for key, item in value.items()]},
}


def read(value: Any) -> Any:
    """The value that was told; made anew each time."""
    if isinstance(value, list):
        return [read(item) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, what),) = value.items()
    return _READERS[kind](what)


_READERS: dict[str, Callable[[Any], Any]] = {
    "int": lambda what: int(what, 16),
    "float": float,
    "complex": lambda what: complex(*map(read, what)),
    "tuple": lambda what: tuple(map(read, what)),
    "set": lambda what: set(map(read, what)),
    "frozenset": lambda what: frozenset(map(read, what)),
    "dict": lambda what: {read(key): read(item) for key, item in what},
}


def truth(value: Any) -> bool:
    """Whether a result counts as true; an object that is no plain value does, such as a match."""
    plain = (bool, int, float, complex, str, list, tuple, dict, set, frozenset)
    return bool(value) if isinstance(value, plain) else value is not None


def same(got: Any, wanted: Any, tolerance: float) -> bool:
    """Whether a result is the wanted one: equal, or with floats that are close, or both no number.

    Without a tolerance floats still have `OF_FLOATS`.
    """
    if got == wanted:
        return True
    for kind in (list, tuple):
        if isinstance(wanted, kind):
            return (
                isinstance(got, kind)
                and len(got) == len(wanted)
                and all(map(same, got, wanted, [tolerance] * len(got)))
            )
    if isinstance(wanted, dict):
        return (
            isinstance(got, dict)
            and got.keys() == wanted.keys()
            and all(same(got[key], item, tolerance) for key, item in wanted.items())
        )
    numbers = isinstance(wanted, float | complex) and isinstance(got, int | float | complex)
    return numbers and _close(got, wanted, tolerance or OF_FLOATS)


def _close(got: complex, wanted: complex, tolerance: float) -> bool:
    if got != got and wanted != wanted:  # noqa: PLR0124 what is no number is unlike itself
        return True
    try:
        return abs(got - wanted) <= tolerance + RELATIVE * abs(wanted)
    except OverflowError:
        return False
