"""Maps sandbox reports to verdicts: ours is never the candidate's fault.

A report of `internal_error`, a full queue, a sandbox that cannot start and a verdict of less
integrity than the caller asked for all leave a candidate unverified. What the candidate did, or
failed to do, is `failed`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from policies.values import Verdict
from router.plan.programs import program_source, with_prompt_prelude
from router.request import Judgement, Prompt, TestRequest
from sandbox import (
    Asserts,
    Backend,
    Integrity,
    InvalidProgram,
    Program,
    Report,
    SandboxError,
    Status,
    Tests,
)

_STRENGTH: Final = (Integrity.SHARED, Integrity.ISOLATED)


@dataclass(slots=True, eq=False)
class SandboxJudge:
    """Judges the answers to one request; `observe` is told of every report.

    What its tests have of the prompt is read with the first answer, for all of them.
    """

    backend: Backend
    prompt: Prompt
    request: TestRequest
    observe: Callable[[Report], None]
    _tests: Tests | None = field(default=None, init=False)

    async def judge(self, text: str) -> Judgement:
        """Run the tests on the program that an answer makes."""
        try:
            program = self._program(text)
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
            report.checks,
            report.passed_checks,
        )

    def _program(self, text: str) -> Program:
        source = program_source(self.prompt, text, self.request.tests)
        if self._tests is None:
            self._tests = self._with_prelude(self.request.tests)
        return Program(source, self._tests)

    def _with_prelude(self, tests: Tests) -> Tests:
        if not isinstance(tests, Asserts):
            return tests
        prelude = with_prompt_prelude(self.prompt, tests.entry_point, tests.prelude)
        return replace(tests, prelude=prelude)


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
