"""What failures come to, as fields of a report. Used on both sides of the channel.

Nothing that a candidate's process says is believed beyond its shape: it can make its own verdict
worse, or claim a pass in shared mode, where more than its word is asked for.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from sandbox.inner.remote.exceptions import MARK, text_of

if TYPE_CHECKING:
    from sandbox.frames import Frame

_MESSAGE = 2000


def failure_of(error: BaseException) -> Frame:
    """A failed assertion, an exception that the candidate raised, or one that the tests raised."""
    kind = type(error).__name__
    line = _line_of(error)
    message = f"{kind}{f' at line {line} of the tests' if line else ''}: {text_of(error)}"
    if getattr(error, MARK, False) is True:
        if isinstance(error, SystemExit):
            return {"status": "error", "detail": "early_exit", "message": message}
        if isinstance(error, MemoryError):
            return {"status": "memory_limit", "message": message}
        return {"status": "error", "detail": "exception", "message": message}
    return {"status": "failed", "message": message}


def is_failure(error: BaseException) -> bool:
    """Whether it says that the tests failed, by an assertion or by pytest's own word."""
    if getattr(error, MARK, False) is True:  # the candidate's own assertions are its own affair
        return False
    outcomes = sys.modules.get("_pytest.outcomes")
    kinds = (AssertionError, *([outcomes.OutcomeException] if outcomes is not None else []))
    return isinstance(error, kinds)


def printable(text: str) -> str:
    """Text that may be a candidate's, cut and without lone surrogates, which no UTF-8 has."""
    return text[:_MESSAGE].encode("utf-8", "backslashreplace").decode()


def _line_of(error: BaseException) -> int | None:
    line, step = None, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == "tests.py":
            line = step.tb_lineno
        step = step.tb_next
    return line


def load_failure(failure: Any) -> Frame:
    """A report on a source that did not come to its end. The candidate wrote `failure`."""
    match failure:
        case {"kind": str(kind), "message": str(text)}:
            message = f"{kind}: {text}"
        case _:
            return {"status": "error", "detail": "exception", "message": "a malformed failure"}
    detail = failure.get("detail")
    if detail == "memory":
        return {"status": "memory_limit", "message": message}
    known = detail if detail in ("syntax", "import", "early_exit") else "exception"
    return {"status": "error", "detail": known, "message": message}


def shared_verdict(verdict: Any) -> Frame:
    """What a candidate's process says of tests that ran inside it, checked for shape only."""
    match verdict:
        case {"status": "passed"} if len(verdict) == 1:
            return {"status": "passed"}
        case {"status": "failed", "message": str(message)}:
            return {"status": "failed", "message": message}
        case {"status": "memory_limit", "message": str(message)}:
            return {"status": "memory_limit", "message": message}
        case {"status": "error", "detail": str(detail), "message": str(message)}:
            return load_failure({"detail": detail, "kind": "tests", "message": message})
        case _:
            return {"status": "forged", "message": "no verdict that the tests could have given"}
