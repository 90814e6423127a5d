"""A run as it goes on: what it was settled on, its pieces as they come, and its outcome.

While nothing comes, ticks do, so that whoever tells of it can say that somebody works.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, TypeAlias, TypeVar

from router.errors import Superseded
from router.gateway import Gateway
from router.http.answers.partial import SurePieces
from router.http.attended import NEWER
from router.plan.draws import RunningDraw
from router.plan.outcome import Outcome
from router.plan.ports import Observer
from router.plan.queues.sessions import Turn
from router.preparing.prepared import Prepared
from router.request import RouteRequest
from router.upstream.said.chunks import Chunk

QUIET_S: Final = 1.0
"""How long a stream waits for its first token before it begins, and from comment to comment.

It waits from when work began: what took a second to be sent has had none of it."""

Piece: TypeAlias = tuple[RunningDraw, Chunk]


class Tick(Enum):
    """`QUIET_S` have passed."""

    TICK = "tick"


Item: TypeAlias = Prepared | Piece | Outcome | Tick

Handed = TypeVar("Handed")
Result = TypeVar("Result")

Hand: TypeAlias = Callable[[Handed], None]


class _End(Enum):
    """There is no more."""

    END = "end"


async def produced(
    work: Callable[[Hand[Handed]], Coroutine[Any, Any, Result]],
    *,
    ticks: bool = False,
    turn: Turn | None = None,
) -> AsyncGenerator[Handed | Result | Tick, None]:
    """What work hands out as it goes on, then its result; `ticks` as well, where they are wanted.

    Closing it cancels the work, and so does a newer request of the session: then it raises
    `Superseded`.
    """
    items: asyncio.Queue[Handed | Tick | _End] = asyncio.Queue()
    run = asyncio.create_task(work(items.put_nowait), name="stream")
    run.add_done_callback(lambda _: items.put_nowait(_End.END))
    if turn is not None:
        # Not by whoever reads the items: a client that does not read must not hold it up.
        turn.superseded.add_done_callback(lambda _: run.cancel())
    ticking = _Ticking(items, run) if ticks else None
    try:
        while (item := await items.get()) is not _End.END:
            yield item
        if turn is not None and run.cancelled() and turn.superseded.done():
            raise Superseded(NEWER)
        yield await run
    finally:
        if ticking is not None:
            ticking.stop()
        if not run.done():
            run.cancel()
            await asyncio.wait({run})
        if not run.cancelled():
            run.exception()  # where nobody reads on, nobody is told


class _Ticking:
    """Puts ticks among what is to be read, where all else was read and the work goes on."""

    def __init__(self, items: asyncio.Queue[Any], run: asyncio.Task[Any]) -> None:
        self._items, self._run = items, run
        self._loop = asyncio.get_running_loop()
        self._next = self._loop.call_later(QUIET_S, self._tick)

    def stop(self) -> None:
        """No more."""
        self._next.cancel()

    def _tick(self) -> None:
        if self._items.empty() and not self._run.done():  # or its end is about to be read
            self._items.put_nowait(Tick.TICK)
        self._next = self._loop.call_later(QUIET_S, self._tick)


@dataclass(frozen=True, slots=True)
class _Relay(Observer):
    """Hands pieces on as they come, from the first that holds a token or ends its sample.

    What may not be the answer's is held back until that is sure.
    """

    hand: Hand[Piece]
    held: dict[int, SurePieces] = field(default_factory=lambda: defaultdict(SurePieces))

    def on_chunk(self, draw: RunningDraw, chunk: Chunk) -> None:
        sample = draw.samples[chunk.index]
        if sample.following is not None:
            chunk = self.held[sample.id].take(sample, chunk)
        if sample.tokens or chunk.echoed or chunk.finish_reason is not None:
            self.hand((draw, chunk))


def relay(
    gateway: Gateway, request: RouteRequest, received: float, turn: Turn | None
) -> AsyncGenerator[Item, None]:
    """Serve a request: what it was settled on, its pieces as they come, then its outcome."""

    async def work(hand: Hand[Prepared | Piece]) -> Outcome:
        prepared = await gateway.prepare(request, received)
        hand(prepared)
        return await performed(gateway, prepared, hand)

    return produced(work, ticks=True, turn=turn)


async def performed(gateway: Gateway, prepared: Prepared, hand: Hand[Piece]) -> Outcome:
    """Run a plan; where it streams through, its pieces are handed out as they come."""
    return await gateway.run(prepared, _Relay(hand) if prepared.streams_through else None)
