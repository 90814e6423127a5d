"""Runs foreign source and describes what came of it. Used in the candidate's process only.

Nothing here can be relied on once foreign code has run beside it; the keeper checks every answer.
"""

from __future__ import annotations

import builtins
import linecache
import sys
import traceback
from typing import TYPE_CHECKING, Any

from sandbox.codec import CannotCross, Encoder

if TYPE_CHECKING:
    from sandbox.frames import Frame

_MESSAGE = 2000
_CAUSES = 5
_SLOTS = (
    *("errno", "strerror", "filename", "filename2", "name", "path", "msg", "lineno", "offset"),
    *("text", "end_lineno", "end_offset", "print_file_and_line", "code", "encoding", "object"),
    *("start", "end", "reason"),
)
"""Attributes that built-in exceptions keep outside of their dictionaries."""


def describe(error: BaseException) -> Frame:
    """The name of an exception's type, and its text."""
    try:
        text = str(error)[:_MESSAGE]
    except BaseException:  # noqa: BLE001 - a candidate's own __str__
        text = "(its text cannot be had)"
    return {"kind": type(error).__name__, "message": text}


def describe_fully(error: BaseException, deep: int = _CAUSES) -> Frame:
    """What an exception can be recreated from: bases, arguments, attributes and causes."""
    kinds = type(error).__mro__
    cause = error.__cause__
    return {
        **describe(error),
        "bases": [k.__name__ for k in kinds if getattr(builtins, k.__name__, None) is k],
        "known": next(filter(None, map(name_of, kinds)), None),
        "args": _copied(list(error.args)),
        "state": _copied(_state(error)),
        "cause": describe_fully(cause, deep - 1) if cause is not None and deep else None,
    }


def name_of(kind: type) -> list[str] | None:
    """Module and name of a class of the standard library; None for others."""
    module, name = getattr(kind, "__module__", None), getattr(kind, "__qualname__", "")
    if type(module) is not str or module.partition(".")[0] not in sys.stdlib_module_names:
        return None
    if module == "builtins" and getattr(builtins, name, None) is not kind:
        return None
    return [module, str(name)[:200]]


def _state(error: BaseException) -> dict[str, Any]:
    """The attributes of an exception that can be copied."""
    found = {name: getattr(error, name, None) for name in _SLOTS if hasattr(type(error), name)}
    found |= vars(error)
    return {
        name: value
        for name, value in found.items()
        if type(name) is str and value is not None and _copied(value) is not None
    }


def _copied(value: Any) -> Any:
    try:
        return Encoder().encode(value)
    except (CannotCross, RecursionError, MemoryError):
        return None


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
        code = compile(source, "solution.py", "exec", dont_inherit=True)
        # So that `inspect.getsource` finds it: there is no such file.
        lines = source.splitlines(keepends=True)
        linecache.cache["solution.py"] = (len(source), None, lines, "solution.py")
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
