"""What a plan's commands can cost at most, for one request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from policies.cost import CostModel, most_tokens
from policies.protocol import Draw, Rank, Start


@dataclass(frozen=True, slots=True)
class Prices:
    """Ceilings of commands, given the length of the request's prompt under each model."""

    cost: CostModel
    lengths: Mapping[str, int]

    def ceiling(self, command: Start) -> float:
        """FLOPs; none where a model's are unknown, or where no model computes it."""
        match command:
            case Draw(model=model) if self.cost.knows(model):
                prompt = self.prompt_tokens(command)
                return self.cost.ceiling(model, prompt, command.n, command.max_tokens)
            case Rank(model=model, candidates=candidates) if self.cost.knows(model):
                prompt = self.lengths[model]
                return sum(self.cost.score(model, prompt, each.tokens) for each in candidates)
            case _:
                return 0.0

    def prompt_tokens(self, draw: Draw) -> int:
        """The length of a draw's prompt; of one that is not the request's own, an upper bound."""
        return self.lengths[draw.model] if draw.prompt is None else most_tokens(draw.prompt)
