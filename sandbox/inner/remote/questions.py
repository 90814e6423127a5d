"""The special methods of handles: what they ask, and whose word the answer is.

A special method that is told nothing of what a test expects is asked; what it gives is compared
here. An operator is handed the other side of a comparison, so its answer is the candidate's word:
only a class that the tests name has any, and the verdict is `shared` then. Using one of another
class is an error of the candidate, or an object that equals everything would pass every test.
"""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING, Any, Final

from sandbox.codec import CodecError
from sandbox.inner.crossing.special import (
    ALONE,
    ASYNCHRONOUS,
    BINARY,
    BINDS,
    DESCRIBING,
    HELD,
    IN_PLACE,
    found_in,
    own_of,
)
from sandbox.inner.remote.among import unknown
from sandbox.inner.remote.classes import KEY, Mirror, is_named, link_of
from sandbox.inner.remote.handles import (
    CALLED,
    HASH,
    Handle,
    ask,
    asks_of,
    held_by,
    number_of,
)
from sandbox.inner.remote.made import combined, compared, is_made, made
from sandbox.inner.remote.methods import WORD, kept_by
from sandbox.inner.remote.outcomes import is_failure
from sandbox.inner.remote.unnamed import as_array, no_operator, of_another

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_COMPARISONS: Final = frozenset({"__eq__", "__ne__"})
_OF_ANY_CLASS: Final = _COMPARISONS | {"__contains__"}


def specials_of(special: list[str]) -> dict[str, Any]:
    """The special methods of a mirror: each a question, or an error of the candidate."""
    body: dict[str, Any] = {"__doc__": property(_doc)}
    for each in special:
        name = each.removeprefix(HELD)
        kind = next((kind for kind in _MADE if each in kind), None)
        if name != each:
            body[name] = _operator_of_content(name)
        elif kind is not None:
            body[name] = _MADE[kind](name)
        elif each == BINDS:
            body["__get__"] = _bound
        elif each == "no __hash__":
            body["__hash__"] = None
    if "__len__" in body:  # which is a truth as well
        body["__bool__"] = _truth
    if "__eq__" in body and "__hash__" not in body:
        body["__hash__"] = None
    return body


def operators_of_classes(special: list[str]) -> dict[str, Any]:
    """The operators that a metaclass gives its classes, with other things of the program."""
    return {name: _of_class(name) for name in BINARY.intersection(special) - _OF_ANY_CLASS}


def _of_class(special: str) -> Callable[..., Any]:
    def operate(kind: Any, other: Any, *more: Any) -> Any:
        if number_of(other) is None:
            return NotImplemented
        link, given = link_of(kind), (special, other, *more)
        if not (is_named(kind) or is_named(type(kind))):
            raise unknown(link, f"class {kind.__name__}", special)
        link.on_its_word()
        match link.ask_object("operate", own_of(kind)[KEY], given, {}):
            case tuple([found]):
                return found
        return NotImplemented

    return operate


def _alone(special: str) -> Callable[..., Any]:
    def asked(handle: Any, /, *args: Any, **kwargs: Any) -> Any:
        if special == "__exit__":
            return _left(handle, *args)
        if special == "__next__":
            return _next(handle)
        if special == "__hash__":
            return _hash(handle)
        if special == "__bool__":
            return _truth(handle)
        given = ask(handle, special, *args, **kwargs)
        if is_made(handle) and type(given) is not str:
            return made(handle, special, given)
        if args or kwargs:
            _said(handle, kept_by(handle).get(WORD), given, sys._getframe(1))  # noqa: SLF001
        return given

    return asked


def _said(handle: Any, name: str | None, given: Any, caller: FrameType) -> None:
    """What a method of this name, if it is one, gave when it was told something."""
    link = asks_of(handle)
    if name is not None and link.places.decides(caller, name, given):
        link.on_its_word()


def _bound(handle: Any, owner: Any, _kind: type | None = None) -> Any:
    """A function of the candidate in a class of the tests: a method, as any function there."""
    if owner is None or not callable(handle):
        return handle
    contents = kept_by(handle)
    if CALLED not in contents and not asks_of(handle).is_reading():
        # The method may be given to the candidate, and a message that is being made asks nothing.
        contents[CALLED] = ask(handle, "called")
    return types.MethodType(handle, owner)


def _describing(special: str) -> Callable[..., Any]:
    def asked(handle: Any, /, *_: Any) -> Any:
        what = f"a {type(handle).__name__} in a class of theirs"
        raise asks_of(handle).need_shared(f"the tests have {what} ({special})")

    return asked


def _truth(handle: Any) -> bool:
    """Whether an object counts as true: nothing of it is compared, so the class is to be named."""
    if is_made(handle):
        raise no_operator(handle, "__bool__")
    if not is_named(type(handle)):
        asks_of(handle).on_its_word()
    return ask(handle, "bool") is True


