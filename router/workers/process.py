"""One run of a worker, as its parent sees it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from router.process.processes import killed, started
from router.workers.board import CLOSED, Board
from router.workers.doors import hand, left
from router.workers.messages import Assigned, Leave, Message
from router.workers.wire import Wire

_KILL_S: Final = 3.0
"""How long one that is to end at once has for it."""


class WorkerFailed(RuntimeError):
    """The workers cannot serve."""


@dataclass(slots=True, eq=False)
class WorkerProcess:
    """A process, the wire to it, and the door through which it gets connections.

    `inside` is its side of the door, which it has open as well.
    """

    number: int
    process: asyncio.subprocess.Process
    wire: Wire
    door: socket.socket
    inside: socket.socket
    board: Board
    handed: int = 0
    latest: float = 0.0

    @classmethod
    async def launch(cls, assigned: Assigned, board: Board) -> WorkerProcess:
        """Start one and tell it what to serve. Raises OSError."""
        with ExitStack() as undone, ExitStack() as its_own:
            end, its_end = _pair(undone, its_own)
            door, inside = _pair(undone, undone)
            wire = await Wire.over(end)
            undone.callback(wire.close)
            # From the moment on that there is a process, nothing here waits, or can fail.
            process = await _started(its_end, inside, board)
            undone.pop_all()
        wire.send(assigned)
        return cls(assigned.number, process, wire, door, inside, board)

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

    def untaken(self) -> list[socket.socket]:
        """The connections that it was handed and did not take, where it takes no more."""
        found = left(self.inside)
        self.handed -= len(found)
        return found

    def send(self, message: Message) -> None:
        """Tell it something."""
        self.wire.send(message)

    async def aclose(self) -> int:
        """End it, if it has not ended, and reap it; its exit status.

        What it had not taken is still to be had, until its door is shut.
        """
        self.send(Leave(now=True))
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_KILL_S):
                    await self.process.wait()
        finally:
            status = await killed(self.process)
            self.wire.close()
        return status

    def shut(self) -> None:
        """Let go of its door."""
        self.door.close()
        self.inside.close()


def _pair(ours: ExitStack, theirs: ExitStack) -> tuple[socket.socket, socket.socket]:
    """Connected sockets that do not block, one for each; those close them at their end."""
    one, other = socket.socketpair()
    ours.callback(one.close)
    theirs.callback(other.close)
    for each in (one, other):
        each.setblocking(False)  # noqa: FBT003 the standard library's
    return one, other


async def _started(
    wire: socket.socket, door: socket.socket, board: Board
) -> asyncio.subprocess.Process:
    descriptors = (wire.fileno(), door.fileno(), board.descriptor)
    numbers = map(str, (*descriptors, os.getpid()))
    return await started(
        *(sys.executable, "-m", "router.workers.worker", *numbers),
        stdin=asyncio.subprocess.DEVNULL,
        pass_fds=descriptors,
        start_new_session=True,  # a Ctrl-C reaches the parent alone, which then ends us in order
    )
