"""Mirrors of the candidate's classes in the tests' process, and how they are made.

A mirror is a real class here with the candidate's name and bases, so that `isinstance`, `except`
and `pytest.raises` work. Three kinds:

- a plain mirror, whose instances are handles (`sandbox.inner.remote.handles`);
- a mirror of a subclass of a built-in type, whose instances hold the built-in value as a copy; what
  the class has not made its own, comparing among it, that type does here;
- a mirror of an exception class, which has the built-in one as its base.

Nothing of the candidate's runs here; what it says of a class decides only what is asked.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import types
from abc import ABCMeta
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from sandbox.codec import CodecError
from sandbox.inner.crossing.arrays import is_scalar
from sandbox.inner.crossing.special import BINDS, CHECKS, mro_of
from sandbox.inner.remote.classes import ASKS, FACTS, KEY, NAMED, SAYS, Facts, Mirror
from sandbox.inner.remote.errors import error_body
from sandbox.inner.remote.exceptions import SIGNALS, library_class
from sandbox.inner.remote.handles import (
    SAID,
    Handle,
    held_by,
)
from sandbox.inner.remote.library import (
    HARMLESS,
    is_plain,
    is_plain_exception,
    kind_of_all,
    members_of,
    stands_for_itself,
)
from sandbox.inner.remote.made import plain_truth
from sandbox.inner.remote.questions import (
    Member,
    method_asked,
    operators_of_classes,
    specials_of,
)
from sandbox.inner.remote.zones import zone_methods

if TYPE_CHECKING:
    from sandbox.inner.remote.classes import Asks


_MOST_CLASSES: Final = 2_000
_MOST_BASES: Final = 50

_OF_ANY: Final = {
    name: Member(name)
    for name in ("__init__", "__new__", "__getstate__", "__reduce__", "__sizeof__")
}
"""What any object has, and a test may call by name: of a handle it would be `object`'s own."""

_OF_PYTHON: Final = {
    kind.__name__: kind
    for kind in vars(types).values()
    if isinstance(kind, type) and kind.__module__ == "builtins"
}
"""Classes that have a name in `types` alone, as those of functions and generators."""


def _is_described(special: list[Any], bases: list[Any], order: list[Any]) -> bool:
    fits = len(bases) <= _MOST_BASES and len(order) <= 2 * _MOST_BASES
    return fits and all(type(each) is str for each in special)


@dataclass(frozen=True)
class _Described:
    """A class, as the candidate's side tells of it.

    `bases`, `order`, `base`: what it derives from, its `__mro__`, and which of `bases` is its
    `__base__`; `metaclass`: a class of the program that it is an instance of; `special`: its
    special methods, and those of a built-in type that it made its own; `known`: the class of the
    library that it is; `asked`: whether one that holds what a list, dict or set holds is more than
    its content, so that its methods are asked; `builtin`: the built-in exception that it is a kind
    of.
    """

    number: int
    name: str
    module: str
    qualname: str
    bases: list[Any]
    order: list[Any]
    base: int
    metaclass: int | None
    special: list[str]
    known: type | None
    asked: bool
    builtin: str | None


def _bases(parents: list[type]) -> tuple[type, ...]:
    held = held_by(*parents)
    own: dict[Any, None] = dict.fromkeys(p for p in parents if isinstance(p, Mirror))
    if not any(issubclass(p, Handle) for p in own):
        own = {Handle: None, **own}
    if held is not None or dt.tzinfo in parents:
        return (*own, held or dt.tzinfo)
    return (*own, *filter(is_plain, parents))


def _body(told: _Described, parents: list[type]) -> dict[str, Any]:
    has_its_own = BINDS in told.special  # as a function, which is not of its class's module
    module = Member("__module__") if has_its_own else told.module
    body: dict[str, Any] = {"__module__": module, **_OF_ANY}
    if held_by(*parents) is None:
        body |= {"__bool__": plain_truth, **members_of(parents)}
    body |= zone_methods(parents)
    known = told.known
    if known is None and told.module == "builtins":
        known = _OF_PYTHON.get(told.name)
    if known is not None:  # for `isinstance`
        body["__class__"] = property(lambda _handle: known)
    held = held_by(*parents)
    if held is not None and not told.asked:
        own = specials_of(told.special)
        if not {"__hash__", "no __hash__"} & {*told.special}:
            own["__hash__"] = held.__hash__
        members = {*told.special} & {name for name in vars(held) if not name.startswith("_")}
        own |= {name: Member(name) for name in members}
        return body | {"__repr__": held.__repr__} | own
    if held is not None:
        body |= {name: method_asked(name) for name in vars(held) if not name.startswith("_")}
    return body | specials_of(told.special)


