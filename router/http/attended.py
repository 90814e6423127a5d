"""Work for a client, as long as somebody waits for it.

The work runs in its request's own task. A client that hangs up cancels it, and so does a newer
request of the same session: every upstream call and sandbox run of it ends at once. What is left of
the cancellation is the reason for it.

Our own connections tell when they are lost; of others a task beside the work hears it.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final

from starlette.types import Receive

from router.errors import InternalError, Superseded
from router.plan.queues.sessions import Turn

NEWER: Final = "a newer request of this session has come"


class ClientGone(Exception):
    """The client hung up."""


class Attended:
    """Guards a block of work. Use it once.

    Without a `receive` it hears of no client: for work that reads from it, and hears by itself.
    Raises `ClientGone` where the client hangs up first, and `Superseded` where a newer request of
    its session comes first. `lost` is done when the connection is; where it is None, `receive` is
    asked.
    """

    def __init__(
        self,
        receive: Receive | None,
        turn: Turn | None = None,
        lost: asyncio.Future[None] | None = None,
    ) -> None:
        self._receive = receive
        self._lost = lost
        self._superseded = None if turn is None else turn.superseded
        self._working: asyncio.Task[object] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._reason: Exception | None = None
        self._cancelling = 0

    async def __aenter__(self) -> None:
        self._working = asyncio.current_task()
        if self._working is None:
            raise InternalError("there is no task to guard")
        self._cancelling = self._working.cancelling()
        if self._superseded is not None:
            if self._superseded.done():
                raise Superseded(NEWER)
            self._superseded.add_done_callback(self._on_superseded)
        if self._lost is not None:
            self._lost.add_done_callback(self._on_lost)
        elif self._receive is not None:
            watching = self._watch(self._receive)
            self._watching = asyncio.create_task(watching, name="attended")

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._watching is not None:
            self._watching.cancel()
        if self._lost is not None:
            self._lost.remove_done_callback(self._on_lost)
        if self._superseded is not None:
            self._superseded.remove_done_callback(self._on_superseded)
        working, self._working = self._working, None  # what was called already must not end it now
        reason, self._reason = self._reason, None
        if reason is None or working is None:
            return
        others = working.uncancel() > self._cancelling
        if kind is asyncio.CancelledError and not others:
            try:
                raise reason from None
            finally:
                del reason  # or this call and the error would hold each other

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._end(ClientGone())

    def _on_lost(self, _: asyncio.Future[None]) -> None:
        self._end(ClientGone())

    def _on_superseded(self, _: asyncio.Future[None]) -> None:
        self._end(Superseded(NEWER))

    def _end(self, reason: Exception) -> None:
        if self._reason is None and self._working is not None:
            self._reason = reason
            self._working.cancel()
