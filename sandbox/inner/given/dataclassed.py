"""Dataclasses of the tests that are dataclasses in the candidate's process as well.

What a dataclass has made for itself compares fields, which anybody may read, so it does so over
there as here: comparing two objects of the tests is the program's own affair. Operators that
somebody wrote are not told of: they may know what the tests expect.
"""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Any, Final

from sandbox.inner.crossing.special import BINARY, found_in

if TYPE_CHECKING:
    from collections.abc import Callable

_ORDER: Final = frozenset({"__lt__", "__le__", "__gt__", "__ge__"})
_MADE: Final = "<string>"
"""Where the code of what a dataclass has made for itself is said to be."""


def form_of(kind: type) -> dict[str, Any] | None:
    """What a dataclass has made for itself, if it has no other operators; None for all else."""
    if not dataclasses.is_dataclass(kind):
        return None
    if any(each.name.startswith("_") for each in dataclasses.fields(kind)):  # which may be hidden
        return None
    operators = {
        name
        for each in kind.__mro__
        if each.__module__ not in sys.stdlib_module_names
        for name in BINARY
        if vars(each).get(name) is not None
    }
    if not all(_is_made(kind, name) for name in operators):
        return None
    frozen = bool(kind.__dataclass_params__.frozen)  # type: ignore[attr-defined]
    compares = "__eq__" in operators
    if compares and kind.__hash__ is not None and not (frozen and _is_made(kind, "__hash__")):
        return None  # a key that may change
    fields = [
        [each.name, each.compare, each.hash, each.repr, each.init, each.kw_only]
        for each in dataclasses.fields(kind)
    ]
    is_key = compares and kind.__hash__ is not None
    order = operators >= _ORDER
    return {"fields": fields, "eq": compares, "order": order, "frozen": frozen, "key": is_key}


def values_of(value: Any, form: dict[str, Any]) -> tuple[Any, ...] | None:
    """The fields of one that is a key by these: it is whole at once over there."""
    return tuple(getattr(value, field[0]) for field in form["fields"]) if form["key"] else None


def _is_made(kind: type, name: str) -> bool:
    found = found_in(kind, name)
    code = None if found is None else getattr(found[1], "__code__", None)
    return code is not None and code.co_filename == _MADE


def class_of(base: type, form: dict[str, Any], make: Callable[..., Any]) -> type:
    """A dataclass for the candidate, over what stands for objects; `make` makes another object."""
    fields = [
        (
            name,
            object,
            dataclasses.field(compare=compare, hash=hashed, repr=shown, init=init, kw_only=named),
        )
        for name, compare, hashed, shown, init, named in form["fields"]
    ]
    body: dict[str, Any] = {"__slots__": (), "__module__": base.__module__}
    if form["key"]:
        body["__hash__"] = base.__hash__
    meta = type("type", (type,), {"__call__": lambda _kind, *args, **kwargs: make(args, kwargs)})
    own = meta(base.__name__, (base,), {**body, "__qualname__": base.__qualname__})
    return dataclasses.make_dataclass(
        base.__name__,
        fields,
        bases=(own,),
        namespace=body,
        init=False,
        repr=False,
        eq=form["eq"],
        order=form["order"],
        frozen=form["frozen"],
    )
