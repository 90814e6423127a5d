"""Runs assert-style tests in the keeper, against proxies of the candidate's functions.

The asserts, their expected values and the trusted prelude live here, in a process that the
candidate cannot reach; that the tests came to their end in this process is the proof of a pass.
"""

from __future__ import annotations

import builtins
import sys
import types
from typing import TYPE_CHECKING, Any

from sandbox.inner import imports, pytest_run
from sandbox.inner.exceptions import MARK, text_of
from sandbox.inner.link import FaultyTests, Link, NeedShared, Stop
from sandbox.inner.outcomes import failure_of, load_failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType

    from sandbox.frames import Frame


# Counted once: going through the names in each run would write to every one of them.
_BUILTINS = frozenset(dir(builtins))
_FIXTURES = frozenset(
    {"capsys", "capfd", "capsysbinary", "capfdbinary", "caplog", "recwarn", "monkeypatch"}
)
_SEES_ITS_OWN_PROCESS = _FIXTURES | frozenset(
    {
        *("patch", "redirect_stdout", "redirect_stderr", "stdin", "stdout", "stderr"),
        *("warns", "catch_warnings", "assertWarns", "assertWarnsRegex", "assertLogs"),
        *("seed", "setstate", "setrecursionlimit", "environ", "putenv", "chdir", "addHandler"),
        *("getcontext", "setcontext", "localcontext", "setlocale", "tracemalloc"),
        *("set_int_max_str_digits", "umask", "errstate", "seterr", "set_printoptions", "modules"),
        *("builtins", "process_time", "getrusage"),
        *("multiprocessing", "ProcessPoolExecutor", "fork"),
        *("__doc__", "__code__", "__defaults__", "__kwdefaults__", "__wrapped__", "signature"),
        *("get_type_hints", "iscoroutinefunction", "isgeneratorfunction", "getsource", "getdoc"),
        *("getfullargspec", "isbuiltin", "doctest", "__cause__", "__context__"),
    }
)
"""What tests look at or change their own process with, to judge what the candidate does there.

Or what they look at a function with that would see the proxy.
"""
_RUNS_WHAT_IT_IS_GIVEN = frozenset(
    {
        *("eval", "exec", "pickle", "shelve", "marshal", "read_pickle", "dictConfig", "runpy"),
        *("subprocess", "system", "popen", "spec_from_file_location", "SourceFileLoader"),
    }
)
"""With these a text or a file of the candidate could run in the process that judges it."""
_ANNOTATIONS = ".__annotations__"  # as a name alone, any annotated variable has it
_LOOKS = frozenset({"callable", "hasattr"})


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
        return f"the attribute {error.name} of a function or an exception"
    return None


def names_in(code: CodeType) -> Iterator[str]:
    """Every global name and attribute that code and the functions in it mention."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            yield from names_in(constant)


def _wants_one_process(code: CodeType, prelude: CodeType, text: str) -> str | None:
    """Why tests cannot be kept apart from the candidate, if they cannot."""
    names = frozenset(names_in(code))
    found = names & _SEES_ITS_OWN_PROCESS
    found |= _RUNS_WHAT_IT_IS_GIVEN & (names | frozenset(names_in(prelude)))
    found |= _FIXTURES & frozenset(_arguments_in(code))
    if found:
        return f"the tests use {min(found)}"
    return f"the tests use {_ANNOTATIONS}" if _ANNOTATIONS in text else None


def _arguments_in(code: CodeType) -> Iterator[str]:
    """The arguments of every function in code: pytest's fixtures are asked for by them."""
    yield from code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            yield from _arguments_in(constant)


