"""The class of mirrors, by which tests see what a class of the candidate is and has.

What a class is (its bases, and the order in which methods are looked for) was told with it, for it
is looked at where nothing can be asked; what it has is asked.
"""

from __future__ import annotations

import functools
import sys
import types
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from sandbox.inner.crossing.special import bases_of, mro_of, own_of
from sandbox.inner.remote.among import contains
from sandbox.inner.remote.methods import had
from sandbox.inner.remote.places import PRELUDE, TESTS

if TYPE_CHECKING:
    from types import FrameType

    from sandbox.inner.crossing.held import Held
    from sandbox.inner.remote.places import Places

KEY: Final = "\0handle"
"""Where a handle keeps its number, out of the way of attributes."""

ASKS: Final = "\0asks"
"""Where a mirror keeps the link."""

NAMED: Final = "\0named"
"""Where it keeps that the tests name the class, so that its operators are asked."""

SAYS: Final = "\0says"
"""Where it keeps that its metaclass has a word in what is an instance."""

FACTS: Final = "\0facts"
"""Where it keeps what the class is."""


@dataclass(frozen=True)
class Facts:
    """What a class is: other classes, `...` for itself, None for one that has no stand-in here."""

    order: tuple[Any, ...]
    bases: tuple[Any, ...]
    base: tuple[Any, ...]


