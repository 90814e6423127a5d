"""Runs foreign source and describes what came of it, in the candidate's process.

Nothing here can be relied on once foreign code has run beside it; the keeper checks every answer.
"""

from __future__ import annotations

import builtins
import linecache
import traceback
from typing import TYPE_CHECKING, Any

from sandbox.codec import copied
from sandbox.inner.crossing.packages import is_of_both

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.frames import Frame

SOURCE = "solution.py"
"""The file that a program would be in."""

_MESSAGE = 2000
MOST_TEXT = 100_000
"""Characters of an exception's text that the tests get."""

_CAUSES = 5
_MOST_NOTES = 100
_SLOTS = (
    *("errno", "strerror", "filename", "filename2", "name", "path", "msg", "lineno", "offset"),
    *("text", "end_lineno", "end_offset", "print_file_and_line", "code", "encoding", "object"),
    *("start", "end", "reason"),
)
"""Attributes that built-in exceptions keep outside of their dictionaries."""


def describe(error: BaseException, most: int = _MESSAGE) -> Frame:
    """The name of an exception's type, and at most so much of its text."""
    try:
        text = str(error)[:most]
    except BaseException:  # noqa: BLE001 - a candidate's own __str__
        text = "(its text cannot be had)"
    return {"kind": type(error).__name__, "message": text}


def describe_fully(
    error: BaseException, own: Callable[[BaseException], Frame], deep: int = _CAUSES
) -> Frame:
    """What an exception can be recreated from: bases, arguments, attributes, and others.

    These are its members, what it was raised from, and what was handled when it was.

    `own` tells what stands for one of the tests (a `guest`), and more of one of the solution's.
    """
    mine = own(error)
    if "guest" in mine:
        return mine
    kinds = type(error).__mro__
    cause = error.__cause__
    return {
        **describe(error, MOST_TEXT),
        **mine,
        "bases": [k.__name__ for k in kinds if getattr(builtins, k.__name__, None) is k],
        "known": next(filter(None, map(name_of, kinds)), None),
        "args": copied(list(error.args)),
        "state": copied(_state(error)),
        "cause": describe_fully(cause, own, deep - 1) if cause is not None and deep else None,
        "context": _context(error, own, deep),
        "suppress": error.__suppress_context__,
        "notes": _notes(error),
        "group": _group(error, own, deep),
    }


def _context(
    error: BaseException, own: Callable[[BaseException], Frame], deep: int
) -> Frame | bool | None:
    """What was handled when it was raised; whether it was raised from that, which is told once."""
    context = error.__context__
    if context is None or not deep:
        return None
    return context is error.__cause__ or describe_fully(context, own, deep - 1)


def _notes(error: BaseException) -> list[str]:
    found = vars(error).get("__notes__")
    notes = found if type(found) is list else []
    return [note[:_MESSAGE] for note in notes[:_MOST_NOTES] if type(note) is str]


def _group(error: BaseException, own: Callable[[BaseException], Frame], deep: int) -> Frame | None:
    """The text and the members of a group."""
    if not isinstance(error, BaseExceptionGroup) or not deep:
        return None
    members = [describe_fully(member, own, deep - 1) for member in error.exceptions]
    return {"message": error.message, "exceptions": members}


def name_of(kind: type) -> list[str] | None:
    """Module and name of a class of the library, or of numpy; None for others."""
    module: Any = getattr(kind, "__module__", None)
    name = getattr(kind, "__qualname__", "")
    if not is_of_both(module):
        return None
    if module == "builtins" and getattr(builtins, name, None) is not kind:
        return None
    return [module, str(name)[:200]]


def _state(error: BaseException) -> dict[str, Any]:
    """The attributes of an exception that can be copied."""
    slots = {name for kind in type(error).__mro__ if name_of(kind) for name in _slots_of(kind)}
    names = slots.union(name for name in _SLOTS if hasattr(type(error), name))
    found = {name: getattr(error, name, None) for name in names}
    found |= vars(error)
    return {
        name: value
        for name, value in found.items()
        if type(name) is str and value is not None and copied(value) is not None
    }


def _slots_of(kind: type) -> Iterator[str]:
    """Attributes that a class of a library keeps outside of the dictionary."""
    found = vars(kind).get("__slots__", ())
    yield from (found,) if type(found) is str else found


def _code_of(error: SystemExit) -> int | str | None:
    """What a program ends with: a number, or a text that it wants to be shown."""
    code = error.code
    if code is None or isinstance(code, int):
        return None if code is None else int(code)
    return describe(error)["message"] or " "


def execute(source: str, namespace: dict[str, Any]) -> Frame | None:
    """Run source in a namespace; None when it came to its end, else why it did not."""
    detail = "exception"
    try:
        code = compile(source, SOURCE, "exec", dont_inherit=True)
        # So that `inspect.getsource` finds it: there is no such file.
        lines = source.splitlines(keepends=True)
        linecache.cache[SOURCE] = (len(source), None, lines, SOURCE)
        exec(code, namespace)  # noqa: S102 - the purpose of this process
    except SystemExit as error:
        return {**describe(error), "detail": "early_exit", "code": _code_of(error)}
    except BaseException as error:  # noqa: BLE001 - whatever foreign code raises
        if isinstance(error, SyntaxError):
            detail = "syntax"
        elif isinstance(error, ImportError):
            detail = "import"
        elif isinstance(error, MemoryError):
            detail = "memory"
        lines = traceback.format_exception(error)
        return {**describe(error), "detail": detail, "traceback": "".join(lines)[-4000:]}
    return None
