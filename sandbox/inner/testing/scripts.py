"""Runs assert-style tests as the script that they are, also one of unittest's.

Many scripts have their calls below a question for `__main__`, where `unittest.main` looks for tests
as well. That ends a script by its exit status, and prints what failed: where nobody asks what a
runner found, a failure there is one of the tests.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any, Final

from sandbox.inner.remote.exceptions import is_candidates

if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from types import CodeType, FrameType, ModuleType

SCRIPT: Final = "__main__"
_ASKED: Final = ("wasSuccessful", "failures", "errors", "unexpectedSuccesses")
"""By which tests ask a runner's result themselves."""

_RUNNER: Final = "unittest.main"


def run_script(
    code: CodeType, module: ModuleType, named: Container[str], solution: str = ""
) -> None:
    """Execute tests in the module that they are. Raises what they raise, and `AssertionError`.

    `named` are the names in them. What runs below a frame of the file `solution` is the program's.
    """
    names = vars(module)
    names["__name__"] = SCRIPT
    sys.modules[SCRIPT] = module
    results = _watched(solution) if "unittest" in named else []
    try:
        exec(code, names)  # noqa: S102 - the caller's tests
    except SystemExit as error:
        if not _is_the_runners(error, code):
            raise
        _judge(results)
        if error.code:
            raise
    else:
        if not any(name in named for name in _ASKED):
            _judge(results)


def _judge(results: list[Any]) -> None:
    for result in results:
        if not result.wasSuccessful():
            raise AssertionError(_text_of(result))


def _watched(solution: str) -> list[Any]:
    """The results of unittest's runners, once there are any."""
    from unittest import TestResult  # noqa: PLC0415 - the tests are about to load it

    made: list[Any] = []
    kind: Any = TestResult
    begin: Callable[..., None] = kind.__init__

    @functools.wraps(begin)
    def begun(result: Any, *args: Any, **kwargs: Any) -> None:
        begin(result, *args, **kwargs)
        if not _is_below(solution, sys._getframe(1)):  # noqa: SLF001 - of the runner
            made.append(result)

    kind.__init__ = begun
    return made


def _is_below(file: str, frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == file:
            return True
        frame = frame.f_back
    return False


def _is_the_runners(error: SystemExit, code: CodeType) -> bool:
    """Whether unittest's own runner ends the script, which called it: nothing else is between."""
    runner = sys.modules.get(_RUNNER)
    if runner is None or is_candidates(error):
        return False
    files, step = [], error.__traceback__
    while step is not None:
        files.append(step.tb_frame.f_code.co_filename)
        step = step.tb_next
    ours = {run_script.__code__.co_filename, code.co_filename}
    return files[-1] == runner.__file__ and {*files} <= {*ours, runner.__file__}


def _text_of(result: Any) -> str:
    """The last line of what the runner has of the first test that did not pass."""
    for test, text in (*result.failures, *result.errors):
        last = str(text).rstrip().rpartition("\n")[2]
        return f"{test}: {last}"
    return "a test passed that was expected to fail"
