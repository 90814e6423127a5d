"""The event loop that serves: uvloop, with a clock that tells more than milliseconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import uvloop


class PreciseLoop(uvloop.Loop):
    """uvloop's own clock stands still from one turn of the loop to the next.

    This one is in seconds, and all processes of this machine share it.
    """

    time = staticmethod(time.monotonic)


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run to the end, as `asyncio.run` does."""
    with asyncio.Runner(loop_factory=PreciseLoop) as runner:
        runner.run(main)
