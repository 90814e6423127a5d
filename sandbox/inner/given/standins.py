"""What stands in the candidate's process for objects of the tests."""

from __future__ import annotations

import functools
import importlib
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from sandbox.inner.crossing.special import ARITHMETIC, CONTAINS, PROTOCOLS
from sandbox.inner.given.dataclassed import class_of
from sandbox.inner.given.defaults import signature_of, without_defaults

if TYPE_CHECKING:
    import inspect
    from collections.abc import Callable, Iterable, Iterator

    Ask = Callable[[str, int, tuple[Any, ...], Any], Any]

_NO_MORE: Final[tuple[Any, ...]] = ((), None, None, None)
_ASKED_FOR: Final = PROTOCOLS | ARITHMETIC | CONTAINS
_ASKS: Final = {
    **{f"__{name}__": name for name in ("setitem", "contains", "len", "iter", "bool")},
    "__getitem__": "item",
    "__enter__": "enter",
    "__exit__": "exit",
}
_ASKED: Final = {"__annotations__": "annotations", "__dict__": "vars"}


class Guest:
    """An object of the tests: calls, items and public attributes are asked there.

    `told` holds what it is called, where it is a function.
    """

    __slots__ = ("__weakref__", "_ask", "_hash", "_number", "_parameters", "_told")

    def __init__(
        self, number: int, ask: Ask, told: dict[str, Any], hashed: int | None = None
    ) -> None:
        object.__setattr__(self, "_number", number)
        object.__setattr__(self, "_ask", ask)
        object.__setattr__(self, "_told", told)
        object.__setattr__(self, "_parameters", None)
        object.__setattr__(self, "_hash", hashed)

    def __hash__(self) -> int:
        return object.__hash__(self) if self._hash is None else int(self._hash)

    def __getattr__(self, name: str) -> Any:
        if name in self._told:
            return self._told[name]
        if name in _ASKED:
            return self._ask(_ASKED[name], self._number, (), {})
        return self._ask("get", self._number, (name,), {})

    def __setattr__(self, name: str, value: object) -> None:
        self._ask("set", self._number, (name, value), {})

    def __delattr__(self, name: str) -> None:
        self._ask("delattr", self._number, (name,), {})

    def __dir__(self) -> Any:
        return self._ask("dir", self._number, (), {})

    def __reduce_ex__(self, _protocol: object) -> Any:
        raise TypeError(f"a {type(self).__name__} of the tests is not pickled")

    def __str__(self) -> str:
        return str(self._ask("str", self._number, (), {}))

    def __repr__(self) -> str:
        return str(self._ask("repr", self._number, (), {}))


class CopiedGuest(Guest):
    """One that is copied there. No iterator is: `itertools.tee` goes by who says how to be."""

    __slots__ = ()

    def __copy__(self) -> Any:
        return self._ask("copy", self._number, (), {})

    def __deepcopy__(self, _memo: object) -> Any:
        return self._ask("deepcopy", self._number, (), {})


class CallableGuest(CopiedGuest):
    """One that can be called."""

    __slots__ = ()

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:  # noqa: D102 - a call of the tests' object
        if self._parameters is not None:
            args, kwargs = without_defaults(self._parameters, args, kwargs)
        return self._ask("call", self._number, args, kwargs)

    @property
    def __signature__(self) -> inspect.Signature:
        found = signature_of(self._ask("signature", self._number, (), {}))
        object.__setattr__(self, "_parameters", [*found.parameters])
        return found


class FunctionGuest(CallableGuest):
    """A function, of which there are no copies."""

    __slots__ = ()

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, _memo: object) -> Any:
        return self


class IteratingGuest(Guest):
    """One that gives items until it ends."""

    __slots__ = ()

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        return _given(self._ask("next", self._number, (), {}))


class GeneratorGuest(IteratingGuest):
    """One that is also sent to, thrown into and closed."""

    __slots__ = ()

    def send(self, value: object) -> Any:  # noqa: D102 - as of any generator
        return _given(self._ask("send", self._number, (value,), {}))

    def throw(self, kind: Any, value: Any = None, _trace: object = None) -> Any:  # noqa: D102 - likewise
        if isinstance(kind, type):
            kind = value if isinstance(value, kind) else kind(*(() if value is None else (value,)))
        return _given(self._ask("throw", self._number, (kind,), {}))

    def close(self) -> None:  # noqa: D102 - likewise
        self._ask("close", self._number, (), {})


_GUESTS: Final = {
    "plain": CopiedGuest,
    "call": CallableGuest,
    "function": FunctionGuest,
    "next": IteratingGuest,
    "generator": GeneratorGuest,
}
"""By what the object does: nothing of these, be called, give items, be a generator."""


