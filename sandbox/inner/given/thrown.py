"""What stands in the candidate's process for exceptions of the tests."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any, Final

from sandbox.codec import Decoder
from sandbox.inner.remote.exceptions import set_attributes, text_of

if TYPE_CHECKING:
    from sandbox.frames import Frame

GUEST: Final = "__stands_for_tests__"
"""Marks what stands for an exception of the tests, with its number."""


def error_of(told: Frame) -> BaseException:
    """What stands for an exception of the tests, made without code of its own."""
    if "own" in told:  # a member of a group
        return Exception("an exception of the program")
    bases = [getattr(builtins, name) for name in told["bases"] if hasattr(builtins, name)]
    values = _plain(told.get("args"), [told["message"]])
    match told.get("group"):
        case [str(text), list(members)]:
            values = [text, [error_of(member) for member in members]]
    error = _made(told, bases, values, _plain(told.get("state"), {}))
    vars(error)[GUEST] = told["guest"]
    return error


def _plain(wire: Any, otherwise: Any) -> Any:
    return otherwise if wire is None else Decoder().decode(wire)


def _made(told: Frame, bases: list[Any], values: list[Any], state: dict[str, Any]) -> BaseException:
    """One of the nearest class that takes these values, of that name and with that text.

    Its own class sets what it keeps outside of a dictionary: Python reads that unseen.
    """
    name, text = told["name"], told["message"]
    kinds = [kind if kind.__name__ == name else type(name, (kind,), {}) for kind in bases]
    for kind in kinds:
        for own in (kind, type(name, (kind,), {"__str__": lambda _error: text})):
            try:
                made: BaseException = own(*values)
            except (TypeError, ValueError):
                break
            set_attributes(made, state)
            if own is not kind or text_of(made) == text:
                return made
    return Exception(text)
