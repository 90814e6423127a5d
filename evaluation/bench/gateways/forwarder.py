"""The least that a gateway of FastAPI and aiohttp can do: bytes are passed on, unread."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from aiohttp import ClientResponse, ClientSession, DummyCookieJar, TCPConnector
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse


def make_forwarder(upstream: str) -> FastAPI:
    """An application that passes every POST on to the same path of `upstream`."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        connector = TCPConnector(limit=0)
        async with ClientSession(connector=connector, cookie_jar=DummyCookieJar()) as session:
            app.state.session = session
            yield

    app = FastAPI(lifespan=lifespan, openapi_url=None)

    @app.post("/{path:path}")
    async def forward(path: str, request: Request) -> StreamingResponse:
        answer = await request.app.state.session.post(
            f"{upstream}/{path}",
            data=await request.body(),
            headers={"Content-Type": request.headers["content-type"]},
        )
        kept = ("content-type", "content-length")
        headers = {name: answer.headers[name] for name in kept if name in answer.headers}
        return StreamingResponse(_passed_on(answer), status_code=answer.status, headers=headers)

    return app


async def _passed_on(answer: ClientResponse) -> AsyncIterator[bytes]:
    async with answer:
        async for piece in answer.content.iter_any():
            yield piece


if __name__ == "__main__":
    port, upstream_url, settings = sys.argv[1:]
    uvicorn.run(
        make_forwarder(upstream_url), host="127.0.0.1", port=int(port), **json.loads(settings)
    )
