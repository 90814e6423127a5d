"""The HTTP edge: endpoints, admission, and what happens when a client goes away.

A request is a task of its own. While it runs, the connection is watched, and a client that hangs
up cancels it: every upstream call and sandbox run of it ends at once.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    aclosing,
    asynccontextmanager,
    contextmanager,
)
from http import HTTPStatus
from typing import Any, Final, TypeVar

import structlog
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from policies.values import Verdict
from router.errors import APIError, InternalError, RequestTooLarge, translate
from router.gateway import Prepared, finished
from router.http.explain import (
    budget_headers,
    outcome_label,
    plan_label,
    response_headers,
    router_object,
)
from router.http.render import Answer
from router.http.streaming import OwnedStream, buffered, relay, relayed
from router.http.wire import AUTO, RouteRequest, WireLimits, parse_chat, parse_completion
from router.plan.run import Outcome
from router.service import Service

log = structlog.get_logger("router")

Parser = Callable[[bytes, Any, WireLimits], RouteRequest]
T = TypeVar("T")

_REQUEST_ID: Final = re.compile(r"[\x21-\x7e]{1,128}")
CLIENT_CLOSED_REQUEST: Final = 499
"""What proxies log for a client that went away; nobody is left to read it."""


class ClientGone(Exception):
    """The client hung up."""


routes = APIRouter()


@routes.post("/v1/completions")
async def completions(request: Request) -> Response:
    """Text after a prompt, or between a prompt and a suffix."""
    return await Exchange(request).serve(parse_completion)


@routes.post("/v1/chat/completions")
async def chat(request: Request) -> Response:
    """The next message of a conversation."""
    return await Exchange(request).serve(parse_chat)


@routes.get("/v1/models")
async def models(request: Request) -> dict[str, Any]:
    """What the field `model` may say."""
    return {"object": "list", "data": list(_models(request.app.state.service))}


@routes.get("/v1/models/{model:path}")
async def model(request: Request, model: str) -> dict[str, Any]:
    """One of them."""
    for found in _models(request.app.state.service):
        if found["id"] == model:
            return found
    raise HTTPException(HTTPStatus.NOT_FOUND, f"there is no model {model!r}")


@routes.api_route("/healthz", methods=["GET", "HEAD"])
async def healthz() -> dict[str, str]:
    """Whether the process lives."""
    return {"status": "ok"}


@routes.api_route("/readyz", methods=["GET", "HEAD"])
async def readyz(request: Request) -> JSONResponse:
    """Whether every model and the sandbox can be used, and what is waited for."""
    waiting = request.app.state.service.not_ready()
    status = "waiting" if waiting else "ready"
    return JSONResponse({"status": status, "waiting_for": waiting}, 503 if waiting else 200)


@routes.get("/metrics")
async def metrics(request: Request) -> Response:
    """For Prometheus."""
    registry = request.app.state.service.gateway.metrics.registry
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


async def elsewhere(request: Request, error: HTTPException) -> Response:
    """Unknown paths and methods answer with OpenAI error objects too."""
    code = "not_found" if error.status_code == HTTPStatus.NOT_FOUND else "invalid_request"
    shown = {"message": error.detail, "type": "invalid_request_error", "param": None}
    headers = {"X-Request-Id": request_id(request), **(error.headers or {})}
    return JSONResponse({"error": shown | {"code": code}}, error.status_code, headers)


def create_app(service: Callable[[], AbstractAsyncContextManager[Service]]) -> FastAPI:
    """The application; `service` is entered at start-up and left at shutdown."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with service() as running:
            app.state.service = running
            yield

    app = FastAPI(
        title="budget-router", lifespan=lifespan, openapi_url=None, redirect_slashes=False
    )
    app.exception_handler(HTTPException)(elsewhere)
    app.include_router(routes)
    return app


class Exchange:
    """One request and its answer."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._service: Service = request.app.state.service
        self._gateway = self._service.gateway
        self._received = asyncio.get_running_loop().time()
        self._counted = False
        self._id = request_id(request)

    async def serve(self, parse: Parser) -> Response:
        """Answer a request; every error leaves as an OpenAI error object."""
        try:
            return await self._serve(parse)
        except ClientGone:
            self._count("", "client_gone")
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        except Exception as error:  # noqa: BLE001 the outermost handler
            shown = self._failed(error)
            headers = {"X-Request-Id": self._id} | shown.headers
            return JSONResponse(shown.body(), shown.status, headers)

    async def _serve(self, parse: Parser) -> Response:
        raw = await self._body()
        request = parse(raw, self._request.headers, self._service.wire_limits)
        async with AsyncExitStack() as owned:
            owned.enter_context(self._admitted())
            prepared = await self._watched(self._gateway.prepare(request, self._received))
            answer = Answer(prepared, self._id)
            if prepared.streams_through:
                return await self._stream_through(prepared, answer, owned)
            outcome = finished(await self._watched(self._gateway.run(prepared)))
            details = self._conclude(prepared, outcome)
            headers = self._headers(prepared, outcome)
            if request.stream:
                chunks = buffered(outcome, answer, lambda _: details)
                return OwnedStream(chunks, self._failed, owned.pop_all(), headers)
            shown = details if request.explain else {}
            return JSONResponse(answer.plain(outcome) | shown, headers=headers)

    async def _stream_through(
        self, prepared: Prepared, answer: Answer, owned: AsyncExitStack
    ) -> Response:
        pieces = await owned.enter_async_context(aclosing(relay(self._gateway, prepared)))
        first = await self._watched(anext(pieces))
        if isinstance(first, Outcome):
            finished(first)
            raise InternalError("an answer without a piece")
        draw = first[0].draw
        headers = {
            "X-Request-Id": self._id,
            "X-Router-Plan": plan_label([first[0]], verified=draw.verify),
            "X-Router-Model": draw.model,
        }
        chunks = relayed(first, pieces, answer, lambda outcome: self._conclude(prepared, outcome))
        owned.callback(self._count_abandoned)
        return OwnedStream(
            chunks, self._failed, owned.pop_all(), headers | budget_headers(prepared)
        )

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
        self._count(label, best[0].verdict.value if best else Verdict.UNVERIFIED.value)
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

    def _failed(self, error: Exception) -> APIError:
        """Count an error, and what the client sees of it: a fault of ours leaks no insides."""
        shown = translate(error)
        if isinstance(shown, InternalError):
            log.error("internal error", request_id=self._id, exc_info=error)
        self._count("", shown.code)
        return shown

    def _count_abandoned(self) -> None:
        """Count a stream that ended before it came to an outcome or an error."""
        if not self._counted:
            self._count("", "client_gone")

    def _count(self, plan: str, verdict: str) -> None:
        self._counted = True
        self._gateway.metrics.requests.labels(plan, verdict).inc()

    def _elapsed(self) -> float:
        return asyncio.get_running_loop().time() - self._received


def request_id(request: Request) -> str:
    """The client's own id of its request, if it can stand in a header; else a new one."""
    given = request.headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _models(service: Service) -> Iterator[dict[str, Any]]:
    yield {"id": AUTO, "object": "model", "created": 0, "owned_by": "budget-router"}
    for model in service.gateway.upstreams:
        yield {"id": model, "object": "model", "created": 0, "owned_by": "budget-router"}