def _compiled(job: Frame, key: str) -> CodeType:
    name = {"code": "tests.py", "prelude": "prelude.py"}[key]
    try:
        return compile(job[key], name, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise FaultyTests(f"tests.{key}, line {error.lineno}: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise FaultyTests(f"tests.{key} cannot be compiled: {error}") from None


def _prepare(link: Link, job: Frame) -> tuple[CodeType, dict[str, Any]]:
    """The tests' code, and the names that the prelude leaves to it.

    Raises `FaultyTests`, or `NeedShared` for tests that need the candidate's process.
    """
    code, prelude = _compiled(job, "code"), _compiled(job, "prelude")
    names: dict[str, Any] = {"__name__": "tests", "__builtins__": builtins}
    imports.guard(link)
    try:
        exec(prelude, names)  # noqa: S102 - trusted
    except Stop:
        raise
    except BaseException as error:  # noqa: BLE001 - a prelude may raise anything
        text = f"tests.prelude raised {type(error).__name__}: {text_of(error)}"
        raise FaultyTests(text) from None
    reason = _wants_one_process(code, prelude, job["code"])
    if reason is not None:
        raise NeedShared(reason)
    link.named = frozenset(names_in(code))
    return code, names


def run_asserts(link: Link, job: Frame, limits: Frame) -> Frame:
    """Load the candidate, then run prelude and tests here. The outcome as fields of a report."""
    code, names = _prepare(link, job)
    entry = job["entry_point"]
    asked = {entry, *(link.named - _BUILTINS - names.keys())}
    answer = link.load(job["source"], sorted(asked), limits)
    if "failure" in answer:
        return load_failure(answer["failure"])
    kinds: dict[str, str] = answer["names"]
    sys.modules["solution"] = _solution(link, kinds)
    missing = bind(link, names, kinds, entry)
    return missing or _proven(link, _verdict(link, code, names, kinds))


def run_pytest(link: Link, job: Frame, limits: Frame) -> Frame:
    """Load the candidate, then run a pytest module here that imports proxies as `solution`."""
    code, names = _prepare(link, job)
    answer = link.load(job["source"], sorted(link.named), limits)
    if "failure" in answer:
        return load_failure(answer["failure"])
    kinds: dict[str, str] = answer["names"]
    sys.modules["solution"] = _solution(link, kinds)
    verdict = pytest_run.run(code, names, lambda error: _outcome_of(error, link, kinds))
    return _proven(link, verdict)


def _proven(link: Link, verdict: Frame) -> Frame:
    """The verdict, if nothing stopped the tests and a pass says something of the candidate."""
    if link.stopped is not None:
        raise link.stopped
    idle = verdict.pop("idle", False)
    if link.calls or not (idle or verdict["status"] == "passed"):
        return verdict
    if not idle and link.named & _LOOKS:
        raise NeedShared("the tests look at a function and never call it")
    reason = verdict.get("message", "a pass would say nothing of it")
    raise FaultyTests(f"tests.code never calls the candidate: {reason}")


def _solution(link: Link, kinds: dict[str, str]) -> types.ModuleType:
    """The module that tests import: proxies of the candidate's functions, and nothing else."""

    class Solution(types.ModuleType):
        def __getattr__(self, name: str) -> Any:
            # A name that was not asked for is made up as text, in a `getattr`. Private ones are
            # not: pytest looks for many of its own.
            unknown = name not in link.named and not name.startswith("_")
            if name in kinds or unknown or name == "__all__":
                text = f"the name {name} of the solution, which is no function"
                raise link.stop(NeedShared(text))
            raise AttributeError(name)

        def __setattr__(self, name: str, _value: object) -> None:
            raise link.stop(NeedShared(f"the tests set {name} of the solution"))

    module = Solution("solution")
    functions = [name for name, kind in kinds.items() if kind == "function"]
    vars(module).update({name: proxy(link, name) for name in functions})
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
        return _outcome_of(error, link, kinds)
    return {"status": "passed"}


def _outcome_of(error: BaseException, link: Link, kinds: dict[str, str]) -> Frame:
    """What an error in the tests comes to.

    Through `link.stopped` it may ask for shared mode, or be the tests' own.
    """
    outcome = failure_of(error, raised=link.raised)
    if (reason := wanted_more(error, kinds)) is not None:
        link.stop(NeedShared(reason))
    elif _is_of_the_tests(error, link):
        link.stop(FaultyTests(f"tests.code: {outcome['message']}"))
    return outcome


def _is_of_the_tests(error: BaseException, link: Link) -> bool:
    """Whether the candidate had no part in an error.

    A name that is missing may be one that it should have defined.
    """
    if isinstance(error, ImportError):
        return error is not link.raised and (error.name or "").partition(".")[0] != "solution"
    return not link.calls and not isinstance(error, NameError)
