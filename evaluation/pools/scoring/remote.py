"""A ranker on a vLLM server, by its `prompt_logprobs`.

vLLM does not use its prefix cache for these, so k candidates cost k passes over the prompt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from evaluation.pools.scoring.ranker import RankerFailed, Score

AT_ONCE: Final = 8
"""Requests in flight."""


@dataclass(frozen=True, slots=True)
class RemoteRanker:
    """A model at a vLLM server. `client` has its base URL, its key and its timeouts."""

    name: str
    client: httpx.AsyncClient
    _places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def score(self, prompt: str, candidates: Sequence[str]) -> list[Score | None]:
        """See `Ranker`."""
        read = await self._tokens(prompt, special=True)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._one(read, text)) for text in candidates]
        except ExceptionGroup as several:
            failures, others = several.split(RankerFailed)
            if failures is None or others is not None:
                raise
            raise failures.exceptions[0] from None
        return [task.result() for task in tasks]

    async def _one(self, read: Sequence[int], candidate: str) -> Score | None:
        async with self._places:
            tokens = await self._tokens(candidate, special=False)
            if not tokens:
                return None
            body = {
                "prompt": [*read, *tokens],
                "max_tokens": 1,
                "temperature": 0,
                "prompt_logprobs": 0,
            }
            answer = await self._post("/v1/completions", body)
        try:
            entries = answer["choices"][0]["prompt_logprobs"][len(read) :]
            logprobs = [
                float(entry[str(token)]["logprob"])
                for token, entry in zip(tokens, entries, strict=True)
            ]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise RankerFailed(
                f"{self.name}: the server gave no prompt_logprobs for these tokens; is it vLLM?"
            ) from error
        return Score.of(logprobs, self.name)

    async def _tokens(self, text: str, *, special: bool) -> list[int]:
        answer = await self._post("/tokenize", {"prompt": text, "add_special_tokens": special})
        try:
            return [int(token) for token in answer["tokens"]]
        except (KeyError, TypeError, ValueError) as error:
            raise RankerFailed(f"{self.name}: /tokenize gave no tokens; is it vLLM?") from error

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            response = await self.client.post(path, json=body | {"model": self.name})
            response.raise_for_status()
            answer: dict[str, Any] = response.json()
        except httpx.HTTPStatusError as error:
            raise RankerFailed(
                f"{self.name}: {path} answered {error.response.status_code}: "
                f"{error.response.text[:500]}"
            ) from error
        except (httpx.HTTPError, ValueError) as error:
            reason = str(error) or type(error).__name__
            raise RankerFailed(f"{self.name}: {path} failed: {reason}") from error
        return answer
