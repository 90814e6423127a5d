"""Runs the gateway on a port until it is told to stop."""

from __future__ import annotations

import logging
import signal
import sys

import structlog
import uvicorn

from router.app import create_app
from router.service import running
from router.settings import Settings

GRACE_S = 5
"""How long a stop waits for requests in flight before it cancels them."""


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C; raises SystemExit where the start fails."""
    # The server raises the signal that stopped it once more when all is closed: a wish, no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
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
    uvicorn.run(
        create_app(lambda: running(settings)),
        host=settings.host,
        port=settings.port,
        access_log=False,
        timeout_graceful_shutdown=GRACE_S,
    )
