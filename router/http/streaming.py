"""Answers as server-sent events.

A plan of one sample streams through. The end of its choice waits for the verdict, so that the
`router` object can ride on the last chunk, and a parser that indexes `choices[0]` finds it there;
only OpenAI's own usage chunk, where a client asks for it, has no choices.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from router.errors import ErrorObject
from router.gateway import Gateway, Prepared, finished
from router.http.answer import Answer, event
from router.plan.draws import RunningDraw
from router.plan.outcome import Outcome
from router.plan.ports import Observer
from router.upstream.chunks import Chunk
from router.upstream.failures import UpstreamError

Details: TypeAlias = Callable[[Outcome], dict[str, Any]]
"""Makes what is added to the last chunk: the `router` object, or nothing."""

Piece: TypeAlias = tuple[RunningDraw, Chunk]


@dataclass(frozen=True, slots=True)
class _Relay(Observer):
    """Passes pieces on as they come."""

    pieces: asyncio.Queue[Piece | None]

    def on_chunk(self, draw: RunningDraw, chunk: Chunk) -> None:
        self.pieces.put_nowait((draw, chunk))


async def relay(gateway: Gateway, prepared: Prepared) -> AsyncGenerator[Piece | Outcome, None]:
    """Run a plan: its pieces as they come, then its outcome. Closing it cancels the run."""
    pieces: asyncio.Queue[Piece | None] = asyncio.Queue()
    run = asyncio.create_task(gateway.run(prepared, _Relay(pieces)), name="relay")
    run.add_done_callback(lambda _: pieces.put_nowait(None))
    try:
        while (piece := await pieces.get()) is not None:
            yield piece
        yield await run
    finally:
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)


async def relayed(
    first: Piece, rest: AsyncGenerator[Piece | Outcome, None], answer: Answer, details: Details
) -> AsyncGenerator[dict[str, Any], None]:
    """The chunks of a plan that streams through; `rest` stays the caller's to close."""
    item: Piece | Outcome = first
    draw, sent = first[0], 0
    for opening in answer.opening(draw.model):
        yield opening
    while not isinstance(item, Outcome):
        later, chunk = item
        if later is not draw and sent:
            raise UpstreamError(draw.model, "failed in mid-answer")
        draw = later
        if chunk.text or chunk.tokens:
            tokens = chunk.tokens or ()
            yield answer.piece(draw.model, chunk.text, tokens, offset=sent)
            sent += len(chunk.text)
        if chunk.tool_calls:
            yield answer.calling(draw.model, chunk.tool_calls)
        item = await anext(rest)
    # What was sent by the deadline stands, cut like an answer that reached its limit.
    cut = item.deadline_passed and not item.choice.candidates
    sample = draw.samples[0]
    last = answer.ending(draw, sample, "length" if cut else sample.ending)
    for data in _closed([last], item if cut else finished(item), answer, details):
        yield data


async def buffered(
    outcome: Outcome, answer: Answer, details: Details
) -> AsyncGenerator[dict[str, Any], None]:
    """The chunks of an answer that was only known at the end."""
    for data in _closed(answer.whole_stream(outcome), outcome, answer, details):
        yield data


class OwnedStream(StreamingResponse):
    """Chunks as events, which gives back what it holds however it ends, also when nobody reads it.

    An error ends the events as one of them: `failed` makes what is shown of it. `end` comes last.
    """

    def __init__(
        self,
        chunks: AsyncGenerator[dict[str, Any], None],
        failed: Callable[[Exception], ErrorObject],
        end: bytes,
        owned: AsyncExitStack,
        headers: dict[str, str],
    ) -> None:
        events = _events(chunks, failed, end)
        owned.push_async_callback(chunks.aclose)
        owned.push_async_callback(events.aclose)
        super().__init__(events, media_type="text/event-stream", headers=headers)
        self._owned = owned

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream, then close what it owns."""
        async with self._owned:
            await super().__call__(scope, receive, send)


async def _events(
    chunks: AsyncGenerator[dict[str, Any], None],
    failed: Callable[[Exception], ErrorObject],
    end: bytes,
) -> AsyncGenerator[bytes, None]:
    try:
        async for data in chunks:
            yield event(data)
    except Exception as error:  # noqa: BLE001 the outermost handler of what streams
        yield event(failed(error).body())
    yield end


def _closed(
    chunks: Iterator[dict[str, Any]] | list[dict[str, Any]],
    outcome: Outcome,
    answer: Answer,
    details: Details,
) -> Iterator[dict[str, Any]]:
    """Chunks, usage where it is wanted, and the details on the last of them."""
    wanted = [_usage(answer, outcome)] if answer.prepared.request.include_usage else []
    *before, last = chain(chunks, wanted)
    yield from before
    yield last | details(outcome)


def _usage(answer: Answer, outcome: Outcome) -> dict[str, Any]:
    return answer.usage_chunk(outcome.draws[-1].model, answer.usage(outcome))
