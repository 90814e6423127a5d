"""The answers to several prompts of one request: at once, or as they stream.

In a stream whichever comes first goes first, and choices are told apart by their numbers. A plan of
one sample streams through, as it would alone. The end of the choice that ends last is the last
chunk, so that it can carry what the whole came to. A prompt that the deadline left without a token
has an empty answer, cut at its beginning; where all are, the deadline is the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from router.batch import Batch
from router.errors import InternalError
from router.gateway import Gateway, Prepared, finished
from router.http.answer import Answer, summed, together
from router.http.dialect import Dialect
from router.http.explain import headers_of_several, object_of_several, plan_label
from router.http.streaming import Details, buffered, relay, relayed
from router.plan.outcome import Outcome
from router.request import RouteRequest

Told: TypeAlias = Callable[[Sequence[Outcome]], dict[str, Any]]
"""Makes what is added to the last chunk."""


@dataclass(frozen=True, slots=True)
class Several:
    """The prompts of one request, prepared, and the answer to each."""

    batch: Batch
    answers: tuple[Answer, ...]
    include_usage: bool

    @classmethod
    async def prepare(
        cls,
        gateway: Gateway,
        requests: Sequence[RouteRequest],
        received: float,
        dialect: Dialect,
        request_id: str,
    ) -> Several:
        """See `Batch.prepare`."""
        # Usage is told once, of all.
        alone = [replace(request, include_usage=False) for request in requests]
        batch = await Batch.prepare(gateway, alone, received)
        n = requests[0].n
        answers = tuple(
            Answer(dialect, part, request_id, first=at * n) for at, part in enumerate(batch.parts)
        )
        return cls(batch, answers, requests[0].include_usage)

    async def run(self) -> Sequence[Outcome]:
        """Run all plans. Raises what they raise, and where no prompt has an answer, why."""

        async def perform(_: int, part: Prepared) -> Outcome:
            outcome = await self.batch.gateway.run(part)
            return outcome if _left_out(outcome) else finished(outcome)

        return _answered(await self.batch.run(perform))

    def plain(self, outcomes: Sequence[Outcome], details: dict[str, Any]) -> Any:
        """The whole answer as JSON."""
        return together(list(zip(self.answers, outcomes, strict=True)), details)

    async def stream(self, told: Told) -> AsyncGenerator[dict[str, Any], None]:
        """The chunks of all answers. Closing it cancels what runs."""
        streams = _Streams(self.batch.gateway, self.answers)
        running = asyncio.create_task(self.batch.run(streams.perform), name="batch")
        running.add_done_callback(lambda _: streams.queue.put_nowait(None))
        last: dict[str, Any] | None = None
        try:
            while (item := await streams.queue.get()) is not None:
                chunk, ends = item
                if not ends:
                    yield chunk
                    continue
                if last is not None:
                    yield last
                last = chunk
            outcomes = await running
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        if last is None:
            _answered(outcomes)
            raise InternalError("an answer without a piece")
        for cut in streams.cut:
            yield cut
        if self.include_usage:
            yield last
            last = self._usage(outcomes)
        yield last | told(outcomes)

    def label(self, outcomes: Sequence[Outcome], *, counts: bool = True) -> str:
        """What was drawn for all prompts."""
        draws = (draw for outcome in outcomes for draw in outcome.draws)
        return plan_label(draws, verified=False, counts=counts)

    def headers(self, outcomes: Sequence[Outcome], elapsed_s: float) -> dict[str, str]:
        """The headers of a plain answer."""
        cost = self.batch.gateway.cost
        return headers_of_several(self.batch.parts, outcomes, cost, elapsed_s=elapsed_s)

    def details(self, outcomes: Sequence[Outcome], elapsed_s: float) -> dict[str, Any]:
        """The `router` object, where the client is to see one."""
        if not self.batch.parts[0].request.detailed:
            return {}
        cost = self.batch.gateway.cost
        told = object_of_several(self.batch.parts, outcomes, cost, elapsed_s=elapsed_s)
        return {"router": told}

    def _usage(self, outcomes: Sequence[Outcome]) -> dict[str, Any]:
        usage = summed(each.usage(its) for each, its in zip(self.answers, outcomes, strict=True))
        model = next(draw.model for outcome in outcomes for draw in outcome.draws)
        return self.answers[0].usage_chunk(model, usage)


async def resumed(
    first: dict[str, Any], rest: AsyncGenerator[dict[str, Any], None]
) -> AsyncGenerator[dict[str, Any], None]:
    """A stream again, from which one has been taken; `rest` stays the caller's to close."""
    yield first
    async for chunk in rest:
        yield chunk


def _answered(outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """The outcomes, where the deadline left one an answer at least. Raises `DeadlineExceeded`."""
    if all(_left_out(outcome) for outcome in outcomes):
        finished(outcomes[0])
    return outcomes


@dataclass(frozen=True, slots=True)
class _Streams:
    """What the plans of a batch say: chunks, and whether one ends its plan; None after all.

    `cut` are the answers that are nothing but cut.
    """

    gateway: Gateway
    answers: Sequence[Answer]
    queue: asyncio.Queue[tuple[dict[str, Any], bool] | None] = field(default_factory=asyncio.Queue)
    cut: list[dict[str, Any]] = field(default_factory=list)

    async def perform(self, at: int, prepared: Prepared) -> Outcome:
        """Run the plan of one prompt, and tell its chunks."""
        ended: list[Outcome] = []

        def end(outcome: Outcome) -> dict[str, Any]:
            ended.append(outcome)
            return {}

        answer, said = self.answers[at], False
        async with aclosing(_chunks(self.gateway, prepared, answer, end)) as chunks:
            async for chunk in chunks:
                said = True
                self.queue.put_nowait((chunk, bool(ended)))
        if not said:
            self.cut.append(answer.nothing())
        return ended[0]


async def _chunks(
    gateway: Gateway, prepared: Prepared, answer: Answer, end: Details
) -> AsyncGenerator[dict[str, Any], None]:
    """The chunks of one answer, none if it is cut; `end` hears of its outcome before the last."""
    if not prepared.streams_through:
        outcome = await gateway.run(prepared)
        if _left_out(outcome):
            end(outcome)
            return
        async for chunk in buffered(finished(outcome), answer, end):
            yield chunk
        return
    async with aclosing(relay(gateway, prepared)) as pieces:
        first = await anext(pieces)
        if not isinstance(first, Outcome):
            async for chunk in relayed(first, pieces, answer, end):
                yield chunk
        elif _left_out(first):
            end(first)
        else:
            finished(first)
            raise InternalError("an answer without a piece")


def _left_out(outcome: Outcome) -> bool:
    """Whether the deadline came before an answer."""
    return outcome.deadline_passed and not outcome.choice.candidates
