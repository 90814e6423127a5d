"""Selectors by what a model says of texts that others may have written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from policies.protocol import Rank, Start
from policies.selectors import LIKELIEST, Deferring, Selector, in_order
from policies.values import NLL, Candidate, Choice, Task


@dataclass(frozen=True, slots=True)
class RankedBy(Deferring):
    """The lowest averaged negative log-likelihood under one model, whoever wrote it (Eq. 7).

    Where it has scored nothing, `otherwise` decides: the ranking did not fit the budget or the
    time, or the model is not there. What it left out comes last.
    """

    model: str
    otherwise: Selector = LIKELIEST
    name: ClassVar[str] = NLL
    reviews: ClassVar[bool] = False
    reads_examples: ClassVar[bool] = False

    def of(self, task: Task) -> Selector:
        """With the other for this task; that one alone, where the model is not there."""
        otherwise = self.otherwise.of(task)
        there = {model.id for model in (*task.models, *task.rankers)}
        return replace(self, otherwise=otherwise) if self.model in there else otherwise

    def wants(self, candidates: Sequence[Candidate]) -> tuple[Start, ...]:
        """Each text scored once, all together; an empty one has no token that could be."""
        whole = [candidate for candidate in candidates if not candidate.partial]
        first = {candidate.text: candidate for candidate in reversed(whole) if candidate.text}
        ranked = tuple(candidate for candidate in whole if candidate is first.get(candidate.text))
        if len(ranked) < 2 or self._is_free(ranked):  # noqa: PLR2004 one text needs no order
            return ()
        ranking = Rank(self.model, ranked, self.reviews)
        known = all(candidate.score(ranking.score) is not None for candidate in ranked)
        return () if known else (ranking,)

    def order(self, candidates: Sequence[Candidate]) -> Choice:
        """By verdict, wholeness and score, then as the other has them."""
        choice = self.otherwise.order(candidates)
        name = Rank(self.model, (), self.reviews).score
        scores = {c.text: score for c in candidates if (score := c.score(name)) is not None}
        if not scores:
            return choice
        place = {candidate.id: at for at, candidate in enumerate(choice.candidates)}

        def by(candidate: Candidate) -> tuple[float, ...]:
            score = scores.get(candidate.text)
            return score is None, score or 0.0, place.get(candidate.id, 0)

        return in_order(candidates, by, self.name)

    def _is_free(self, candidates: Sequence[Candidate]) -> bool:
        """Whether the model wrote all of them itself, so that its likelihoods came with them."""
        own = all(c.model == self.model and c.score(NLL) is not None for c in candidates)
        return own and not self.reviews


@dataclass(frozen=True, slots=True)
class Reviewer(RankedBy):
    """The highest log P(candidate | prompt) + log P(prompt | candidate) under one model.

    "Coder Reviewer Reranking for Code Generation" (Zhang et al., 2023): an answer that says little
    is likely after any prompt, but no prompt is likely after it.
    """

    name: ClassVar[str] = "reviewer"
    reviews: ClassVar[bool] = True
