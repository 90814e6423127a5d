"""From a program to jobs for a sandbox, and from outcomes to a report.

This is the parent's side of every verdict, the same for each backend: a backend only carries one
job into a fresh sandbox and its outcome back. Expected values of `calls` and `io` stay here.
"""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, TypeAlias, assert_never

from sandbox.codec import CannotCross, Encoder
from sandbox.compare import same_text, same_value, shown
from sandbox.program import IO, Asserts, Calls, Integrity, Limits, Program, Pytest
from sandbox.report import Report, Status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sandbox.frames import Frame

    Perform: TypeAlias = Callable[[Frame], Awaitable[Frame]]


# An error in a later case does not hide that an earlier one was wrong.
_COMPARED = frozenset({Status.PASSED, Status.ERROR})


async def judge(program: Program, limits: Limits, perform: Perform) -> Report:
    """Run a program's tests and report. `perform` runs one job in a sandbox of its own."""
    base: Frame = {"source": program.source, "limits": asdict(limits)}
    match program.tests:
        case Asserts() | Pytest():
            return await _judge_code(program.tests, base, perform)
        case Calls():
            return await _judge_calls(program.tests, base, perform)
        case IO():
            return await _judge_io(program.tests, base, perform)
        case other:
            assert_never(other)


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
    values = [_encode_call(list(case.args), dict(case.kwargs)) for case in tests.cases]
    job = {**base, "kind": "calls", "entry_point": tests.entry_point, "values": values}
    outcome = await perform(job)
    report = build_report(outcome, Integrity.ISOLATED)
    results = outcome.get("results", [])
    for number, (case, result) in enumerate(zip(tests.cases, results, strict=False)):
        if isinstance(result, dict):
            text = f"case {number}: the result is not a JSON value: {result.get('cannot')}"
            return replace(report, status=Status.FAILED, detail=None, message=text)
        if report.status in _COMPARED and not same_value(case.expected, result[0], case.tolerance):
            text = f"case {number}: expected {str(case.expected)[:200]}, got {shown(result[0])}"
            return replace(report, status=Status.FAILED, detail=None, message=text)
    if report.status is Status.PASSED and len(results) != len(tests.cases):
        return replace(report, status=Status.INTERNAL_ERROR, message="a case has no result")
    return report


def _encode_call(args: list[Any], kwargs: dict[str, Any]) -> Any:
    try:
        return Encoder().encode([args, kwargs])
    except CannotCross as error:  # the values came from JSON, so only depth can be the reason
        raise ValueError(f"arguments cannot be sent: {error}") from error


async def _judge_io(tests: IO, base: Frame, perform: Perform) -> Report:
    job = {**base, "kind": "io", "stdins": [case.stdin for case in tests.cases]}
    outcome = await perform(job)
    report = build_report(outcome, Integrity.ISOLATED)
    ran: list[Frame] = outcome.get("cases", [])
    for number, (case, one) in enumerate(zip(tests.cases, ran, strict=False)):
        if number == outcome.get("failed_case"):
            return replace(report, message=f"case {number}: {report.message}")
        if report.status in _COMPARED and not same_text(case.stdout, one["out"], case.tolerance):
            text = f"case {number}: the output differs from what was expected"
            found = {"stdout": one["out"], "stderr": one["err"]}
            return replace(report, status=Status.FAILED, detail=None, message=text, **found)
    if report.status is Status.PASSED and len(ran) != len(tests.cases):
        return replace(report, status=Status.INTERNAL_ERROR, message="a case has no result")
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
        )
    except (KeyError, ValueError, TypeError) as error:
        text = f"a malformed outcome: {error!r}"
        return Report(status=Status.INTERNAL_ERROR, integrity=integrity, message=text)
