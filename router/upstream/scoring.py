"""How likely a model finds a text that it did not write, where its server scores what it reads.

Tokens of what is read and of what is scored are made apart, as they were when an answer was
generated: a tokenizer that reads both at once may join the last characters of one with the first
of the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from router.request import Prompt, TextPrompt
from router.upstream.client import Upstream
from router.upstream.failures import UpstreamError
from router.upstream.servers import PromptScoring

AT_ONCE: Final = 8
"""Texts of one ranking that are scored at the same time."""

_MISSHAPEN: Final = (KeyError, IndexError, TypeError, ValueError, OverflowError)


@dataclass(frozen=True, slots=True)
class PromptScorer:
    """A model that scores, for a caller."""

    upstream: Upstream
    scoring: PromptScoring
    caller: str | None = None

    @classmethod
    def of(cls, upstream: Upstream, caller: str | None = None) -> Self:
        """Raises `UpstreamError` where its server cannot."""
        scoring = upstream.server.scoring
        if scoring is None:
            raise UpstreamError(upstream.id, "does not score prompts")
        return cls(upstream, scoring, caller)

    async def tokens(self, prompt: Prompt, *, special: bool = True) -> list[int]:
        """The numbers of a prompt's tokens, as it is written for the model.

        Unless `special`, a text has no start of its own. Raises `UpstreamError`.
        """
        upstream = self.upstream
        written = upstream.render(prompt)
        try:
            return await self.scoring.tokens(written, upstream.name, self._post, special=special)
        except _MISSHAPEN as error:
            raise UpstreamError(upstream.id, "gave no tokens of a text; is it vLLM?") from error

    async def continuation(self, text: str) -> list[int]:
        """The numbers of the tokens of a text that goes on. Raises `UpstreamError`."""
        return await self.tokens(TextPrompt(text), special=False)

    async def logprobs(self, read: Sequence[int], scored: Sequence[int]) -> list[float]:
        """The log-probability of each token scored, after those read. Raises `UpstreamError`."""
        upstream = self.upstream
        try:
            return await self.scoring.logprobs(read, scored, upstream.name, self._post)
        except _MISSHAPEN as error:
            reason = "gave no prompt_logprobs for these tokens; is it vLLM?"
            raise UpstreamError(upstream.id, reason) from error

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return await self.upstream.post(path, body, self.caller)
