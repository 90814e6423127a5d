"""What stands in the tests' process for objects of the candidate, and what is asked of them.

A handle has no state: attribute, call, item, iteration, `with` are one question each, and what
comes back is copied, or is a handle again. Its class is a mirror (`sandbox.inner.mirrors`), and has
the special methods of `sandbox.inner.questions`.
"""

from __future__ import annotations

import functools
import sys
import types
from typing import TYPE_CHECKING, Any, Final, Protocol

from sandbox.inner.places import TESTS

if TYPE_CHECKING:
    from types import FrameType

    from sandbox.inner.places import Places

KEY: Final = "\0handle"
"""Where a handle keeps its number, out of the way of attributes."""

HASH: Final = "\0hash"
"""Where it keeps its hash, if its class has one of its own."""

WORD: Final = "\0word"
"""Where a method of an object of a class that the tests do not name keeps its own name."""

CALLED: Final = "\0called"
"""Where a function keeps what it is called, once it was bound to an object of the tests."""

CONTENTS: Final[dict[str, type]] = {
    kind.__name__: kind
    for kind in (int, float, complex, str, bytes, tuple, frozenset, list, dict, set)
}
"""Built-in types whose content an instance of a subclass holds here."""


class Asks(Protocol):
    """The link, as handles use it."""

    places: Places

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

    def is_reading(self) -> bool:
        """Whether a message is being read, so that nothing can be asked."""
        ...


def number_of(value: Any) -> int | None:
    """The number of a handle or a mirror."""
    found = None
    if isinstance(value, Handle):
        found = contents_of(value).get(KEY)
    elif isinstance(value, (Mirror, BaseException)):
        found = vars(value).get(KEY)
    return found if type(found) is int else None


def is_data(value: Any) -> bool:
    """Whether what crossed is a plain value, which is compared here."""
    return number_of(value) is None and not callable(value)


class Mirror(type):
    """The class of mirrors."""

    asks: Asks
    named = False
    """Whether the tests name the class, so that its operators are asked."""

    def __new__(  # noqa: D102 - a class, made
        cls, name: str, bases: tuple[type, ...], body: dict[str, Any], **made: Any
    ) -> Mirror:
        if "asks" not in made:
            first = next(base for base in bases if isinstance(base, Mirror))
            if KEY in vars(first):
                raise first.asks.need_shared(f"the tests derive a class from {first.__name__}")
        return super().__new__(cls, name, bases, body)

    def __init__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any], **_: Any) -> None:
        super().__init__(name, bases, body)

    def _ask(cls, ask: str, /, *args: Any, **kwargs: Any) -> Any:
        return cls.asks.ask_object(ask, vars(cls)[KEY], args, kwargs)

    def __call__(cls, /, *args: Any, **kwargs: Any) -> Any:  # noqa: D102 - an instance, made there
        return cls._ask("call", *args, **kwargs)

    def __getattr__(cls, name: str) -> Any:
        if KEY not in vars(cls):
            raise AttributeError(name)
        if name in _INSIDE or name == "__dataclass_fields__":
            raise _look_inside(cls.asks, cls.__name__, name)
        return cls._ask("get", name)

    def __setattr__(cls, name: str, value: object) -> None:
        if KEY not in vars(cls) or name.startswith("__"):
            super().__setattr__(name, value)
        else:
            cls._ask("set", name, value)

    def __iter__(cls) -> Any:
        return iter(cls._ask("items"))

    def __len__(cls) -> int:
        return int(cls._ask("__len__"))

    def __bool__(cls) -> bool:
        return True

    def __getitem__(cls, key: object) -> Any:
        return cls._ask("__getitem__", key)

    def __contains__(cls, key: object) -> bool:
        cls.asks.on_its_word()
        return bool(cls._ask("__contains__", key))


_TEXTS: Final = frozenset({"__name__", "__qualname__", "__doc__", "__module__", "__dict__"})
_PARTS: Final = (types.GetSetDescriptorType, types.MemberDescriptorType)
_INSIDE: Final = frozenset({"__wrapped__", "__signature__"}).union(
    {n for n, part in vars(types.FunctionType).items() if isinstance(part, _PARTS)} - _TEXTS
)
"""What functions have beside their texts, and what `inspect` asks for in its stead."""


def _look_inside(asks: Asks, what: str, name: str) -> BaseException:
    """What to raise where someone looks inside a function or a class."""
    if asks.is_probed():
        return AttributeError(name)
    return asks.need_shared(f"the tests look into a {what} ({name})")


def _only_copies(caller: FrameType) -> bool:
    """Whether annotations are copied to what wraps a function, as `staticmethod` does.

    Tests that write the name have been sent to one process.
    """
    code = caller.f_code
    return code.co_filename == TESTS or code is functools.update_wrapper.__code__


class _Held:
    """Has a place for attributes, of which handles show nothing."""


class Handle(_Held):
    """An object of the candidate."""

    def __getattr__(self, name: str) -> Any:
        if name == "__annotations__" and _only_copies(sys._getframe(1)):  # noqa: SLF001 - the caller
            return {}
        if name in _INSIDE:
            raise _look_inside(asks_of(self), type(self).__name__, name)
        found = ask(self, "get", name)
        if isinstance(found, Handle) and not is_named(type(self)):
            contents_of(found)[WORD] = name
        return found

    def __setattr__(self, name: str, value: object) -> None:
        ask(self, "set", name, value)

    def __delattr__(self, name: str) -> None:
        ask(self, "del", name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of the solution>"

    def __reduce_ex__(self, _protocol: object) -> Any:
        raise asks_of(self).need_shared(f"the tests copy or pickle a {type(self).__name__}")

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        return ask(self, "get", "__dict__")

    def __dir__(self) -> Any:
        raise asks_of(self).need_shared(f"the tests list what a {type(self).__name__} has")


_DICT: Final[Any] = vars(_Held)["__dict__"]


def contents_of(handle: Any) -> dict[str, Any]:
    """What a handle itself holds."""
    found: dict[str, Any] = _DICT.__get__(handle)
    return found


def asks_of(handle: Any) -> Asks:
    """The link that a handle asks over."""
    found: Asks = type(handle).asks
    return found


def held_by(*kinds: type) -> type | None:
    """The built-in type whose content instances of these hold."""
    found = (held for kind in kinds for held in CONTENTS.values() if issubclass(kind, held))
    return next(found, None)


def is_named(kind: type) -> bool:
    """Whether the tests name a class, or one above it."""
    return any(isinstance(each, Mirror) and each.named for each in kind.__mro__)


def ask(handle: Any, ask: str, /, *args: Any, **kwargs: Any) -> Any:
    """Ask something of the object that a handle stands for."""
    number = number_of(handle)
    if number is None:
        raise AttributeError("an object of no number")
    return asks_of(handle).ask_object(ask, number, args, kwargs)
