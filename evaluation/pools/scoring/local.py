"""A ranker in this process.

Tokens of prompt and candidate are made apart, as they were when the candidate was generated: a
tokenizer that reads both at once may join the last characters of one with the first of the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from evaluation.local.loading import LanguageModel
from evaluation.pools.scoring.ranker import Score

AT_ONCE: Final = 4
"""Candidates in one pass: the logits of each take tokens times vocabulary times two bytes."""


@dataclass(frozen=True, slots=True)
class LocalRanker:
    """A ranker by the name that its scores are filed under."""

    name: str
    language_model: LanguageModel

    async def score(self, prompt: str, candidates: Sequence[str]) -> list[Score | None]:
        """See `Ranker`. The prompt is computed once, and its cache copied for each batch."""
        return await asyncio.to_thread(self._score, prompt, candidates)

    def _score(self, prompt: str, candidates: Sequence[str]) -> list[Score | None]:
        import torch  # noqa: PLC0415

        tokens = [self.language_model.tokens(text, special=False) for text in candidates]
        scores: list[Score | None] = [None] * len(tokens)
        with torch.inference_mode():
            prompt_tokens = self.language_model.tokens(prompt, special=True)
            read = self.language_model.model(
                self.language_model.tensor([prompt_tokens]), use_cache=True, logits_to_keep=1
            )
            # Longest together, so that little is padded; the empty ones last, and left out.
            order = sorted(range(len(tokens)), key=lambda at: -len(tokens[at]))
            order = [at for at in order if tokens[at]]
            for start in range(0, len(order), AT_ONCE):
                batch = order[start : start + AT_ONCE]
                logprobs = self._logprobs(read, [tokens[at] for at in batch])
                for at, values in zip(batch, logprobs, strict=True):
                    scores[at] = Score.of(values, self.name)
        return scores

    def _logprobs(self, read: Any, batch: Sequence[Sequence[int]]) -> Iterator[list[float]]:
        """Each candidate's log-probabilities, given what the model has read."""
        import copy  # noqa: PLC0415

        import torch  # noqa: PLC0415

        cache = copy.deepcopy(read.past_key_values)
        cache.batch_repeat_interleave(len(batch))
        longest = max(map(len, batch))
        padded = self.language_model.tensor(
            [[*tokens, *[0] * (longest - len(tokens))] for tokens in batch]
        )
        # Padding stands after every token that counts, and a causal model does not look ahead.
        logits = self.language_model.model(padded, past_key_values=cache, use_cache=True).logits
        for row, tokens in enumerate(batch):
            predicting = torch.cat([read.logits[:, -1], logits[row, : len(tokens) - 1]]).float()
            chosen = predicting.gather(1, padded[row, : len(tokens), None])[:, 0]
            yield (chosen - predicting.logsumexp(1)).tolist()
