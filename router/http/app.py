"""The application: which endpoints there are, and the dialect that each speaks."""

from __future__ import annotations

from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from router.errors import APIError, ErrorObject, InvalidRequest, ModelNotFound, translate
from router.http.advice import advice
from router.http.dialects.chat import Chat
from router.http.dialects.completions import Completions
from router.http.dialects.described import describe, operation, quoting
from router.http.dialects.dialect import Dialect
from router.http.dialects.fim import Fim
from router.http.dialects.infill import Infill
from router.http.direct import Direct
from router.http.exchange import Exchange, first_lines, request_id
from router.http.quote import QUOTED, Quotation
from router.metrics import Metrics
from router.request import AUTO
from router.service import Service
from router.upstream.client import Upstream

DIALECTS: Final[Mapping[str, Dialect]] = MappingProxyType(
    {
        "/v1/completions": Completions(),
        "/v1/chat/completions": Chat(),
        "/v1/fim/completions": Fim(),
        "/infill": Infill(),
        "/beta/completions": Completions(),
        "/v1/beta/completions": Completions(),
    }
)
"""The endpoints that answer prompts, and what is spoken at each; `beta` is DeepSeek's for FIM."""


class Readable(APIRoute):
    """A route that answers HEAD where it answers GET, as Starlette's own do."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        methods = self.methods or set()
        if "GET" in methods:
            self.methods = methods | {"HEAD"}


routes = APIRouter(route_class=Readable)


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
    if not model:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    raise ModelNotFound(f"there is no model {model!r}", param="model")


@routes.post("/v1/engines/{model:path}/completions", openapi_extra=operation(Completions()))
async def engine(request: Request, model: str) -> Response:
    """Completions of the model in the path, as OpenAI's first clients ask for them."""
    return await Exchange(request, Completions(model)).serve()


@routes.post("/v1/quote", openapi_extra=quoting(QUOTED))
async def quote(request: Request) -> Response:
    """What budgets would buy for a completion or a chat; nothing is drawn."""
    return await Quotation(request).serve()


@routes.get("/healthz")
async def healthz() -> dict[str, str]:
    """Whether the process lives."""
    return {"status": "ok"}


@routes.get("/readyz", responses={503: {"description": "Engines are waited for."}})
async def readyz(request: Request) -> JSONResponse:
    """Whether our own engines answer, what is waited for, and what is wrong with other servers.

    The latter keeps nobody from asking: a model that is away is not planned with, others answer.
    """
    service: Service = request.app.state.service
    waiting = service.not_ready()
    shown = {
        "status": "waiting" if waiting else "ready",
        "waiting_for": waiting,
        "upstreams": service.upstream_troubles(),
    }
    return JSONResponse(shown, 503 if waiting else 200)


@routes.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """For Prometheus."""
    counted: Metrics = request.app.state.service.gateway.metrics
    counted.observe_loop()
    return Response(generate_latest(counted.exposed), media_type=CONTENT_TYPE_LATEST)


async def elsewhere(request: Request, error: HTTPException) -> Response:
    """Unknown paths and methods answer with OpenAI error objects too."""
    path, method, headers = request.scope["path"], request.method, error.headers or {}
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            shown = ErrorObject(404, "not_found", f"there is no {path} here: {advice(request)}")
        case HTTPStatus.METHOD_NOT_ALLOWED:
            message = f"{method} is not for {path}, which takes {headers.get('Allow')}"
            shown = ErrorObject(405, InvalidRequest.code, message)
        case status:
            shown = ErrorObject(status, InvalidRequest.code, error.detail)
    return _refusal(request, shown, headers)


async def refused(request: Request, error: APIError) -> Response:
    """What a path that is there does not have."""
    return _refusal(request, translate(error), {})


def _refusal(request: Request, shown: ErrorObject, headers: Mapping[str, str]) -> Response:
    named = {"X-Request-Id": request_id(first_lines(request))}
    return JSONResponse(shown.body(), shown.status, {**named, **headers})


class Application(FastAPI):
    """An application whose endpoints that answer prompts stand before all that it has of its own.

    Pages of the origins in `allow_origins` may call all of it.
    """

    def __init__(
        self, dialects: Mapping[str, Dialect], allow_origins: Sequence[str], **options: Any
    ) -> None:
        super().__init__(**options)
        answering = Direct(super().__call__, dialects)
        everything = ["*"]
        self._edge: ASGIApp = answering
        if allow_origins:
            self._edge = CORSMiddleware(
                answering,
                allow_origins=list(allow_origins),
                allow_methods=everything,
                allow_headers=everything,
                expose_headers=everything,
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        scope["app"] = self
        await self._edge(scope, receive, send)


def create_app(
    service: Callable[[], AbstractAsyncContextManager[Service]],
    dialects: Mapping[str, Dialect] = DIALECTS,
    *,
    allow_origins: Sequence[str] = (),
) -> FastAPI:
    """The application; `service` is entered at start-up and left at shutdown.

    `allow_origins`: see `Application`.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with service() as running:
            app.state.service = running
            yield

    app = Application(
        dialects,
        allow_origins,
        title="budget-router",
        version=version("budget-router"),
        lifespan=lifespan,
        redirect_slashes=False,
        redoc_url=None,
    )
    app.exception_handler(HTTPException)(elsewhere)
    app.exception_handler(APIError)(refused)
    app.include_router(routes)
    for path, dialect in dialects.items():
        app.add_api_route(
            path,
            _answering(dialect),
            methods=["POST"],
            name=path,
            openapi_extra=operation(dialect),
        )
    shown = [*routes.routes, *(route for route in app.routes if isinstance(route, APIRoute))]
    app.openapi = lambda: describe(app, shown, dialects.values())  # type: ignore[method-assign]
    return app


def _answering(dialect: Dialect) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return await Exchange(request, dialect).serve()

    return answer


def _models(service: Service) -> Iterator[dict[str, Any]]:
    """What may be named: `auto`, models and aliases.

    The context, in tokens that prompt and answer share, is null for a server that was not told of.
    `auto` and aliases have what the best of the models has that they may mean.
    """
    upstreams = service.gateway.upstreams
    yield _model(AUTO, AUTO, upstreams.values())
    for model, upstream in upstreams.items():
        yield _model(model, "embedded" if model in service.engines else "remote", (upstream,))
    for name, alias in service.request_limits.aliases.items():
        meant = (upstreams[alias.model],) if alias.model in upstreams else upstreams.values()
        yield _model(name, "alias", meant) | {"stands_for": alias.model}


def _model(name: str, kind: str, meant: Collection[Upstream]) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": "budget-router",
        "kind": kind,
        "context_length": max((each.context for each in meant if each.context), default=None),
        "fills_in_the_middle": any(each.fim is not None for each in meant),
    }
