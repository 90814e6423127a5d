"""What an object of the library is made of, as copies and pickles have it.

Two objects of one class of the library are compared by it where neither can cross: what the one
is made of crosses, as values.
"""

from __future__ import annotations

import contextlib
import copyreg
import functools
import sys
import types
from typing import Any

from sandbox.inner.crossing.arrays import data_of, is_array, objects_in, told
from sandbox.inner.crossing.packages import is_of_both


def recipe_of(value: Any) -> list[Any]:
    """The arguments, the state and the items that make a value of its class again.

    Classes and functions of the library are in it by their names. Raises `TypeError` where nothing
    makes the value again, and whatever its own method raises.
    """
    reduce: Any = copyreg.dispatch_table.get(type(value))
    made = value.__reduce_ex__(2) if reduce is None else reduce(value)
    if type(made) is not tuple:
        raise TypeError(f"a {type(value).__name__} is not made of values")
    given, *rest = made[1:]
    return [
        _by_name(each) for each in (given, *rest[:1], *(list(each or ()) for each in rest[1:3]))
    ]


def _by_name(value: Any) -> Any:
    if type(value) in (list, tuple):
        return [_by_name(each) for each in value]
    if is_array(value):
        return [data_of(value), *map(str, told(value)), [*map(_by_name, objects_in(value) or ())]]
    if type(value) is dict:
        return {key: _by_name(each) for key, each in value.items()}
    return _name_of(value) or value if callable(value) else value


def _name_of(value: Any) -> list[str] | None:
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if type(name) is not str or type(module) is not str:
        return None
    if not is_of_both(module):
        return None
    for place in (sys.modules.get(module), types):  # where `NoneType` is
        with contextlib.suppress(AttributeError):
            if functools.reduce(getattr, name.split("."), place) is value:
                return ["", module, name]
    return None
