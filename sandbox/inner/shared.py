"""Runs tests in the candidate's own process, where values cannot cross to another.

A hostile candidate can reach everything here, so the keeper asks for three things that must
agree (the word that the tests ended, the number of assertions that ran, the exit status), the
report says `shared`, and the server has several such runs, some of them with an expected value
changed so that they must fail. Each makes forging harder; none makes it impossible.
"""

from __future__ import annotations

import ast
import builtins
import sys
from typing import TYPE_CHECKING, Any

from sandbox.inner import pytest_run
from sandbox.inner.execute import execute
from sandbox.inner.outcomes import failure_of
from sandbox.inner.tester import names_in

if TYPE_CHECKING:
    from types import ModuleType

    from sandbox.frames import Frame

COUNTER = "__executed_assertions__"


class _Counting(ast.NodeTransformer):
    """Adds one to a counter after each assertion that held."""

    def visit_Assert(self, node: ast.Assert) -> list[ast.stmt]:
        count = ast.parse(f"{COUNTER}.append(None)").body[0]
        return [node, ast.fix_missing_locations(ast.copy_location(count, node))]


def run(job: Frame, module: ModuleType) -> Frame:
    """Load the source into `module`, then run the tests beside it."""
    sys.modules["solution"] = module
    tree = _Counting().visit(ast.parse(job["code"], "tests.py"))
    code = compile(tree, "tests.py", "exec", dont_inherit=True)
    counter: list[None] = []
    names: dict[str, Any] = {"__name__": "tests", "__builtins__": builtins, COUNTER: counter}
    exec(compile(job["prelude"], "prelude.py", "exec", dont_inherit=True), names)  # noqa: S102 - trusted
    failure = execute(job["source"], module.__dict__)
    if failure is not None:
        return {"failure": failure}
    if job["flavour"] == "pytest":
        verdict = pytest_run.run(code, names)
        return {"verdict": {**verdict, "assertions": len(counter)}}
    wanted = {job["entry_point"], *(set(names_in(code)) - set(names) - set(dir(builtins)))}
    if job["entry_point"] not in module.__dict__:
        text = f"the entry point {job['entry_point']!r} is not defined"
        return {"verdict": {"status": "error", "detail": "exception", "message": text}}
    names.update({name: module.__dict__[name] for name in wanted if name in module.__dict__})
    try:
        exec(code, names)  # noqa: S102 - the caller's tests
    except BaseException as error:  # noqa: BLE001 - tests and candidate may raise anything
        raised = None if isinstance(error, AssertionError) else error
        return {"verdict": failure_of(error, raised=raised)}
    return {"verdict": {"status": "passed", "assertions": len(counter)}}
