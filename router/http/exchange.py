"""One request over HTTP: admitted, understood, run, answered, whatever its endpoint."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, nullcontext
from dataclasses import replace
from hashlib import blake2b
from typing import Any, Final

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from pydantic_core import to_json

from router.errors import (
    InvalidRequest,
    RequestTimeout,
    RequestTooLarge,
    Superseded,
    UnsupportedEncoding,
)
from router.gateway import finished
from router.http.answers.answer import Answer
from router.http.answers.headers import budget_headers
from router.http.answers.labels import plan_label
from router.http.answers.record import Record
from router.http.answers.relay import Hand, relay
from router.http.answers.several import Several
from router.http.answers.streaming import OwnedStream, Telling, chunks_of
from router.http.attended import NEWER, Attended, ClientGone
from router.http.connection import BODY, LOST
from router.http.dialects.dialect import Dialect
from router.plan.draws import RunningDraw
from router.plan.outcome import Outcome
from router.plan.queues.sessions import Turn
from router.process.garbage import without_traces
from router.request import RouteRequest
from router.service import Service

_REQUEST_ID: Final = re.compile(r"[\x21-\x7e]{1,128}")
_SESSION_ID: Final = re.compile(r"[\x21-\x7e]{1,256}")
_KEYS: Final = (b"authorization", b"api-key", b"x-api-key")
"""Where clients put their key: OpenAI's, Azure's, and proxies'."""

CLIENT_CLOSED_REQUEST: Final = 499
"""What proxies log for a client that went away; nobody is left to read it."""

PLACE_S: Final = 0.5
"""How long a request waits for the place of the one that it superseded, whose client may not read
what it is sent."""


class Exchange:
    """One request and its answer, in the dialect of its endpoint."""

    def __init__(self, request: Request, dialect: Dialect) -> None:
        self._request = request
        self._dialect = dialect
        self._end = dialect.end_of_stream
        self._service: Service = request.app.state.service
        self._gateway = self._service.gateway
        self._turn: Turn | None = None
        self._named = first_lines(request)
        self._id = request_id(self._named)
        self._record = Record(self._gateway, self._id, self._service.drift)

    async def serve(self) -> Response:
        """Answer a request; every error leaves as an OpenAI error object."""
        try:
            return await self._serve()
        except ClientGone as error:
            self._record.gone()
            without_traces(error)
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        except Exception as error:  # noqa: BLE001 the outermost handler
            shown = self._record.failed(error)
            without_traces(error)
            headers = {"X-Request-Id": self._id} | shown.headers
            return JSONResponse(shown.body(), shown.status, headers)

    async def _serve(self) -> Response:
        async with AsyncExitStack() as owned:
            # In the order in which they came, not in that in which their bodies were read.
            session = session_of(self._named)
            if session is not None:
                self._turn = owned.enter_context(self._service.sessions.turn(session))
            raw = await self._body()
            limits = self._service.request_limits
            requests = self._dialect.read(raw, self._request.headers, limits)
            caller = caller_of(self._request, session)
            requests = tuple(replace(request, caller=caller) for request in requests)
            if self._turn is not None:
                await self._superseding(self._turn)
            self._service.admission.take()
            self._gateway.metrics.active.inc()
            owned.callback(self._left)
            if requests[0].stream:
                return await self._stream(requests, owned)
            if len(requests) > 1:
                return await self._together(requests)
            return await self._alone(requests[0])

    async def _alone(self, request: RouteRequest) -> Response:
        """Answer one prompt, at once."""
        async with self._attended():
            prepared = await self._gateway.prepare(request, self._record.received)
            outcome = finished(await self._gateway.run(prepared))
        details = self._record.conclude(prepared, outcome)
        answer = Answer(self._dialect, prepared, self._id)
        headers = self._record.headers(prepared, outcome)
        return _json(answer.plain(outcome, details), headers)

    async def _together(self, requests: Sequence[RouteRequest]) -> Response:
        """Answer several prompts of one request, at once."""
        async with self._attended():
            several = await self._prepared(requests)
            outcomes = await several.run()
        details = self._record.conclude_several(several, outcomes)
        headers = several.headers(outcomes, self._record.elapsed())
        own = {"X-Request-Id": self._id}
        return _json(several.plain(outcomes, details), own | headers)

    async def _stream(self, requests: Sequence[RouteRequest], owned: AsyncExitStack) -> Response:
        telling = Telling(self._dialect, self._id, self._record.conclude)
        if len(requests) > 1:
            chunks = chunks_of(self._telling(requests), self._turn)
        else:
            items = relay(self._gateway, requests[0], self._record.received, self._turn)
            await owned.enter_async_context(aclosing(items))
            chunks = telling.chunks(items)
        await owned.enter_async_context(aclosing(chunks))
        async with self._attended():
            first = await anext(chunks)
        owned.callback(self._record.abandoned)
        headers = self._stream_headers(requests[0], telling)
        stream = OwnedStream(first, chunks, self._record.failed, self._end, headers=headers)
        return stream.owning(owned.pop_all())  # last: what raises before it finds all still owned

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
        if request.budget.policy in self._gateway.policies:
            return {"X-Request-Id": self._id} | known | budget_headers(request)
        return {"X-Request-Id": self._id}  # it fails of that, and any text may stand there

    async def _body(self) -> bytes:
        """The body, read no further and waited for no longer than the operator allows.

        And not once a newer request of its session has come.
        """
        if b"content-encoding" in self._named:
            check_encoding(self._request)
        limit, patience_s = self._service.max_body_bytes, self._service.client_timeout_s
        if announced(self._named) > limit:  # before it is sent, where its client waits for leave
            raise RequestTooLarge(f"the body exceeds {limit} bytes")
        whole: bytes | None = self._request.scope.get(BODY)
        if whole is not None and len(whole) <= limit:
            return whole
        body = bytearray()
        try:
            async with self._while_newest(), asyncio.timeout(patience_s):
                while (message := await self._request.receive())["type"] != "http.disconnect":
                    body += message.get("body", b"")
                    if len(body) > limit:
                        raise RequestTooLarge(f"the body exceeds {limit} bytes")
                    if not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError:
            raise RequestTimeout(f"the body took longer than {patience_s:g} s to come") from None
        raise ClientGone

    def _left(self) -> None:
        """It was served: its place is another's."""
        self._service.admission.give_back()
        self._gateway.metrics.active.dec()
        self._gateway.metrics.request_seconds.observe(self._record.elapsed())

    async def _superseding(self, turn: Turn) -> None:
        """Raise `Superseded` for an old request; a new one may need the place of the old one."""
        if turn.before is not None and self._service.admission.full:
            await asyncio.wait({turn.before}, timeout=PLACE_S)
        if turn.superseded.done():
            raise Superseded(NEWER)

    def _while_newest(self) -> AbstractAsyncContextManager[None]:
        """Guards the reading of a body, which hears by itself of a client that hangs up."""
        return nullcontext() if self._turn is None else Attended(None, self._turn)

    def _attended(self) -> Attended:
        """Guards work for as long as somebody waits for it."""
        return Attended(self._request.receive, self._turn, self._request.scope.get(LOST))


