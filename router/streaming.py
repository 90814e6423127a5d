"""Answers as server-sent events.

A plan of one sample streams through. The end of its choice waits for the verdict, so that the
`router` object can ride on the last chunk, and a parser that indexes `choices[0]` finds it there;
only OpenAI's own usage chunk, where a client asks for it, has no choices.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from itertools import chain
from typing import Any, TypeAlias

from router.chunks import Chunk
from router.drawing import RunningDraw
from router.engine import Outcome
from router.errors import APIError, UpstreamUnavailable
from router.gateway import Gateway, Prepared, finished
from router.render import DONE, Answer, event

Details: TypeAlias = Callable[[Outcome], dict[str, Any]]
"""Makes what is added to the last chunk: the `router` object, or nothing."""

Piece: TypeAlias = tuple[RunningDraw, Chunk]


async def relay(gateway: Gateway, prepared: Prepared) -> AsyncGenerator[Piece | Outcome, None]:
    """Run a plan: its pieces as they come, then its outcome. Closing it cancels the run."""
    pieces: asyncio.Queue[Piece | None] = asyncio.Queue()
    run = asyncio.create_task(
        gateway.run(prepared, lambda draw, chunk: pieces.put_nowait((draw, chunk))), name="relay"
    )
    run.add_done_callback(lambda _: pieces.put_nowait(None))
    try:
        while (piece := await pieces.get()) is not None:
            yield piece
        yield await run
    finally:
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)


async def relayed(
    first: Piece,
    rest: AsyncGenerator[Piece | Outcome, None],
    answer: Answer,
    details: Details,
    failed: Callable[[APIError], None],
) -> AsyncGenerator[bytes, None]:
    """The events of a plan that streams through; `rest` stays the caller's to close.

    `failed` is told of an error that ends the stream.
    """
    item: Piece | Outcome = first
    draw, sent = first[0], 0
    try:
        for opening in answer.opening(draw.draw.model):
            yield event(opening)
        while not isinstance(item, Outcome):
            later, chunk = item
            if later is not draw and sent:
                raise UpstreamUnavailable(f"{draw.draw.model!r} failed in mid-answer")
            draw = later
            if chunk.text or chunk.tokens:
                tokens = chunk.tokens or ()
                yield event(answer.piece(draw.draw.model, chunk.text, tokens, offset=sent))
                sent += len(chunk.text)
            item = await anext(rest)
        # What was sent by the deadline stands, cut like an answer that reached its limit.
        cut = item.deadline_passed and not item.choice.candidates
        last = answer.ending(draw.draw.model, "length" if cut else draw.samples[0].ending)
        for data in _closed([last], item if cut else finished(item), answer, details):
            yield event(data)
    except APIError as error:
        failed(error)
        yield event(error.body())
    yield DONE


async def buffered(
    outcome: Outcome, answer: Answer, details: Details
) -> AsyncGenerator[bytes, None]:
    """The events of an answer that was only known at the end."""
    for data in _closed(answer.whole_stream(outcome), outcome, answer, details):
        yield event(data)
    yield DONE


def _closed(
    chunks: Iterator[dict[str, Any]] | list[dict[str, Any]],
    outcome: Outcome,
    answer: Answer,
    details: Details,
) -> Iterator[dict[str, Any]]:
    """Chunks, usage where it is wanted, and the details on the last of them."""
    wanted = [answer.usage_chunk(outcome)] if answer.prepared.request.include_usage else []
    *before, last = chain(chunks, wanted)
    yield from before
    yield last | details(outcome)
