"""One request over HTTP: admitted, understood, run, answered, whatever its endpoint.

A request is a task of its own. While it runs, the connection is watched, and a client that hangs
up cancels it: every upstream call and sandbox run of it ends at once. So does a newer request of
the same session, with an answer that says so.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing, contextmanager
from dataclasses import replace
from typing import Any, Final, TypeVar

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from starlette.requests import ClientDisconnect

from router.errors import InvalidRequest, RequestTooLarge, Superseded
from router.gateway import finished
from router.http.answer import Answer
from router.http.dialect import Dialect
from router.http.explain import budget_headers, plan_label
from router.http.record import Record
from router.http.relay import NEWER, Hand, relay
from router.http.several import Several
from router.http.streaming import OwnedStream, Telling, chunks_of
from router.plan.draws import RunningDraw
from router.plan.outcome import Outcome
from router.plan.sessions import Turn
from router.request import RouteRequest
from router.service import Service

T = TypeVar("T")

_REQUEST_ID: Final = re.compile(r"[\x21-\x7e]{1,128}")
_SESSION_ID: Final = re.compile(r"[\x21-\x7e]{1,256}")
CLIENT_CLOSED_REQUEST: Final = 499
"""What proxies log for a client that went away; nobody is left to read it."""

PLACE_S: Final = 0.5
"""How long a request waits for the place of the one that it superseded, whose client may not read
what it is sent."""


class ClientGone(Exception):
    """The client hung up."""


class Exchange:
    """One request and its answer, in the dialect of its endpoint."""

    def __init__(self, request: Request, dialect: Dialect) -> None:
        self._request = request
        self._dialect = dialect
        self._end = dialect.end_of_stream
        self._service: Service = request.app.state.service
        self._gateway = self._service.gateway
        self._turn = Turn()
        self._id = request_id(request)
        self._record = Record(self._gateway, self._id, self._service.drift)

    async def serve(self) -> Response:
        """Answer a request; every error leaves as an OpenAI error object."""
        try:
            return await self._serve()
        except ClientGone:
            self._record.gone()
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        except Exception as error:  # noqa: BLE001 the outermost handler
            shown = self._record.failed(error)
            headers = {"X-Request-Id": self._id} | shown.headers
            return JSONResponse(shown.body(), shown.status, headers)

    async def _serve(self) -> Response:
        async with AsyncExitStack() as owned:
            # In the order in which they came, not in that in which their bodies were read.
            session = session_id(self._request)
            self._turn = owned.enter_context(self._service.sessions.turn(session))
            raw = await self._body()
            limits = self._service.request_limits
            requests = self._dialect.read(raw, self._request.headers, limits)
            caller = caller_of(self._request, session)
            requests = tuple(replace(request, caller=caller) for request in requests)
            await self._superseding()
            owned.enter_context(self._admitted())
            if requests[0].stream:
                return await self._stream(requests, owned)
            if len(requests) > 1:
                return await self._together(requests)
            return await self._alone(requests[0])

    async def _alone(self, request: RouteRequest) -> Response:
        """Answer one prompt, at once."""
        prepared = await self._watched(self._gateway.prepare(request, self._record.received))
        outcome = finished(await self._watched(self._gateway.run(prepared)))
        details = self._record.conclude(prepared, outcome)
        shown = details if request.explain else {}
        answer = Answer(self._dialect, prepared, self._id)
        headers = self._record.headers(prepared, outcome)
        return JSONResponse(answer.plain(outcome, shown), headers=headers)

    async def _together(self, requests: Sequence[RouteRequest]) -> Response:
        """Answer several prompts of one request, at once."""
        several = await self._watched(self._prepared(requests))
        outcomes = await self._watched(several.run())
        details = self._record.conclude_several(several, outcomes)
        shown = details if requests[0].explain else {}
        headers = several.headers(outcomes, self._record.elapsed())
        own = {"X-Request-Id": self._id}
        return JSONResponse(several.plain(outcomes, shown), headers=own | headers)

    async def _stream(self, requests: Sequence[RouteRequest], owned: AsyncExitStack) -> Response:
        telling = Telling(self._dialect, self._id, self._record.conclude)
        if len(requests) > 1:
            chunks = chunks_of(self._telling(requests), self._record.received, self._turn)
        else:
            items = relay(self._gateway, requests[0], self._record.received, self._turn)
            await owned.enter_async_context(aclosing(items))
            chunks = telling.chunks(items)
        await owned.enter_async_context(aclosing(chunks))
        first = await self._watched(anext(chunks))
        owned.callback(self._record.abandoned)
        headers = self._stream_headers(requests[0], telling)
        return OwnedStream(
            *(first, chunks, self._record.failed, self._end),
            owned=owned.pop_all(),
            headers=headers,
        )

    def _telling(
        self, requests: Sequence[RouteRequest]
    ) -> Callable[[Hand[dict[str, Any]]], Coroutine[Any, Any, None]]:
        """Answers several prompts of one request, as they come."""

        async def work(hand: Hand[dict[str, Any]]) -> None:
            several = await self._prepared(requests)
            await several.tell(hand, lambda each: self._record.conclude_several(several, each))

        return work

    async def _prepared(self, requests: Sequence[RouteRequest]) -> Several:
        received = self._record.received
        return await Several.prepare(self._gateway, requests, received, self._dialect, self._id)

    def _stream_headers(self, request: RouteRequest, telling: Telling) -> dict[str, str]:
        """What is known when a stream begins: that may be before anything was drawn."""
        match telling:
            case Telling(draw=RunningDraw() as draw):
                known = {
                    "X-Router-Plan": plan_label([draw], verified=draw.command.verify),
                    "X-Router-Model": draw.model,
                }
            case Telling(answer=Answer() as answer, outcome=Outcome() as outcome):
                return self._record.headers(answer.prepared, outcome)
            case _:
                known = {}
        return {"X-Request-Id": self._id} | known | budget_headers(request)

    async def _body(self) -> bytes:
        """The body, read no further than the operator's limit."""
        limit = self._service.max_body_bytes
        body = bytearray()
        try:
            async for chunk in self._request.stream():
                body += chunk
                if len(body) > limit:
                    raise RequestTooLarge(f"the body exceeds {limit} bytes")
        except ClientDisconnect:
            raise ClientGone from None
        return bytes(body)

    @contextmanager
    def _admitted(self) -> Iterator[None]:
        """A place among the requests being served; raises `Overloaded` where there is none."""
        with self._service.admission.place():
            self._gateway.metrics.active.inc()
            try:
                yield
            finally:
                self._gateway.metrics.active.dec()
                self._gateway.metrics.request_seconds.observe(self._record.elapsed())

    async def _superseding(self) -> None:
        """Raise `Superseded` for an old request; a new one may need the place of the old one."""
        if self._turn.before is not None and self._service.admission.full:
            await asyncio.wait({self._turn.before}, timeout=PLACE_S)
        if self._turn.superseded.done():
            raise Superseded(NEWER)

    async def _watched(self, work: Awaitable[T]) -> T:
        """The result of `work`, which is cancelled if the client hangs up first.

        Raises `Superseded` where a newer request of its session comes first.
        """
        working = asyncio.ensure_future(work)
        watching = asyncio.create_task(self._disconnected())
        superseded = self._turn.superseded
        try:
            first: set[asyncio.Future[Any]] = {working, watching, superseded}
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            if superseded.done():
                raise Superseded(NEWER)
            raise ClientGone
        finally:
            working.cancel()
            watching.cancel()
            await asyncio.gather(working, watching, return_exceptions=True)

    async def _disconnected(self) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass


def request_id(request: Request) -> str:
    """The client's own id of its request, if it can stand in a header; else a new one."""
    given = request.headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def caller_of(request: Request, session: str | None) -> str:
    """Among whom what is scarce is shared: an editor's session, else an address."""
    if session is not None:
        return f"session {session}"
    return "address" if request.client is None else f"address {request.client.host}"


def session_id(request: Request) -> str | None:
    """The editor's session that a request belongs to, if it names one. Raises `InvalidRequest`."""
    session = request.headers.get("x-session-id")
    if session is not None and not _SESSION_ID.fullmatch(session):
        raise InvalidRequest("X-Session-Id must be 1 to 256 printable ASCII characters, no spaces")
    return session
