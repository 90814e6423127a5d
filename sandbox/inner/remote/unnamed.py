"""What objects of classes that the tests do not name answer to operators: next to nothing.

An operator is handed what a test expects, and an object that says yes to everything would pass.
"""

from __future__ import annotations

import functools
from typing import Any, Final

from sandbox.inner.crossing.arrays import is_array, is_of_numpy, objects_in
from sandbox.inner.crossing.kinds import tag_of
from sandbox.inner.crossing.recipes import recipe_of
from sandbox.inner.crossing.special import found_in
from sandbox.inner.crossing.values import parts_of
from sandbox.inner.remote.among import contains, unknown
from sandbox.inner.remote.handles import ask, asks_of, number_of

_EQUALITY: Final = ("__eq__", "__ne__")


def of_another(handle: Any, special: str, other: Any) -> Any:
    """An operator of a class that the tests do not name.

    It has none, but that an object is itself, and that another of the program is not: so one finds
    its own among others. What it contains is looked for here. Raises the candidate's error for all
    else.
    """
    if special == "__contains__" and _lists(handle):
        return _is_listed(handle, other)
    if is_of_numpy(other):
        return as_array(handle, special, other)
    if special in _EQUALITY and _is_no_value(other) and handle.__class__ is type(other):
        return _is_made_alike(handle, special, other) is (special == "__eq__")
    if special == "__eq__" and number_of(other) is not None:
        if handle is other:
            return True
        if ask(handle, "operate", special, other) in ((False,), ()):
            asks_of(handle).on_its_word()
            return False
    raise no_operator(handle, special)


def as_array(handle: Any, special: str, *others: Any) -> Any:
    """An operator of what an object holds for numpy, compared and computed here.

    Not where that is objects: they might hold each other without an end.
    """
    told = handle.__array__()
    if not is_array(told) or objects_in(told) is not None:
        raise no_operator(handle, special)
    return getattr(told, special)(*others)


def _is_made_alike(handle: Any, special: str, other: Any) -> bool:
    """Whether an object of the library is made of what one of the tests is, compared here.

    What the object says of that counts for no more than any value it returns, whatever the program
    has made of its class.
    """
    try:
        made = recipe_of(other)
    except Exception as error:
        raise no_operator(handle, special) from error
    told = ask(handle, "recipe")
    return type(told) is list and told == made


def _is_no_value(other: Any) -> bool:
    """Whether it is an object of the library, but for what crosses as a copy."""
    if number_of(other) is not None or type(other).__module__ == "builtins":
        return False
    return tag_of(other) is None and parts_of(other) is None


def _lists(handle: Any) -> bool:
    """Whether an object gives items, each time anew."""
    kind = type(handle)
    return found_in(kind, "__iter__") is not None and found_in(kind, "__next__") is None


def _is_listed(handle: Any, value: Any) -> bool:
    """Whether a value is among the items of an object, which says so itself as well."""
    asked = functools.partial(ask, handle)
    return contains(asks_of(handle), type(handle).__name__, asked, value)


def no_operator(handle: Any, special: str) -> BaseException:
    """The candidate's error where an operator is used that nobody has."""
    return unknown(asks_of(handle), type(handle).__name__, special)
