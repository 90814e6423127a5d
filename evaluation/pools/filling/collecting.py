"""Draws samples from an upstream and gives away whole draws as rows of a pool.

Every draw is a run of its own (`router.plan.run`), so tokens are counted and NLL is averaged as
the gateway does it. A draw that fails is asked again with growing pauses, in which an embedded
engine comes back; one that the server finds fault with (a prompt that is too long) is left out,
counted and named. So is a sample without an averaged NLL, which is kept: no ranking by its own
model can place it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

from evaluation.pools.filling.plan import PlannedDraw
from evaluation.pools.schema import Identity, Row
from evaluation.pools.workers import for_each
from policies.cost import CostModel
from policies.policy import Uncalibrated
from policies.protocol import Done, Draw, Plan, Wait
from policies.selectors import LIKELIEST, Selector
from policies.values import Budget, ModelView, Task
from router.plan.draws import RunningDraw
from router.plan.run import Run
from router.plan.samples import Sample
from router.request import Prompt, PromptLength, SampleRequest, TextPrompt
from router.upstream.failures import UpstreamError
from router.upstream.said.chunks import Chunk

T = TypeVar("T")

PAUSES_S: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Before each further try of a draw; an embedded engine is back within them, or it is broken."""


class Source(Protocol):
    """What samples are drawn from; see `router.upstream.client.Upstream`, which is one."""

    @property
    def id(self) -> str:
        """The model's name."""
        ...

    @property
    def context(self) -> int | None:
        """Tokens that prompt and sample may have together; None if unknown."""
        ...

    @property
    def token_per_chunk(self) -> bool:
        """Whether every chunk with text is one token."""
        ...

    async def count_tokens(self, prompt: Prompt) -> PromptLength:
        """Tokens of a prompt. Raises `UpstreamError`."""
        ...

    def sample(self, draw: Draw, request: SampleRequest) -> AsyncGenerator[Chunk, None]:
        """The samples of one draw; closing the generator aborts them. Raises `UpstreamError`."""
        ...


class CollectFailed(RuntimeError):
    """A draw failed for good; what was collected is kept."""


async def persisting(draw: Callable[[], Awaitable[T]], pauses_s: Sequence[float]) -> T:
    """What a draw gives, which is asked again after each pause where it fails.

    Raises `CollectFailed`, and `UpstreamError` at once where the server finds fault with it.
    """
    for pause in (*pauses_s, None):
        try:
            return await draw()
        except UpstreamError as error:
            if error.rejected:
                raise
            if pause is None:
                tries = len(pauses_s) + 1
                raise CollectFailed(f"{error} (tries of this draw: {tries})") from error
        await asyncio.sleep(pause)
    raise AssertionError("the last try returns or raises")


