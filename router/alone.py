"""One process that serves: it starts everything, and listens."""

from __future__ import annotations

import asyncio
import signal
import socket
from contextlib import nullcontext

import uvicorn

from router.banner import Introduce, facts, url_of
from router.http.app import create_app
from router.listening import UnsignalledServer, listening
from router.process import orphans
from router.process.garbage import collect_seldom
from router.service import Service, running
from router.settings import Settings


async def serve_alone(settings: Settings, introduce: Introduce) -> None:
    """Start everything, then listen: the server would hear of no signal before it listens."""
    starting = asyncio.current_task()
    server: _Server | None = None

    def stop(wish: signal.Signals) -> None:
        orphans.adopt()
        if server is not None:
            server.handle_exit(wish, None)
        elif starting is not None:
            starting.cancel()

    for wish in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(wish, stop, wish)
    async with running(settings) as service:
        app = create_app(lambda: nullcontext(service), allow_origins=settings.cors.allow_origins)
        server = _Server(listening(app, settings), service, introduce)
        await server.serve()


class _Server(UnsignalledServer):
    """Once it listens, it says where, and what it has."""

    def __init__(self, config: uvicorn.Config, service: Service, introduce: Introduce) -> None:
        super().__init__(config)
        self._service = service
        self._introduce = introduce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then tell."""
        await super().startup(sockets)
        if self.started:
            collect_seldom()
            port = self.servers[0].sockets[0].getsockname()[1]
            self._introduce(url_of(self.config.host, port), facts(self._service))
