"""A ranker on a vLLM server, by its `prompt_logprobs`.

vLLM does not use its prefix cache for these, so k candidates cost k passes over the prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.pools.scoring.ranker import RankerFailed, Score
from router.concurrent import concurrently
from router.request import TextPrompt
from router.upstream.client import Upstream
from router.upstream.failures import UpstreamError
from router.upstream.scoring import AT_ONCE, PromptScorer
from router.upstream.servers import SERVERS
from router.upstream.transport import Client


@dataclass(frozen=True, slots=True)
class RemoteRanker:
    """A model at a vLLM server, whose `url` may end in `/v1`."""

    name: str
    client: Client
    url: str
    api_key: str | None = None

    async def score(self, prompt: str, candidates: Sequence[str]) -> list[Score | None]:
        """See `Ranker`."""
        upstream = Upstream(
            id=self.name,
            client=self.client,
            base_url=lambda: self.url.rstrip("/").removesuffix("/v1"),
            name=self.name,
            max_batch=AT_ONCE,
            api_key=self.api_key,
            server=SERVERS["vllm"],
        )
        scorer = PromptScorer.of(upstream)
        try:
            read = await scorer.tokens(TextPrompt(prompt))

            async def one(text: str) -> list[float]:
                tokens = await scorer.continuation(text)
                return await scorer.logprobs(read, tokens) if tokens else []

            logprobs = await concurrently(candidates, one, at_once=AT_ONCE)
        except UpstreamError as error:
            raise RankerFailed(f"{self.name}: {error}") from error
        return [Score.of(values, self.name) for values in logprobs]
