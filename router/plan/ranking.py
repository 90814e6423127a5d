"""Ranks answers by models at servers that score what they read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from policies.protocol import Rank
from router.concurrent import concurrently
from router.plan.ports import Book
from router.request import Prompt, TextPrompt
from router.upstream.client import Upstream
from router.upstream.scoring import AT_ONCE, PromptScorer


@dataclass(frozen=True, slots=True)
class UpstreamRanker:
    """Ranks the answers to one request, of a caller."""

    upstreams: Mapping[str, Upstream]
    prompt: Prompt
    caller: str | None = None

    async def rank(self, command: Rank, book: Book) -> Mapping[int, float]:
        """The score of each candidate by its id, but of empty ones. Raises `UpstreamError`."""
        scorer = PromptScorer.of(self.upstreams[command.model], self.caller)
        read = await scorer.tokens(self.prompt)
        reviewed = await self._reviewed(scorer) if command.reviews else None
        ranking = _Ranking(scorer, read, reviewed, book)
        texts = [candidate.text for candidate in command.candidates]
        scores = await concurrently(texts, ranking.score, at_once=AT_ONCE)
        return {
            candidate.id: score
            for candidate, score in zip(command.candidates, scores, strict=True)
            if score is not None
        }

    async def _reviewed(self, scorer: PromptScorer) -> list[int]:
        """The prompt as what follows an answer."""
        return await scorer.tokens(self.prompt, special=False)


@dataclass(frozen=True, slots=True)
class _Ranking:
    """One ranking: the prompt's tokens as they are read, and where they are `reviewed`."""

    scorer: PromptScorer
    read: Sequence[int]
    reviewed: Sequence[int] | None
    book: Book

    async def score(self, text: str) -> float | None:
        """See `Rank`; None for a text without tokens."""
        tokens = await self.scorer.continuation(text)
        if not tokens:
            return None
        nll = await self._nll(self.read, tokens)
        if self.reviewed is None:
            return nll / len(tokens)
        line = text if text.endswith("\n") else f"{text}\n"
        return nll + await self._nll(await self.scorer.tokens(TextPrompt(line)), self.reviewed)

    async def _nll(self, read: Sequence[int], scored: Sequence[int]) -> float:
        with self.book(len(read), len(scored)):
            return -math.fsum(await self.scorer.logprobs(read, scored))
