"""How many runs a verdict takes and what they come to, with sandboxes that only pretend to run."""

import asyncio

import pytest

from sandbox import (
    Asserts,
    Call,
    Calls,
    Integrity,
    Limits,
    Program,
    Pytest,
    Report,
    Status,
    Tests,
    judging,
    members,
)
from sandbox.frames import Frame

CODE = "assert f(1) == 1"
ASSERTS = Asserts(CODE, "f", "import math")
MODULE = Pytest("from solution import f\ndef test_f(): assert f(1) == 1")
NEED: Frame = {"status": "need_shared", "message": "why"}
PASSED: Frame = {"status": "passed"}
FAILED: Frame = {"status": "failed", "message": "no"}


def judged(*outcomes: Frame, tests: Tests = ASSERTS) -> tuple[Report, list[Frame]]:
    """The verdict where the runs come to these, one after the other, and the jobs of the runs."""
    jobs: list[Frame] = []

    async def perform(job: Frame) -> Frame:
        jobs.append(job)
        return outcomes[len(jobs) - 1]

    return asyncio.run(judging.judge(Program("", tests), Limits(), perform)), jobs


@pytest.mark.parametrize(("tests", "kind"), [(ASSERTS, "asserts"), (MODULE, "pytest")])
@pytest.mark.parametrize("outcome", [PASSED, FAILED, {"status": "error", "detail": "exception"}])
def test_one_run_is_a_verdict(tests: Tests, kind: str, outcome: Frame) -> None:
    report, jobs = judged(outcome, tests=tests)
    assert (report.status, report.integrity) == (outcome["status"], Integrity.ISOLATED)
    assert [job["kind"] for job in jobs] == [kind]


@pytest.mark.parametrize(("tests", "kind"), [(ASSERTS, "asserts"), (MODULE, "pytest")])
@pytest.mark.parametrize("outcome", [PASSED, FAILED, {"status": "timeout", "detail": "cpu"}])
def test_tests_that_need_one_process_run_once_more(tests: Tests, kind: str, outcome: Frame) -> None:
    report, jobs = judged(NEED, outcome, tests=tests)
    assert (report.status, report.integrity) == (outcome["status"], Integrity.SHARED)
    assert [job["kind"] for job in jobs] == [kind, "shared"]
    assert jobs[1]["flavour"] == kind
    assert {**jobs[1], "kind": kind} == {**jobs[0], "flavour": kind}


def test_a_shared_report_says_why_unless_it_has_more_to_say() -> None:
    assert judged(NEED, PASSED)[0].message == "judged in one process: why"
    assert judged(NEED, FAILED)[0].message == "no"


@pytest.mark.parametrize(
    ("word", "integrity"),
    [(True, "shared"), (False, "isolated"), (None, "isolated"), (1, "isolated")],
)
def test_a_verdict_that_the_candidates_word_decided_is_shared(word: object, integrity: str) -> None:
    report, jobs = judged({**PASSED, "word": word})
    assert (report.status, report.integrity, len(jobs)) == (Status.PASSED, integrity, 1)


def test_a_second_need_of_one_process_is_no_verdict() -> None:
    report, jobs = judged(NEED, NEED)
    assert (report.status, len(jobs)) == (Status.INTERNAL_ERROR, 2)


@pytest.mark.parametrize("outcome", [{}, {"status": "fine"}, {"status": "passed", "exit": "0"}])
def test_what_is_no_outcome_is_a_fault_of_ours(outcome: Frame) -> None:
    assert judged(outcome)[0].status is Status.INTERNAL_ERROR
    assert judged(NEED, outcome)[0].status is Status.INTERNAL_ERROR


def test_a_set_that_cannot_be_compared_in_time_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "_MOST", 10)
    told = ["s", [["s", [n, n + 1]] for n in range(100)]]
    calls = Calls("f", (Call([], 1), Call([], [[n, n + 1] for n in range(100)])))
    report, _ = judged({**PASSED, "results": [1, told]}, tests=calls)
    assert (report.status, report.passed_checks) == (Status.OUTPUT_LIMIT, 1)
    assert report.message.startswith("case 1: the result has a set")
    ended = {"status": "forged", "results": [1, told]}
    assert judged(ended, tests=calls)[0].status is Status.FORGED