class Member:
    """What a class has in place of an attribute of another class here: it is asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, handle: Any, kind: Any) -> Any:
        if handle is None:
            return Mirror.__getattr__(kind, self._name)
        return Handle.__getattr__(handle, self._name)


def _hash(handle: Any) -> int:
    kept = kept_by(handle).get(HASH)
    if kept is not None:
        return int(kept)
    held: Any = held_by(type(handle))
    if held is not None and held.__hash__ is not None:
        return int(held.__hash__(handle))
    if asks_of(handle).is_reading():
        raise CodecError("a key whose hash was not told")
    return int(ask(handle, "__hash__"))


def method_asked(name: str) -> Callable[..., Any]:
    """A method of a built-in type, which the candidate's class may have made its own."""

    def asked(handle: Any, /, *args: Any, **kwargs: Any) -> Any:
        given = ask(handle, "get", name)(*args, **kwargs)
        if (args or kwargs) and not is_named(type(handle)):
            _said(handle, name, given, sys._getframe(1))  # noqa: SLF001 - of the caller
        return given

    return asked


def _next(handle: Any) -> Any:
    """The next item. That there is none is an answer, and no exception that could end a loop."""
    given = ask(handle, "__next__")
    if type(given) is not list or not given:
        raise StopIteration
    return given[0]


def _left(handle: Any, _kind: Any, error: BaseException | None, _trace: object) -> bool:
    """The end of a `with`. It may swallow what the tests raise, but no failed assertion."""
    return _swallows(handle, error, ask(handle, "leave", _told_of_end(error)))


def _told_of_end(error: BaseException | None) -> BaseException | None:
    """What the end of a `with` is told: of a failed assertion not what was expected."""
    failure = error is not None and number_of(error) is None and is_failure(error)
    return AssertionError() if failure else error


def _swallows(handle: Any, error: BaseException | None, said: object) -> bool:
    if said is not True or isinstance(error, AssertionError) or not isinstance(error, Exception):
        return False
    asks_of(handle).on_its_word()
    return True


def _asynchronous(special: str) -> Callable[..., Any]:
    async def asked(handle: Any, /, *args: Any) -> Any:
        given = await asks_of(handle).awaited(number_of(handle) or 0, special, args)
        if special != "__anext__":
            return given
        if type(given) is not list or not given:  # an answer, as the end of other iterators
            raise StopAsyncIteration
        return given[0]

    async def left(handle: Any, _kind: Any, error: BaseException | None, _trace: object) -> bool:
        number = number_of(handle) or 0
        said = await asks_of(handle).awaited(number, special, (_told_of_end(error),))
        return _swallows(handle, error, said)

    if special == "__await__":
        return lambda handle: asked(handle).__await__()
    return left if special == "__aexit__" else asked


def _operator(special: str) -> Callable[..., Any]:
    def operate(handle: Any, other: Any, *more: Any) -> Any:
        if asks_of(handle).is_reading():  # keys of one dict, which are different over there
            return (handle is other) is (special == "__eq__")
        if special in IN_PLACE and callable(other) and number_of(other) is None:
            return _listens(handle, special, other)
        if is_made(handle) or is_made(other):
            return combined(handle, special, other, *more)
        if not is_named(type(handle)):
            return of_another(handle, special, other)
        return _of_named(handle, special, other, *more)

    return operate


def _of_named(handle: Any, special: str, other: Any, *more: Any) -> Any:
    asks_of(handle).on_its_word()
    if special in _COMPARISONS and number_of(other) is None:
        return compared(handle, special, other)
    match ask(handle, "operate", special, other, *more):
        case tuple([given]):
            return given
    return NotImplemented


def _operator_of_content(special: str) -> Callable[..., Any]:
    """An operator that a class has from its built-in type: that compares what is held, here."""
    operate = _operator(special)

    def of_content(handle: Any, *others: Any) -> Any:
        held: Any = held_by(type(handle))
        if held is None and special not in IN_PLACE and not is_named(type(handle)):
            return as_array(handle, special, *others)
        found = found_in(held, special) if held is not None else None
        if found is None or not asks_of(handle).held.has_now(number_of(handle)):
            return operate(handle, *others)
        return found[1](handle, *others)

    return of_content


def _listens(handle: Any, special: str, callback: Any) -> Any:
    """What an operator in place makes of a callback, as `button.clicked += callback` does.

    No test expects one. Where the object itself is the answer nothing was said, either.
    """
    match ask(handle, "operate", special, callback):
        case tuple([given]) if given is handle:
            return handle
        case tuple([given]) if is_named(type(handle)):
            asks_of(handle).on_its_word()
            return given
        case tuple([_]):
            raise no_operator(handle, special)
    return NotImplemented


def _doc(handle: Any) -> Any:
    return ask(handle, "get", "__doc__")


_MADE: Final[dict[frozenset[str], Callable[[str], Any]]] = {
    ALONE: _alone,
    BINARY: _operator,
    ASYNCHRONOUS: _asynchronous,
    DESCRIBING: _describing,
}
"""What a mirror has for a special method, by which of these it is among."""
