"""Runs one pytest module that lives in memory only.

No file of tests exists anywhere: there is nothing to read, edit, shadow or cache beside it.
Plugins, configuration files and `conftest.py` are off.
"""

from __future__ import annotations

import contextlib
import os
import types
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from sandbox.inner.remote.outcomes import failure_of
from sandbox.inner.wire.channel import Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType

    import pytest

    from sandbox.frames import Frame
    from sandbox.inner.testing.audit import Pause

    Explain: TypeAlias = Callable[[BaseException], Frame]

_OPTIONS = (
    *("--rootdir=/", "-c", "/dev/null", "--noconftest", "-p", "no:cacheprovider"),
    # The run's own, and a name for it: made by pytest itself, it must belong to the real user id,
    # which is not that of the run's files in the docker backend.
    "--basetemp=/tmp/pytest",
    *("-s", "-p", "no:terminal", "-p", "no:faulthandler"),
    *("-p", "no:junitxml", "-p", "no:pastebin", "-p", "no:doctest"),
    *("-p", "no:stepwise", "-p", "no:setuponly", "-p", "no:setupplan", "-x"),
)


class Around(Protocol):
    """Hears what pytest is about to do, once all that it changes for that is done."""

    def __call__(self, *, collecting: bool, between: bool = False) -> None:
        """It looks for tests, or a test begins, or it is `between` two of them."""
        ...


def _nothing(*, collecting: bool, between: bool = False) -> None:
    """Nobody wants to know."""


def _no_matter(_name: str, _value: object) -> None:
    """Nobody wants to know, either."""


@dataclass(frozen=True)
class Hooks:
    """What those do who run pytest.

    `explain` turns the first exception into the fields of a report, `reporting` is entered while
    pytest makes its own of a test, and `found` hears what pytest finds where tests may be.
    """

    explain: Explain = failure_of
    around: Around = _nothing
    reporting: Pause = contextlib.nullcontext
    found: Callable[[str, object], None] = _no_matter


_ALONE: Final = Hooks()


class _Collector:
    """The plugin that hands pytest one module, and keeps what each of its tests came to."""

    def __init__(self, module: types.ModuleType, hooks: Hooks) -> None:
        self.module = module
        self.around = hooks.around
        self.found = hooks.found
        self._passed: set[str] = set()
        self._failed: set[str] = set()
        self.collected = 0
        self.failure: Frame | None = None
        self.error: BaseException | None = None

    def pytest_collection(self, session: pytest.Session) -> bool:
        """Collect from the module in memory, instead of from files."""
        import pytest  # noqa: PLC0415 - pytest is slow to load

        self.around(collecting=True)
        module = self.module

        class InMemory(pytest.Module):
            def _getobj(self) -> types.ModuleType:
                return module

        node = InMemory.from_parent(session, path=Path("/tests/test_solution.py"))
        session.items = list(session.genitems(node))
        session.testscollected = self.collected = len(session.items)
        return True

    def pytest_pycollect_makeitem(self, name: str, obj: object) -> None:
        """What the module, or a class in it, has."""
        self.found(name, obj)

    def pytest_runtest_setup(self) -> None:
        """A test begins, before any fixture of it."""
        self.around(collecting=False)

    def pytest_runtest_logfinish(self) -> None:
        """A test has ended, with all fixtures of it."""
        self.around(collecting=False, between=True)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note passes of the call phase; remember the first thing that was none.

        Subtests report as well, under the name of their test.
        """
        if report.when == "call" and report.passed and not hasattr(report, "wasxfail"):
            self._passed.add(report.nodeid)
        elif report.failed:
            self._failed.add(report.nodeid)
            self.failure = self.failure or {"message": str(report.longrepr)[-2000:]}

    @property
    def passed(self) -> int:
        """How many tests passed, with all that is in them."""
        return len(self._passed - self._failed)

    def pytest_exception_interact(self, call: pytest.CallInfo[Any]) -> None:
        """Remember the exception behind the first failure."""
        if call.excinfo is not None and self.error is None:
            self.error = call.excinfo.value


def _reporting(during: Pause) -> object:
    """A plugin: the context `during` is entered while pytest reports what a test came to."""
    import pytest  # noqa: PLC0415 - pytest is slow to load

    class Reporting:
        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_runtest_makereport(self) -> Iterator[None]:
            with during():
                yield

    return Reporting()


def run(code: CodeType, names: dict[str, Any], hooks: Hooks = _ALONE) -> Frame:
    """Execute the module's code, run its tests, and say what they came to.

    `idle` marks a module of which no test passed or failed.
    """
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    import pytest  # noqa: PLC0415 - pytest is slow to load

    module = types.ModuleType("test_solution")
    module.__dict__.update(names)
    module.__dict__["__name__"] = "test_solution"
    module.__dict__.setdefault("__file__", "/tests/test_solution.py")
    collector = _Collector(module, hooks)
    try:
        exec(code, module.__dict__)  # noqa: S102 - the caller's tests
        result = pytest.main([*_OPTIONS], plugins=[collector, _reporting(hooks.reporting)])
    except Stop:
        raise
    except BaseException as error:  # noqa: BLE001 - what a test module raises at its top level
        return hooks.explain(error)
    credit = {"checks": collector.collected, "passed_checks": collector.passed}
    return _outcome(collector, hooks.explain, ended_well=result == pytest.ExitCode.OK) | credit


def _outcome(collector: _Collector, explain: Explain, *, ended_well: bool) -> Frame:
    if ended_well and collector.passed > 0:
        return {"status": "passed"}
    if collector.error is not None:
        return explain(collector.error)
    if collector.failure is None:
        text = "no test passed" if collector.collected else "the module has no test"
        return {"status": "failed", "idle": True, "message": f"pytest: {text}"}
    return {"status": "failed", "message": f"pytest: {collector.failure['message']}"}


def warm_up() -> None:
    """Load pytest and all that a run of it loads, so that forks start with it. Zygote only."""
    names: dict[str, Any] = {}
    run(compile("def test_nothing():\n    pass\n", "tests.py", "exec"), names)
