"""Kinds of containers that both processes can have, and keep as one object each."""

from __future__ import annotations

import sys
from array import array
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque
from typing import TYPE_CHECKING, Any, Final

from sandbox.codec import CodecError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.codec import Wire

KINDS: Final[dict[type, str]] = {
    list: "l",
    dict: "d",
    set: "s",
    bytearray: "y",
    Counter: "C",
    OrderedDict: "O",
    deque: "q",
    defaultdict: "D",
    ChainMap: "M",
    array: "a",
}
DICTS: Final = (dict, Counter, OrderedDict, defaultdict)
"""Of which a `ChainMap` is made that both sides have."""

NUMBERS: Final = frozenset("bBhHiIlLqQfd")
"""What an `array` may hold; the code points that another holds are no text for certain."""

TAGS: Final[dict[str, type]] = {tag: kind for kind, tag in KINDS.items()}
_FACTORIES: Final[dict[str, Any]] = {
    kind.__name__: kind for kind in (int, float, str, list, dict, set, bool, tuple)
}


def tag_of(value: Any) -> str | None:
    """The tag of a container that both sides can have; None for all else."""
    tag = KINDS.get(type(value))
    if tag == "M" and not are_dicts(value.maps):
        return None
    return None if tag == "a" and value.typecode not in NUMBERS else tag


def are_dicts(maps: Any) -> bool:
    """Whether a `ChainMap` may be made of these."""
    return type(maps) is list and bool(maps) and all(type(each) in DICTS for each in maps)


def factory_of(
    value: defaultdict[Any, Any], encode: Callable[[Any, int], Wire], depth: int
) -> Wire:
    """What makes a missing item: a name, or what stands for a function of somebody's own.

    Which may be the other side's own, so that nothing is asked of it: a message is being made.
    """
    factory = value.default_factory
    if factory is None:
        return None
    named = (name for name, kind in _FACTORIES.items() if kind is factory)
    return next(named, None) or encode(factory, depth)


def set_factory(value: Any, told: Wire, decode: Callable[[Wire, int], Any]) -> None:
    """Have missing items made as on the other side. Raises `CodecError`, and `KeyError`."""
    if told is not None:
        factory = _FACTORIES[told] if type(told) is str else decode(told, 1)
        if not callable(factory):
            raise CodecError("no default of a dict")
        value.default_factory = factory


def blank(tag: str, wire: list[Any]) -> Any:
    """A container that is new here, before it is filled. Raises `CodecError`."""
    if tag == "q":
        most = wire[3]
        if most is not None and (type(most) is not int or not 0 <= most <= sys.maxsize):
            raise CodecError("no length of a deque")
        return deque(maxlen=most)
    if tag == "a":
        if type(wire[3]) is not str or wire[3] not in NUMBERS:
            raise CodecError("no array of numbers")
        return array(wire[3])
    return TAGS[tag]()


def refill(target: Any, items: Any, decode: Callable[[Wire], Any]) -> bool:
    """Give a container what it holds now; False for one of another kind. Raises `CodecError`."""
    if isinstance(target, dict):
        if type(items) is not list:
            raise CodecError("a container without a list of items")
        pairs = [(decode(key), decode(item)) for key, item in items]
        target.clear()
        for key, item in pairs:
            target[key] = item
    elif type(target) is deque:
        values = [decode(item) for item in items]
        target.clear()
        target.extend(values)
    elif type(target) is array:
        _filled(target, bytes.fromhex(items))
    elif type(target) is ChainMap:
        maps = [decode(item) for item in items]
        if not are_dicts(maps):
            raise CodecError("no dicts in a row")
        target.maps[:] = maps
    else:
        return False
    return True


def _filled(target: array[Any], data: bytes) -> array[Any]:
    """An array with other numbers. Raises ValueError for bytes that are none."""
    if len(data) == len(target) * target.itemsize:  # who looks into it sees the new ones
        if data:
            memoryview(target).cast("B")[:] = data
        return target
    del target[:]
    target.frombytes(data)
    return target
