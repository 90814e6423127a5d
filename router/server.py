"""Runs the gateway on a port until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Final

import structlog
import uvicorn
from fastapi import FastAPI

from router.banner import banner, facts
from router.http.app import create_app
from router.http.connection import patient
from router.service import Service, running
from router.settings import Settings

log = structlog.get_logger("router")

GRACE_S: Final = 5
"""How long a stop waits for requests in flight before it cancels them."""


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C, which also end a start that takes long.

    Raises what `router.service.running` raises, and SystemExit where nothing can listen there.
    """
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
            if sys.stderr.isatty()
            else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    with contextlib.suppress(asyncio.CancelledError):  # told to stop before it had started
        asyncio.run(_serve(settings))


def _introduce(url: str, service: Service) -> None:
    """To people in words, to whatever reads logs as one event."""
    if sys.stderr.isatty():
        sys.stderr.write(banner(url, service))
    else:
        log.info("listening", **facts(url, service))


async def _serve(settings: Settings) -> None:
    """Start everything, then listen: the server would hear of no signal before it listens."""
    starting = asyncio.current_task()
    server: _Server | None = None

    def stop(wish: signal.Signals) -> None:
        if server is not None:
            server.handle_exit(wish, None)
        elif starting is not None:
            starting.cancel()

    for wish in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(wish, stop, wish)
    async with running(settings) as service:
        app = create_app(lambda: nullcontext(service), allow_origins=settings.cors.allow_origins)
        server = _Server(listening(app, settings), service)
        await server.serve()


def listening(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """How and where the application is served."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=patient(settings.client_timeout_s),
        access_log=False,
        timeout_keep_alive=settings.keep_alive_s,
        timeout_graceful_shutdown=GRACE_S,
        log_level="warning",
    )


class _Server(uvicorn.Server):
    """A server that leaves the signals to us, from the start to the end of what it serves.

    Once it listens, it says where, and what it has.
    """

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then tell."""
        await super().startup(sockets)
        if self.started:
            host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
            port = self.servers[0].sockets[0].getsockname()[1]
            _introduce(f"http://{host}:{port}", self._service)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing is captured."""
        yield
