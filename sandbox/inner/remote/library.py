"""Classes of the library above classes of the candidate: which of them may be real ones here."""

from __future__ import annotations

from typing import Any, Final

from sandbox.inner.crossing.special import BINARY, SPECIAL, mro_of, own_of
from sandbox.inner.remote.handles import CONTENTS, Handle
from sandbox.inner.remote.questions import Member

HARMLESS: Final = frozenset({*CONTENTS.values(), bool, bytearray, range, object, type(None)})
"""Classes that stand for themselves: calling one of them makes a value and nothing else."""

_ALLOWED: Final = (frozenset(SPECIAL) - BINARY).union(
    {
        *("__init__", "__module__", "__doc__", "__dict__", "__weakref__", "__annotations__"),
        *(
            "__class_getitem__",
            "__getstate__",
            "__setstate__",
            "__reduce__",
            "__static_attributes__",
        ),
    }
)
"""Special methods of a class of the library that may be a base of mirrors: they are asked, or never
run for a handle."""

_ABSTRACT: Final = frozenset({"abc", "collections.abc", "numbers", "typing", "enum"})
"""Modules whose classes may stand for themselves where a class is looked at: calling one makes
nothing that acts."""


def is_plain_exception(kind: type) -> bool:
    """Whether a class may stand for itself: not one that catches a failed assertion as well."""
    return issubclass(kind, Exception) and not issubclass(AssertionError, kind)


def stands_for_itself(kind: type | None) -> bool:
    """Whether a class of the library may stand in the bases of a class of the candidate."""
    if kind is None:
        return False
    if kind in HARMLESS or kind in (type, BaseException, Exception) or is_plain_exception(kind):
        return True
    return kind.__module__ in _ABSTRACT


def is_plain(kind: type) -> bool:
    """Whether a class of the library may be a real base of a mirror, which is of its kind then.

    It is written in Python, keeps nothing but attributes, and has no say in how these are looked
    up, nor in how classes and objects begin and end: all else that it has is asked over there. It
    has no operator, by which it would ask the program what the tests expect.
    """
    if type(kind) is not type or kind is object or kind.__basicsize__ != _Plain.__basicsize__:
        return False
    above = [each for each in mro_of(kind) if each is not object]
    special = {name for each in above for name in own_of(each) if name[:2] == "__" == name[-2:]}
    return not issubclass(kind, Handle) and special <= _ALLOWED


class _Plain:
    """Has a place for attributes, and nothing else."""


def members_of(parents: list[type]) -> dict[str, Any]:
    """What plain classes of the library have, asked over there."""
    above = {each for kind in filter(is_plain, parents) for each in mro_of(kind)} - {object}
    names = {name for each in above for name in own_of(each)}
    return {name: Member(name) for name in names if not name[:2] == "__" == name[-2:]}


def kind_of_all(kinds: list[type]) -> type:
    """A class that is of all these. Raises `TypeError` where there can be none."""
    first, *more = _lowest(kinds)
    if not more:
        return first
    meta, *others = _lowest([type(each) for each in (first, *more)])
    if others:
        raise TypeError("no metaclass for all")
    made: type = type.__new__(meta, first.__name__, (first, *more), {})
    return made


def _lowest(kinds: list[type]) -> list[type]:
    """Those of which none of the others is a subclass."""
    found = dict.fromkeys(kinds)
    return [each for each in found if not any(each in mro_of(o) for o in found if o is not each)]
