"""What stands in the tests' process for an exception of the candidate.

Its names, arguments and text arrive from the candidate's process and are of its choosing. The
stand-in therefore is of a built-in type, or of a class made here that has such a type as its base
and bears the candidate's name. Types that Python itself takes for something other than a failure
are never recreated: a `StopIteration` out of a call ends `map`, `zip`, `filter`, `iter` and `for`
in silence, and the assertions that would have followed never run.
"""

from __future__ import annotations

import builtins
import sys
from typing import TYPE_CHECKING, Any

from sandbox.codec import CodecError, Decoder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.codec import Wire

MARK = "__stands_for_candidate__"
SIGNALS = frozenset({"StopIteration", "StopAsyncIteration", "GeneratorExit", "KeyboardInterrupt"})
"""Built-in exceptions that steer a program rather than tell of a failure."""

_GROUPS = frozenset({"ExceptionGroup", "BaseExceptionGroup"})
_MOST_ERRNO = 1 << 20
_FRAMEWORK = "unittest"
"""Its exceptions tell a test runner to skip or to stop."""
_MESSAGE = 2000


def stand_in(raised: Any) -> BaseException:
    """The exception for what the candidate said it raised. Raises `CodecError`."""
    match raised:
        case {
            "kind": str(kind),
            "bases": list(bases),
            "message": str(text),
            "args": wire,
            "state": state,
        }:
            values, told = arguments_of(wire, text), _state(state)
            base = library_class(raised.get("known"))
            if base is None or not issubclass(base, Exception) or base.__name__ in SIGNALS:
                base = next(_builtin(bases), Exception)
            return _make(base, kind, text[:_MESSAGE], values, told)
    raise CodecError("not an exception")


def library_class(known: Any) -> type | None:
    """A class of the standard library by module and name, if it is loaded here already."""
    match known:
        case [str(module), str(name)] if module.partition(".")[0] in sys.stdlib_module_names:
            if module.partition(".")[0] == _FRAMEWORK:
                return None
            place: Any = sys.modules.get(module)
            for part in name.split("."):
                place = vars(place).get(part) if place is not None else None
            return place if isinstance(place, type) else None
    return None


def wanted_itself(raised: Any, named: frozenset[str]) -> str | None:
    """Why tests that use the names `named` need the very exception, if they do."""
    bases = raised.get("bases") if isinstance(raised, dict) else None
    if not isinstance(bases, list):
        return None
    found = [name for name in bases if isinstance(name, str)]
    steers = {*SIGNALS, *_GROUPS} & named
    return next((f"a {name}, which they name" for name in found if name in steers), None)


def is_candidates(error: BaseException) -> bool:
    """Whether an exception came over the link, however it was wrapped, kept or raised again."""
    seen: set[int] = set()
    open_: list[BaseException | None] = [error]
    while open_:
        one = open_.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        if getattr(one, MARK, False) is True:
            return True
        open_ += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            open_ += one.exceptions
    return False


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


def arguments_of(wire: Wire, text: str) -> list[Any]:
    """The arguments of an exception; its text where they could not be sent."""
    if wire is None:
        return [text]
    values = Decoder().decode(wire)
    if type(values) is not list:
        raise CodecError("arguments that are no list")
    return values


def _state(wire: Wire) -> dict[str, Any]:
    """Attributes of an exception, as far as they could be copied."""
    found = Decoder().decode(wire) if wire is not None else {}
    if type(found) is not dict or not all(type(name) is str for name in found):
        raise CodecError("attributes that are none")
    return found


def _make(
    base: type[BaseException], kind: str, text: str, values: list[Any], state: dict[str, Any]
) -> BaseException:
    """An instance of `base`, or of a class under it where name or text would differ."""
    made = _instance(base, values, state)
    if base.__name__ != kind or text_of(made) != text:
        name = kind if kind.isidentifier() else base.__name__
        body = {"__module__": "solution", "__str__": lambda _self: text}
        made = _instance(type(name, (base,), body), values, state)
    setattr(made, MARK, True)
    return made


def _instance(kind: type[BaseException], values: list[Any], state: dict[str, Any]) -> BaseException:
    """Made without the class's own code, but where that needs values and these are checked."""
    if issubclass(kind, UnicodeError):
        if _are_positions(kind, values):
            return kind(*values)
        kind = type(kind.__name__, (ValueError,), {"__module__": "solution"})
    if issubclass(kind, OSError):
        found = _of_system(kind, state)
        if found is not None:
            return found
    made = new_exception(kind, *values)
    for name, value in state.items():
        if name.isidentifier() and not name.startswith("__"):
            try:
                setattr(made, name, value)
            except (AttributeError, TypeError, ValueError, OverflowError):
                continue
    return made


def new_exception(kind: Any, *values: Any) -> BaseException:
    """An instance with these arguments, none of whose own code has run."""
    base = next(k for k in kind.__mro__ if k.__module__ == "builtins" and "__new__" in vars(k))
    made: BaseException = base.__new__(kind)
    made.args = values
    return made


def _are_positions(kind: type[BaseException], values: list[Any]) -> bool:
    """Whether the arguments of a Unicode error are such as Python's own codecs give."""
    if kind.__mro__[-1] is object and not issubclass(
        kind, (UnicodeDecodeError, UnicodeEncodeError, UnicodeTranslateError)
    ):
        return False
    wanted: tuple[type, ...] = (str, int, int, str)
    if issubclass(kind, UnicodeDecodeError):
        wanted = (str, bytes, int, int, str)
    elif issubclass(kind, UnicodeEncodeError):
        wanted = (str, str, int, int, str)
    if tuple(type(value) for value in values) != wanted:
        return False
    *_, content, start, end, _reason = values
    return bool(0 <= start <= end <= len(content))


def _of_system(kind: type[BaseException], state: dict[str, Any]) -> BaseException | None:
    match state:
        case {"errno": int(number), "strerror": str(text)} if abs(number) < _MOST_ERRNO:
            name = state.get("filename")
            values = [number, text, *([name] if type(name) in (str, bytes, int) else [])]
            try:
                return kind(*values)
            except Exception:  # noqa: BLE001 - a class of the library with other arguments
                return None
    return None
