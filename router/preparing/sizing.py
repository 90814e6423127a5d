"""How long a prompt is under each model, and which models' contexts hold it with its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from policies.values import ModelView, Task
from router.errors import ContextLengthExceeded
from router.metrics import Metrics
from router.process.garbage import without_traces
from router.request import PromptLength, RouteRequest, TextPrompt
from router.upstream.client import Upstream
from router.upstream.failures import UpstreamUnreachable


@dataclass(frozen=True, slots=True)
class Sizing:
    """Makes tasks of requests. `default_max_tokens` are those of an answer that names no limit."""

    upstreams: Mapping[str, Upstream]
    metrics: Metrics
    default_max_tokens: int

    async def fitting(
        self, request: RouteRequest, ids: Sequence[str], within_s: float
    ) -> tuple[RouteRequest, Task]:
        """The task, and the request without files of its repository that no context holds.

        The last ones stay: editors send those that matter most last.
        """
        while True:
            counts = await self._prompt_tokens(request, ids, within_s)
            try:
                return request, self._task(request, counts)
            except ContextLengthExceeded:
                if (fewer := _with_fewer_files(request)) is None:
                    raise
                request = fewer

    async def _prompt_tokens(
        self, request: RouteRequest, ids: Sequence[str], within_s: float
    ) -> dict[str, PromptLength]:
        """The prompt's length under each model that can be reached; raises where none can."""
        counts: dict[str, PromptLength] = {}
        lost: list[UpstreamUnreachable] = []

        async def count(id_: str) -> None:
            try:
                counts[id_] = await self.upstreams[id_].count_tokens(
                    request.prompt, within_s, request.caller
                )
            except UpstreamUnreachable as error:
                self.metrics.upstream_failures.labels(id_).inc()
                lost.append(without_traces(error))

        if len(ids) == 1:  # a task more would be half of what this takes
            await count(ids[0])
        else:
            await asyncio.gather(*(count(id_) for id_ in ids))
        if not counts:
            raise lost[0]
        return {id_: counts[id_] for id_ in ids if id_ in counts}

    def _task(self, request: RouteRequest, lengths: Mapping[str, PromptLength]) -> Task:
        """The task over the models whose context holds prompt and answer.

        Where nobody counted the prompt, its model's server decides what fits.
        """
        room = {id_: self._room(id_, length) for id_, length in lengths.items()}
        max_tokens = request.max_tokens
        if max_tokens is None:
            max_tokens = self._default_max_tokens(room)
        views = tuple(
            self._view(id_, length)
            for id_, length in lengths.items()
            if length.bound is not None or (left := room[id_]) is None or left >= max_tokens
        )
        if not views:
            longest = max(length.tokens for length in lengths.values())
            contexts = {self.upstreams[id_].context or 0: id_ for id_ in room}
            # In OpenAI's words, by which clients know that they must send less.
            raise ContextLengthExceeded(
                f"this model's maximum context length is {max(contexts)} tokens "
                f"({contexts[max(contexts)]!r}, of those that could answer the roomiest), but the "
                f"prompt has {longest}, and the answer may have {max_tokens}: shorten one of them",
                param="prompt",
            )
        return Task(
            models=views,
            max_tokens=max_tokens,
            verifiable=request.tests is not None,
            temperature=request.temperature,
            top_p=request.top_p,
            n=request.n,
            kind=request.kind,
        )

    def _view(self, model: str, length: PromptLength) -> ModelView:
        upstream = self.upstreams[model]
        return ModelView(
            model,
            length.tokens,
            upstream.max_batch,
            length.bound,
            caches=bool(upstream.server.telling),
        )

    def _room(self, model: str, length: PromptLength) -> int | None:
        """Tokens that a context leaves for the answer; None where that is not known."""
        context = self.upstreams[model].context
        if context is None:
            return None
        left = context - length.tokens
        return None if length.bound is not None and left <= 0 else left

    def _default_max_tokens(self, room: Mapping[str, int | None]) -> int:
        """Our own default, or what the roomiest context leaves where that is less."""
        roomiest = max(
            (self.default_max_tokens if left is None else left) for left in room.values()
        )
        return max(1, min(self.default_max_tokens, roomiest))


def _with_fewer_files(request: RouteRequest) -> RouteRequest | None:
    """The request with the later half of its files; None where it has none."""
    prompt = request.prompt
    if not isinstance(prompt, TextPrompt) or not prompt.extra:
        return None
    later = prompt.extra[(len(prompt.extra) + 1) // 2 :]
    fewer = replace(request.sampling, prompt=replace(prompt, extra=later))
    return replace(request, sampling=fewer)