def _given(answer: tuple[bool, Any]) -> Any:
    """An item. That there is none is an answer: it comes with what a generator returned."""
    more, given = answer
    if more:
        return given
    raise StopIteration(given) if given is not None else StopIteration


def _class(does: str, told: list[Any], protocols: Iterable[str] = ()) -> type[Guest]:
    """What the class of an object of the tests looks like: its name, module, text and protocols.

    And which class of the library it is, for `isinstance`.
    """
    name, qualname, module, doc = told
    base, asked = _GUESTS[does], _ASKED_FOR.intersection(protocols)
    body: dict[str, Any] = {each: _asked(each) for each in asked - vars(base).keys()}
    for place in (each[1:] for each in protocols if each[0] == "="):
        body["__class__"] = property(functools.partial(_of_library, place))
    body |= {"__slots__": (), "__module__": module, "__qualname__": qualname, "__doc__": doc}
    return type(name, (base,), body)


def _of_library(place: str, _guest: object) -> Any:
    module, _, name = place.partition(":")
    return functools.reduce(getattr, name.split("."), importlib.import_module(module))


def _asked(name: str) -> Callable[..., Any]:
    ask = _ASKS.get(name, name)

    def asked(guest: Any, /, *args: Any) -> Any:
        given = guest._ask(ask, guest._number, args, {})  # noqa: SLF001 - ours
        return bool(given) if name == "__bool__" else given

    def left(guest: Any, kind: object, error: object, _trace: object) -> bool:
        return bool(guest._ask(ask, guest._number, (kind, error, None), {}))  # noqa: SLF001 - ours

    return left if name == "__exit__" else asked


class StandIns:
    """Those that there are, by number, kept for the run as the objects are.

    Objects of one class have one here, too.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._of: dict[int, Any] = {}
        self._classes: dict[int, type[Guest]] = {}
        self._loose: dict[int, weakref.ref[Guest]] = {}
        self._told: dict[int, tuple[Any, ...]] = {}
        self._gone: list[int] = []

    def keep(self, number: int, value: Any) -> Any:
        """What stands for an object is a real one of its kind."""
        self._of[number] = value
        return value

    def of(self, number: int, does: str, *told: Any) -> Any:
        """What stands for an object; what it is called is told with it once."""
        self.lifetimes([], [number])
        found = self._of.get(number)
        if found is None:
            self._told.setdefault(number, told)
            found = self._of[number] = self._made(number, does, *self._told[number])
            if number in self._gone:  # which nobody knows of
                self._gone.remove(number)
        return found

    def lifetimes(self, loose: list[int], held: list[int]) -> list[Any]:
        """The tests hold some no more, which end with the program's last reference, or again.

        Those are given, or one that nobody here holds would end at once.
        """
        ended = [(number, self._of.pop(number)) for number in loose if number in self._of]
        for number, found in ended:
            self._loose[number] = weakref.ref(found, functools.partial(self._end, number))
        for number in held:
            found = self._loose[number]() if number in self._loose else None
            if found is not None:
                self._of[number] = found
                del self._loose[number]
        return [found for _, found in ended]

    def _end(self, number: int, which: object) -> None:
        if self._loose.get(number) is which:
            del self._loose[number]
            self._gone.append(number)

    @contextmanager
    def gone(self) -> Iterator[list[int]]:
        """Those that have ended, of which a message tells that is made meanwhile, if it can be."""
        gone, self._gone = {number: self._told.pop(number) for number in self._gone}, []
        try:
            yield [*gone]
        except BaseException:
            self._told |= gone
            self._gone[:0] = gone
            raise

    def _made(
        self, number: int, does: str, called: list[Any], kind: int | None, *more: Any
    ) -> Guest:
        """A function has no `kind`, but a name of its own. More: its protocols, and its hash."""
        if kind is None:
            name, qualname, module, doc = called
            own = _class(does, ["function", "function", module, doc])
            return own(number, self._ask, {"__name__": name, "__qualname__": qualname})
        protocols, hashed, form, values = (*more, *_NO_MORE[len(more) :])
        if kind not in self._classes:
            made = _class(does, called, protocols)
            self._classes[kind] = made if form is None else self._dataclass(made, form, kind)
        names = [each[0] for each in form["fields"]] if values else []
        told = dict(zip(names, values or (), strict=True))
        found: Guest = type.__call__(self._classes[kind], number, self._ask, told, hashed)
        return found

    def _dataclass(self, made: type[Guest], form: dict[str, Any], kind: int) -> type[Guest]:
        return class_of(made, form, lambda *given: self._ask("make", kind, *given))
