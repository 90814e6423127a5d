"""What stands in the tests' process for objects of the candidate, and what is asked of them.

A handle has no state: attribute, call, item, iteration, `with` are one question each, and what
comes back is copied, or is a handle again. Its class is a mirror (`sandbox.inner.answers.mirrors`),
and has the special methods of `sandbox.inner.remote.questions`.
"""

from __future__ import annotations

import dis
import functools
import sys
from typing import TYPE_CHECKING, Any, Final

from sandbox.inner.crossing.special import own_of
from sandbox.inner.remote.classes import (
    INSIDE,
    KEY,
    MEMORY,
    Mirror,
    is_named,
    link_of,
    look_inside,
)
from sandbox.inner.remote.methods import Keeps, had, kept_by
from sandbox.inner.remote.places import PRELUDE, TESTS

if TYPE_CHECKING:
    from types import FrameType

    from sandbox.inner.remote.classes import Asks

HASH: Final = "\0hash"
"""Where it keeps its hash, if its class has one of its own."""

CALLED: Final = "\0called"
"""Where a function keeps what it is called, once it was bound to an object of the tests."""

_LOAD_ATTR: Final = dis.opmap["LOAD_ATTR"]
_CHECKS: Final = frozenset({"abc", "unittest.case"})
"""Modules of the library that look for the tests at what an object is."""

SAID: Final = "\0said"
"""Where a mirror keeps the class that its objects say they are of."""

CONTENTS: Final[dict[str, type]] = {
    kind.__name__: kind
    for kind in (int, float, complex, str, bytes, tuple, frozenset, list, dict, set)
}
"""Built-in types whose content an instance of a subclass holds here."""


def number_of(value: Any) -> int | None:
    """The number of a handle or a mirror."""
    found = None
    if isinstance(value, Handle):
        found = kept_by(value).get(KEY)
    elif isinstance(value, (Mirror, BaseException)):
        found = own_of(value).get(KEY) if isinstance(value, Mirror) else vars(value).get(KEY)
    return found if type(found) is int else None


def is_data(value: Any) -> bool:
    """Whether what crossed is no function and no class: tests can use it without a call."""
    return not callable(value)


def stands_for_itself(name: str, value: Any) -> bool:
    """Whether what crossed is called here, as `int` is, by which nothing is asked.

    Under another name than its own, or it may be what both sides import.
    """
    return isinstance(value, type) and number_of(value) is None and value.__name__ != name


def _only_copies(caller: FrameType) -> bool:
    """Whether annotations are copied to what wraps a function, as `staticmethod` does.

    Tests that write the name have been sent to one process.
    """
    code = caller.f_code
    return code.co_filename == TESTS or code is functools.update_wrapper.__code__


def _call_isinstance(caller: FrameType) -> bool:
    """Whether tests call what looks at an attribute in C, and do not write its name.

    An operator of the library that finds an object to be of its kind asks it what the tests expect.
    """
    while caller.f_globals.get("__name__") in _CHECKS and caller.f_back is not None:
        caller = caller.f_back
    code = caller.f_code
    return code.co_filename in (TESTS, PRELUDE) and code.co_code[caller.f_lasti] != _LOAD_ATTR


def _array(handle: Handle, method: Any, /, *args: Any, **kwargs: Any) -> Any:
    """What numpy makes of an object: an array that both sides have, or the candidate's error."""
    found = method(*args, **kwargs)
    if isinstance(found, Handle):
        text = f"what __array__ of a {type(handle).__name__} gives is no array that can cross"
        raise asks_of(handle).candidates_error(TypeError(text))
    return found


class Handle(Keeps):
    """An object of the candidate."""

    def __getattr__(self, name: str) -> Any:
        if name == "__annotations__" and _only_copies(sys._getframe(1)):  # noqa: SLF001 - the caller
            return {}
        if name in INSIDE:
            raise look_inside(asks_of(self), type(self).__name__, name)
        if name in MEMORY:
            raise AttributeError(name)
        found = ask(self, "get", name)
        if not is_named(type(self)):
            had(asks_of(self), name, found, sys._getframe(1))  # noqa: SLF001 - the caller
        return functools.partial(_array, self, found) if name == "__array__" else found

    def __setattr__(self, name: str, value: object) -> None:
        ask(self, "set", name, value)

    def __delattr__(self, name: str) -> None:
        ask(self, "del", name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of the solution>"

    def __copy__(self) -> Any:
        return ask(self, "copy")

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        link = asks_of(self)
        if memo or link.holds_objects():  # that may be parts of it, and are copied on this side
            raise link.need_shared(f"the tests copy a {type(self).__name__} among others")
        return ask(self, "deepcopy")

    def __reduce_ex__(self, _protocol: object) -> Any:
        raise asks_of(self).need_shared(f"the tests copy or pickle a {type(self).__name__}")

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        said: type | None = own_of(type(self)).get(SAID)
        return said if said and _call_isinstance(sys._getframe(1)) else type(self)  # noqa: SLF001

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        return ask(self, "get", "__dict__")

    def __dir__(self) -> Any:
        raise asks_of(self).need_shared(f"the tests list what a {type(self).__name__} has")


def asks_of(handle: Any) -> Asks:
    """The link that a handle asks over."""
    return link_of(type(handle))


def held_by(*kinds: type) -> type | None:
    """The built-in type whose content instances of these hold."""
    found = (held for kind in kinds for held in CONTENTS.values() if issubclass(kind, held))
    return next(found, None)


def ask(handle: Any, ask: str, /, *args: Any, **kwargs: Any) -> Any:
    """Ask something of the object that a handle stands for."""
    number = number_of(handle)
    if number is None:
        raise AttributeError("an object of no number")
    return asks_of(handle).ask_object(ask, number, args, kwargs)
