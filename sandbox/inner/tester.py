"""Runs assert-style tests in the keeper, against proxies of the candidate's functions.

The asserts, their expected values and the trusted prelude live here, in a process that the
candidate cannot reach; that the tests came to their end in this process is the proof of a pass.
"""

from __future__ import annotations

import builtins
import sys
import types
from typing import TYPE_CHECKING, Any

from sandbox.inner import pytest_run
from sandbox.inner.exceptions import MARK
from sandbox.inner.link import Link, NeedShared, Stop
from sandbox.inner.outcomes import failure_of, load_failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType

    from sandbox.frames import Frame


# Counted once: going through the names in each run would write to every one of them.
_BUILTINS = frozenset(dir(builtins))
_SEES_ITS_OWN_PROCESS = frozenset(
    {
        *("capsys", "capfd", "capsysbinary", "capfdbinary", "caplog", "recwarn", "monkeypatch"),
        *("patch", "redirect_stdout", "redirect_stderr", "stdin", "stdout", "stderr"),
        *("warns", "catch_warnings", "assertWarns", "assertWarnsRegex", "assertLogs"),
    }
)
"""What tests look at or change their own process with, to judge what the candidate does there."""


def proxy(link: Link, name: str) -> Callable[..., Any]:
    """A function that stands for one of the candidate's: calls cross, nothing else does."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return link.call(name, list(args), kwargs)

    call.__name__ = call.__qualname__ = name
    setattr(call, MARK, True)
    return call


def wanted_more(error: BaseException, kinds: dict[str, str]) -> str | None:
    """Why an error of the tests asks for the candidate itself, if it does."""
    if isinstance(error, NameError) and error.name in kinds:
        return f"the name {error.name}, which is no function"
    if isinstance(error, AttributeError) and hasattr(error.obj, MARK):
        return f"the attribute {error.name} of a function"
    return None


def names_in(code: CodeType) -> Iterator[str]:
    """Every global name and attribute that code and the functions in it mention."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            yield from names_in(constant)


def _wants_one_process(link: Link, code: CodeType) -> None:
    """Raise `NeedShared` for tests that would look for the candidate's effects in their process."""
    found = _SEES_ITS_OWN_PROCESS & {*names_in(code), *_arguments_in(code)}
    if found:
        link.stopped = NeedShared(f"the tests use {min(found)}")
        raise link.stopped


def _arguments_in(code: CodeType) -> Iterator[str]:
    """The arguments of every function in code: pytest's fixtures are asked for by them."""
    yield from code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            yield from _arguments_in(constant)


def run_asserts(link: Link, job: Frame, limits: Frame) -> Frame:
    """Load the candidate, then run prelude and tests here. The outcome as fields of a report."""
    code = compile(job["code"], "tests.py", "exec", dont_inherit=True)
    link.named = frozenset(names_in(code))
    _wants_one_process(link, code)
    namespace: dict[str, Any] = {"__name__": "tests", "__builtins__": builtins}
    exec(compile(job["prelude"], "prelude.py", "exec", dont_inherit=True), namespace)  # noqa: S102 - trusted
    entry = job["entry_point"]
    asked = {entry, *(set(names_in(code)) - _BUILTINS - namespace.keys())}
    answer = link.load(job["source"], sorted(asked), limits)
    if "failure" in answer:
        return load_failure(answer["failure"])
    kinds: dict[str, str] = answer.get("names", {})
    missing = bind(link, namespace, kinds, entry)
    if missing is not None:
        return missing
    return _verdict(link, code, namespace, kinds)


def run_pytest(link: Link, job: Frame, limits: Frame) -> Frame:
    """Load the candidate, then run a pytest module here that imports proxies as `solution`."""
    code = compile(job["code"], "tests.py", "exec", dont_inherit=True)
    link.named = frozenset(names_in(code))
    _wants_one_process(link, code)
    namespace: dict[str, Any] = {"__name__": "tests", "__builtins__": builtins}
    exec(compile(job["prelude"], "prelude.py", "exec", dont_inherit=True), namespace)  # noqa: S102 - trusted
    asked = sorted(set(names_in(code)))
    answer = link.load(job["source"], asked, limits)
    if "failure" in answer:
        return load_failure(answer["failure"])
    kinds: dict[str, str] = answer.get("names", {})
    sys.modules["solution"] = _proxy_module(link, kinds)
    verdict = pytest_run.run(code, namespace, lambda error: _outcome_of(error, link, kinds))
    if link.stopped is not None:
        raise link.stopped
    return verdict


def _proxy_module(link: Link, kinds: dict[str, str]) -> types.ModuleType:
    module = types.ModuleType("solution")
    for name, kind in kinds.items():
        if kind == "function":
            setattr(module, name, proxy(link, name))

    def other(name: str) -> Any:
        if name in kinds or name == "__all__":
            link.stopped = NeedShared(f"the name {name} of the solution, which is no function")
            raise link.stopped
        raise AttributeError(name)

    module.__dict__["__getattr__"] = other
    return module


def bind(link: Link, names: dict[str, Any], kinds: dict[str, str], entry: str) -> Frame | None:
    """Put proxies of the candidate's functions in place; the entry point always is one.

    Nothing else may take the place of a built-in or of a helper from the prelude.
    """
    if entry not in kinds:
        text = f"the entry point {entry!r} is not defined"
        return {"status": "error", "detail": "exception", "message": text}
    if kinds[entry] in {"type", "ABCMeta", "EnumType"}:
        raise NeedShared(f"the entry point is a {kinds[entry]}")
    trusted = _BUILTINS | names.keys()
    for name, kind in kinds.items():
        if name == entry or (kind == "function" and name not in trusted):
            names[name] = proxy(link, name)
    return None


def _verdict(link: Link, code: CodeType, names: dict[str, Any], kinds: dict[str, str]) -> Frame:
    try:
        exec(code, names)  # noqa: S102 - the caller's tests
    except Stop:
        raise
    except BaseException as error:  # noqa: BLE001 - tests may raise anything
        outcome = _outcome_of(error, link, kinds)
        if link.stopped is not None:
            raise link.stopped from None
        return outcome
    if link.stopped is not None:
        raise link.stopped
    return {"status": "passed"}


def _outcome_of(error: BaseException, link: Link, kinds: dict[str, str]) -> Frame:
    """What an error in the tests comes to; it may ask for shared mode through `link.stopped`."""
    reason = wanted_more(error, kinds)
    if reason is not None and link.stopped is None:
        link.stopped = NeedShared(reason)
    return failure_of(error, raised=link.raised)
