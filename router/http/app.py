"""The application: which endpoints there are, and the dialect that each speaks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

from router.http.chat import Chat
from router.http.completions import Completions
from router.http.dialect import Dialect
from router.http.exchange import Exchange, request_id
from router.request import AUTO
from router.service import Service

DIALECTS: Final[Mapping[str, Dialect]] = MappingProxyType(
    {"/v1/completions": Completions(), "/v1/chat/completions": Chat()}
)
"""The endpoints that answer prompts, and what is spoken at each."""

routes = APIRouter()


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
    """Whether our own engines answer, what is waited for, and what is wrong with other servers.

    The latter keeps nobody from asking: a model that is away is not planned with, others answer.
    """
    service: Service = request.app.state.service
    waiting = service.not_ready()
    shown = {
        "status": "waiting" if waiting else "ready",
        "waiting_for": waiting,
        "upstreams": dict(service.presence.troubles),
    }
    return JSONResponse(shown, 503 if waiting else 200)


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


def create_app(
    service: Callable[[], AbstractAsyncContextManager[Service]],
    dialects: Mapping[str, Dialect] = DIALECTS,
) -> FastAPI:
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
    for path, dialect in dialects.items():
        app.add_api_route(path, _answering(dialect), methods=["POST"], name=path)
    return app


def _answering(dialect: Dialect) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return await Exchange(request, dialect).serve()

    return answer


def _models(service: Service) -> Iterator[dict[str, Any]]:
    yield {"id": AUTO, "object": "model", "created": 0, "owned_by": "budget-router"}
    for model in service.gateway.upstreams:
        yield {"id": model, "object": "model", "created": 0, "owned_by": "budget-router"}
