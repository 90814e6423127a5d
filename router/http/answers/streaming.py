"""Answers as server-sent events.

A plan of one sample streams through; others are told when the answer is chosen. The end of a choice
waits for the verdict, so that the `router` object can ride on the last chunk, and a parser that
indexes `choices[0]` finds it there; only OpenAI's own usage chunk, where a client asks for it, has
no choices.

A stream begins with its first token, or after a second without one: from then on comments tell
clients and proxies that somebody works, and what fails is an event, no status.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final, Self, TypeAlias

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from router.errors import ErrorObject, InternalError
from router.gateway import finished
from router.http.answers.answer import Answer, event
from router.http.answers.partial import WholeLines, suffix_of, whole_lines
from router.http.answers.relay import Hand, Item, Piece, Tick, produced
from router.http.attended import Attended, ClientGone
from router.http.connection import LOST
from router.http.dialects.dialect import Dialect
from router.plan.draws import CUT, RunningDraw
from router.plan.outcome import Outcome
from router.plan.queues.sessions import Turn
from router.preparing.prepared import Prepared
from router.process.garbage import without_traces
from router.upstream.failures import UpstreamError
from router.upstream.said.chunks import Chunk, TokenLogprob

COMMENT: Final = b": working\n\n"

HEADERS: Final = (("Cache-Control", "no-cache"), ("X-Accel-Buffering", "no"))
"""Nobody between us and the client may keep a stream, or wait for more of it."""

Details: TypeAlias = Callable[[Prepared, Outcome], dict[str, Any]]
"""Makes what is added to the last chunk: the `router` object, or nothing."""


async def chunks_of(
    work: Callable[[Hand[dict[str, Any]]], Coroutine[Any, Any, None]],
    turn: Turn | None,
) -> AsyncGenerator[dict[str, Any] | None, None]:
    """The chunks that work hands out; None where there was nothing to tell for a while."""
    quiet = True
    async with aclosing(produced(work, ticks=True, turn=turn)) as items:
        async for item in items:
            match item:
                case Tick.TICK:
                    if quiet:
                        yield None
                    quiet = True
                case dict():
                    quiet = False
                    yield item


@dataclass(slots=True)
class Telling:
    """An answer as its chunks are told; meanwhile, what is known of it for the headers.

    `answer` is there once policy and models are settled, `draw` while one is passed on, `outcome`
    at the end.
    """

    dialect: Dialect
    request_id: str
    details: Details
    answer: Answer | None = None
    draw: RunningDraw | None = None
    outcome: Outcome | None = None
    _begun: bool = field(default=False, init=False)
    _sent: int = field(default=0, init=False)
    _lines: WholeLines | None = field(default=None, init=False)

    async def chunks(
        self, items: AsyncGenerator[Item, None]
    ) -> AsyncGenerator[dict[str, Any] | None, None]:
        """The chunks; None where there was nothing to tell for a while. `items` stay open."""
        quiet = True
        async for item in items:
            if item is Tick.TICK:
                if quiet:
                    yield None
                quiet = True
                continue
            for data in self.told(item):
                quiet = False
                yield data

    def begin(self, answer: Answer) -> None:
        """It is settled whose answer this is."""
        self.answer = answer
        self._hold_lines()

    def _hold_lines(self) -> None:
        """Where a deadline may cut an answer in a gap, half a line is held back."""
        prepared = self._known.prepared
        suffix = suffix_of(prepared.request.prompt)
        if suffix is not None and prepared.deadline is not None:
            self._lines = WholeLines(suffix)

    def told(self, item: Prepared | Piece | Outcome) -> Iterator[dict[str, Any]]:
        """The chunks that this makes. Raises what `finished` raises."""
        match item:
            case Prepared() as prepared:
                self.begin(Answer(self.dialect, prepared, self.request_id))
            case Outcome() as outcome:
                self.outcome = outcome
                yield from self._closed(finished(outcome))
            case (draw, chunk):
                yield from self._passed_on(draw, chunk)

    def _passed_on(self, draw: RunningDraw, chunk: Chunk) -> Iterator[dict[str, Any]]:
        before, self.draw = self.draw, draw  # with the first chunk, for the headers
        if before is None:
            yield from self._known.opening(draw.model)
        elif before is not draw:
            if self._begun:
                raise UpstreamError(before.model, "failed in mid-answer")
            self._hold_lines()  # what is held of the one that failed is no part of this one
        for data in self._said(draw, chunk):
            self._begun = True
            yield data

    def _said(self, draw: RunningDraw, chunk: Chunk) -> Iterator[dict[str, Any]]:
        """What a client adds to what it has of this draw: no other can go on with it."""
        yield from self._known.thinking(draw.model, chunk.thought)
        if self._lines is None:
            yield from self._piece(draw, chunk.text, chunk.tokens or ())
        else:
            yield from self._piece(draw, *self._lines.take(chunk.text, chunk.tokens or ()))
        if chunk.tool_calls:
            yield self._known.calling(draw.model, chunk.tool_calls)

    def _piece(
        self, draw: RunningDraw, text: str, tokens: Sequence[TokenLogprob]
    ) -> Iterator[dict[str, Any]]:
        if text or tokens:
            yield self._known.piece(draw.model, text, tokens, offset=self._sent)
            self._sent += len(text)

    def _closed(self, outcome: Outcome) -> Iterator[dict[str, Any]]:
        """The last chunks: usage where it is wanted, and the details on the last of them."""
        answer = self._known
        chunks = self._ending(self.draw) if self.draw else answer.whole_stream(outcome)
        *before, last = chain(chunks, self._usage(outcome))
        yield from before
        yield last | self.details(answer.prepared, outcome)

    def _usage(self, outcome: Outcome) -> Iterator[dict[str, Any]]:
        if self._known.prepared.request.include_usage:
            model = outcome.choice.candidates[0].model
            yield self._known.usage_chunk(model, self._known.usage(outcome))

    def _ending(self, draw: RunningDraw) -> Iterator[dict[str, Any]]:
        # What was sent by the deadline stands, cut like an answer that reached its limit.
        sample = draw.samples[0]
        text, cut = sample.text, sample.partial
        rest, tokens = ("", ()) if self._lines is None else self._lines.rest(cut=cut)
        if cut:
            text = whole_lines(self._known.prepared.request.prompt, text)
            rest = text[self._sent :]  # also what was held back until it would be sure
        yield from self._piece(draw, rest, tokens)
        yield self._known.ending(draw, sample, text, CUT if cut else sample.ending)

    @property
    def _known(self) -> Answer:
        if self.answer is None:
            raise InternalError("an answer before it was settled whose")
        return self.answer


class OwnedStream(StreamingResponse):
    """Chunks as events, which gives back what it owns however it ends, also when nobody reads it.

    `first` is the chunk that it began with. An error ends the events as one of them: `failed` makes
    what is shown of it. `end` comes last. It owns nothing until it is told to: making one may raise
    (a header that cannot be encoded), and then all is still its maker's to give back.
    """

    def __init__(
        self,
        first: dict[str, Any] | None,
        chunks: AsyncGenerator[dict[str, Any] | None, None],
        failed: Callable[[Exception], ErrorObject],
        end: bytes,
        *,
        headers: dict[str, str],
    ) -> None:
        self._chunks, self._events = chunks, _events(first, chunks, failed)
        headers |= dict(HEADERS)
        super().__init__(self._events, media_type="text/event-stream", headers=headers)
        self._owned, self._end = AsyncExitStack(), end

    def owning(self, owned: AsyncExitStack) -> Self:
        """The stream itself, which closes this once it has ended, after its chunks."""
        owned.push_async_callback(self._chunks.aclose)
        owned.push_async_callback(self._events.aclose)
        self._owned = owned
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream, then close what it owns."""
        async with self._owned:
            with suppress(ClientGone):
                async with Attended(receive, lost=scope.get(LOST)):
                    await self.stream_response(send)

    async def stream_response(self, send: Send) -> None:
        """See Starlette; its last message, which would be empty, has the end."""
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        async for event_ in self.body_iterator:
            await send({"type": "http.response.body", "body": event_, "more_body": True})
        await send({"type": "http.response.body", "body": self._end, "more_body": False})


async def _events(
    first: dict[str, Any] | None,
    chunks: AsyncGenerator[dict[str, Any] | None, None],
    failed: Callable[[Exception], ErrorObject],
) -> AsyncGenerator[bytes, None]:
    yield COMMENT if first is None else event(first)
    try:
        async for data in chunks:
            yield COMMENT if data is None else event(data)
    except Exception as error:  # noqa: BLE001 the outermost handler of what streams
        shown = failed(error)
        without_traces(error)
        yield event(shown.body())
