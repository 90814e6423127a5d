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
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from router.batch import Batch
from router.errors import InternalError
from router.gateway import Gateway, Prepared, finished
from router.http.answer import Answer, summed
from router.http.streaming import Details, buffered, relay, relayed
from router.plan.outcome import Outcome

Told: TypeAlias = Callable[[Sequence[Outcome]], dict[str, Any]]
"""Makes what is added to the last chunk."""


def answered(outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """The outcomes, where at least one has an answer and only the deadline left others without.

    Raises the error that says why not.
    """
    for outcome in outcomes:
        if not _left_out(outcome):
            finished(outcome)
    if all(_left_out(outcome) for outcome in outcomes):
        finished(outcomes[0])
    return outcomes


async def merged(
    batch: Batch, answers: Sequence[Answer], told: Told, *, include_usage: bool
) -> AsyncGenerator[dict[str, Any], None]:
    """The chunks of all answers. Closing it cancels what runs."""
    streams = _Streams(batch.gateway, answers)
    running = asyncio.create_task(batch.run(streams.perform), name="batch")
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
        answered(outcomes)
        raise InternalError("an answer without a piece")
    for cut in streams.cut:
        yield cut
    if include_usage:
        yield last
        usage = summed(each.usage(its) for each, its in zip(answers, outcomes, strict=True))
        model = next(draw.model for outcome in outcomes for draw in outcome.draws)
        last = answers[0].usage_chunk(model, usage)
    yield last | told(outcomes)


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
