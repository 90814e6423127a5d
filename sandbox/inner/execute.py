"""Runs foreign source and describes what came of it. Used in the candidate's process only.

Nothing here can be relied on once foreign code has run beside it; the keeper checks every answer.
"""

from __future__ import annotations

import builtins
import traceback
from typing import TYPE_CHECKING, Any

from sandbox.codec import CannotCross, Encoder

if TYPE_CHECKING:
    from sandbox.frames import Frame

_MESSAGE = 2000


def describe(error: BaseException) -> Frame:
    """The name of an exception's type, and its text."""
    try:
        text = str(error)[:_MESSAGE]
    except BaseException:  # noqa: BLE001 - a candidate's own __str__
        text = "(its text cannot be had)"
    return {"kind": type(error).__name__, "message": text}


def describe_fully(error: BaseException) -> Frame:
    """What an exception can be recreated from: also its built-in bases and its arguments."""
    kinds = type(error).__mro__
    try:
        arguments = Encoder().encode(list(error.args))
    except (CannotCross, RecursionError, MemoryError):
        arguments = None
    return {
        **describe(error),
        "bases": [k.__name__ for k in kinds if getattr(builtins, k.__name__, None) is k],
        "args": arguments,
    }


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
