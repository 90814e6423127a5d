"""Runs the gateway on a port until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from contextlib import nullcontext
from typing import Any

import structlog
import uvicorn

from router import logs
from router.banner import banner, facts
from router.http.app import create_app
from router.listening import UnsignalledServer, listening, url_of
from router.service import Service, running
from router.settings import Settings
from router.workers.parent import serve_together

log = structlog.get_logger("router")


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C, which also end a start that takes long.

    Raises what `router.service.running` raises, `WorkerFailed` where there are several workers, and
    SystemExit where nothing can listen there.
    """
    logs.configure()
    serving = _serve(settings) if settings.workers == 1 else serve_together(settings, _introduce)
    with contextlib.suppress(asyncio.CancelledError):  # told to stop before it had started
        asyncio.run(serving)


def _introduce(url: str, told: dict[str, Any]) -> None:
    """To people in words, to whatever reads logs as one event."""
    if sys.stderr.isatty():
        sys.stderr.write(banner(url, told))
    else:
        log.info("listening", url=url, **told)


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


class _Server(UnsignalledServer):
    """Once it listens, it says where, and what it has."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then tell."""
        await super().startup(sockets)
        if self.started:
            port = self.servers[0].sockets[0].getsockname()[1]
            _introduce(url_of(self.config.host, port), facts(self._service))
