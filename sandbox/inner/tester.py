"""Runs assert-style tests in the keeper, against proxies of the candidate's functions.

The asserts, their expected values and the trusted prelude live here, in a process that the
candidate cannot reach; that the tests came to their end in this process is the proof of a pass.
"""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

from sandbox.inner.link import Link, NeedShared, Stop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType

    from sandbox.frames import Frame


class Proxy:
    """Stands for a function of the candidate: calls cross, nothing else does."""

    def __init__(self, link: Link, name: str) -> None:
        self._link = link
        self.__name__ = self.__qualname__ = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function in its own process."""
        return self._link.call(self.__name__, list(args), kwargs)

    def __getattr__(self, attribute: str) -> Any:
        reason = NeedShared(f"the attribute {attribute} of {self.__name__}")
        self._link.stopped = reason
        raise reason


def names_in(code: CodeType) -> Iterator[str]:
    """Every global name and attribute that code and the functions in it mention."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            yield from names_in(constant)


def run_asserts(link: Link, job: Frame, limits: Frame) -> Frame:
    """Load the candidate, then run prelude and tests here. The outcome as fields of a report."""
    code = compile(job["code"], "tests.py", "exec", dont_inherit=True)
    namespace: dict[str, Any] = {"__name__": "tests", "__builtins__": builtins}
    exec(compile(job["prelude"], "prelude.py", "exec", dont_inherit=True), namespace)  # noqa: S102 - trusted
    entry = job["entry_point"]
    asked = {entry, *(set(names_in(code)) - set(namespace) - set(dir(builtins)))}
    answer = link.ask(
        {"do": "load", "source": job["source"], "names": sorted(asked), "limits": limits}
    )
    if "failure" in answer:
        return load_failure(answer["failure"])
    kinds: dict[str, str] = answer.get("names", {})
    missing = bind(link, namespace, kinds, entry)
    if missing is not None:
        return missing
    return _verdict(link, code, namespace, kinds)


def bind(link: Link, names: dict[str, Any], kinds: dict[str, str], entry: str) -> Frame | None:
    """Put proxies of the candidate's functions in place; the entry point always is one."""
    if entry not in kinds:
        text = f"the entry point {entry!r} is not defined"
        return {"status": "error", "detail": "exception", "message": text}
    if kinds[entry] in {"type", "ABCMeta", "EnumType"}:
        raise NeedShared(f"the entry point is a {kinds[entry]}")
    for name, kind in kinds.items():
        if kind == "function" or name == entry:
            names[name] = Proxy(link, name)
    return None


def _verdict(link: Link, code: CodeType, names: dict[str, Any], kinds: dict[str, str]) -> Frame:
    try:
        exec(code, names)  # noqa: S102 - the caller's tests
    except Stop:
        raise
    except BaseException as error:  # noqa: BLE001 - tests may raise anything
        if isinstance(error, NameError) and error.name in kinds:
            raise NeedShared(f"the name {error.name}, which is no function") from None
        if link.stopped is not None:
            raise link.stopped from None
        return failure_of(error, raised=link.raised)
    if link.stopped is not None:
        raise link.stopped
    return {"status": "passed"}


def failure_of(error: BaseException, *, raised: BaseException | None) -> Frame:
    """A failed assertion, an exception that the candidate raised, or one that the tests raised."""
    kind = type(error).__name__
    line = _line_of(error)
    message = f"{kind}{f' at line {line} of the tests' if line else ''}: {error}"[:2000]
    if error is raised:
        if isinstance(error, SystemExit):
            return {"status": "error", "detail": "early_exit", "message": message}
        if isinstance(error, MemoryError):
            return {"status": "memory_limit", "message": message}
        return {"status": "error", "detail": "exception", "message": message}
    return {"status": "failed", "message": message}


def _line_of(error: BaseException) -> int | None:
    line, step = None, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == "tests.py":
            line = step.tb_lineno
        step = step.tb_next
    return line


def load_failure(failure: Any) -> Frame:
    """A report on a source that did not come to its end. The candidate wrote `failure`."""
    if not isinstance(failure, dict):
        return {"status": "error", "detail": "exception", "message": "a malformed failure"}
    detail = failure.get("detail")
    message = f"{failure.get('kind')}: {failure.get('message')}"[:2000]
    if detail == "memory":
        return {"status": "memory_limit", "message": message}
    known = detail if detail in {"syntax", "import", "early_exit"} else "exception"
    return {"status": "error", "detail": known, "message": message}


def shared_verdict(verdict: Any) -> Frame:
    """What a candidate's process says of tests that ran inside it, checked for shape only."""
    match verdict:
        case {"status": "passed", "assertions": int(count)} if type(count) is int and count >= 0:
            return {"status": "passed", "assertions": count}
        case {"status": "failed", "message": str(message)}:
            return {"status": "failed", "message": message[:2000]}
        case {"status": "memory_limit", "message": str(message)}:
            return {"status": "memory_limit", "message": message[:2000]}
        case {"status": "error", "detail": str(detail), "message": str(message)}:
            return load_failure({"detail": detail, "kind": "tests", "message": message})
        case _:
            return {"status": "forged", "message": "no verdict that the tests could have given"}
