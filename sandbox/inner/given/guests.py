"""Objects of the tests that the candidate was given: what it may ask of them, and of no others.

Built-ins and callables of the library cross by name, and are the candidate's own over there. Other
objects answer calls, items and public attributes; nothing that is given leads to globals, code or
built-ins of this process. Of an object of a class of the tests' own, what it itself has under one
underscore is shown as well, where that is data. What a function or the class of an object is called
is told as text, with the object, and the parameters of a function where they are asked for, without
their defaults.
"""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING, Any, Final

from sandbox.codec import CannotCross, CodecError
from sandbox.inner.crossing.special import found_in, identity_of
from sandbox.inner.given.dataclassed import form_of, values_of
from sandbox.inner.given.likeness import likeness_of
from sandbox.inner.given.marks import marks_of, may_be_mark
from sandbox.inner.given.mocks import is_awaited
from sandbox.inner.given.performing import ATTRIBUTE, COPIES, question_of, role_of
from sandbox.inner.given.protocols import has_memory, kind_of, protocols_of
from sandbox.inner.given.shown import (
    ATOMS,
    FUNCTIONS,
    INNER,
    called,
    close_files,
    has_operators,
    hash_of,
    is_method,
    is_of_the_library,
    is_open,
    is_private_data,
    library_name,
    own_methods,
)
from sandbox.inner.remote.handles import number_of

if TYPE_CHECKING:
    from sandbox.codec import Wire
    from sandbox.frames import Frame


