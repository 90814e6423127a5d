"""Exceptions of the candidate, from its account of them to what the tests catch.

An account tells of an exception what it was raised from and what it holds, which are accounts
again. Every text in it is noted as one that came over.
"""

from __future__ import annotations

import builtins
import types
from typing import TYPE_CHECKING, Any, Final

from sandbox.codec import CodecError, copied
from sandbox.inner.crossing.crossed import Noting
from sandbox.inner.remote.exceptions import (
    MARK,
    all_within,
    arguments_of,
    set_attributes,
    stand_in,
    state_of,
    text_of,
)
from sandbox.inner.remote.handles import number_of
from sandbox.inner.remote.outcomes import is_failure
from sandbox.inner.remote.places import PRELUDE, TESTS

if TYPE_CHECKING:
    from sandbox.frames import Frame
    from sandbox.inner.answers.mirrors import Mirrors
    from sandbox.inner.crossing.crossed import Crossed
    from sandbox.inner.remote.exceptions import Group

_MOST_NOTES: Final = 100
_MEANT: Final = frozenset({"AssertionError", "failureException"})
"""Names of tests that mean assertions to fail in what they give to the candidate."""

_FIELDS: Final = (types.MemberDescriptorType, types.GetSetDescriptorType)
_LEADING: Final = frozenset({"obj"})
"""Fields of built-in exceptions that are not told: an object that somebody took something from."""


class Accounts:
    """Reads accounts. `passing` are exceptions of the tests that went over and may come back.

    `failures` are failed assertions of the tests, in what the candidate had them do, that it has
    not let through: each with the number of the question during which it failed.
    """

    def __init__(self, mirrors: Mirrors, crossed: Crossed) -> None:
        self.passing: list[BaseException] = []
        self.failures: dict[int, tuple[int, BaseException]] = {}
        self._mirrors = mirrors
        self._crossed = crossed

    def read(self, told: Any) -> BaseException:
        """What stands for an exception. Raises `CodecError`, and `RecursionError`."""
        match told:
            case {"guest": int(number)} if 0 <= number < len(self.passing):
                return _no_end(self.passing[number])
            case {"message": str(text), "args": wire, "state": state}:
                self._crossed.note(text)
                made = self._made(told, text, wire, state)
            case _:
                raise CodecError("not an exception")
        for note in self._notes(told.get("notes")):
            made.add_note(note)
        if isinstance(told.get("cause"), dict):
            made.__cause__ = self.read(told["cause"])
        match told.get("context"):
            case True:
                made.__context__ = made.__cause__
            case dict() as context:
                made.__context__ = self.read(context)
        made.__suppress_context__ = told.get("suppress") is True
        return made

    def fails(self, error: BaseException, question: int) -> None:
        """An assertion of the tests fails, whether or not the candidate wants to hear of it."""
        self.failures[id(error)] = question, error

    def let_through(self, error: BaseException, since: int, named: frozenset[str]) -> None:
        """The tests get an exception: what they make of it, and of what is in it, is theirs.

        But for tests that name failed assertions, only of what failed in the call that raises it,
        which began after the question `since`: one that was kept could be raised where they expect
        any exception at all. What the program was only handling as it raised that is not in it.
        """
        since = -1 if named & _MEANT else since
        for one in all_within(error, handled=False) if self.failures else ():
            if self.failures.get(id(one), (-1,))[0] > since:
                del self.failures[id(one)]

    def told(self, error: BaseException) -> Frame:
        """An exception of the tests on its way through the candidate; it may come back."""
        self.passing.append(error)
        if not _was_raised_in_tests(error):
            # Its frames would keep what the tests gave to the call that is open, long after that.
            error.__traceback__ = None
        own = number_of(error)
        if own is not None:
            return {"own": own}
        kinds = [kind for kind in type(error).__mro__ if issubclass(kind, BaseException)]
        told: Frame = {
            "guest": len(self.passing) - 1,
            "name": type(error).__name__,
            "bases": [k.__name__ for k in kinds if vars(builtins).get(k.__name__) is k],
            "message": text_of(error),
        }
        if is_failure(error):  # which says what was expected
            return told
        told |= {"args": copied(list(error.args)), "state": copied(_state(error))}
        if isinstance(error, BaseExceptionGroup):
            told["group"] = [error.message, [self._member(each) for each in error.exceptions]]
        return told

    def _member(self, error: BaseException) -> Frame:
        """A member of a group, of which a failed assertion says nothing."""
        told = self.told(error)
        return told | {"message": ""} if is_failure(error) else told

    def _made(self, told: Any, text: str, wire: Any, state: Any) -> BaseException:
        group = self._group(told.get("group"))
        values = arguments_of(wire, text, self._decode)
        attributes = state_of(state, self._decode)
        match told:
            case {"object": ["x", number, kind]}:
                made = self._mirrors.exception(number, kind, values, text, group)
                set_attributes(made, attributes, only_built_in=True)
                return made
        return stand_in(told, values, attributes, group)

    def _group(self, told: Any) -> Group | None:
        """The text of a group and the exceptions in it."""
        match told:
            case None:
                return None
            case {"message": str(text), "exceptions": [_, *_] as members}:
                self._crossed.note(text)
                return text, [_plain(self.read(member)) for member in members]
        raise CodecError("not a group of exceptions")

    def _notes(self, told: Any) -> list[str]:
        if told is None:
            return []
        if type(told) is not list or len(told) > _MOST_NOTES:
            raise CodecError("no notes")
        return [self._decode(note) for note in told if type(note) is str]

    def _decode(self, wire: Any) -> Any:
        return Noting(self._crossed).decode(wire)


def _was_raised_in_tests(error: BaseException) -> bool:
    """Whether it came through code of the tests, which says where something failed."""
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename in (TESTS, PRELUDE):
            return True
        step = step.tb_next
    return False


def _plain(error: BaseException) -> Exception:
    """A group has no members that are more than failures."""
    if isinstance(error, Exception):
        return error
    made = Exception(text_of(error))
    setattr(made, MARK, True)
    return made


def _no_end(error: BaseException) -> BaseException:
    """One of the tests, come back; what would end a loop of theirs is an ordinary failure.

    The program may have kept it for later.
    """
    if not isinstance(error, (StopIteration, StopAsyncIteration)):
        return error
    told = {"kind": type(error).__name__, "bases": [], "message": text_of(error)}
    return stand_in(told, list(error.args), {})


def _state(error: BaseException) -> dict[str, Any]:
    """What a built-in class keeps of an exception, and its own attributes that are plain."""
    fields = {
        name: getattr(error, name, None)
        for kind in type(error).__mro__
        if kind.__module__ == "builtins" and kind not in (BaseException, object)
        for name, field in vars(kind).items()
        if isinstance(field, _FIELDS) and name not in _LEADING
    }
    found = {**fields, **vars(error)}
    return {
        name: value
        for name, value in found.items()
        if not name.startswith("__") and value is not None and copied(value) is not None
    }
