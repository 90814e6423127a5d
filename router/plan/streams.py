"""How a draw is performed: let through to its server, sent, and its stream read to its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final

import structlog

from router.plan.draws import Overrun, RunningDraw
from router.plan.ports import Gate, Observer, Sampler
from router.process.garbage import without_traces
from router.upstream.failures import UpstreamError
from router.upstream.said.chunks import Chunk

_log = structlog.get_logger("router")

USAGE_GRACE_S: Final = 0.25
"""How long to wait for a server's usage and for the end of its stream after the last sample."""


async def performed(
    draw: RunningDraw,
    *,
    gate: Gate,
    sampler: Sampler,
    observer: Observer,
    take: Callable[[RunningDraw, Chunk], bool],
) -> None:
    """Wait until there is room for a draw, send it, and read it to its end.

    `take` is given every piece, and says whether it ended a sample. Once every sample has ended,
    what is left is the draw's usage: worth a moment, and no more. Whatever its server does wrong
    then, the answers are whole, and stay. Where we ended one before its server did, nothing is
    waited for.
    """
    clock, over = asyncio.get_running_loop().time, 0
    try:
        async with (
            gate.place(draw.command) as place,
            aclosing(sampler.sample(draw.command)) as chunks,
        ):
            draw.send(clock())
            observer.on_sent(draw)
            async for chunk in chunks:
                draw.arrived(chunk, clock())
                ended = take(draw, chunk)
                for _ in range(over, draw.over):
                    place.ended()
                over = draw.over
                if ended and draw.finished:
                    break
            else:
                draw.failure = UpstreamError(draw.model, "ended its answer early")
                return
            if over < len(draw.samples):
                return  # its server is told so by the end of the connection, and goes on till then
            await _hear_usage(draw, chunks, take)
    except UpstreamError as failure:
        draw.failure = without_traces(failure)
        draw.sent &= failure.computed
    except Overrun as overrun:
        draw.overrun = True
        draw.failure = UpstreamError(draw.model, f"overran: {overrun}")


async def _hear_usage(
    draw: RunningDraw,
    chunks: AsyncGenerator[Chunk, None],
    take: Callable[[RunningDraw, Chunk], bool],
) -> None:
    """Hear for a moment what comes behind a draw's last sample; nothing fails of it."""
    clock = asyncio.get_running_loop().time
    try:
        async with asyncio.timeout(USAGE_GRACE_S):
            async for chunk in chunks:
                draw.arrived(chunk, clock())
                take(draw, chunk)
    except TimeoutError:
        pass
    except Overrun:
        draw.overrun = True
    except UpstreamError as failure:  # no figure tells of it, since no draw has failed
        _log.info("a server failed after its answer", model=draw.model, reason=str(failure))