class Guests:
    """The objects that were given, by number.

    One that nobody here holds any more is *loose*: the program's own references are all that keeps
    it, and once there are none it is let go. `classes` are those that both sides have.
    """

    def __init__(self) -> None:
        self.classes: tuple[type, ...] = ()
        self._objects: dict[int, Any] = {}
        self._numbers: dict[Any, int] = {}
        self._identities: dict[int, Any] = {}
        self._methods: dict[int, dict[str, Any]] = {}
        self._is_changed = False
        self._kinds: dict[int, tuple[int, type]] = {}
        self._likes = set[int]()
        self._next = 0
        self._of_library: dict[tuple[Any, ...], Any] = {}
        self._makes: dict[int, type] = {}
        self._loose = set[int]()
        self._gone: list[Any] = []

    def known(self, number: int) -> bool:
        """Whether an object of this number was given."""
        return number in self._objects

    def __getitem__(self, number: int) -> Any:
        """The object itself, come back. Raises `CodecError` for what leads into the tests."""
        found = self._objects[number]
        if isinstance(found, INNER):
            raise CodecError("something inside the tests")
        return found

    def of_library(self, wire: list[Any]) -> Any:
        """A thing of the library that was given, come back. Raises `CodecError` for others."""
        found = self._of_library.get(tuple(map(str, wire)))
        if found is None:
            raise CodecError("a thing of the library that was not given")
        return found

    def refer(self, value: Any) -> Wire:  # noqa: PLR0911 - one for each kind of object
        """What stands for a value of the tests over there. Raises `CannotCross`, and `Stop`."""
        number = number_of(value)
        if number is not None:
            return ["o", number]
        named = library_name(value)
        if named is not None:
            self._of_library[tuple(named)] = value
            return named
        kind = type(value)
        if (like := self._like(value)) is not None:
            return like
        does = role_of(value)
        number = self._numbers.get(identity_of(value))
        if number is not None:
            self._loose.discard(number)  # as one that is given counts there
            return ["p", number, does]
        form = None if isinstance(value, self.classes) else form_of(kind)
        closed = isinstance(value, (types.ModuleType, type)) or is_awaited(kind)
        closed = closed or has_memory(value)
        if closed or (form is None and has_operators(kind)):
            raise CannotCross(kind.__qualname__)
        close_files(value)
        number = self._add(value)
        if isinstance(value, FUNCTIONS):
            return ["p", number, does, called(value), None]
        kinds = self._number_of(kind)
        protocols, hashed = [*protocols_of(kind), *kind_of(kind)], hash_of(value)
        told: list[Any] = [does, called(kind), kinds, protocols, hashed]
        if form is not None:
            self._makes[kinds] = kind
            return ["pd", number, [*told, form], values_of(value, form)]
        return ["p", number, *(told if protocols or hashed is not None else told[:-2])]

    def _add(self, value: Any) -> int:
        number, self._next = self._next, self._next + 1
        self._objects[number] = value
        self._identities[number] = identity_of(value)
        self._numbers[self._identities[number]] = number
        self._methods[number] = own_methods(value)
        return number

    def _number_of(self, kind: type) -> int:
        return self._kinds.setdefault(id(kind), (len(self._kinds), kind))[0]

    def lifetimes(self) -> Frame:
        """Which are loose from now on, and which are held here again."""
        now = {
            number
            for number in self._objects
            if number not in self._likes and sys.getrefcount(self._objects[number]) <= _UNHELD
        }
        held = [number for number in self._loose - now if number in self._objects]
        told: Frame = {"loose": [*(now - self._loose)], "held": held}
        self._loose = now
        return told

    def let_go(self, numbers: Any) -> None:
        """The program holds these no more. Numbers that are unknown are passed over."""
        for number in numbers if type(numbers) is list else ():
            if type(number) is int and number in self._objects and number not in self._likes:
                self._is_changed |= self._has_changed(number)
                self._gone.append(self._objects.pop(number))
                del self._numbers[self._identities.pop(number)], self._methods[number]

    def end(self) -> None:
        """Have those end that were let go: now, for it may take a question of theirs."""
        self._gone.clear()

    def _like(self, value: Any) -> Wire | None:
        """What stands for an object of which there is a real one over there; None for others."""
        if (known := self._numbers.get(identity_of(value))) is not None:
            return ["p", known, "plain"] if known in self._likes else None
        if (found := likeness_of(value)) is None:
            return None
        told, content = found
        number = self._add(value)
        self._likes.add(number)
        if told["as"] == "builtin":
            kind = type(value)
            told["called"] = called(kind)
            told["kind"] = self._number_of(kind)
        return ["pb", number, told, content]

    def perform(self, ask: Any, on: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Do what the candidate asks of an object of the tests: calls, items, public attributes.

        Raises `CodecError` for what is no such question, and what the object raises.
        """
        if ask == "make" and type(on) is int and on in self._makes:
            return self._makes[on](*args, **kwargs)
        if type(on) is not int or not self.known(on) or type(ask) is not str:
            raise CodecError("a question about nothing")
        value = self._objects[on]
        if ask == "call" and callable(value):
            return value(*args, **kwargs)
        if ask in ATTRIBUTE and args and type(args[0]) is str and not kwargs:
            return self._attribute(ask, value, *args)
        if ask in COPIES and not (args or kwargs):
            return COPIES[ask](value)
        question = None if kwargs else question_of(ask, value)
        if question is None:
            raise CodecError("an unknown question")
        return question(value, *args)

    def _attribute(self, ask: str, value: Any, name: str, *given: Any) -> Any:
        """Get, set or delete one. Raises `AttributeError` for one that is not shown."""
        if (marks := marks_of(value)) is not None:
            return self._mark(ask, value, marks, name, *given)
        may_be_new = ask == "set"
        if not is_open(value, name) and not is_private_data(value, name, may_be_new=may_be_new):
            raise AttributeError(f"{name} of an object of the tests")
        if ask == "set":
            return self._set(value, name, *given)
        if ask == "delattr":
            return self._delete(value, name, *given)
        return getattr(value, name, *given)

    def _mark(self, ask: str, value: Any, marks: dict[str, Any], name: str, *given: Any) -> Any:
        """What a function itself has, which a decorator may have put there, or puts there now."""
        is_free = name in marks or name not in vars(value)  # what pytest has put there stays
        if (
            ask == "set"
            and type(value) is types.FunctionType
            and is_free
            and may_be_mark(name, *given)
        ):
            self._is_changed |= callable(given[0]) or number_of(given[0]) is not None
            return setattr(value, name, *given)
        if name not in marks or (ask != "get" and name.startswith("__")):
            raise AttributeError(f"{name} of a function of the tests")
        return marks[name] if ask == "get" else delattr(value, name)

    def _set(self, value: Any, name: str, given: Any) -> None:
        """Set an attribute. What is no plain value is the program's word, and no method of a mock.

        Raises `AttributeError`.
        """
        if callable(given) or number_of(given) is not None:
            if name.startswith("_"):
                raise AttributeError(f"{name} of an object of the tests is data")
            found = found_in(type(value), name)
            if found is not None and is_method(found[1]) and is_of_the_library(found[0]):
                raise AttributeError(f"{name} of an object of the tests is a method of the library")
            self._is_changed |= identity_of(given) not in self._numbers
        setattr(value, name, given)

    def _delete(self, value: Any, name: str) -> None:
        """Delete an attribute. What stands behind something callable is its class's, and else."""
        self._is_changed |= callable(getattr(value, "__dict__", {}).get(name))
        delattr(value, name)

    def are_copied(self) -> bool:
        """Whether there are such as a deep copy of the program's objects would have copies of."""
        return not all(isinstance(value, ATOMS) for value in self._objects.values())

    def are_changed(self) -> bool:
        """Whether one does something else now than when it was given."""
        return self._is_changed or any(map(self._has_changed, self._objects))

    def _has_changed(self, number: int) -> bool:
        told, now = self._methods[number], own_methods(self._objects[number])
        return any(told.get(name) is not method for name, method in now.items())


_UNHELD: Final = 2
"""References to an object that only the table holds: its own, and the counter's."""