class MirroredClasses:
    """The mirrors of the classes of one run."""

    def __init__(self, asks: Asks) -> None:
        self._asks = asks
        self._classes: dict[int, type] = {}
        self._known: dict[int, type] = {}
        self._others: set[int] = set()
        self._members: dict[int, type[Enum]] = {}

    def describe(self, classes: Any) -> None:
        """Make mirrors of classes that are new. Raises `CodecError`."""
        if type(classes) is not list or len(classes) + len(self._classes) > _MOST_CLASSES:
            raise CodecError("too many classes")
        for one in classes:
            match one:
                case {
                    "number": int(number),
                    "name": str(name),
                    "module": str(module),
                    "known": known,
                    "asked": bool(asked),
                    "builtin": None | str() as builtin,
                    "qualname": str(qualname),
                    "bases": list(bases),
                    "mro": list(mro),
                    "base": int(base),
                    "metaclass": None | int() as meta,
                    "special": list(special),
                } if number not in self._classes and _is_described(special, bases, mro):
                    self._asks.places.load(known)
                    own = library_class(known) or self._asks.value_class(known)
                    of = (qualname, bases, mro, base, meta)
                    self._classes[number] = self._mirror(
                        _Described(number, name, module, *of, special, own, asked, builtin)
                    )
                    if own and issubclass(own, Enum) and held_by(own):
                        self._members[number] = self._known[number] = own
                    elif own in HARMLESS or (own and (is_plain_exception(own) or is_scalar(own))):
                        self._known[number] = own
                    elif own is not None:
                        self._others.add(number)
                case _:
                    raise CodecError("not a class")

    def _mirror(self, told: _Described) -> type:
        parents = [self._base(base) for base in told.bases]
        if told.known is not None and is_plain_exception(told.known):
            parents = [Exception if told.known.__name__ in SIGNALS else told.known]
        if told.builtin is not None and not any(issubclass(p, BaseException) for p in parents):
            parents.append(self._base(["builtins", told.builtin]))
        exceptions = [p for p in parents if issubclass(p, BaseException)]
        if exceptions:
            return self._made(told, tuple(dict.fromkeys(exceptions)), error_body(told.special))
        if any(issubclass(p, type) for p in parents):
            metas = (p for p in parents if issubclass(p, Mirror))
            own = tuple(dict.fromkeys(metas)) or (Mirror,)
            body = {"__module__": told.module, **operators_of_classes(told.special)}
            return self._made(told, own, body)
        return self._made(told, _bases(parents), _body(told, parents))

    def _made(self, told: _Described, bases: tuple[type, ...], body: dict[str, Any]) -> type:
        name = told.name if told.name.isidentifier() else "Object"
        more = {KEY: told.number, ASKS: self._asks, FACTS: self._facts(told)}
        more[SAYS] = CHECKS in told.special
        body |= {**more, "__qualname__": told.qualname}
        meta = Mirror if told.metaclass is None else self._base(told.metaclass)
        for own in (bases, bases[:1]):
            with contextlib.suppress(TypeError):  # bases that do not go together here
                made = _new_class(meta, name, own, dict(body))
                self._join(made, told)
                return made
        return _new_class(Mirror, name, (Handle,), dict(body))

    def _join(self, mirror: type, told: _Described) -> None:
        """Have `isinstance` find objects of a mirror to be of classes that are no bases of it here.

        What is written in C would take an object of such a base for one of its own: one only says
        that it is of them. A class cannot say what it derives from.
        """
        for base in map(library_class, told.bases):
            if type(base) is ABCMeta:
                base.register(mirror)
        above = (library_class(each) for each in told.order if type(each) is not int)
        known = (each for each in above if each is not None and type(each) is not ABCMeta)
        others = [each for each in known if each not in mro_of(mirror)]
        if others and issubclass(mirror, Handle):
            named = self._asks.named
            if "issubclass" in named and not named.isdisjoint(each.__name__ for each in others):
                raise self._asks.need_shared(f"the tests ask what {told.name} derives from")
            with contextlib.suppress(TypeError):  # classes that do not go together here
                type.__setattr__(mirror, SAID, kind_of_all(others))

    def _facts(self, told: _Described) -> Facts:
        bases = tuple(map(self._fact, told.bases))
        order = tuple(... if each == told.number else self._fact(each) for each in told.order)
        return Facts(order or (None,), bases, bases[told.base : told.base + 1] or (None,))

    def _fact(self, wire: Any) -> Any:
        """What stands for a class where another is looked at; None if nothing does."""
        if type(wire) is not int:
            found = library_class(wire)
            return found if stands_for_itself(found) else None
        return None if wire in self._others else self._known.get(wire, self._base(wire))

    def _base(self, base: Any) -> type:
        if type(base) is int:
            if base not in self._classes:
                raise CodecError("a base that was not told of")
            return self._classes[base]
        self._asks.places.load(base)
        found = library_class(base)
        if found is None:
            return Handle
        steers = found.__name__ in SIGNALS or not issubclass(found, Exception)
        return Exception if issubclass(found, BaseException) and steers else found

    def name(self, values: Any) -> None:
        """The tests name these; those that are classes have operators."""
        for value in values:
            if isinstance(value, Mirror):
                type.__setattr__(value, NAMED, True)


def _new_class(meta: type, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
    """A mirror. Raises `TypeError` where its metaclass is not that of the bases as well."""
    metas = {meta, Mirror, *map(type, bases)}
    found = next((each for each in metas if all(issubclass(each, other) for other in metas)), None)
    if found is None:
        raise TypeError("no metaclass for all bases")
    made: type = type.__call__(found, name, bases, body)
    return made
