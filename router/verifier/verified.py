"""Ranks the answers to one request by how probably each is right, as a verifier has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policies.protocol import Rank
from policies.selection.lever import LEVER
from policies.values import NLL, Candidate, Task
from router.plan.executing import Trials
from router.plan.ports import Book, Ranker
from router.plan.programs import description_of, program_source, texts_of
from router.request import Prompt
from router.verifier.verifying import Verifier
from sandbox import Asserts, InvalidProgram


@dataclass(frozen=True, slots=True)
class VerifyingRanker:
    """Ranks the answers to one request, by the verifier where that is asked for."""

    verifier: Verifier
    prompt: Prompt
    task: Task
    trials: Trials | None
    otherwise: Ranker

    async def rank(self, command: Rank, book: Book) -> Mapping[int, float]:
        """The score of each candidate by its id. Raises `UpstreamError`."""
        if command.model != LEVER:
            return await self.otherwise.rank(command, book)
        if self.verifier.sizes is not None:
            return await self._one_by_one(command.candidates, book)
        *_, text = ("", *texts_of(self.prompt))
        question = {
            "prompt": text,
            "function": self._function,
            "inputs": self.task.inputs,
            "examples": [(each.call, each.expected) for each in self.task.examples],
            "candidates": [_told(each) for each in command.candidates],
        }
        scores = await self.verifier.scores(question)
        return {each.id: own for each, own in zip(command.candidates, scores, strict=True)}

    async def _one_by_one(self, candidates: Sequence[Candidate], book: Book) -> Mapping[int, float]:
        """Each as it is read by itself: a program, and what it is to do. Who says the same is one.

        What is not asked any more, as the time is up, is not computed and not booked.
        """
        description = description_of(self.prompt, self._function)
        scores = dict[str, float]()
        for each in candidates:
            if each.text in scores:
                continue
            program = {"program": self._program(each.text), "outputs": _outputs(each)}
            question = {
                "description": description,
                "inputs": self.task.inputs,
                "candidates": [program],
            }
            with book(await self.verifier.tokens(question), 1):
                (scores[each.text],) = await self.verifier.scores(question)
        return {each.id: scores[each.text] for each in candidates}

    @property
    def _function(self) -> str:
        return "" if self.trials is None else self.trials.entry_point

    def _program(self, answer: str) -> str:
        """What is run of an answer; the answer itself, where nothing is."""
        if self.trials is None:
            return answer
        try:
            return program_source(self.prompt, answer, Asserts("", self._function))
        except InvalidProgram:
            return answer


def _told(candidate: Candidate) -> dict[str, Any]:
    return {
        "text": candidate.text,
        "ending": candidate.finish_reason,
        "tokens": candidate.tokens,
        "nll": candidate.score(NLL),
        "outputs": _outputs(candidate),
    }


def _outputs(candidate: Candidate) -> dict[str, tuple[str, bool]]:
    return {call: (out.text, out.returned) for call, out in candidate.outputs.items()}
