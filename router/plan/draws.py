"""A draw as it runs: what each of its samples has said so far, and what that has cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from policies.cost import CostModel
from policies.estimators import averaged_nll
from policies.protocol import Draw
from policies.values import NLL, TOTAL_NLL, Candidate
from router.plan.ledger import Hold
from router.request import Fit, PromptLength
from router.upstream.chunks import Chunk, TokenLogprob

CANCELLED: Final = "cancelled"

CUT: Final = "length"
"""How an answer ends that the deadline cut: as one that reached its limit, which clients know."""

Fits: TypeAlias = Callable[[str], Fit]
"""Says of a text that ended what of it is the answer."""


class Overrun(Exception):
    """The upstream sent more than was asked for."""


@dataclass(slots=True)
class Sample:
    """One choice of a draw.

    `calls` are the calls of tools that it asks for, by their place. `tokens` are those seen, or the
    server's own count once it came. `counted` is false where a piece came whose number of tokens is
    unknown. The first `echoed` of `logprobs` are the prompt's. `trimmed` is what it said after its
    answer's end.
    """

    id: int
    index: int
    parts: list[str] = field(default_factory=list)
    calls: dict[int, dict[str, Any]] = field(default_factory=dict)
    logprobs: list[TokenLogprob] = field(default_factory=list)
    echoed: int = 0
    tokens: int = 0
    counted: bool = True
    finish_reason: str | None = None
    trimmed: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """What the sample says so far, verbatim but for what is `trimmed`."""
        return "".join(self.parts)

    @property
    def ending(self) -> str:
        """How the sample ended: its finish reason, or that it was cut off by us or a failure.

        What was cut only after the answer's end is whole.
        """
        if self.trimmed and self.finish_reason in {None, "length"}:
            return "stop"
        return self.finish_reason or CANCELLED

    @property
    def partial(self) -> bool:
        """Whether it ended neither by itself nor by its limit, and is not whole all the same."""
        return self.finish_reason is None and not self.trimmed

    @property
    def nll(self) -> float | None:
        """Averaged negative log-likelihood (Eq. 7 of the paper); None without log-probabilities."""
        if not (own := self._own_logprobs):
            return None
        mean = averaged_nll(own)
        return mean if math.isfinite(mean) else None

    @property
    def _own_logprobs(self) -> list[float]:
        return [t.logprob for t in self.logprobs[self.echoed :] if t.logprob is not None]

    def take(self, chunk: Chunk, tokens: int, *, counted: bool) -> None:
        """Add a piece, after which the sample has so many tokens."""
        self.parts.append(chunk.text)
        for piece in chunk.tool_calls:
            self._take_call(piece)
        self.logprobs.extend(chunk.tokens or ())
        self.echoed += chunk.echoed
        self.tokens, self.counted = tokens, counted

    @property
    def tool_calls(self) -> list[dict[str, Any]]:
        """The calls that it asks for, whole, in order."""
        return [self.calls[index] for index in sorted(self.calls)]

    def _take_call(self, piece: Mapping[str, Any]) -> None:
        empty = {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
        call = self.calls.setdefault(piece["index"], empty)
        call |= {key: piece[key] for key in ("id", "type") if key in piece}
        for key, text in piece["function"].items():
            call["function"][key] += text

    def fit(self, fit: Fit) -> None:
        """Keep what is the answer, and how it fits; its tokens are spent all the same.

        Tokens without text at its end are those of a stop: they are not the answer's either.
        """
        text = self.text
        self.trimmed = text[fit.kept :]
        if self.trimmed:
            self._cut(text[: fit.kept])
        while self.logprobs and not self.logprobs[-1].token:
            self.logprobs.pop()
        total = -sum(self._own_logprobs) if self._own_logprobs else math.inf
        self.scores = {**fit.scores, TOTAL_NLL: total} if math.isfinite(total) else fit.scores

    def _cut(self, text: str) -> None:
        self.parts, left = [text], len(text)
        kept: list[TokenLogprob] = []
        for token in self.logprobs:
            if left <= 0:
                break
            left -= len(token.token)
            kept.append(token)
        self.logprobs = kept


@dataclass(slots=True)
class RunningDraw:
    """One upstream request: its command, its hold and its samples.

    `flops` are what it has cost by the tokens seen, prompt included once it is `sent` (its bound,
    where nobody counted it); its ceiling where tokens cannot be counted or the upstream overran its
    limit. `token_per_chunk` says that every piece of text is one token. `fits` says of a text what
    of it is the answer, where there is a suffix. Its times are the event loop's: when it was sent,
    and when its first and its latest piece came.
    """

    ticket: int
    command: Draw
    prompt: PromptLength
    hold: Hold
    samples: tuple[Sample, ...]
    token_per_chunk: bool = False
    fits: Fits | None = None
    sent: bool = False
    sent_at: float = 0.0
    first_at: float | None = None
    latest_at: float = 0.0
    overrun: bool = False
    failure: Exception | None = None

    @property
    def model(self) -> str:
        """The model that is drawn from."""
        return self.command.model

    @property
    def prompt_tokens(self) -> int:
        """The prompt's length: the server's count once it came, ours or an estimate before."""
        return self.prompt.tokens

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

    def arrived(self, now: float) -> None:
        """A piece came."""
        self.latest_at = now
        if self.first_at is None:
            self.first_at = now

    def take(self, chunk: Chunk) -> Sample | None:
        """Add a piece; the sample if this piece ended it. Raises `Overrun`."""
        if not 0 <= chunk.index < len(self.samples):
            raise Overrun(f"choice {chunk.index} of {len(self.samples)}")
        sample = self.samples[chunk.index]
        more = chunk.least_tokens(token_per_chunk=self.token_per_chunk)
        if sample.finish_reason is not None and more:
            raise Overrun(f"choice {chunk.index} went on after its end")
        tokens = sample.tokens + more
        alone = self.token_per_chunk and not chunk.whole
        countable = alone or chunk.tokens or not (chunk.text or chunk.unsaid)
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
        if self.fits is not None:
            sample.fit(self.fits(sample.text))
        return sample

    def _correct_prompt(self, tokens: int) -> None:
        """Take the server's count where ours was an estimate; one above our bound is an overrun."""
        if tokens > self.prompt.most:
            self.overrun = True
        elif tokens > 0:
            self.prompt = PromptLength(tokens)

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
        return cost.draw(self.model, self.prompt.most, tokens)

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
        """What there is of a sample that did not end; one that has begun the suffix was whole."""
        if self.fits is not None and (fit := self.fits(sample.text)).kept < len(sample.text):
            sample.fit(fit)
            return self.candidate(sample)
        return replace(self.candidate(sample), finish_reason=CUT, partial=True)


def partial_candidates(work: Iterable[object]) -> dict[int, Candidate]:
    """What there is, in the draws among this work, of samples that did not end, by their id.

    A sample counts from its first token on, also where that has no text of its own yet.
    """
    return {
        sample.id: draw.beginning(sample)
        for draw in work
        if isinstance(draw, RunningDraw)
        for sample in draw.samples
        if sample.finish_reason is None and sample.tokens
    }
