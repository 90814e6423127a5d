"""A draw as it runs: what each of its samples has said so far, and what that has cost."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from policies.cost import CostModel
from policies.estimators import averaged_nll
from policies.protocol import Draw
from policies.values import NLL, Candidate
from router.plan.ledger import Hold
from router.upstream.chunks import Chunk, TokenLogprob

CANCELLED: Final = "cancelled"

CUT: Final = "length"
"""How an answer ends that the deadline cut: as one that reached its limit, which clients know."""


class Overrun(Exception):
    """The upstream sent more than was asked for."""


@dataclass(slots=True)
class Sample:
    """One choice of a draw.

    `tokens` are those seen, or the server's own count once it came. `counted` is false where a
    piece came whose number of tokens is unknown.
    """

    id: int
    index: int
    parts: list[str] = field(default_factory=list)
    logprobs: list[TokenLogprob] = field(default_factory=list)
    tokens: int = 0
    counted: bool = True
    finish_reason: str | None = None

    @property
    def text(self) -> str:
        """What the sample says so far, verbatim."""
        return "".join(self.parts)

    @property
    def ending(self) -> str:
        """How the sample ended: its finish reason, or that it was cut off by us or a failure."""
        return self.finish_reason or CANCELLED

    @property
    def nll(self) -> float | None:
        """Averaged negative log-likelihood (Eq. 7 of the paper); None without log-probabilities."""
        if not self.logprobs:
            return None
        mean = averaged_nll([token.logprob for token in self.logprobs])
        return mean if math.isfinite(mean) else None

    def take(self, chunk: Chunk, tokens: int, *, counted: bool) -> None:
        """Add a piece, after which the sample has so many tokens."""
        self.parts.append(chunk.text)
        self.logprobs.extend(chunk.tokens or ())
        self.tokens, self.counted = tokens, counted


@dataclass(slots=True)
class RunningDraw:
    """One upstream request: its command, its hold and its samples.

    `flops` are what it has cost by the tokens seen, prompt included once it is `sent`; its ceiling
    where tokens cannot be counted or the upstream overran its limit. `token_per_chunk` says that
    every piece of text is one token.
    """

    ticket: int
    command: Draw
    prompt_tokens: int
    hold: Hold
    samples: tuple[Sample, ...]
    token_per_chunk: bool = False
    sent: bool = False
    overrun: bool = False
    failure: Exception | None = None

    @property
    def model(self) -> str:
        """The model that is drawn from."""
        return self.command.model

    def take(self, chunk: Chunk) -> Sample | None:
        """Add a piece; the sample if this piece ended it. Raises `Overrun`."""
        if not 0 <= chunk.index < len(self.samples):
            raise Overrun(f"choice {chunk.index} of {len(self.samples)}")
        sample = self.samples[chunk.index]
        more = chunk.least_tokens(token_per_chunk=self.token_per_chunk)
        if sample.finish_reason is not None and more:
            raise Overrun(f"choice {chunk.index} went on after its end")
        tokens = sample.tokens + more
        countable = self.token_per_chunk or chunk.tokens or not (chunk.text or chunk.unsaid)
        counted = sample.counted and countable
        if chunk.usage is not None:
            # A server's own count corrects ours upwards only: what was seen was sent.
            tokens, counted = max(tokens, chunk.usage.completion_tokens), True
            self._correct_prompt(chunk.usage.prompt_tokens)
        if tokens > self.command.max_tokens:
            raise Overrun(f"choice {chunk.index} exceeds {self.command.max_tokens} tokens")
        sample.take(chunk, tokens, counted=bool(counted))
        if sample.finish_reason is not None or chunk.finish_reason is None:
            return None
        sample.finish_reason = chunk.finish_reason
        return sample

    def _correct_prompt(self, tokens: int) -> None:
        """Take the server's count where ours was an upper bound; one above ours is an overrun."""
        if tokens > self.prompt_tokens:
            self.overrun = True
        elif tokens > 0:
            self.prompt_tokens = tokens

    @property
    def finished(self) -> bool:
        """Whether every sample has ended."""
        return all(sample.finish_reason is not None for sample in self.samples)

    def flops(self, cost: CostModel) -> float:
        """What the draw has cost so far."""
        if not self.sent or not cost.knows(self.model):
            return 0.0
        if self.overrun or not all(sample.counted for sample in self.samples):
            return self.hold.ceiling
        tokens = [sample.tokens for sample in self.samples]
        return cost.draw(self.model, self.prompt_tokens, tokens)

    def candidate(self, sample: Sample) -> Candidate:
        """A finished sample as a decision sees it."""
        return Candidate(
            id=sample.id,
            model=self.model,
            text=sample.text,
            finish_reason=sample.ending,
            tokens=sample.tokens,
            scores={} if sample.nll is None else {NLL: sample.nll},
        )


def partial_candidates(work: Iterable[object]) -> dict[int, Candidate]:
    """What there is, in the draws among this work, of samples that did not end, by their id.

    A sample counts from its first token on, also where that has no text of its own yet.
    """
    return {
        sample.id: replace(draw.candidate(sample), finish_reason=CUT, partial=True)
        for draw in work
        if isinstance(draw, RunningDraw)
        for sample in draw.samples
        if sample.finish_reason is None and sample.tokens
    }
