"""One run of a worker, as its parent sees it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from dataclasses import dataclass
from typing import Final

from router.workers.board import CLOSED, Board
from router.workers.doors import hand
from router.workers.messages import Assigned, Leave, Message
from router.workers.wire import Wire

_KILL_S: Final = 3.0
"""How long one that is to end at once has for it."""


class WorkerFailed(RuntimeError):
    """The workers cannot serve."""


@dataclass(slots=True, eq=False)
class WorkerProcess:
    """A process, the wire to it, and the door through which it gets connections."""

    number: int
    process: asyncio.subprocess.Process
    wire: Wire
    door: socket.socket
    board: Board
    handed: int = 0
    latest: float = 0.0

    @classmethod
    async def launch(cls, assigned: Assigned, board: Board) -> WorkerProcess:
        """Start one and tell it what to serve. Raises OSError."""
        ends = socket.socketpair()
        doors = socket.socketpair()
        try:
            process = await _started(ends[1], doors[1], board)
        except BaseException:
            for each in (ends[0], doors[0]):
                each.close()
            raise
        finally:
            for each in (ends[1], doors[1]):
                each.close()
        doors[0].setblocking(False)  # noqa: FBT003 the standard library's
        ends[0].setblocking(False)  # noqa: FBT003
        wire = await Wire.over(ends[0])
        wire.send(assigned)
        return cls(assigned.number, process, wire, doors[0], board)

    @property
    def rank(self) -> tuple[int, float]:
        """See `doors.Receiver`; what is on the way to it counts as well."""
        return self.handed - self.board.value(self.number, CLOSED), self.latest

    def hand(self, connection: socket.socket) -> bool:
        """See `doors.Receiver`."""
        done = hand(self.door, connection)
        if done:
            self.handed, self.latest = self.handed + 1, asyncio.get_running_loop().time()
        return done

    def send(self, message: Message) -> None:
        """Tell it something."""
        self.wire.send(message)

    async def aclose(self) -> int:
        """End it, if it has not ended, and reap it; its exit status."""
        self.send(Leave(now=True))
        self.door.close()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_KILL_S):
                    await self.process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                if self.process.returncode is None:
                    self.process.kill()
            await self.process.wait()
            self.wire.close()
        return await self.process.wait()


async def _started(
    wire: socket.socket, door: socket.socket, board: Board
) -> asyncio.subprocess.Process:
    descriptors = (wire.fileno(), door.fileno(), board.descriptor)
    numbers = map(str, (*descriptors, os.getpid()))
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "router.workers.worker", *numbers),
        stdin=asyncio.subprocess.DEVNULL,
        pass_fds=descriptors,
        start_new_session=True,  # a Ctrl-C reaches the parent alone, which then ends us in order
    )
