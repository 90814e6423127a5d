"""The state of one run, in its keeper, and what is done to its processes and streams."""

from __future__ import annotations

import os
import select
import signal
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox.inner import candidate
from sandbox.inner.channel import FaultyTests, Forged, NeedShared, Stop, TooLarge
from sandbox.inner.link import Link

if TYPE_CHECKING:
    from types import FrameType

    from sandbox.frames import Frame
    from sandbox.inner.seccomp import Filter


class WallClock(Stop):
    """The run's time is up."""


@dataclass(frozen=True)
class Setup:
    """What the zygote hands to each keeper."""

    procfs: int
    filter: Filter
    uid: int
    gid: int
    address_space: int
    disk_bytes: int


@dataclass
class RunState:
    """The state of one run: its streams, its limits, the candidate in it, the outcome so far."""

    setup: Setup
    streams: tuple[int, int, int]
    link: Link | None = None
    limits: Frame = field(default_factory=dict)
    output_bytes: int = 0
    started: float = 0.0
    late: bool = False
    over: bool = False

    def on_alarm(self, _number: int, _frame: FrameType | None) -> None:
        """End the tests. They may swallow what is raised here, so it is also remembered."""
        if self.over:
            return
        self.late = True
        raise WallClock

    def start_candidate(self) -> Link:
        """Fork a fresh candidate process."""
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            ours.close()
            if os.getuid() != self.setup.uid:
                # The docker backend's keeper has two ids, of which its candidates get one.
                os.setresuid(self.setup.uid, self.setup.uid, self.setup.uid)
            candidate.serve(theirs, self.streams)
        theirs.close()
        self.link = Link(ours, pid, os.pidfd_open(pid))
        return self.link


def await_exit(link: Link, milliseconds: int | None) -> None:
    """Wait for the candidate's process to end, without collecting it."""
    poller = select.poll()
    poller.register(link.handle, select.POLLIN)
    poller.poll(milliseconds)


def rewind(run: RunState, text: str) -> None:
    """Empty the streams and put `text` on standard input, for the next process of the run."""
    for descriptor in run.streams:
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
    os.pwrite(run.streams[0], text.encode("utf-8", "surrogatepass"), 0)


def _kill_all() -> None:
    try:
        os.kill(-1, signal.SIGKILL)
    except ProcessLookupError:
        return


def reap(pid: int | None) -> int | None:
    """Kill everything else in the namespace; the wait status of `pid` if it ended by itself."""
    found = None
    if pid is not None:
        ended, status = os.waitpid(pid, os.WNOHANG)
        found = status if ended else None
    _kill_all()
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return found


def outputs(run: RunState) -> Frame:
    """What was written so far, up to the limit, and whether there was more."""
    outcome: Frame = {}
    for name, descriptor in (("out", run.streams[1]), ("err", run.streams[2])):
        size = os.fstat(descriptor).st_size
        data = os.pread(descriptor, min(size, run.output_bytes), 0)
        outcome[name] = data.decode("utf-8", "replace")
        outcome[f"{name}_cut"] = size > run.output_bytes
    return outcome


def stopped(stop: Stop | None, status: int | None) -> Frame:
    """What a run that was stopped comes to."""
    match stop:
        case WallClock():
            return {"status": "timeout", "detail": "wall", "message": "the wall clock ran out"}
        case Forged():
            return {"status": "forged", "message": f"tampering with the channel: {stop}"}
        case NeedShared():
            return {"status": "need_shared", "message": str(stop)}
        case TooLarge():
            return {"status": "memory_limit", "message": str(stop)}
        case FaultyTests():
            return {"status": "internal_error", "detail": "tests", "message": str(stop)}
        case _:
            return ended(status)


def ended(status: int | None) -> Frame:
    """The program was gone while an answer was due."""
    if status is None or os.WIFEXITED(status):
        text = "the program exited before its tests were done"
        return {"status": "error", "detail": "early_exit", "message": text}
    number = os.WTERMSIG(status)
    if number == signal.SIGSYS:
        return {"status": "sandbox_violation", "message": "a forbidden system call"}
    if number == signal.SIGXCPU:
        return {"status": "timeout", "detail": "cpu", "message": "the CPU time ran out"}
    return {"status": "error", "detail": "signal", "message": f"ended by signal {number}"}
