"""An answer as it arrives: server-sent events, or JSON from a server that does not stream.

It guards against streams that go on and get nowhere, against errors that come as events, and
against bodies without an end.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from router.upstream.said.chunks import Chunk, MalformedChunk, parse_chunk, parse_json
from router.upstream.said.events import EventDecoder, EventTooLong, StreamEvent
from router.upstream.said.refusals import Refused, read_refusal
from router.upstream.said.texts import Halves
from router.upstream.transport import Answer, Silent, TransportError

LONGEST_ANSWER: Final = 64 * 2**20
"""Bytes of an answer that is told at once."""

_REST_S: Final = 0.1
"""How long the end of a stream is waited for after its last event."""

_JSON_BEGINS: Final = re.compile(rb"\s*[{[]")
_EVENTS_BEGIN: Final = re.compile(rb"\s*(:|(data|event|id|retry)(:|[\r\n]))")
"""How an object or a list begins, and how events do: with a comment, or one of four fields."""

_NO_STATUS: Final = 500
"""What an error inside of an answer counts as, where it does not say."""


async def pieces(
    answer: Answer, *, n: int, token_per_chunk: bool, patience_s: float | None
) -> AsyncGenerator[Chunk, None]:
    """The pieces of an answer with `n` choices, of a server that was not refusing.

    Raises `MalformedChunk`, `Refused` and `TransportError`; `Silent` also where it gets nowhere for
    so long, however much it sends.
    """
    reading, patience = _Reading(token_per_chunk, 0 if n == 1 else None), _Patience(patience_s)
    part = await _beginning(answer, patience)
    if not _streams(answer, part):
        for chunk in reading.taken(parse_json(await _whole(answer, part, patience))):
            yield replace(chunk, whole=True)
        return
    decoder = EventDecoder()
    while part:
        for event in _decoded(decoder, part):
            if event.data == "[DONE]":
                if answer.is_kept and not answer.is_read:
                    await _rest(answer)
                return
            for chunk in reading.event(event):
                if chunk.moves(token_per_chunk=token_per_chunk):
                    patience.renew()
                yield chunk
        patience.check()
        part = await answer.piece()


def _decoded(decoder: EventDecoder, part: bytes) -> Iterator[StreamEvent]:
    try:
        yield from decoder.events(part)
    except EventTooLong as error:
        raise MalformedChunk(str(error)) from error


async def _rest(answer: Answer) -> None:
    """Read what may come after the last event: a connection that was read to its end is kept."""
    with suppress(TimeoutError, TransportError):
        async with asyncio.timeout(_REST_S):
            while await answer.piece():
                pass


async def _beginning(answer: Answer, patience: _Patience) -> bytes:
    """Its first piece that says something: white space may come before, to keep a line open."""
    while part := await answer.piece():
        if not part.isspace():
            break
        patience.check()
    return part


def _streams(answer: Answer, beginning: bytes) -> bool:
    """Whether it is a stream, or is nothing that we can read.

    How it begins tells: some servers call all that they say plain text, or a stream what is none.
    """
    if _JSON_BEGINS.match(beginning):
        return False
    if _EVENTS_BEGIN.match(beginning):
        return True
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    return bool(kind) and not kind.endswith("json")


async def _whole(answer: Answer, beginning: bytes, patience: _Patience) -> bytes:
    body, part = bytearray(), beginning
    while part:
        body += part
        if len(body) > LONGEST_ANSWER:
            raise MalformedChunk(f"an answer of over {LONGEST_ANSWER} bytes")
        patience.check()
        part = await answer.piece()
    return bytes(body)


@dataclass(slots=True)
class _Reading:
    """What is known of an answer from the events before: see `parse_chunk`."""

    token_per_chunk: bool
    last_finished: int | None
    halves: Halves = field(default_factory=dict)
    spoken: set[int] = field(default_factory=set)

    def event(self, event: StreamEvent) -> Iterator[Chunk]:
        """The pieces in an event; one without data, such as a ping, has none."""
        if event.name == "error":
            raise Refused(read_refusal(_NO_STATUS, event.data))
        if event.data:
            yield from self.taken(parse_json(event.data))

    def taken(self, data: Any) -> Iterator[Chunk]:
        """The pieces in an event's JSON, or in a whole answer's, which may be an error."""
        if isinstance(data, Mapping) and _is_error(data):
            raise Refused(read_refusal(_NO_STATUS, data))
        for chunk in parse_chunk(
            data, last_finished=self.last_finished, halves=self.halves, spoken=self.spoken
        ):
            if chunk.said:
                self.spoken.add(chunk.index)
            if chunk.finish_reason is not None and self.token_per_chunk:
                self.last_finished = chunk.index
            yield chunk


def _is_error(data: Mapping[str, Any]) -> bool:
    """An older vLLM tells one without a place of its own."""
    return data.get("error") is not None or data.get("object") == "error"


class _Patience:
    """Bounds, in seconds, how long a stream may go on without getting anywhere.

    The client's own timeout sees bytes alone, and pings are bytes. It is looked at when some come:
    where none do, that timeout ends the stream.
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._clock = asyncio.get_running_loop().time
        self._moved = self._clock()

    def renew(self) -> None:
        """The stream got somewhere."""
        self._moved = self._clock()

    def check(self) -> None:
        """Raises `Silent`."""
        if self._seconds is not None and self._clock() - self._moved > self._seconds:
            raise Silent("did not answer in time")
