"""Processes that are started: there whole, or not at all."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE

import psutil
import pytest

from router.process import loops
from router.process.processes import started

STAYS = (sys.executable, "-c", "import time; time.sleep(600)")


@pytest.mark.parametrize("turns", range(8))
def test_a_start_that_is_cancelled_leaves_nothing(turns: int) -> None:
    """In whichever turn of the loop; what was killed and not reaped is something, too."""

    async def main() -> None:
        before = set(psutil.Process().children())
        starting = asyncio.create_task(started(*STAYS, stdin=PIPE, stdout=PIPE))
        for _ in range(turns):
            await asyncio.sleep(0)
        if starting.cancel():
            with pytest.raises(asyncio.CancelledError):
                await starting
        else:
            process = await starting
            process.kill()
            await process.wait()
        assert set(psutil.Process().children()) == before

    loops.run(main())


def test_one_that_cannot_be_started_says_so() -> None:
    async def main() -> None:
        with pytest.raises(FileNotFoundError):
            await started("/no/such/program")

    loops.run(main())
