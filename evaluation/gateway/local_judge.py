"""Judges answers here rather than in the gateway, by the gateway's own rules.

For runs in which the gateway is not shown the tests: they measure what its choice is worth.
"""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.datasets import MAX_TESTS_BYTES, Problem
from router.plan.verdicts import SandboxJudge
from router.request import Judgement, TestRequest
from sandbox import Backend, Limits, parse_limits, parse_tests


@dataclass(frozen=True, slots=True)
class LocalJudge:
    """Runs a problem's tests on an answer in a sandbox of ours."""

    backend: Backend
    limits: Limits

    async def judge(self, problem: Problem, text: str) -> Judgement:
        """The verdict on the program made of `text`; unverified where the sandbox itself failed."""
        tests = parse_tests(problem.tests, max_bytes=MAX_TESTS_BYTES)
        request = TestRequest(tests, parse_limits(problem.tests.get("limits"), self.limits))
        judge = SandboxJudge(self.backend, problem.frame, request, lambda _: None)
        return await judge.judge(text)
