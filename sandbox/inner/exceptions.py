"""What stands in the tests' process for an exception of the candidate.

Its names, arguments and text arrive from the candidate's process and are of its choosing. The
stand-in therefore is of a built-in type, or of a class made here that has such a type as its base
and bears the candidate's name. Types that Python itself takes for something other than a failure
are never recreated: a `StopIteration` out of a call ends `map`, `zip`, `filter`, `iter` and `for`
in silence, and the assertions that would have followed never run.
"""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

from sandbox.codec import CodecError, Decoder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.codec import Wire

MARK = "__stands_for_candidate__"
SIGNALS = frozenset({"StopIteration", "StopAsyncIteration", "GeneratorExit", "KeyboardInterrupt"})
"""Built-in exceptions that steer a program rather than tell of a failure."""

_GROUP = "BaseExceptionGroup"
_MESSAGE = 2000


def stand_in(raised: Any) -> BaseException:
    """The exception for what the candidate said it raised. Raises `CodecError`."""
    match raised:
        case {"kind": str(kind), "bases": list(bases), "message": str(text), "args": wire}:
            base = next(_builtin(bases), Exception)
            return _make(base, kind, text[:_MESSAGE], _arguments(wire, text))
    raise CodecError("not an exception")


def wanted_itself(raised: Any, named: frozenset[str]) -> str | None:
    """Why tests that use the names `named` need the very exception, if they do."""
    bases = raised.get("bases") if isinstance(raised, dict) else None
    if not isinstance(bases, list):
        return None
    found = [name for name in bases if isinstance(name, str)]
    if _GROUP in found:
        return "a group of exceptions"
    return next((f"a {name}, which they name" for name in found if name in SIGNALS & named), None)


def text_of(error: BaseException) -> str:
    """The text of an exception. Its arguments may be such that they have none."""
    try:
        return str(error)[:_MESSAGE]
    except (ValueError, RecursionError, MemoryError):
        return "(its text cannot be had)"


def _builtin(names: list[Any]) -> Iterator[type[BaseException]]:
    for name in names:
        found = getattr(builtins, name, None) if isinstance(name, str) else None
        if not isinstance(found, type) or found.__name__ in SIGNALS:
            continue
        if issubclass(found, (Exception, SystemExit)):
            yield found


def _arguments(wire: Wire, text: str) -> list[Any]:
    if wire is None:
        return [text]
    values = Decoder().decode(wire)
    if type(values) is not list:
        raise CodecError("arguments that are no list")
    return values


def _make(base: type[BaseException], kind: str, text: str, values: list[Any]) -> BaseException:
    """An instance of `base`, or of a class under it where name or text would differ."""
    made = _instance(base, values)
    if made is None or base.__name__ != kind or text_of(made) != text:
        name = kind if kind.isidentifier() else base.__name__
        body = {"__module__": "solution", "__str__": lambda _self: text}
        made = _instance(type(name, (base,), body), values)
        made = made or type(name, (Exception,), body)(text)
    setattr(made, MARK, True)
    return made


def _instance(kind: type[BaseException], values: list[Any]) -> BaseException | None:
    try:
        return kind(*values)
    except Exception:  # noqa: BLE001 - constructors of built-ins are picky about arguments
        return None
