"""From a program to jobs for a sandbox, and from outcomes to a report.

This is the parent's side of every verdict, the same for each backend: a backend only carries one
job into a fresh sandbox and its outcome back. Expected values of `calls` and `io` stay here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, TypeAlias, assert_never

from sandbox.compare import Rules, same_text, same_value, shown
from sandbox.members import Undecided, Work
from sandbox.plain import Teller
from sandbox.program import (
    IO,
    Asserts,
    Call,
    Calls,
    Integrity,
    Limits,
    Program,
    Pytest,
    Tests,
)
from sandbox.report import Report, Status
from sandbox.source import is_soon_compiled, with_header, without_mark

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sandbox.frames import Frame
    from sandbox.plain import Told
    from sandbox.program import JSONValue

    Perform: TypeAlias = Callable[[Frame], Awaitable[Frame]]


# An error in a later case does not hide that an earlier one was wrong.
_COMPARED = frozenset({Status.PASSED, Status.ERROR})
_NOT_COUNTED = frozenset({Status.INTERNAL_ERROR, Status.FORGED})
_SHOWN = 200


async def judge(program: Program, limits: Limits, perform: Perform) -> Report:
    """Run a program's tests and report. `perform` runs one job in a sandbox of its own.

    The job's `most_s` is the wall time that the run may take as a whole.
    """
    header = "" if isinstance(program.tests, Pytest) else program.tests.header
    base: Frame = {
        "source": with_header(header, without_mark(program.source)),
        "header": "" if is_soon_compiled(header) else header,  # those were
        "limits": asdict(limits),
        "most_s": _most_s(program.tests, limits),
    }
    match program.tests:
        case Asserts() | Pytest():
            return await _judge_code(program.tests, base, perform)
        case Calls():
            return await _judge_calls(program.tests, base, perform)
        case IO():
            return await _judge_io(program.tests, base, perform)
        case other:
            assert_never(other)


def _most_s(tests: Tests, limits: Limits) -> float:
    match tests:
        case Calls():  # the program's own start is a step like a call
            return min(limits.wall_s * (len(tests.cases) + 1), max(limits.total_s, limits.wall_s))
        case IO():
            return min(limits.wall_s * len(tests.cases), max(limits.total_s, limits.wall_s))
        case _:
            return limits.wall_s


async def _judge_code(tests: Asserts | Pytest, base: Frame, perform: Perform) -> Report:
    flavour = "pytest" if isinstance(tests, Pytest) else "asserts"
    entry = "" if isinstance(tests, Pytest) else tests.entry_point
    job = {**base, "code": tests.code, "prelude": tests.prelude, "entry_point": entry}
    outcome = await perform({**job, "kind": flavour})
    if outcome.get("status") != "need_shared":
        word = outcome.get("word") is True
        return build_report(outcome, Integrity.SHARED if word else Integrity.ISOLATED)
    shared = await perform({**job, "kind": "shared", "flavour": flavour})
    report = build_report(shared, Integrity.SHARED)
    reason = f"judged in one process: {outcome.get('message')}"
    return replace(report, message=report.message or reason)


async def _judge_calls(tests: Calls, base: Frame, perform: Perform) -> Report:
    values = [_told_arguments(case) for case in tests.cases]
    way = {"entry_point": tests.entry_point, "name": tests.name}
    outcome = await perform({**base, "kind": "calls", **way, "values": values})
    results: list[Any] = outcome.get("results", [])
    right: list[bool] = []
    work = Work()
    try:
        for case, told in zip(tests.cases, results, strict=False):
            right.append(_is_right(case, told, work))
    except Undecided:
        if outcome.get("status") in _COMPARED:
            text = "the result has a set whose members take too long to compare"
            outcome |= {"status": "output_limit", "detail": None, "message": text}
    report = _by_cases(build_report(outcome, Integrity.ISOLATED), right, len(tests.cases))
    if report.status is Status.FAILED:
        number = right.index(False)
        return replace(
            report, message=f"case {number}: {_wrong(tests.cases[number], results[number])}"
        )
    return report


def _wrong(case: Call, told: Told) -> str:
    match told:
        case ["?", str(name)]:
            return f"the result is not a JSON value: {name[:_SHOWN]}"
        case _:
            return f"expected {str(case.expected)[:_SHOWN]}, got {shown(told)}"


def _told_arguments(case: Call) -> Told:
    args, kwargs = list(case.args), dict(case.kwargs)
    if case.integer_keys:
        args = [_with_integer_keys(arg) for arg in args]
        kwargs = {name: _with_integer_keys(arg) for name, arg in kwargs.items()}
    return Teller(sys.maxsize).tell([args, kwargs])


def _with_integer_keys(arg: JSONValue) -> Any:
    """An object with integers for keys, or whatever else it is as it is."""
    if not isinstance(arg, Mapping):
        return arg
    try:
        return {int(key): item for key, item in arg.items()}
    except ValueError:
        return arg


def _is_right(case: Call, told: Told, work: Work) -> bool:
    rules = Rules(case.tolerance, case.bools_as_numbers)
    return any(same_value(one, told, rules, work) for one in (case.expected, *case.alternatives))


async def _judge_io(tests: IO, base: Frame, perform: Perform) -> Report:
    outcome = await perform({**base, "kind": "io", "stdins": [case.stdin for case in tests.cases]})
    ran: list[Frame] = outcome.get("cases", [])
    right = [
        same_text(case.stdout, one["out"], case.tolerance, words=case.words)
        for case, one in zip(tests.cases, ran, strict=False)
    ]
    report = _by_cases(build_report(outcome, Integrity.ISOLATED), right, len(tests.cases))
    if report.status is Status.FAILED:
        number = right.index(False)
        text = f"case {number}: the output differs from what was expected"
        found = {"stdout": ran[number]["out"], "stderr": ran[number]["err"]}
        return replace(report, message=text, **found)
    return report


def _by_cases(report: Report, right: list[bool], cases: int) -> Report:
    """The report on a run of which so many cases came to their end, right or wrong.

    An error in a later case does not hide that an earlier one was wrong.
    """
    counted = None if report.status in _NOT_COUNTED else sum(right)
    report = replace(report, checks=cases, passed_checks=counted)
    if report.status in _COMPARED and not all(right):
        return replace(report, status=Status.FAILED, detail=None)
    if report.status is Status.PASSED and len(right) != cases:
        return replace(report, status=Status.INTERNAL_ERROR, message="a case has no result")
    if report.status is not Status.PASSED and report.message and len(right) < cases:
        return replace(report, message=f"case {len(right)}: {report.message}")
    return report


def build_report(outcome: Frame, integrity: Integrity) -> Report:
    """A report from a keeper's outcome; anything that is none is our own fault."""
    try:
        status = Status(outcome["status"])
        ended = outcome.get("exit")
        return Report(
            status=status,
            integrity=integrity,
            detail=outcome.get("detail"),
            message=outcome.get("message", ""),
            cpu_s=float(outcome.get("cpu_s", 0.0)),
            wall_s=float(outcome.get("wall_s", 0.0)),
            peak_memory_bytes=int(outcome.get("peak", 0)),
            exit_code=os.WEXITSTATUS(ended) if ended is not None and os.WIFEXITED(ended) else None,
            signal=os.WTERMSIG(ended) if ended is not None and os.WIFSIGNALED(ended) else None,
            stdout=outcome.get("out", ""),
            stderr=outcome.get("err", ""),
            stdout_truncated=bool(outcome.get("out_cut", False)),
            stderr_truncated=bool(outcome.get("err_cut", False)),
            checks=outcome.get("checks"),
            passed_checks=outcome.get("passed_checks"),
        )
    except (KeyError, ValueError, TypeError) as error:
        text = f"a malformed outcome: {error!r}"
        return Report(status=Status.INTERNAL_ERROR, integrity=integrity, message=text)