def _json(content: Any, headers: dict[str, str]) -> Response:
    return Response(to_json(content), headers=headers, media_type="application/json")


def first_lines(request: Request) -> Mapping[bytes, bytes]:
    """The headers, by their names in lower case; of those with one name the first."""
    return dict(reversed(request.scope["headers"]))


def request_id(named: Mapping[bytes, bytes]) -> str:
    """The client's own id of its request, if it can stand in a header; else a new one."""
    given = named.get(b"x-request-id", b"").decode("latin-1")
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)


def announced(named: Mapping[bytes, bytes]) -> int:
    """How many bytes a body says that it has; none where it comes in chunks."""
    return 0 if b"transfer-encoding" in named else int(named.get(b"content-length", b"0"))


def check_encoding(request: Request) -> None:
    """Raise `UnsupportedEncoding` for a body that is compressed."""
    encodings = request.headers.getlist("content-encoding")
    if any(encoding.strip().lower() not in {"", "identity"} for encoding in encodings):
        raise UnsupportedEncoding("bodies must not be compressed: send it without Content-Encoding")


def caller_of(request: Request, session: str | None) -> str:
    """Among whom what is scarce is shared: an editor's session, else an address."""
    if session is not None:
        return f"session {session}"
    return "address" if request.client is None else f"address {request.client.host}"


def session_of(named: Mapping[bytes, bytes]) -> str | None:
    """The editor's session that a request belongs to, if it names one. Raises `InvalidRequest`.

    It is one of the key that the request comes with: nobody ends another's session who does not
    know both. Of the key there is a digest, for sessions are told to other processes.
    """
    if (given := named.get(b"x-session-id")) is None:
        return None
    session = given.decode("latin-1")
    if not _SESSION_ID.fullmatch(session):
        raise InvalidRequest("X-Session-Id must be 1 to 256 printable ASCII characters, no spaces")
    keys = [named.get(name, b"") for name in _KEYS]
    return f"{session} {blake2b(repr(keys).encode(), digest_size=16).hexdigest()}"
