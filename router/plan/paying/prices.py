"""What a plan's commands can cost at most, for one request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from policies.cost import CostModel
from policies.lengths import likely_tokens, most_tokens
from policies.protocol import Draw, Rank, Start
from policies.values import Task
from router.request import PromptLength


@dataclass(frozen=True, slots=True)
class Prices:
    """Ceilings of commands, given the length of the request's prompt under each model."""

    cost: CostModel
    lengths: Mapping[str, PromptLength]

    @classmethod
    def of(cls, task: Task, cost: CostModel) -> Self:
        """Of a request's commands."""
        models = (*task.models, *task.rankers)
        return cls(cost, {m.id: PromptLength(m.prompt_tokens, m.prompt_bound) for m in models})

    def ceiling(self, command: Start, cached_tokens: int = 0) -> float:
        """FLOPs; none where a model's are unknown, or where no model computes it.

        `cached_tokens` of a draw's prompt are counted on.
        """
        match command:
            case Draw(model=model) if self.cost.knows(model):
                prompt = self.prompt(command).most
                most = command.max_tokens
                return self.cost.ceiling(model, prompt, command.n, most, cached_tokens)
            case Rank(model=model, candidates=ranked) if scorer := self.cost.scorers.get(model):
                return len({each.text for each in ranked}) * scorer.score(scorer.longest, 1)
            case Rank(model=model) if self.cost.knows(model):
                return sum(self._passes(command, each.text) for each in command.candidates)
            case _:
                return 0.0

    def _passes(self, ranking: Rank, text: str) -> float:
        """Of all over one text, which its author counted by a tokenizer that may be another."""
        model, most = ranking.model, most_tokens(text)
        prompt = self.lengths[model].most
        coder = self.cost.score(model, prompt, most)
        # A review has the prompt begin on a line of its own.
        return coder + self.cost.score(model, most + 1, prompt) if ranking.reviews else coder

    def prompt(self, draw: Draw) -> PromptLength:
        """The length of a draw's prompt; of one that is not the request's own, an estimate."""
        if draw.prompt is None:
            return self.lengths[draw.model]
        return PromptLength(likely_tokens(draw.prompt), most_tokens(draw.prompt))
