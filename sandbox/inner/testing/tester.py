"""Runs assert-style tests in the keeper, against proxies of the candidate's functions.

The asserts, their expected values and the trusted prelude live here, in a process that the
candidate cannot reach; that the tests came to their end in this process is the proof of a pass.
"""

from __future__ import annotations

import builtins
import resource
import sys
import types
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.inner.answers.lifetimes import collect_together
from sandbox.inner.answers.link import Link
from sandbox.inner.answers.surroundings import Surroundings
from sandbox.inner.crossing.records import Records
from sandbox.inner.remote.exceptions import is_candidates, text_of
from sandbox.inner.remote.handles import Handle
from sandbox.inner.remote.outcomes import failure_of, load_failure
from sandbox.inner.remote.places import Places
from sandbox.inner.testing import audit, imports, pytest_run
from sandbox.inner.testing.counting import Assertions
from sandbox.inner.testing.scripts import run_script
from sandbox.inner.testing.shapes import bound_in, names_in, wants_one_process
from sandbox.inner.wire.channel import FaultyTests, NeedShared, Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import CodeType

    from sandbox.frames import Frame
    from sandbox.inner.testing.audit import Pause


# Counted once: going through the names in each run would write to every one of them.
_BUILTINS = frozenset(dir(builtins))
TESTS_FILE = "/tests/test_solution.py"
"""Where the tests would be: there is no such file."""

_NAME = "tests"
_ITS_OWN = "/tmp"  # noqa: S108 - the run's own
_LOOKS = frozenset({"callable", "hasattr", "isinstance", "issubclass", "type"})
"""What tests may look at a function or a class with, of which nobody here hears."""


