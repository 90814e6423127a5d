"""What is said of a running gateway, on standard error: to people in words, else as JSON lines."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger


def configure(worker: int | None = None, *, silent: bool = False) -> None:
    """Log in the form that suits where it goes, or nothing; what a worker says bears its number."""
    structlog.configure(
        processors=[
            *([] if worker is None else [_by(worker)]),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
            if sys.stderr.isatty()
            else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.CRITICAL if silent else logging.INFO
        ),
        # A line is one write, or those of several processes would run into each other.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )


def _by(worker: int) -> Processor:
    def numbered(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["worker"] = worker
        return event

    return numbered
