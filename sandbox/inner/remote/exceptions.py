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
import types
from typing import TYPE_CHECKING, Any, NoReturn

from sandbox.codec import CodecError
from sandbox.inner.crossing.packages import is_of_both
from sandbox.inner.crossing.special import mro_of, own_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from sandbox.codec import Wire

    Group: TypeAlias = tuple[str, list[Exception]]
    """The text of a group of exceptions, and its members."""

    Decode: TypeAlias = Callable[[Wire], Any]

MARK = "__stands_for_candidate__"
SIGNALS = frozenset({"StopIteration", "StopAsyncIteration", "GeneratorExit", "KeyboardInterrupt"})
"""Built-in exceptions that steer a program rather than tell of a failure."""

_MOST_ERRNO = 1 << 20
_FRAMEWORK = "unittest"
"""Its exceptions tell a test runner to skip or to stop."""
_MESSAGE = 2000
_BUILT_IN = (types.MemberDescriptorType, types.GetSetDescriptorType)


def stand_in(
    raised: Any, values: list[Any], state: dict[str, Any], group: Group | None = None
) -> BaseException:
    """The exception for what the candidate said it raised. Raises `CodecError`.

    `values`, `state` and `group` are what it said of arguments, attributes and members, checked.
    """
    match raised:
        case {"kind": str(kind), "bases": list(bases), "message": str(text)}:
            base = library_class(raised.get("known"))
            if base is None or not issubclass(base, Exception) or base.__name__ in SIGNALS:
                base = next(_builtin(bases), Exception)
            return _make(base, kind, text, lambda kind: _instance(kind, values, state, group))
    raise CodecError("not an exception")


def library_class(known: Any) -> type | None:
    """A class of the library, or of numpy, by module and name, if it is loaded here already."""
    match known:
        case [str(module), str(name)] if is_of_both(module):
            if module.partition(".")[0] == _FRAMEWORK:
                return None
            place: Any = sys.modules.get(module)
            for part in name.split("."):
                place = getattr(place, "__dict__", {}).get(part)
            # Under its own name: a module may have imported it from one that is refused.
            named = isinstance(place, type) and (place.__module__, place.__qualname__)
            return place if named == (module, name) else None
    return None


def wanted_itself(raised: Any, named: frozenset[str]) -> str | None:
    """Why tests that use the names `named` need the very exception, if they do."""
    bases = raised.get("bases") if isinstance(raised, dict) else None
    if not isinstance(bases, list):
        return None
    found = [name for name in bases if isinstance(name, str)]
    steers = SIGNALS & named
    return next((f"a {name}, which they name" for name in found if name in steers), None)


def is_candidates(error: BaseException) -> bool:
    """Whether an exception came over the link, however it was wrapped, kept or raised again."""
    return any(getattr(one, MARK, False) is True for one in all_within(error))


def all_within(error: BaseException, *, handled: bool = True) -> Iterator[BaseException]:
    """An exception, what it was raised from, and its members, and so on.

    And what was `handled` as it was raised.
    """
    seen: set[int] = set()
    open_: list[BaseException | None] = [error]
    while open_:
        one = open_.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        open_ += [one.__cause__, one.__context__ if handled else None]
        if isinstance(one, BaseExceptionGroup):
            open_ += one.exceptions


def raise_again(error: BaseException) -> NoReturn:
    """Raise one that has been raised over there. What was handled there stays its context.

    Python has what is handled here as the context of all that is raised here; it belongs below.
    """
    told = error.__context__
    try:
        raise error
    finally:
        here = error.__context__
        if told is not None and told is not here:
            error.__context__ = told
            _put_below(told, here)


def _put_below(error: BaseException, context: BaseException | None) -> None:
    """Make it the context of the last in a chain of contexts, where that is the candidate's."""
    seen = {id(error), id(context)}
    while (around := error.__context__) is not None:
        if id(around) in seen:
            return
        seen.add(id(around))
        error = around
    if getattr(error, MARK, False) is True:
        error.__context__ = context


def text_of(error: BaseException, most: int = _MESSAGE) -> str:
    """The text of an exception, cut. Its arguments may be such that they have none.

    Among them may be an object of the candidate, whose text that tells, or raises what it likes.
    """
    try:
        return str(error)[:most]
    except Exception:  # noqa: BLE001 - the candidate's own code
        return "(its text cannot be had)"


def _builtin(names: list[Any]) -> Iterator[type[BaseException]]:
    for name in names:
        found = getattr(builtins, name, None) if isinstance(name, str) else None
        if not isinstance(found, type) or found.__name__ in SIGNALS:
            continue
        if issubclass(found, (Exception, SystemExit)):
            yield found


def arguments_of(wire: Wire, text: str, decode: Decode) -> list[Any]:
    """The arguments of an exception; its text where they could not be sent."""
    if wire is None:
        return [text]
    values = decode(wire)
    if type(values) is not list:
        raise CodecError("arguments that are no list")
    return values


def state_of(wire: Wire, decode: Decode) -> dict[str, Any]:
    """Attributes of an exception, as far as they could be copied."""
    found = decode(wire) if wire is not None else {}
    if type(found) is not dict or not all(type(name) is str for name in found):
        raise CodecError("attributes that are none")
    return found


def _make(
    base: type[BaseException], kind: str, text: str, make: Callable[[Any], BaseException]
) -> BaseException:
    """An instance of `base`, or of a class under it where name or text would differ."""
    made = make(base)
    if base.__name__ != kind or text_of(made, len(text) + 1)[: len(text)] != text:
        name = kind if kind.isidentifier() else base.__name__
        body = {"__module__": "solution", "__str__": lambda _self: text}
        made = make(type(name, (base,), body))
    setattr(made, MARK, True)
    return made


def _instance(
    kind: type[BaseException], values: list[Any], state: dict[str, Any], group: Group | None
) -> BaseException:
    """Made without the class's own code, but where that needs values and these are checked."""
    if issubclass(kind, UnicodeError):
        if _are_positions(kind, values):
            return kind(*values)
        kind = type(kind.__name__, (ValueError,), {"__module__": "solution"})
    if issubclass(kind, OSError):
        found = _of_system(kind, state)
        if found is not None:
            return found
    made = new_exception(kind, *values, group=group)
    set_attributes(made, state)
    return made


def set_attributes(
    made: BaseException, state: dict[str, Any], *, only_built_in: bool = False
) -> None:
    """Set attributes, or those that its built-in base keeps, such as a file's name."""
    if only_built_in and isinstance(made, UnicodeError):
        return  # its positions must fit
    for name, value in state.items():
        if not name.isidentifier() or name.startswith("__"):
            continue
        if only_built_in and not isinstance(getattr(type(made), name, None), _BUILT_IN):
            continue
        try:
            setattr(made, name, value)
        except (AttributeError, TypeError, ValueError, OverflowError):
            continue


def new_exception(kind: Any, *values: Any, group: Group | None = None) -> BaseException:
    """An instance with these arguments, none of whose own code has run."""
    if issubclass(kind, BaseExceptionGroup):
        members = group or ("", [Exception("a group of nothing")])
        grouped: BaseException = ExceptionGroup.__new__(kind, *members)
        return grouped
    base: Any = next(
        k for k in mro_of(kind) if k.__module__ == "builtins" and "__new__" in own_of(k)
    )
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
