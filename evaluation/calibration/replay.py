"""Recorded samples as an upstream, and their verdicts as a judge, for a run that spends nothing.

Samples of a draw advance in step, a token each at the seconds that a token takes. The sampler jumps
from one moment to the next at which a sample ends, for nothing can change between them but by what
happens elsewhere. A draw that is ended there, by a verdict, a deadline or the plan itself, is told
at that moment what was said by then: so it has cost what it would have cost live, token by token.
(A sampler that yields all at once books nearly ten times as much, since nothing suspends before the
verdict.)

A plan draws without replacement. One that outruns what was recorded fails there, and its outcome
tells: `OutOfSamples` among its failures. An answer that is cut shorter than it was recorded has no
recorded verdict, and is taken to fail.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from policies.protocol import Draw
from policies.values import Verdict
from router.request import Judgement
from router.upstream.failures import UpstreamError
from router.upstream.said.chunks import Chunk, TokenLogprob, Usage

CUT: Final = Judgement(Verdict.FAILED, "cut", message="cut shorter than it was recorded")


ROUNDING: Final = 1e-6
"""Of a step: times are sums of floats, and timers come early by as much."""


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
    """Repeats what models said. One sampler is one run: what was drawn is gone.

    `cached` are the tokens of the prompt by model, of those whose server keeps what it has read: a
    further draw tells that it found all but the last, which is computed in any case.
    """

    def __init__(
        self, models: Mapping[str, RecordedModel], cached: Mapping[str, int] | None = None
    ) -> None:
        self._models, self._cached = models, cached or {}
        self._read: set[str] = set()
        self._left: dict[str, Iterator[RecordedSample]] = {
            name: iter(model.samples) for name, model in models.items()
        }

    async def sample(self, draw: Draw) -> AsyncGenerator[Chunk, None]:
        """Stream the next samples of a model. Raises `OutOfSamples`.

        One that is cancelled first says what its samples have said by then, and ends after that.
        """
        pace = self._models[draw.model].pace
        prompt = self._cached.get(draw.model, 0)
        found = max(0, prompt - 1) if draw.model in self._read else 0
        speakers = [
            _Speaker(at, sample, min(sample.tokens, draw.max_tokens), prompt, found)
            for at, sample in enumerate(self._drawn(draw))
        ]
        clock = asyncio.get_running_loop().time
        first_at = clock() + pace.first_token_s
        try:
            if prompt:  # told before the first token, as servers do that tell
                await asyncio.sleep(pace.first_token_s)
                yield Chunk(0, usage=Usage(prompt, None, found))
            for step, ending in _endings(speakers):
                await asyncio.sleep(first_at + (step - 1) * pace.token_s - clock())
                self._read.add(draw.model)
                for speaker in ending:
                    yield speaker.ends()
        except asyncio.CancelledError:
            steps = math.floor((clock() - first_at) / pace.token_s + ROUNDING) + 1
            for speaker in speakers:
                if (begun := speaker.begins(steps)) is not None:
                    yield begun
            raise

    def token_per_chunk(self, model: str) -> bool:  # noqa: ARG002 of any model
        """Every chunk says how many tokens there are by then."""
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
        if self.seconds:
            await asyncio.sleep(self.seconds)
        self.judged.append(text)
        return self.verdicts.get(text, CUT)


@dataclass(slots=True)
class _Speaker:
    """A sample as it is told: `most` tokens of it, unless it is stopped before.

    Of its prompt's tokens `found` were in the cache; the prompt has none where nobody tells.
    """

    at: int
    sample: RecordedSample
    most: int
    prompt: int
    found: int
    ended: bool = False

    @property
    def step(self) -> int:
        """The one with which it ends; what has no token ends with the first of the others."""
        return max(1, self.most)

    def ends(self) -> Chunk:
        """All of it, and how it ended."""
        self.ended = True
        return self._said(
            self.most, "length" if self.sample.tokens > self.most else self.sample.finish_reason
        )

    def begins(self, steps: int) -> Chunk | None:
        """What there is of it after so many steps; None where there is nothing to tell."""
        tokens = min(steps, self.most - 1)
        return None if self.ended or tokens <= 0 else self._said(tokens)

    def _said(self, tokens: int, ending: str | None = None) -> Chunk:
        """The usage counts the tokens, since the piece is as many."""
        sample, usage = self.sample, Usage(self.prompt, tokens, self.found)
        if not tokens:
            return Chunk(self.at, sample.text, (), ending, usage)
        text = sample.text[: len(sample.text) * tokens // sample.tokens]
        logprobs = None if sample.nll is None else (TokenLogprob("", -sample.nll),)
        return Chunk(self.at, text, logprobs, ending, usage, said=True)


def _endings(speakers: Iterable[_Speaker]) -> Iterator[tuple[int, list[_Speaker]]]:
    """The steps with which samples end, in order, and those that do."""
    ending: dict[int, list[_Speaker]] = {}
    for speaker in speakers:
        ending.setdefault(speaker.step, []).append(speaker)
    return iter(sorted(ending.items()))
