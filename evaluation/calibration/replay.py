"""Recorded samples as an upstream, and their verdicts as a judge, for a run that spends nothing.

Samples come token by token, at the seconds that a token takes, those of a draw in step: so what a
draw has cost when a verdict, a deadline or the plan itself ends it is what it would have cost live.
(A sampler that yields all at once books nearly ten times as much, since nothing suspends before the
verdict.)

A plan draws without replacement. One that outruns what was recorded fails there, and its outcome
tells: `OutOfSamples` among its failures. An answer that is cut shorter than it was recorded has no
recorded verdict, and is taken to fail.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from policies.protocol import Draw
from policies.values import Verdict
from router.request import Judgement
from router.upstream.chunks import Chunk, TokenLogprob, Usage
from router.upstream.failures import UpstreamError

CUT: Final = Judgement(Verdict.FAILED, "cut", message="cut shorter than it was recorded")


class OutOfSamples(UpstreamError):
    """The plan asked for more samples than were recorded."""


@dataclass(frozen=True, slots=True)
class RecordedSample:
    """What a model said once: `tokens` of it, with their averaged NLL where that is known."""

    text: str
    tokens: int
    finish_reason: str
    nll: float | None = None
    judgement: Judgement | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds until the first token of a draw, and from one token of each sample to the next.

    The latter is above zero, or the samples of a draw would all be there at once.
    """

    first_token_s: float
    token_s: float

    def __post_init__(self) -> None:
        if not (self.first_token_s >= 0 and self.token_s > 0):
            raise ValueError(f"a token takes time: {self}")


@dataclass(frozen=True, slots=True)
class RecordedModel:
    """The samples of one model for one problem, in the order in which they are drawn.

    `greedy` is its answer at temperature 0.
    """

    samples: Iterable[RecordedSample]
    pace: Pace
    greedy: RecordedSample | None = None


class ReplaySampler:
    """Repeats what models said. One sampler is one run: what was drawn is gone."""

    def __init__(self, models: Mapping[str, RecordedModel]) -> None:
        self._models = models
        self._left: dict[str, Iterator[RecordedSample]] = {
            name: iter(model.samples) for name, model in models.items()
        }

    async def sample(self, draw: Draw) -> AsyncGenerator[Chunk, None]:
        """Stream the next samples of a model. Raises `OutOfSamples`."""
        pace = self._models[draw.model].pace
        drawn = self._drawn(draw)
        telling = {at: _told(at, sample, draw.max_tokens) for at, sample in enumerate(drawn)}
        await asyncio.sleep(pace.first_token_s)
        while telling:
            for at, pieces in list(telling.items()):
                piece = next(pieces)
                if piece.finish_reason is not None:
                    del telling[at]
                yield piece
            if telling:
                await asyncio.sleep(pace.token_s)

    def token_per_chunk(self, model: str) -> bool:  # noqa: ARG002 of any model
        """Every chunk with text is a token."""
        return True

    def _drawn(self, draw: Draw) -> list[RecordedSample]:
        model, drawn = self._models[draw.model], []
        for _ in range(draw.n):
            # A second greedy answer is the first again, and no plan draws one.
            found = model.greedy if draw.temperature == 0 else next(self._left[draw.model], None)
            if found is None:
                raise OutOfSamples(draw.model, f"has no {draw.n} recorded samples left")
            drawn.append(found)
        return drawn


@dataclass(frozen=True, slots=True)
class ReplayJudge:
    """Tells the recorded verdict of an answer, after the seconds that its tests take."""

    verdicts: Mapping[str, Judgement]
    seconds: float = 0.0
    judged: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, samples: Iterable[RecordedSample], seconds: float = 0.0) -> ReplayJudge:
        """The judge of one problem's samples; equal answers have equal verdicts."""
        known = {s.text: s.judgement for s in samples if s.judgement is not None}
        return cls(known, seconds)

    async def judge(self, text: str) -> Judgement:
        """Look it up."""
        await asyncio.sleep(self.seconds)
        self.judged.append(text)
        return self.verdicts.get(text, CUT)


def _told(at: int, sample: RecordedSample, max_tokens: int) -> Iterator[Chunk]:
    """The tokens of a sample, each with its share of the text; the last says how it ended."""
    most = min(sample.tokens, max_tokens)
    reason = "length" if sample.tokens > most else sample.finish_reason
    logprobs = None if sample.nll is None else (TokenLogprob("", -sample.nll),)
    for token in range(most):
        start, end = (len(sample.text) * n // sample.tokens for n in (token, token + 1))
        piece = Chunk(at, sample.text[start:end], logprobs, said=True)
        ended = token == most - 1
        yield replace(piece, finish_reason=reason, usage=Usage(0, most)) if ended else piece
    if not most:
        yield Chunk(at, sample.text, finish_reason=reason, usage=Usage(0, 0))