def compiled(job: Frame, key: str) -> Assertions:
    """A text of the tests. Raises `FaultyTests`."""
    name = "tests.py" if key == "code" else f"{key}.py"
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    # Less than the run may have as a whole, so that it is not the run that is short of memory.
    less = most - job["limits"]["memory_bytes"] * 9 // 8
    try:
        resource.setrlimit(resource.RLIMIT_AS, (less, most))
        return Assertions(job[key], name)
    except SyntaxError as error:
        raise FaultyTests(f"tests.{key}, line {error.lineno}: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        text = str(error) or type(error).__name__
        raise FaultyTests(f"tests.{key} cannot be compiled: {text}") from None
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _prepare(link: Link, job: Frame) -> tuple[Assertions, dict[str, Any], Pause]:
    """The tests, the names that the prelude leaves to them, and what pauses the audit.

    Raises `FaultyTests`, or `NeedShared` for tests that need the candidate's process.
    """
    tests, prelude = compiled(job, "code"), compiled(job, "prelude")
    module = types.ModuleType(_NAME)
    names = vars(module)
    names |= {"__builtins__": builtins, "__file__": TESTS_FILE, **prelude.names()}
    sys.modules[_NAME] = module  # where a dataclass looks up its annotations
    imports.guard(link)
    try:
        exec(prelude.code, names)  # noqa: S102 - trusted
    except Stop:
        raise
    except BaseException as error:  # noqa: BLE001 - a prelude may raise anything
        text = f"tests.prelude raised {type(error).__name__}: {text_of(error)}"
        raise FaultyTests(text) from None
    reason = wants_one_process(tests.code, tests.tree, job["code"])
    if reason is not None:
        raise NeedShared(reason)
    link.named = frozenset(names_in(tests.code))
    link.places = Places(tests.tree)
    link.containers.records = Records(
        {n: c for n, c in names.items() if isinstance(c, type) and c.__module__ == _NAME}
    )
    link.mirrors.guests.classes = tuple(link.containers.records.classes.values())
    link.surroundings = Surroundings()
    if "collect" in link.named:
        collect_together(link)
    paused = audit.watch(link, link.containers.crossed, link.surroundings)
    names |= tests.names()  # the same: the prelude's functions may use what is bound in it later
    return tests, names, paused


def run_asserts(link: Link, job: Frame, limits: Frame) -> Frame:
    """Load the candidate, then run prelude and tests here. The outcome as fields of a report."""
    tests, names, _ = _prepare(link, job)
    entry = job["entry_point"]
    asked = {entry, *(link.named - _BUILTINS - names.keys())}
    answer = link.load(job["source"], _public(asked), limits)
    if "failure" in answer:
        return load_failure(answer["failure"])
    found: dict[str, Any] = answer["names"]
    module = Solution(link, found)
    sys.modules["solution"] = module
    missing = bind(names, found, entry)
    if missing is not None:
        return missing
    link.rebound = _rebinding([names, vars(module)], found, tests.code)
    verdict = _proven(link, _verdict(link, tests.code))
    return verdict | tests.credit(passed=verdict["status"] == "passed")


def run_pytest(link: Link, job: Frame, limits: Frame) -> Frame:
    """Load the candidate, then run a pytest module here that imports proxies as `solution`."""
    tests, names, paused = _prepare(link, job)
    answer = link.load(job["source"], _public(link.named), limits)
    if "failure" in answer:
        return load_failure(answer["failure"])
    found: dict[str, Any] = answer["names"]
    module = Solution(link, found)
    sys.modules["solution"] = module
    link.rebound = _rebinding([vars(module)], found, tests.code)
    heard = partial(_found, link)
    hooks = pytest_run.Hooks(partial(_reported, link), link.surroundings.renew, paused, heard)
    return _proven(link, pytest_run.run(tests.code, names, hooks))


def _found(link: Link, name: str, value: object) -> None:
    """What stands where tests may be: pytest looks into what the solution made of one of them."""
    if isinstance(value, Handle) and name.startswith("test") and callable(value):
        raise link.stop(NeedShared(f"the solution decorates {name}"))


def _reported(link: Link, error: BaseException) -> Frame:
    """What the first error came to, when pytest is done: the candidate may tell its text."""
    link.surroundings.renew(collecting=False)
    return _outcome_of(error, link)


def _public(names: Iterable[str]) -> list[str]:
    """Names that a solution may define for the tests: those with underscores are Python's own."""
    return sorted(name for name in names if not name.startswith("__"))


def _rebinding(
    places: list[dict[str, Any]], found: dict[str, Any], code: CodeType
) -> Callable[[Any], None]:
    """Binds variables of the solution anew where it did, unless the tests bind these themselves.

    That they have cannot be seen: what they put there may be the object that was there.
    """
    theirs = cache(lambda: frozenset(bound_in(code)))

    def rebind(changed: Any) -> None:
        for name, value in changed.items():
            for place in places:
                if name not in theirs() and name in found and place.get(name) is found[name]:
                    place[name] = value
            found[name] = value

    return rebind


def _proven(link: Link, verdict: Frame) -> Frame:
    """The verdict, if nothing stopped the tests and a pass says something of the candidate."""
    if link.stopped is not None:
        raise link.stopped
    if verdict["status"] == "passed" and link.accounts.failures:
        # As a `with` of the candidate swallows none, no call of it does: whoever tries values until
        # the tests fail no more has done no work.
        verdict |= failure_of(next(iter(link.accounts.failures.values()))[1])
    link.word |= link.mirrors.guests.are_changed()
    idle = verdict.pop("idle", False)
    if link.calls or not (idle or verdict["status"] == "passed"):
        return verdict
    if not idle and link.named & _LOOKS:
        raise NeedShared("the tests look at a function or a class and never use it")
    reason = verdict.get("message", "a pass would say nothing of it")
    raise FaultyTests(f"tests.code never calls the candidate: {reason}")


class Solution(types.ModuleType):
    """The module that tests import: what the solution defined of the names that they use.

    One class for all runs: making a class looks up each of a hundred special methods.
    """

    __slots__ = ("__link",)

    def __init__(self, link: Link, found: dict[str, Any]) -> None:
        super().__init__("solution")
        object.__setattr__(self, "_Solution__link", link)
        vars(self).update(found)

    def __getattr__(self, name: str) -> Any:
        link = self.__link
        if name == "__all__":
            raise link.stop(NeedShared("all names of the solution"))
        # A name that was not asked for is made up as text, in a `getattr`, or one that is not
        # taken unless tests import it: of a built-in, of the prelude. Private ones are neither:
        # pytest looks for many of its own.
        if name in link.loaded or name.startswith("_"):
            raise AttributeError(name)
        return link.variable(name)

    def __setattr__(self, name: str, _value: object) -> None:
        raise self.__link.stop(NeedShared(f"the tests set {name} of the solution"))


def bind(names: dict[str, Any], found: dict[str, Any], entry: str) -> Frame | None:
    """Put what the solution defined in place; the entry point in any case.

    Nothing else may take the place of a built-in or of a helper from the prelude.
    """
    if entry not in found:
        text = f"the entry point {entry!r} is not defined"
        return {"status": "error", "detail": "exception", "message": text}
    names.update(
        {
            n: value
            for n, value in found.items()
            # Not their union, which would write to every name.
            if n == entry or (n not in _BUILTINS and n not in names)
        }
    )
    return None


def _verdict(link: Link, code: CodeType) -> Frame:
    try:
        run_script(code, sys.modules[_NAME], link.named)
    except Stop:
        raise
    except BaseException as error:  # noqa: BLE001 - tests may raise anything
        return _outcome_of(error, link)
    return {"status": "passed"}


def _outcome_of(error: BaseException, link: Link) -> Frame:
    """What an error in the tests comes to; through `link.stopped` it may be the tests' own."""
    outcome = failure_of(error)
    if _is_of_the_tests(error, link):
        link.stop(FaultyTests(f"tests.code: {outcome['message']}"))
    return outcome


def _is_of_the_tests(error: BaseException, link: Link) -> bool:
    """Whether the candidate had no part in an error: it was not called, and gave no value.

    A name that is missing may be one that it should have defined.
    """
    if is_candidates(error):
        return False
    if isinstance(error, OSError) and _is_in_its_way(error):
        return False
    if isinstance(error, ImportError):
        name = error.name or ""
        return name.partition(".")[0] != "solution" and not _was_given(name, link)
    return not (link.calls or link.values or isinstance(error, NameError))


def _was_given(name: str, link: Link) -> bool:
    """Whether the candidate gave a name by which the tests import."""
    own = name in link.named or link.places.mention(name)
    return name != "" and not own and link.containers.crossed.tell(name)


def _is_in_its_way(error: OSError) -> bool:
    """Whether something stands in the run's own directory, where the candidate was first."""
    path = error.filename
    if isinstance(error, FileNotFoundError) or type(path) is not str:
        return False
    return not path.startswith("/") or Path(path).is_relative_to(_ITS_OWN)
