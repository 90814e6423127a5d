"""Decodes the samples of many prompts together, a token for every one of them at a time.

Every weight is read once for all rows, so that a token costs several times less in a hundred
rows than in one. A prompt is read once for all of its samples, which may then end at different
steps; rows that come free are given to the next prompt.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Final

import torch

from evaluation.local.cache import RowCache
from evaluation.local.loading import LanguageModel
from evaluation.local.nucleus import choose

SEED_STRIDE: Final = 0x9E3779B97F4A7C15
"""Keeps a draw's samples apart from those of a draw whose seed is a little larger."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A sample that has ended; `logprobs` of its tokens are the model's own, at temperature 1."""

    index: int
    text: str
    logprobs: tuple[float, ...]
    finish_reason: str


@dataclass(slots=True, eq=False)
class Job:
    """`n` samples of one prompt; `on_finished` is told each as it ends.

    `prompt` are token ids, at least one; `top_p` is in (0, 1], and temperature 0 is greedy. Once
    `cancelled` is set, what is left of it is dropped.
    """

    prompt: Sequence[int]
    n: int
    max_tokens: int
    temperature: float
    top_p: float
    seed: int
    stop: tuple[str, ...]
    on_finished: Callable[[Finished], None]
    cancelled: bool = False


@dataclass(slots=True)
class _Sample:
    """A row in use."""

    job: Job
    index: int
    random: torch.Generator
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, job: Job, index: int) -> _Sample:
        seed = (job.seed + SEED_STRIDE * index) % 2**63
        return cls(job, index, torch.Generator().manual_seed(seed))


class BatchDecoder:
    """Decodes with one model in `slots` rows. One thread at a time may use it."""

    def __init__(self, language_model: LanguageModel, slots: int) -> None:
        self._language_model = language_model
        self._model = language_model.model
        self._slots = slots
        self._ends = _ends(language_model)
        self._waiting: deque[Job] = deque()
        self._samples: list[_Sample] = []  # by row
        self._cache = RowCache(slots, self._model.device)
        self._last_prompt: list[int] = []
        self._last_read: Any = None

    @property
    def idle(self) -> bool:
        """Whether a step would do nothing."""
        return not (self._waiting or self._samples)

    def add(self, job: Job) -> None:
        """Decode this too, as soon as there are rows. Raises ValueError if there never are."""
        if not 0 < job.n <= self._slots:
            raise ValueError(f"{job.n} samples of a prompt, and there are {self._slots} slots")
        self._waiting.append(job)

    def step(self) -> None:
        """Read the next prompt if there are rows for it, else add a token to every sample."""
        self._remove(at for at, sample in enumerate(self._samples) if sample.job.cancelled)
        with torch.inference_mode():
            if self._waiting and self._waiting[0].n <= self._slots - len(self._samples):
                if not (job := self._waiting.popleft()).cancelled:
                    self._read(job)
            elif self._samples:
                self._advance()

    def _read(self, job: Job) -> None:
        """Read a prompt, which tells the first token of its samples too."""
        read = self._after_common_part(list(job.prompt))
        self._cache.append(read.past_key_values, job.n)
        start = len(self._samples)
        self._samples += [_Sample.of(job, index) for index in range(job.n)]
        self._take(start, read.logits[:, -1].expand(job.n, -1))

    def _after_common_part(self, prompt: list[int]) -> Any:
        """What the model makes of a prompt; how it begins like the last one is not read again.

        Prompts of one data set may share long examples. The last token is always read.
        """
        same = zip(self._last_prompt, prompt[:-1], strict=False)
        common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], same))
        past = self._last_read if common else None
        if past is not None:
            past.crop(common - len(self._last_prompt))
        read = self._model(
            self._language_model.tensor([prompt[common:]]),
            past_key_values=past,
            use_cache=True,
            logits_to_keep=1,
        )
        self._last_prompt, self._last_read = prompt, read.past_key_values
        return read

    def _advance(self) -> None:
        positions, seen = self._cache.begin_token()
        last = self._language_model.tensor([[sample.tokens[-1]] for sample in self._samples])
        logits = self._model(
            input_ids=last,
            attention_mask=seen,
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits
        self._cache.end_token()
        self._take(0, logits[:, -1])

    def _take(self, start: int, logits: torch.Tensor) -> None:
        """Choose the next token of each sample from `start` on; those that end make way."""
        samples = self._samples[start:]
        chosen, logprobs = choose(
            logits,
            self._floats(sample.job.temperature for sample in samples),
            self._floats(sample.job.top_p for sample in samples),
            self._floats(torch.rand(1, generator=sample.random).item() for sample in samples),
        )
        for sample, token, logprob in zip(samples, chosen.tolist(), logprobs.tolist(), strict=True):
            sample.tokens.append(token)
            sample.logprobs.append(logprob)
        texts = self._language_model.texts([sample.tokens for sample in samples])
        ended = [self._finished(*each) for each in zip(samples, texts, strict=True)]
        self._remove(start + at for at, finished in enumerate(ended) if finished)
        for sample, finished in zip(samples, ended, strict=True):
            if finished:
                sample.job.on_finished(finished)

    def _finished(self, sample: _Sample, text: str) -> Finished | None:
        cuts = [at for stop in sample.job.stop if (at := text.find(stop)) >= 0]
        if cuts or sample.tokens[-1] in self._ends:
            reason, text = "stop", text[: min(cuts, default=None)]
        elif len(sample.tokens) >= sample.job.max_tokens:
            reason = "length"
        else:
            return None
        return Finished(sample.index, text, tuple(sample.logprobs), reason)

    def _remove(self, rows: Iterable[int]) -> None:
        """Take samples out, as the cache does: the last ones move into their places."""
        gone = sorted(rows, reverse=True)
        self._cache.remove(gone)
        for row in gone:
            last = self._samples.pop()
            if row < len(self._samples):
                self._samples[row] = last

    def _floats(self, values: Iterable[float]) -> torch.Tensor:
        return torch.tensor(list(values), device=self._model.device)


def _ends(language_model: LanguageModel) -> frozenset[int]:
    """Tokens that end a completion: all control tokens, none of which belongs into a text."""
    added: dict[int, Any] = language_model.tokenizer.added_tokens_decoder
    control = {token for token, what in added.items() if what.special}
    named = language_model.model.generation_config.eos_token_id
    return frozenset(control | ({named} if isinstance(named, int) else set(named or ())))
