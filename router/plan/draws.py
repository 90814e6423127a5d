"""A draw as it runs: what each of its samples has said so far, and what that has cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from policies.cost import CostModel
from policies.protocol import Draw
from policies.values import NLL, Candidate
from router.plan.paying.ledger import Hold
from router.plan.samples import Following, Sample
from router.request import Fit, PromptLength
from router.upstream.failures import UpstreamError
from router.upstream.said.chunks import Chunk, Usage

CUT: Final = "length"
"""How an answer ends that the deadline cut: as one that reached its limit, which clients know."""


class Space(Protocol):
    """Where an answer belongs, if that says where it ends."""

    def fit(self, answer: str) -> Fit:
        """What of a text that ended is the answer."""
        ...

    def follow(self) -> Following:
        """Hear a text as it comes."""
        ...


IN_FLIGHT: Final = 2
"""Tokens of each sample that may be computed, though not seen, when its draw is stopped."""


class Overrun(Exception):
    """The upstream sent more than was asked for."""


@dataclass(slots=True)
class RunningDraw:
    """One upstream request: its command, its hold and its samples.

    `flops` are what it has cost by the tokens seen, prompt included once it is `sent` (its bound,
    where nobody counted it); its ceiling where tokens cannot be counted or the upstream overran its
    limit. `counted_on` are the prompt tokens that its hold takes to be cached. `computed` are those
    that the server says it computed, the most that it said; None as long as it said nothing, and
    `told_early` where it spoke before the first token. `misreported` is whether it said what cannot
    be. `together` are the tokens of all its samples, as the server counts them. `token_per_chunk`
    says that every piece of text is one token. `space` is what the answer has to fit into, where
    there is a suffix. Its times are the event loop's: when it was sent, and when its first
    and its latest piece came.
    """

    ticket: int
    command: Draw
    prompt: PromptLength
    hold: Hold
    samples: tuple[Sample, ...]
    counted_on: int = 0
    computed: int | None = None
    told_early: bool = False
    misreported: bool = False
    together: int = 0
    token_per_chunk: bool = False
    space: Space | None = None
    sent: bool = False
    sent_at: float = 0.0
    first_at: float | None = None
    latest_at: float = 0.0
    overrun: bool = False
    failure: Exception | None = None

    def __post_init__(self) -> None:
        if self.space is not None:
            for sample in self.samples:
                sample.following = self.space.follow()

    @property
    def model(self) -> str:
        """The model that is drawn from."""
        return self.command.model

    @property
    def prompt_tokens(self) -> int:
        """The prompt's length: the server's count once it came, ours or an estimate before."""
        return self.prompt.tokens

    @property
    def cached_tokens(self) -> int | None:
        """Of the prompt, those that the server had not to compute; None where it does not say.

        The last token is computed in any case, and so is what was echoed with log-probabilities.
        """
        if self.computed is None:
            return None
        echoed = max(sample.echoed for sample in self.samples)
        return max(0, self.prompt.most - max(1, self.computed, echoed))

    @property
    def prompt_s(self) -> float:
        """Seconds from sending it to its first piece; none where there is no piece."""
        return 0.0 if self.first_at is None else self.first_at - self.sent_at

    @property
    def predicted_s(self) -> float:
        """Seconds from its first piece to its latest."""
        return 0.0 if self.first_at is None else self.latest_at - self.first_at

    def send(self, now: float) -> None:
        """It goes out: from here on its prompt costs."""
        self.sent, self.sent_at = True, now

    def arrived(self, chunk: Chunk, now: float) -> None:
        """A piece came; one that only tells of the prompt is none."""
        if chunk.of_prompt:
            return
        self.latest_at = now
        if self.first_at is None:
            self.first_at = now

    def take(self, chunk: Chunk) -> Sample | None:
        """Add a piece; the sample if this piece ended it. Raises `Overrun`."""
        if not 0 <= chunk.index < len(self.samples):
            raise Overrun(f"choice {chunk.index} of {len(self.samples)}")
        sample = self.samples[chunk.index]
        more = chunk.least_tokens(token_per_chunk=self.token_per_chunk)
        if sample.finish_reason is not None and more and not sample.ended_early:
            raise Overrun(f"choice {chunk.index} went on after its end")
        tokens = sample.tokens + more
        alone = self.token_per_chunk and not chunk.whole
        countable = alone or chunk.tokens or not (chunk.text or chunk.unsaid)
        counted = sample.counted and countable
        if chunk.usage is not None:
            # A server's own count corrects ours upwards only: what was seen was sent.
            self._take_prompt(chunk.usage)
            self._take_together(chunk.usage)
            if chunk.usage.completion_tokens is not None:
                tokens, counted = max(tokens, chunk.usage.completion_tokens), True
        early = chunk.of_prompt and not chunk.whole and not self._begun
        self.told_early |= early and self.computed is not None
        if tokens > self.command.max_tokens:
            raise Overrun(f"choice {chunk.index} exceeds {self.command.max_tokens} tokens")
        sample.take(chunk, tokens, counted=bool(counted))
        sample.is_over |= chunk.finish_reason is not None
        if sample.finish_reason is not None:
            return None
        if chunk.finish_reason is not None:
            sample.finish_reason = chunk.finish_reason
            if self.space is not None:
                sample.fit(self.space.fit(sample.text))
            return sample
        if sample.following is None or not sample.following.hear(chunk.text):
            return None
        # What comes would only be trimmed.
        sample.finish_reason, sample.ended_early = "stop", True
        sample.fit(sample.following.fit)
        return sample

    def _take_prompt(self, usage: Usage) -> None:
        """Take the server's count, which knows what it cut; one above our bound is an overrun.

        That holds as well where several choices are told together: a server that counts their
        prompt as often costs more than it should, and one that computed more than was held is not
        missed. What was computed is the most that is said of it.
        """
        tokens = usage.prompt_tokens
        if tokens > self.prompt.most:
            self.overrun = True
        elif tokens > 0:
            self.prompt = PromptLength(tokens)
        self.misreported |= usage.misreported
        if usage.cached_tokens is not None and tokens > 0:
            self.computed = max(self.computed or 1, tokens - usage.cached_tokens)

    def _take_together(self, usage: Usage) -> None:
        """Take the server's count of all samples; one above what they may have is an overrun.

        A token that is not told costs no less: of reasoning, or of a stop.
        """
        self.together = max(self.together, usage.together or 0)
        self.overrun |= self.together > len(self.samples) * self.command.max_tokens

    @property
    def unseen_tokens(self) -> int:
        """Those that the server counts beyond each sample's own; nobody knows whose they are."""
        return max(0, self.together - sum(sample.tokens for sample in self.samples))

    @property
    def _begun(self) -> bool:
        return any(sample.tokens or sample.finish_reason for sample in self.samples)

    @property
    def finished(self) -> bool:
        """Whether every sample has ended."""
        return all(sample.finish_reason is not None for sample in self.samples)

    @property
    def over(self) -> int:
        """How many samples its server has ended; those that end early for us go on there."""
        return sum(sample.is_over for sample in self.samples)

    def flops(self, cost: CostModel) -> float:
        """What the draw has cost so far; in the end what was settled."""
        if self.hold.settled is not None:
            return self.hold.settled
        if not self.sent or not cost.knows(self.model):
            return 0.0
        if self.overrun or not all(sample.counted for sample in self.samples):
            return self.hold.ceiling
        spent = self._priced(cost, self.computed_tokens)
        # More is left only where a server takes back what it said of its cache.
        return min(spent, self.hold.ceiling)

    def keep_within(self, cost: CostModel) -> None:
        """Raise `UpstreamError` where the hold may not last for what comes before it is stopped.

        That can only be where it counted on a cache: any other hold lasts to the end.
        """
        if not self.counted_on or self.finished or not cost.knows(self.model):
            return
        most = self.command.max_tokens
        soon = [
            sample.tokens if sample.is_over else min(sample.tokens + IN_FLIGHT, most)
            for sample in self.samples
        ]
        if self._priced(cost, soon) > self.hold.ceiling:
            found = self.cached_tokens or 0
            reason = f"had {found} tokens of the prompt in its cache and not {self.counted_on}"
            raise UpstreamError(self.model, reason)

    @property
    def computed_tokens(self) -> list[int]:
        """The tokens of each sample; the unseen ones where they cost most, which is after most."""
        tokens, left = [sample.tokens for sample in self.samples], self.unseen_tokens
        for at in sorted(range(len(tokens)), key=tokens.__getitem__, reverse=True):
            more = min(left, self.command.max_tokens - tokens[at])
            tokens[at], left = tokens[at] + more, left - more
        return tokens

    def _priced(self, cost: CostModel, tokens: Sequence[int]) -> float:
        return cost.draw(self.model, self.prompt.most, tokens, self.cached_tokens or 0)

    def candidate(self, sample: Sample) -> Candidate:
        """A finished sample as a decision sees it."""
        return Candidate(
            id=sample.id,
            model=self.model,
            text=sample.text,
            finish_reason=sample.ending,
            tokens=sample.tokens,
            scores={**sample.scores, **({} if sample.nll is None else {NLL: sample.nll})},
        )

    def beginning(self, sample: Sample) -> Candidate:
        """What there is of a sample that did not end; one that went past its gap was whole."""
        if self.space is not None and (fit := self.space.fit(sample.text)).kept < len(sample.text):
            sample.fit(fit)
            return self.candidate(sample)
        return replace(self.candidate(sample), finish_reason=CUT, partial=True)
