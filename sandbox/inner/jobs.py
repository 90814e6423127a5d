"""The jobs that a keeper can do: one function per kind, each giving the fields of an outcome.

Expected values of `calls` and `io` are not in the job: what comes back is relayed to the server,
which compares. Only `asserts` and `pytest` are judged here, by code that the candidate's process
cannot reach.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from sandbox.inner.channel import Died
from sandbox.inner.link import Link
from sandbox.inner.outcomes import load_failure, printable, shared_verdict
from sandbox.inner.run import RunState, await_exit, ended, outputs, reap, rewind
from sandbox.inner.tester import run_asserts, run_pytest

if TYPE_CHECKING:
    from sandbox.frames import Frame


def perform(run: RunState, link: Link, job: Frame) -> Frame:
    """Do what the job says; the fields of its outcome. Raises `Stop`."""
    match job["kind"]:
        case "asserts":
            return {**run_asserts(link, job, run.limits), "word": link.word}
        case "pytest":
            return {**run_pytest(link, job, run.limits), "word": link.word}
        case "calls":
            return _run_calls(run, link, job)
        case "io":
            return _run_io(run, link, job)
        case "shared":
            return _run_shared(run, link, job)
        case other:
            raise ValueError(f"no such job: {other}")


def _run_calls(run: RunState, link: Link, job: Frame) -> Frame:
    """Relay each call; the server compares. Stops at the first that did not return a value."""
    entry = job["entry_point"]
    answer = link.load(job["source"], [entry], run.limits)
    if "failure" in answer:
        return load_failure(answer["failure"])
    if entry not in answer.get("names", {}):
        text = f"the entry point {entry!r} is not defined"
        return {"status": "error", "detail": "exception", "message": text}
    results: list[Any] = []
    for value in job["values"]:
        answer = link.call_plain(entry, value)
        if "raised" in answer:
            failure = answer["raised"]
            if isinstance(failure, dict) and failure.get("kind") == "SystemExit":
                failure = {**failure, "detail": "early_exit"}
            elif isinstance(failure, dict) and failure.get("kind") == "MemoryError":
                failure = {**failure, "detail": "memory"}
            return {**load_failure(failure), "results": results}
        if link.received > run.output_bytes:
            return {"status": "output_limit", "message": "the results are too large"}
        if "cannot" in answer:
            results.append({"cannot": printable(answer["cannot"])})
        else:
            results.append([answer["value"]])
    return {"status": "passed", "results": results}


def _run_io(run: RunState, link: Link, job: Frame) -> Frame:
    """Run the whole program once per input, each time in a fresh process."""
    cases: list[Frame] = []
    spent = 0
    for number, text in enumerate(job["stdins"]):
        current = link if number == 0 else run.start_candidate()
        rewind(run, text)
        frame = {"do": "main", "source": job["source"], "limits": run.limits}
        failure = None
        try:
            failure = load_failure(current.ask(frame).get("failure"))
            current.receive()
        except Died:
            await_exit(current, None)
        status = reap(current.pid)
        current.close()
        run.link = None
        case = outputs(run)
        spent += len(case["out"])
        cases.append(case)
        if failure is not None or status != 0:
            failed = failure or _ended(status)
            return {**failed, "exit": status, "cases": cases, "failed_case": number}
        if spent > run.output_bytes:
            return {"status": "output_limit", "cases": cases}
    return {"status": "passed", "exit": 0, "cases": cases}


def _ended(status: int | None) -> Frame:
    """A whole program that did not end well."""
    outcome = ended(status)
    if status is not None and os.WIFEXITED(status):
        outcome["message"] = f"the program exited with code {os.WEXITSTATUS(status)}"
    return outcome


def _run_shared(run: RunState, link: Link, job: Frame) -> Frame:
    """Source and tests in one process. A pass needs its word and its exit status."""
    answer = link.numbered({**job, "do": "shared", "limits": run.limits})
    if "failure" in answer:
        return load_failure(answer["failure"])
    verdict = shared_verdict(answer.get("verdict"))
    await_exit(link, 1000)
    status = reap(link.pid)
    link.close()
    run.link = None
    if verdict["status"] == "passed" and status != 0:
        verdict = ended(status)
    return {**verdict, "exit": status}
