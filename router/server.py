"""Runs the gateway on a port until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Coroutine
from typing import Any, Final

import structlog

from router.banner import banner
from router.process import logs, loops, orphans
from router.settings import Settings

log = structlog.get_logger("router")

_LAST_S: Final = 5.0
"""How long processes may take to end whose own parent was killed."""


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C, which also end a start that takes long.

    When this returns, no process is left that it started. Raises what `router.service.running`
    raises, `WorkerFailed` where there are several workers, and SystemExit where nothing can listen
    there.
    """
    logs.configure()
    try:
        with contextlib.suppress(asyncio.CancelledError):  # told to stop before it had started
            loops.run(_serving(settings))
    finally:
        orphans.reap(_LAST_S)


def _serving(settings: Settings) -> Coroutine[Any, Any, None]:
    """What serves; a parent of workers need not load what only these do."""
    if settings.workers == 1:
        from router.alone import serve_alone  # noqa: PLC0415

        return serve_alone(settings, _introduce)
    from router.workers.parent import serve_together  # noqa: PLC0415

    return serve_together(settings, _introduce)


def _introduce(url: str, told: dict[str, Any]) -> None:
    """To people in words, to whatever reads logs as one event."""
    if sys.stderr.isatty():
        sys.stderr.write(banner(url, told))
    else:
        log.info("listening", url=url, **told)