class Asks(Protocol):
    """The link, as handles use it."""

    places: Places
    held: Held
    named: frozenset[str]
    questions: int
    calls: int

    def ask_object(self, ask: str, on: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Ask something of an object. Raises what the candidate raised, and `Stop`."""
        ...

    def need_shared(self, why: str) -> BaseException:
        """What to raise where tests need the candidate in their own process."""
        ...

    def candidates_error(self, error: BaseException) -> BaseException:
        """An error that is booked as the candidate's."""
        ...

    def on_its_word(self) -> None:
        """The candidate's word decides something."""

    def value_class(self, told: Any) -> type | None:
        """A value class of the prompt, told of as one that a class of the program derives from."""
        ...

    def is_probed(self) -> bool:
        """Whether it is a test runner that looks at everything, in search of tests."""
        ...

    async def awaited(self, on: int, special: str, args: tuple[Any, ...]) -> Any:
        """What awaiting an object gives, or a special method of it."""

    def holds_objects(self) -> bool:
        """Whether the candidate was given objects of the tests that are no mere functions."""
        ...

    def is_reading(self) -> bool:
        """Whether a message is being read, so that nothing can be asked."""
        ...


_FLAGS: Final[Any] = type.__dict__["__flags__"]
_TEXTS: Final = frozenset({"__name__", "__qualname__", "__doc__", "__module__", "__dict__"})
_PARTS: Final = (types.GetSetDescriptorType, types.MemberDescriptorType)
INSIDE: Final = frozenset({"__wrapped__", "__signature__"}).union(
    {n for n, part in vars(types.FunctionType).items() if isinstance(part, _PARTS)} - _TEXTS
)
"""What functions have beside their texts, and what `inspect` asks for in its stead."""

MEMORY: Final = frozenset(
    {"__array_interface__", "__array_struct__", "__cuda_array_interface__", "__dataframe__"}
)
"""By which an object says at which address its memory is, which C code reads without asking more.

It would read the tests' own. So no object of the program has them, and is asked for `__array__`.
"""

_DISPATCH: Final = frozenset({"__array_function__", "__array_ufunc__"})
"""Where numpy asks a class for what the tests have numpy do. Objects are arrays here instead."""


def look_inside(asks: Asks, what: str, name: str) -> BaseException:
    """What to raise where someone looks inside a function or a class."""
    if asks.is_probed():
        return AttributeError(name)
    return asks.need_shared(f"the tests look into a {what} ({name})")


class Mirror(type):
    """The class of mirrors; of a metaclass of the candidate, the mirror derives from it."""

    def __new__(  # noqa: D102 - a class, made
        cls, name: str, bases: tuple[type, ...], body: dict[str, Any], **_: Any
    ) -> Mirror:
        if ASKS not in body:
            first = next(base for base in bases if isinstance(base, Mirror))
            raise link_of(first).need_shared(f"the tests derive a class from {first.__name__}")
        return super().__new__(cls, name, bases, body)

    def __call__(cls, /, *args: Any, **kwargs: Any) -> Any:  # noqa: D102 - an instance, made there
        if issubclass(cls, type) and len(args) == len(("name", "bases", "body")):
            raise link_of(cls).need_shared(f"the tests make a class by {cls.__name__}")
        return _asked(cls, "call", *args, **kwargs)

    def __getattr__(cls, name: str) -> Any:
        dispatches = name in _DISPATCH
        if name in INSIDE or name == "__dataclass_fields__" or (dispatches and is_named(cls)):
            raise look_inside(link_of(cls), cls.__name__, name)
        if name in MEMORY or dispatches:
            raise AttributeError(name)
        found = _asked(cls, "get", name)
        if not is_named(cls):
            had(link_of(cls), name, found, sys._getframe(1))  # noqa: SLF001 - the caller
        return found

    def __setattr__(cls, name: str, value: object) -> None:
        if name.startswith("__"):
            super().__setattr__(name, value)
        else:
            _asked(cls, "set", name, value)

    def __instancecheck__(cls, value: object) -> bool:
        return type.__instancecheck__(cls, value) or _is_by_its_word(cls, "isinstance", value)

    def __subclasscheck__(cls, kind: type) -> bool:
        return type.__subclasscheck__(cls, kind) or _is_by_its_word(cls, "issubclass", kind)

    def __iter__(cls) -> Any:
        return iter(_asked(cls, "items"))

    def __len__(cls) -> int:
        return int(_asked(cls, "__len__"))

    def __bool__(cls) -> bool:
        return True

    def __getitem__(cls, key: object) -> Any:
        return _asked(cls, "__getitem__", key)

    def __setitem__(cls, key: object, value: object) -> None:
        _asked(cls, "__setitem__", key, value)

    def __delitem__(cls, key: object) -> None:
        _asked(cls, "__delitem__", key)

    def __reversed__(cls) -> Any:
        return _asked(cls, "__reversed__")

    def __contains__(cls, key: object) -> bool:
        if not (is_named(cls) or is_named(type(cls))):
            asked = functools.partial(_asked, cls)
            return contains(link_of(cls), f"class {cls.__name__}", asked, key)
        link_of(cls).on_its_word()
        return bool(_asked(cls, "__contains__", key))

    def __repr__(cls) -> str:
        return _shown(cls, "__repr__", sys._getframe(1))  # noqa: SLF001 - the caller

    def __str__(cls) -> str:
        return _shown(cls, "__str__", sys._getframe(1))  # noqa: SLF001 - the caller

    @property
    def __mro__(cls) -> tuple[Any, ...]:
        if _is_ours(cls, sys._getframe(1)):  # noqa: SLF001 - of the caller
            return mro_of(cls)
        return _looked_at(cls, "__mro__", "order")

    @property
    def __bases__(cls) -> tuple[Any, ...]:  # type: ignore[override]
        if _is_ours(cls, sys._getframe(1)):  # noqa: SLF001 - of the caller
            return bases_of(cls)
        return _looked_at(cls, "__bases__", "bases")

    @property
    def __base__(cls) -> Any:
        return _looked_at(cls, "__base__", "base")[0]

    @property
    def __flags__(cls) -> int:
        if _is_ours(cls, sys._getframe(1)):  # noqa: SLF001 - of the caller
            return int(_FLAGS.__get__(cls))
        return int(_asked(cls, "get", "__flags__"))

    def mro(cls) -> list[Any]:  # noqa: D102 - as of any class
        if mro_of(cls) is None:  # it is being made
            return type.mro(cls)
        return [*_looked_at(cls, "mro", "order")]

    @property
    def __subclasses__(cls) -> Any:
        return _asked(cls, "get", "__subclasses__")

    @property
    def __doc__(cls) -> Any:  # type: ignore[override]
        return _asked(cls, "get", "__doc__")

    @property
    def __annotations__(cls) -> Any:  # type: ignore[override]
        raise look_inside(link_of(cls), cls.__name__, "__annotations__")

    @property  # type: ignore[misc]
    def __dict__(cls) -> Any:  # type: ignore[override]
        if _is_ours(cls, sys._getframe(1)):  # noqa: SLF001 - of the caller
            return own_of(cls)
        raise look_inside(link_of(cls), cls.__name__, "__dict__")


def _shown(kind: type, special: str, caller: FrameType) -> str:
    """A class as a text, for the tests: a message that is made of it asks nothing."""
    if caller.f_code.co_filename in (TESTS, PRELUDE):
        return str(_asked(kind, special))
    return type.__repr__(kind)


def link_of(kind: type) -> Asks:
    """The link that a mirror asks over."""
    found: Asks = own_of(kind)[ASKS]
    return found


def is_named(kind: type) -> bool:
    """Whether the tests name a class, or one above it."""
    return any(own_of(each).get(NAMED) is True for each in mro_of(kind))


def _asked(kind: type, ask: str, /, *args: Any, **kwargs: Any) -> Any:
    return link_of(kind).ask_object(ask, own_of(kind)[KEY], args, kwargs)


def _is_by_its_word(kind: type, ask: str, value: object) -> bool:
    """Whether something else is of a class that says itself what is: a protocol, or what registers.

    That nothing else is needs nobody's word. No exception is: it may be that of a failed test.
    """
    link = link_of(kind)
    if own_of(kind).get(SAYS) is not True or link.is_probed() or link.is_reading():
        return False
    asked: Any = value if issubclass(type(value), type) else type(value)
    if any(BaseException in mro_of(each) for each in (kind, asked)):
        return False
    if _asked(kind, ask, value) is not True:
        return False
    link.on_its_word()
    return True


def _looked_at(kind: type, what: str, name: str) -> tuple[Any, ...]:
    """What the candidate's side told of a class, as far as it may stand for itself here."""
    link, facts = link_of(kind), own_of(kind).get(FACTS)
    found: tuple[Any, ...] = getattr(facts, name, (None,))
    if link.is_probed() or any(each is None for each in found):
        raise look_inside(link, kind.__name__, what)
    link.calls += 1
    if issubclass(kind, BaseException):  # one above it may catch a failed assertion
        link.on_its_word()
    return tuple(kind if each is ... else each for each in found)


_READERS: Final = frozenset({"collections.abc", "abc", "functools", "typing"})
"""Modules of the library that look for special methods in a class, and there alone."""


def _is_ours(kind: type, caller: FrameType) -> bool:
    """Whether the mirror itself is looked at, and not what it is of."""
    name = caller.f_globals.get("__name__", "")
    return name in _READERS or name.startswith("sandbox.") or link_of(kind).is_probed()
