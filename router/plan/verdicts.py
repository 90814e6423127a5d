"""Maps sandbox reports to verdicts: ours is never the candidate's fault.

A report of `internal_error`, a full queue, a sandbox that cannot start and a verdict of less
integrity than the caller asked for all leave a candidate unverified. What the candidate did, or
failed to do, is `failed`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from policies.values import Candidate, Verdict
from router.plan.programs import program_source, with_prompt_prelude
from router.plan.run import Judgement
from router.request import Prompt
from sandbox import (
    Asserts,
    Backend,
    Calls,
    Integrity,
    InvalidProgram,
    Limits,
    Program,
    Report,
    SandboxError,
    Status,
    Tests,
)

_STRENGTH: Final = (Integrity.SHARED, Integrity.ISOLATED)


@dataclass(frozen=True, slots=True)
class TestRequest:
    """The caller's tests, the limits they run under, and the least integrity that counts."""

    __test__ = False

    tests: Tests
    limits: Limits
    min_integrity: Integrity = Integrity.SHARED


@dataclass(frozen=True, slots=True)
class SandboxJudge:
    """Judges the candidates of one request; `observe` is told of every report."""

    backend: Backend
    prompt: Prompt
    request: TestRequest
    observe: Callable[[Report], None]

    async def judge(self, candidate: Candidate) -> Judgement:
        """Run the tests on one candidate."""
        try:
            program = self._program(candidate)
            report = await self.backend.run(program, self.request.limits)
        except InvalidProgram as error:
            return Judgement(Verdict.FAILED, Status.ERROR.value, message=str(error))
        except SandboxError as error:
            return Judgement(Verdict.UNVERIFIED, Status.INTERNAL_ERROR.value, message=str(error))
        self.observe(report)
        return Judgement(
            verdict_of(report, self.request.min_integrity),
            report.status.value,
            report.integrity.value,
            report.message,
        )

    def _program(self, candidate: Candidate) -> Program:
        tests = self.request.tests
        entry_point = tests.entry_point if isinstance(tests, Asserts | Calls) else None
        source = program_source(self.prompt, candidate.text, entry_point)
        if isinstance(tests, Asserts):
            prelude = with_prompt_prelude(self.prompt, entry_point, tests.prelude)
            tests = replace(tests, prelude=prelude)
        return Program(source, tests)


def verdict_of(report: Report, min_integrity: Integrity) -> Verdict:
    """What a report says of the candidate."""
    match report.status:
        case Status.INTERNAL_ERROR:
            return Verdict.UNVERIFIED
        case Status.PASSED:
            enough = _STRENGTH.index(report.integrity) >= _STRENGTH.index(min_integrity)
            return Verdict.PASSED if enough else Verdict.UNVERIFIED
        case _:
            return Verdict.FAILED
