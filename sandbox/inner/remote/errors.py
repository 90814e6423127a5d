"""What is asked of exceptions of the candidate, beside what was told of them.

Only the tests ask: a framework that reports of one takes what there is.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from sandbox.inner.remote.classes import is_named
from sandbox.inner.remote.handles import ask, asks_of
from sandbox.inner.remote.methods import had
from sandbox.inner.remote.places import PRELUDE, TESTS
from sandbox.inner.remote.questions import specials_of

if TYPE_CHECKING:
    from collections.abc import Callable

_TOLD: Final = frozenset({"__str__", "__hash__"})
"""What needs no question: its text, as it was when it was raised, and that Python may keep it."""

_LOOKED_AT: Final = ("__repr__", "__bool__")
"""What reports look at as well, and find as it is of any exception."""


def error_body(special: list[str]) -> dict[str, Any]:
    """What a mirror of an exception class has."""
    body = {name: does for name, does in specials_of(special).items() if name not in _TOLD}
    for name in body.keys() & {*_LOOKED_AT}:
        body[name] = _for_tests(body[name], getattr(BaseException, name, None))
    body |= {name: other_of(name) for name in ("__cause__", "__context__")}
    if "no __hash__" not in special:
        body["__hash__"] = object.__hash__
    told = {"__str__": text_told, "__getattr__": attribute_of, "__module__": "solution"}
    return {**body, **told}


def _for_tests(asked: Callable[..., Any], of_any: Callable[..., Any] | None) -> Callable[..., Any]:
    def looked_at(error: Any, /, *others: Any) -> Any:
        if _is_of_tests():
            return asked(error, *others)
        return True if of_any is None else of_any(error, *others)

    return looked_at


def _is_of_tests() -> bool:
    file = sys._getframe(2).f_code.co_filename  # noqa: SLF001 - who asks whoever asks this
    return file in (TESTS, PRELUDE)


def text_told(error: BaseException) -> str:
    """The text of an exception of the candidate, as it was when it was raised."""
    return str(vars(error).get("\0text", ""))


def other_of(name: str) -> property:
    """The cause or the context of an exception of the candidate that was given and not raised.

    Only the tests ask for one; a framework that reports of it takes what there is.
    """
    slot: Any = vars(BaseException)[name]

    def other(error: BaseException) -> Any:
        found = slot.__get__(error)
        caller = sys._getframe(1).f_code.co_filename  # noqa: SLF001 - the caller
        if found is not None or caller not in (TESTS, PRELUDE):
            return found
        found = ask(error, "get", name)
        if isinstance(found, BaseException):
            slot.__set__(error, found)
            return found
        return None

    return property(other, slot.__set__)


def attribute_of(error: BaseException, name: str) -> Any:
    """An attribute of an exception of the candidate, asked."""
    if name.startswith("__"):
        raise AttributeError(name)
    found = ask(error, "get", name)
    if not is_named(type(error)):
        had(asks_of(error), name, found, sys._getframe(1))  # noqa: SLF001 - the caller
    return found
