"""Selectors by tests that a model wrote: neither these nor the programs are known to be right.

What they make of it is in `dual_agreement`; here is what it takes to know it: a draw of tests, paid
like any other, and a run of every program on what they assert.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from policies.moves import SAMPLING_TEMPERATURE, SAMPLING_TOP_P
from policies.protocol import Draw, Execute, Start
from policies.selection.dual_agreement import b4, codet
from policies.selection.executions import Agreement
from policies.selectors import Deferring, Selector, in_order
from policies.values import HOLDS, Candidate, Choice, Examiner, Task

SAMPLES: Final = 8
"""Of tests. CodeT drew a hundred, for a hundred programs; here a few answers are told apart."""

TOKENS: Final = 128
"""Of each: five asserts and more, of which the first five count."""

ASSERT: Final = "assert "
"""What the inputs begin with that are asserts, and no others."""


@dataclass(frozen=True, slots=True)
class Examined(Deferring):
    """The program of the consensus set that scores best: CodeT's score, or with `by_b4` that of B4.

    A program counts as often as it was drawn, a test once. Where no test came that can be run, and
    among programs of one score, `otherwise` decides.
    """

    by_b4: bool = False
    examiner: Examiner | None = None
    inputs: tuple[str, ...] = ()
    otherwise: Selector = field(default_factory=Agreement)
    runs_programs: ClassVar[bool] = True
    reads_examples: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """By which it goes in requests and answers."""
        return "b4" if self.by_b4 else "codet"

    def of(self, task: Task) -> Selector:
        """With who writes tests for the task; the other, where nobody does."""
        otherwise = self.otherwise.of(task)
        if task.examiner is None:
            return otherwise
        return replace(self, examiner=task.examiner, inputs=task.inputs, otherwise=otherwise)

    def wants(self, candidates: Sequence[Candidate]) -> tuple[Start, ...]:
        """Tests, and every program run on what they assert and on the other inputs, in one go."""
        whole = tuple(candidate for candidate in candidates if not candidate.partial)
        if self.examiner is None or len(whole) < 2 or _asserted(whole):  # noqa: PLR2004 to tell apart
            return ()
        tests = Draw(
            self.examiner.model,
            min(SAMPLES, self.examiner.most),
            TOKENS,
            SAMPLING_TEMPERATURE,
            verify=False,
            top_p=SAMPLING_TOP_P,
            prompt=self.examiner.prompt,
            reason=f"tests, for {self.name}",
            for_tests=True,
        )
        return tests, Execute(whole, self.inputs, self.examiner.function)

    def order(self, candidates: Sequence[Candidate]) -> Choice:
        """By verdict, wholeness and score, then as the other has them."""
        choice = self.otherwise.order(candidates)
        tests = _asserted(candidates)
        if not tests:
            return choice
        passes = [[each.outputs.get(test) == HOLDS for test in tests] for each in candidates]
        scores = (b4 if self.by_b4 else codet)(passes)
        score = {each.id: own for each, own in zip(candidates, scores, strict=True)}
        place = {candidate.id: at for at, candidate in enumerate(choice.candidates)}
        return in_order(candidates, lambda c: (-score[c.id], place.get(c.id, 0)), self.name)


def _asserted(candidates: Sequence[Candidate]) -> tuple[str, ...]:
    """The asserts that these programs were run on."""
    inputs = (call for candidate in candidates for call in candidate.outputs)
    return tuple(dict.fromkeys(call for call in inputs if call.startswith(ASSERT)))
