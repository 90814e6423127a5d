"""Runs tests in the candidate's own process, where values cannot cross to another.

Only tests whose own shape asks for it come here, never at a word of the candidate. A hostile one
can reach everything here, so the keeper asks for two things that must agree (the word that the
tests ended, and the exit status) and the report says `shared`.
"""

from __future__ import annotations

import builtins
import sys
import types
from typing import TYPE_CHECKING

from sandbox.inner.crossing.records import fields_of
from sandbox.inner.program.execute import SOURCE, execute
from sandbox.inner.remote.exceptions import MARK
from sandbox.inner.remote.outcomes import failure_of
from sandbox.inner.testing import pytest_run
from sandbox.inner.testing.scripts import run_script
from sandbox.inner.testing.shapes import names_in
from sandbox.inner.testing.tester import TESTS_FILE

if TYPE_CHECKING:
    from sandbox.frames import Frame


def run(job: Frame, module: types.ModuleType) -> Frame:
    """Load the source into `module`, then run the tests beside it."""
    sys.modules["solution"] = module
    code = compile(job["code"], "tests.py", "exec", dont_inherit=True)
    beside = types.ModuleType("tests")
    names = vars(beside)
    names |= {"__builtins__": builtins, "__file__": TESTS_FILE}
    sys.modules["tests"] = beside
    exec(compile(job["prelude"], "prelude.py", "exec", dont_inherit=True), names)  # noqa: S102 - trusted
    failure = execute(job["source"], module.__dict__)
    if failure is not None:
        return {"failure": failure}
    if job["flavour"] == "pytest":
        verdict = pytest_run.run(code, names)
        return {
            "verdict": {k: v for k, v in verdict.items() if k not in ("checks", "passed_checks")}
        }
    trusted = {name for name, value in names.items() if fields_of(value) is None}
    wanted = {job["entry_point"], *(set(names_in(code)) - trusted - set(dir(builtins)))}
    if job["entry_point"] not in module.__dict__:
        text = f"the entry point {job['entry_point']!r} is not defined"
        return {"verdict": {"status": "error", "detail": "exception", "message": text}}
    names.update({name: module.__dict__[name] for name in wanted if name in module.__dict__})
    try:
        run_script(code, beside, set(names_in(code)), SOURCE)
    except BaseException as error:  # noqa: BLE001 - tests and candidate may raise anything
        if not isinstance(error, AssertionError):
            setattr(error, MARK, True)
        return {"verdict": failure_of(error)}
    return {"verdict": {"status": "passed"}}
