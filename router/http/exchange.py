"""One request over HTTP: admitted, understood, run, answered, whatever its endpoint.

A request is a task of its own. While it runs, the connection is watched, and a client that hangs
up cancels it: every upstream call and sandbox run of it ends at once.
"""

from __future__ import annotations

import asyncio
import math
import re
import uuid
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing, contextmanager
from typing import Any, Final, TypeVar

import structlog
from fastapi import Request
from fastapi.responses import JSONResponse, Response
from starlette.requests import ClientDisconnect

from policies.values import Verdict
from router.errors import ErrorObject, InternalError, RequestTooLarge, translate
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
from router.http.several import Several, resumed
from router.http.streaming import OwnedStream, buffered, relay, relayed
from router.plan.outcome import Outcome
from router.request import RouteRequest
from router.service import Service

log = structlog.get_logger("router")

T = TypeVar("T")

_REQUEST_ID: Final = re.compile(r"[\x21-\x7e]{1,128}")
CLIENT_CLOSED_REQUEST: Final = 499
"""What proxies log for a client that went away; nobody is left to read it."""

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
        raw = await self._body()
        requests = self._dialect.read(raw, self._request.headers, self._service.request_limits)
        async with AsyncExitStack() as owned:
            owned.enter_context(self._admitted())
            if len(requests) > 1:
                return await self._serve_several(requests, owned)
            (request,) = requests
            prepared = await self._watched(self._gateway.prepare(request, self._received))
            answer = Answer(self._dialect, prepared, self._id)
            if prepared.streams_through:
                return await self._stream_through(prepared, answer, owned)
            outcome = finished(await self._watched(self._gateway.run(prepared)))
            details = self._conclude(prepared, outcome)
            headers = self._headers(prepared, outcome)
            if request.stream:
                chunks = buffered(outcome, answer, lambda _: details)
                return OwnedStream(chunks, self._failed, self._end, owned.pop_all(), headers)
            shown = details if request.explain else {}
            return JSONResponse(answer.plain(outcome, shown), headers=headers)

    async def _serve_several(
        self, requests: Sequence[RouteRequest], owned: AsyncExitStack
    ) -> Response:
        """Answer several prompts of one request."""
        several = await self._watched(
            Several.prepare(self._gateway, requests, self._received, self._dialect, self._id)
        )
        own = {"X-Request-Id": self._id}
        if not requests[0].stream:
            outcomes = await self._watched(several.run())
            details = self._conclude_several(several, outcomes)
            headers = own | several.headers(outcomes, self._elapsed())
            shown = details if requests[0].explain else {}
            return JSONResponse(several.plain(outcomes, shown), headers=headers)
        chunks = await owned.enter_async_context(
            aclosing(several.stream(lambda outcomes: self._conclude_several(several, outcomes)))
        )
        stream = resumed(await self._watched(anext(chunks)), chunks)
        owned.callback(self._count_abandoned)
        headers = own | budget_headers(several.batch.parts[0])
        return OwnedStream(stream, self._failed, self._end, owned.pop_all(), headers)

    async def _stream_through(
        self, prepared: Prepared, answer: Answer, owned: AsyncExitStack
    ) -> Response:
        pieces = await owned.enter_async_context(aclosing(relay(self._gateway, prepared)))
        first = await self._watched(anext(pieces))
        if isinstance(first, Outcome):
            finished(first)
            raise InternalError("an answer without a piece")
        draw = first[0].command
        headers = {
            "X-Request-Id": self._id,
            "X-Router-Plan": plan_label([first[0]], verified=draw.verify),
            "X-Router-Model": draw.model,
        }
        chunks = relayed(first, pieces, answer, lambda outcome: self._conclude(prepared, outcome))
        owned.callback(self._count_abandoned)
        headers |= budget_headers(prepared)
        return OwnedStream(chunks, self._failed, self._end, owned.pop_all(), headers)

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

    async def _watched(self, work: Awaitable[T]) -> T:
        """The result of `work`, which is cancelled if the client hangs up first."""
        working = asyncio.ensure_future(work)
        watching = asyncio.create_task(self._disconnected())
        try:
            await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
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

    def _conclude_several(self, several: Several, outcomes: Sequence[Outcome]) -> dict[str, Any]:
        """Count a request of several prompts; the `router` object, if the client is to see one."""
        self._count(plan=several.label(outcomes, counts=False), verdict=Verdict.UNVERIFIED.value)
        log.info(
            "request",
            request_id=self._id,
            plan=several.label(outcomes),
            prompts=len(outcomes),
            flops=math.fsum(outcome.ledger.used for outcome in outcomes),
            seconds=round(self._elapsed(), 3),
        )
        return several.details(outcomes, self._elapsed())

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
