"""A ranker on this machine, by transformers: a catalogue model's GGUF, or any model directory.

Tokens of prompt and candidate are made apart, as they were when the candidate was generated: a
tokenizer that reads both at once may join the last characters of one with the first of the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from evaluation.scoring.ranker import RankerFailed, Score

if TYPE_CHECKING:
    import torch

AT_ONCE: Final = 4
"""Candidates in one pass: the logits of each take tokens times vocabulary times two bytes."""


@dataclass(frozen=True, slots=True)
class LocalRanker:
    """A causal language model and its tokenizer, as transformers load them."""

    name: str
    model: Any
    tokenizer: Any

    @classmethod
    def load(cls, name: str, path: Path) -> Self:
        """Load a GGUF file, or a directory of safetensors. Raises `RankerFailed`.

        A GGUF's weights stay packed, and its kernels compute in float32; others in bfloat16.
        """
        try:
            import torch  # noqa: PLC0415 gigabytes that only this needs
            from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise RankerFailed(
                f"{error.name} is not installed: make torch, or pip install 'budget-router[torch]'"
            ) from error
        gguf = {"gguf_file": path.name} if path.is_file() else {}
        directory = path.parent if gguf else path
        dtype = torch.float32 if gguf else torch.bfloat16
        try:
            tokenizer = AutoTokenizer.from_pretrained(directory, **gguf)
            model = AutoModelForCausalLM.from_pretrained(directory, dtype=dtype, **gguf)
        except (OSError, ValueError, ImportError) as error:
            raise RankerFailed(f"{path} cannot be loaded as a ranker: {error}") from error
        model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
        return cls(name, model, tokenizer)

    async def score(self, prompt: str, candidates: Sequence[str]) -> list[Score | None]:
        """See `Ranker`. The prompt is computed once, and its cache copied for each batch."""
        return await asyncio.to_thread(self._score, prompt, candidates)

    def _score(self, prompt: str, candidates: Sequence[str]) -> list[Score | None]:
        import torch  # noqa: PLC0415

        tokens = [self._tokens(text, special=False) for text in candidates]
        scores: list[Score | None] = [None] * len(tokens)
        with torch.inference_mode():
            read = self.model(self._tensor([self._tokens(prompt, special=True)]), use_cache=True)
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
        padded = self._tensor([[*tokens, *[0] * (longest - len(tokens))] for tokens in batch])
        # Padding stands after every token that counts, and a causal model does not look ahead.
        logits = self.model(padded, past_key_values=cache, use_cache=True).logits
        for row, tokens in enumerate(batch):
            predicting = torch.cat([read.logits[:, -1], logits[row, : len(tokens) - 1]]).float()
            chosen = predicting.gather(1, padded[row, : len(tokens), None])[:, 0]
            yield (chosen - predicting.logsumexp(1)).tolist()

    def _tokens(self, text: str, *, special: bool) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=special).input_ids
        return ids

    def _tensor(self, ids: Sequence[Sequence[int]]) -> torch.Tensor:
        import torch  # noqa: PLC0415

        return torch.tensor(ids, device=self.model.device)
