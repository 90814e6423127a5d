"""How a gateway listens: the HTTP server's settings, and a server that leaves signals to us."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from router.http.connection import MOST_HEAD_BYTES, patient
from router.service import GRACE_S
from router.settings import Settings


def listening(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """How and where the application is served."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=patient(settings.client_timeout_s),
        ws="none",
        h11_max_incomplete_event_size=MOST_HEAD_BYTES,
        access_log=False,
        log_config=None,  # what it says goes where all else does
        timeout_keep_alive=settings.keep_alive_s,
        timeout_graceful_shutdown=GRACE_S,
        log_level="warning",
    )


class UnsignalledServer(uvicorn.Server):
    """A server that leaves the signals to us, from the start to the end of what it serves."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing is captured."""
        yield
