"""One request over HTTP: admitted, understood, run, answered, whatever its endpoint.

A request is a task of its own. While it runs, the connection is watched, and a client that hangs
up cancels it: every upstream call and sandbox run of it ends at once. So does a newer request of
the same session, with an answer that says so.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Awaitable, Iterator
from contextlib import AsyncExitStack, aclosing, contextmanager
from typing import Any, Final, TypeVar

import structlog
from fastapi import Request
from fastapi.responses import JSONResponse, Response
from starlette.requests import ClientDisconnect

from policies.values import Verdict
from router.errors import (
    ErrorObject,
    InternalError,
    InvalidRequest,
    RequestTooLarge,
    Superseded,
    translate,
)
from router.gateway import Prepared, finished
from router.http.answer import Answer
from router.http.dialect import Dialect
from router.http.explain import (
    budget_headers,
    outcome_label,
    plan_label,
    response_headers,
    router_object,
)
from router.http.streaming import NEWER, OwnedStream, Telling, relay
from router.plan.draws import RunningDraw
from router.plan.outcome import Outcome
from router.plan.sessions import Turn
from router.request import RouteRequest
from router.service import Service

log = structlog.get_logger("router")

T = TypeVar("T")

_REQUEST_ID: Final = re.compile(r"[\x21-\x7e]{1,128}")
_SESSION_ID: Final = re.compile(r"[\x21-\x7e]{1,256}")
CLIENT_CLOSED_REQUEST: Final = 499
"""What proxies log for a client that went away; nobody is left to read it."""

PLACE_S: Final = 0.5
"""How long a request waits for the place of the one that it superseded, whose client may not read
what it is sent."""

CLIENT_GONE: Final = "client_gone"
"""How its request is counted, among the codes of errors."""


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
        self._received = asyncio.get_running_loop().time()
        self._counted = False
        self._turn = Turn()
        self._id = request_id(request)

    async def serve(self) -> Response:
        """Answer a request; every error leaves as an OpenAI error object."""
        try:
            return await self._serve()
        except ClientGone:
            self._count(error=CLIENT_GONE)
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        except Exception as error:  # noqa: BLE001 the outermost handler
            shown = self._failed(error)
            headers = {"X-Request-Id": self._id} | shown.headers
            return JSONResponse(shown.body(), shown.status, headers)

    async def _serve(self) -> Response:
        async with AsyncExitStack() as owned:
            # In the order in which they came, not in that in which their bodies were read.
            session = session_id(self._request)
            self._turn = owned.enter_context(self._service.sessions.turn(session))
            raw = await self._body()
            request = self._dialect.read(raw, self._request.headers, self._service.request_limits)
            await self._superseding()
            owned.enter_context(self._admitted())
            if request.stream:
                return await self._stream(request, owned)
            prepared = await self._watched(self._gateway.prepare(request, self._received))
            outcome = finished(await self._watched(self._gateway.run(prepared)))
            details = self._conclude(prepared, outcome)
            shown = details if request.explain else {}
            answer = Answer(self._dialect, prepared, self._id)
            headers = self._headers(prepared, outcome)
            return JSONResponse(answer.plain(outcome) | shown, headers=headers)

    async def _stream(self, request: RouteRequest, owned: AsyncExitStack) -> Response:
        items = relay(self._gateway, request, self._received, self._turn)
        await owned.enter_async_context(aclosing(items))
        telling = Telling(self._dialect, self._id, self._conclude)
        chunks = telling.chunks(items)
        first = await self._watched(anext(chunks))
        owned.callback(self._count_abandoned)
        headers = self._stream_headers(request, telling)
        return OwnedStream(
            *(first, chunks, self._failed, self._end), owned=owned.pop_all(), headers=headers
        )

    def _stream_headers(self, request: RouteRequest, telling: Telling) -> dict[str, str]:
        """What is known when a stream begins: that may be before anything was drawn."""
        match telling:
            case Telling(draw=RunningDraw() as draw):
                known = {
                    "X-Router-Plan": plan_label([draw], verified=draw.command.verify),
                    "X-Router-Model": draw.model,
                }
            case Telling(answer=Answer() as answer, outcome=Outcome() as outcome):
                return self._headers(answer.prepared, outcome)
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
                self._gateway.metrics.request_seconds.observe(self._elapsed())

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

    def _conclude(self, prepared: Prepared, outcome: Outcome) -> dict[str, Any]:
        """Count a run that ended; the `router` object, if the client is to see one."""
        details = {}
        if prepared.request.detailed:
            cost, elapsed_s = self._gateway.cost, self._elapsed()
            details["router"] = router_object(prepared, outcome, cost, elapsed_s=elapsed_s)
        best = outcome.choice.candidates[:1]
        label = outcome_label(prepared, outcome, counts=False)
        verdict = best[0].verdict if best else Verdict.UNVERIFIED
        self._count(plan=label, verdict=verdict.value)
        overhead_s = self._elapsed() - outcome.waited_s
        self._gateway.metrics.overhead_seconds.observe(max(0.0, overhead_s))
        log.info(
            "request",
            request_id=self._id,
            plan=outcome_label(prepared, outcome),
            flops=outcome.ledger.used,
            verdict=best[0].verdict.value if best else None,
            seconds=round(self._elapsed(), 3),
        )
        return details

    def _headers(self, prepared: Prepared, outcome: Outcome) -> dict[str, str]:
        elapsed_s = self._elapsed()
        headers = response_headers(prepared, outcome, self._gateway.cost, elapsed_s=elapsed_s)
        return {"X-Request-Id": self._id} | headers

    def _failed(self, error: Exception) -> ErrorObject:
        """Count an error, and what the client sees of it: a fault of ours leaks no insides."""
        shown = translate(error)
        if shown.code == InternalError.code:
            log.error("internal error", request_id=self._id, exc_info=error)
        self._count(error=shown.code)
        return shown

    def _count_abandoned(self) -> None:
        """Count a stream that ended before it came to an outcome or an error."""
        if not self._counted:
            self._count(error=CLIENT_GONE)

    def _count(self, *, plan: str = "", verdict: str = "", error: str = "") -> None:
        self._counted = True
        self._gateway.metrics.requests.labels(plan, verdict, error).inc()

    def _elapsed(self) -> float:
        return asyncio.get_running_loop().time() - self._received


def request_id(request: Request) -> str:
    """The client's own id of its request, if it can stand in a header; else a new one."""
    given = request.headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def session_id(request: Request) -> str | None:
    """The editor's session that a request belongs to, if it names one. Raises `InvalidRequest`."""
    session = request.headers.get("x-session-id")
    if session is not None and not _SESSION_ID.fullmatch(session):
        raise InvalidRequest("X-Session-Id must be 1 to 256 printable ASCII characters, no spaces")
    return session
