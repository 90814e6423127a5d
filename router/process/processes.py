"""Processes that we start: there whole or not at all, and reaped by us."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio.subprocess import Process
from typing import Any


async def started(*command: str, **how: Any) -> Process:
    """Start one, as `asyncio.create_subprocess_exec` does. Raises OSError.

    Where its start is cancelled it is killed and reaped: event loops do no more than kill it.
    """
    starting = asyncio.ensure_future(asyncio.create_subprocess_exec(*command, **how))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        with contextlib.suppress(OSError):
            await killed(await starting)
        raise


async def killed(process: Process) -> int:
    """End it at once, if it has not ended, and reap it; its exit status."""
    with contextlib.suppress(ProcessLookupError):
        if process.returncode is None:
            process.kill()
    return await process.wait()
