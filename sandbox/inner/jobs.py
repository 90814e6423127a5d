"""The jobs that a keeper can do: one function per kind, each giving the fields of an outcome.

Expected values of `calls` and `io` are not in the job: what comes back is relayed to the server,
which compares. Only `asserts` and `pytest` are judged here, by code that the candidate's process
cannot reach.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sandbox.inner.answers.link import Link
from sandbox.inner.outputs import run_outputs
from sandbox.inner.remote.outcomes import load_failure, shared_verdict
from sandbox.inner.run import (
    RunState,
    await_exit,
    children_cpu,
    empty,
    ended,
    outputs,
    outputs_cut,
    reap,
    rewind,
    step,
)
from sandbox.inner.testing.tester import compiled, run_asserts, run_pytest
from sandbox.inner.wire.channel import Died, Forged
from sandbox.plain import is_told

if TYPE_CHECKING:
    from sandbox.frames import Frame


def perform(run: RunState, link: Link, job: Frame) -> Frame:
    """Do what the job says; the fields of its outcome. Raises `Stop`."""
    if job.get("header"):  # which is read as the program's; that it can be is the tests' affair
        compiled(job, "header")
    match job["kind"]:
        case "asserts":
            return {**run_asserts(link, job, run.limits), "word": link.word}
        case "pytest":
            return {**run_pytest(link, job, run.limits), "word": link.word}
        case "calls":
            return _run_calls(run, link, job)
        case "outputs":
            return run_outputs(run, link, job)
        case "io":
            return _run_io(run, link, job)
        case "shared":
            return _run_shared(run, link, job)
        case other:
            raise ValueError(f"no such job: {other}")


def _run_calls(run: RunState, link: Link, job: Frame) -> Frame:
    """Relay each call; the server compares. Stops at the first that did not return a value."""
    results = run.partial["results"] = []
    run.cpu_most = 0.0
    with step(run, link):
        answer = link.load(job["source"], [job["name"]], run.limits)
    if "failure" in answer:
        return load_failure(answer["failure"])
    if job["name"] not in answer.get("names", {}):
        text = f"the entry point {job['name']!r} is not defined"
        return {"status": "error", "detail": "exception", "message": text}
    frame = {
        "do": "case",
        "way": job["entry_point"],
        "most": run.output_bytes,
        "cpu_s": run.limits["cpu_s"],
    }
    left = run.all_output_bytes
    for value in job["values"]:
        received = link.received
        with step(run, link):
            empty(run.streams[1:])
            answer = link.numbered({**frame, "value": value})
        size = link.received - received
        left -= size
        if answer.keys() == {"id", "raised"} and isinstance(answer["raised"], dict):
            return _raised(answer["raised"])
        # As it was told, or only as it was to be sent.
        too_large = answer.keys() == {"id", "long"} or (
            answer.keys() == {"id", "cannot"} and isinstance(answer["cannot"], str)
        )
        if too_large or size > run.output_bytes or left < 0:
            return {"status": "output_limit", "message": "the result is too large"}
        if answer.keys() != {"id", "value"} or not is_told(answer["value"]):
            raise link.stop(Forged("no answer that a call could give"))
        if outputs_cut(run):
            return {"status": "output_limit"}
        results.append(answer["value"])
    return {"status": "passed"}


def _raised(failure: Frame) -> Frame:
    details = {"SystemExit": "early_exit", "MemoryError": "memory"}
    kind = failure.get("kind")
    detail = details.get(kind, "exception") if isinstance(kind, str) else "exception"
    return load_failure({**failure, "detail": detail})


def _run_io(run: RunState, link: Link, job: Frame) -> Frame:
    """Run the whole program once per input, each time in a fresh process and directory."""
    cases = run.partial["cases"] = []
    left = run.all_output_bytes
    for number, text in enumerate(job["stdins"]):
        current = link if number == 0 else run.start_candidate()
        failure = None
        with step(run):
            rewind(run, text)
            frame = {"do": "main", "source": job["source"], "limits": run.limits, "case": number}
            try:
                failure = load_failure(current.ask(frame).get("failure"))
                current.receive()
            except Died:
                await_exit(current, None)
        status = reap(current.pid)
        current.close()
        run.link = None
        if failure is not None or status != 0:
            return {**(failure or _ended(status)), "exit": status}
        if children_cpu() > run.cpu_most:
            return {"status": "timeout", "detail": "cpu", "message": "the CPU time ran out"}
        case = outputs(run)
        left -= sum(os.fstat(stream).st_size for stream in run.streams[1:])
        if case["out_cut"] or case["err_cut"] or left < 0:
            return {"status": "output_limit", "message": "the output is too large"}
        cases.append({"out": case["out"], "err": case["err"]})
    return {"status": "passed", "exit": 0}


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
