"""What is said of a running gateway, on standard error: to people in words, else as JSON lines.

What libraries say by the standard library's logging, the HTTP server among them, is said likewise.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from typing import Any

import structlog
from pydantic_core import to_json
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
            else structlog.processors.JSONRenderer(_line),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.CRITICAL if silent else logging.INFO
        ),
        # A line is one write, or those of several processes would run into each other.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        # One that is silent is configured once more, to speak.
        cache_logger_on_first_use=not silent,
    )
    root = logging.getLogger()
    root.handlers = [_Libraries()]
    root.setLevel(logging.CRITICAL if silent else logging.WARNING)


class _Libraries(logging.Handler):
    """Says what libraries say as events of our own, with the name of who says it."""

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        try:
            text = record.getMessage().strip()
            log = structlog.get_logger(record.name)
            log.log(record.levelno, text, logger=record.name, exc_info=record.exc_info or None)
        except Exception:  # noqa: BLE001 a library's own mistake is no reason to fail
            self.handleError(record)


def _line(event: EventDict, default: Callable[[Any], Any]) -> str:
    """An event as JSON; the faster writer takes no half of a surrogate pair."""
    try:
        return to_json(event, fallback=default).decode()
    except ValueError:
        return json.dumps(event, default=default)


def _by(worker: int) -> Processor:
    def numbered(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["worker"] = worker
        return event

    return numbered