@dataclass(frozen=True, slots=True)
class Collector:
    """Draws from one upstream, in the way that a pool's identity says.

    `left_out` gathers, by task, why the server refused it, and `without_nll` counts samples without
    an averaged NLL by why they have none.
    """

    upstream: Source
    identity: Identity
    pauses_s: tuple[float, ...] = PAUSES_S
    left_out: dict[str, str] = field(default_factory=dict)
    without_nll: Counter[str] = field(default_factory=Counter)

    async def over(
        self,
        plan: Iterable[PlannedDraw],
        keep: Callable[[list[Row]], None],
        *,
        concurrency: int,
    ) -> None:
        """Perform the plan, `concurrency` draws at a time, and give each away when it is whole.

        Raises `CollectFailed` and what `keep` raises; draws still open are then cancelled.
        """

        async def perform(draw: PlannedDraw) -> None:
            if draw.problem.task_id not in self.left_out and (rows := await self._rows(draw)):
                keep(rows)

        await for_each(plan, perform, concurrency=concurrency)

    async def _rows(self, planned: PlannedDraw) -> list[Row]:
        """The draw's rows; none where the server refuses it."""
        try:
            return await persisting(lambda: self._draw(planned), self.pauses_s)
        except UpstreamError as error:
            self.left_out[planned.problem.task_id] = str(error)
            return []

    async def _draw(self, planned: PlannedDraw) -> list[Row]:
        """The rows of one draw, performed as the gateway performs it, without a budget."""
        prompt = TextPrompt(planned.problem.prompt, planned.problem.suffix)
        length = await self.upstream.count_tokens(prompt)
        self._check_context(length)
        draw = Draw(
            model=self.upstream.id,
            n=planned.n,
            max_tokens=self.identity.max_tokens,
            temperature=self.identity.temperature,
            verify=False,
            top_p=self.identity.top_p,
            reason="a pool wants it",
        )
        run = Run(
            OneDraw(draw),
            Task((ModelView(draw.model, length.tokens, draw.n, length.bound),), draw.max_tokens),
            Budget(),
            CostModel({}),
            sampler=_Asking(self.upstream, prompt, planned),
        )
        (drawn,) = (await run.perform()).draws
        if drawn.failure is not None:
            raise drawn.failure
        self.without_nll.update(filter(None, map(_why_no_nll, drawn.samples)))
        return [_row(planned, drawn, sample) for sample in drawn.samples]

    def _check_context(self, prompt: PromptLength) -> None:
        """llama.cpp would otherwise end samples early, and call it the limit of tokens."""
        needed, context = prompt.tokens + self.identity.max_tokens, self.upstream.context
        if context is not None and prompt.bound is None and needed > context:
            raise UpstreamError(
                self.upstream.id,
                f"has a context of {context} tokens, and {needed} are needed: configure a larger "
                "`context`",
                rejected=True,
            )


@dataclass(frozen=True, slots=True)
class OneDraw(Uncalibrated):
    """The plan of a collector: one draw, read to its end."""

    draw: Draw
    selector: Selector = LIKELIEST

    def plan(self, task: Task, budget: Budget, cost: CostModel) -> Plan:  # noqa: ARG002 of Policy
        """Draw, and wait."""
        yield self.draw
        while not isinstance((yield Wait()), Done):
            pass

    def restrict(self, models: Sequence[str], *, pinned: str | None) -> tuple[str, ...]:  # noqa: ARG002 of Policy
        """The draw's model."""
        return (self.draw.model,)

    def most_samples(self, task: Task) -> int:  # noqa: ARG002 of Policy
        """Those of the draw."""
        return self.draw.n


@dataclass(frozen=True, slots=True)
class _Asking:
    """Asks the upstream for a planned draw, log-probabilities and all."""

    upstream: Source
    prompt: TextPrompt
    planned: PlannedDraw

    def sample(self, draw: Draw) -> AsyncGenerator[Chunk, None]:
        passed_on = {
            "stop": list(self.planned.problem.stop),
            "seed": self.planned.seed,
            "top_p": draw.top_p,
        }
        return self.upstream.sample(draw, SampleRequest(self.prompt, passed_on, logprobs=1))

    def token_per_chunk(self, model: str) -> bool:  # noqa: ARG002 there is only one
        return self.upstream.token_per_chunk


def _why_no_nll(sample: Sample) -> str | None:
    """Why a sample has no averaged NLL; None where it has one, or no token to have one of."""
    if sample.nll is not None or not sample.tokens:
        return None
    if sample.logprobs:
        return "the server told a log-probability that is not finite"
    return "the server told no log-probabilities"


def _row(planned: PlannedDraw, running: RunningDraw, sample: Sample) -> Row:
    return {
        "task_id": planned.problem.task_id,
        "index": planned.first + sample.index,
        "draw": planned.draw,
        "seed": planned.seed,
        "text": sample.text,
        "tokens": sample.tokens,
        "prompt_tokens": running.prompt_tokens,
        "nll": sample.nll,
        "finish_reason": sample.ending,
    }
