"""The state of one run, in its keeper, and what is done to its processes and streams."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox.inner.answers.link import Link
from sandbox.inner.kernel import linux
from sandbox.inner.program import candidate
from sandbox.inner.wire.channel import FaultyTests, Forged, NeedShared, Stop, TooLarge, Unsendable

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from sandbox.frames import Frame
    from sandbox.inner.kernel.seccomp import Filter
    from sandbox.inner.program.answering import Answering


_AGAIN_S = 0.05
_CPU_CLOCK = 2


class WallClock(Stop):
    """The time of the run, or of one step of it, is up."""


class CPUTime(Stop):
    """A step took more CPU time than it may."""


@dataclass(frozen=True)
class Ahead:
    """What is made before the fork, in memory that each run has for itself after it.

    `link` and `answering` are both ends of one channel: of the first candidate of a run.
    """

    generators: tuple[random.Random, ...]
    link: Link
    answering: Answering

    def reseed(self) -> None:
        """Draw random numbers afresh: all processes of all runs are forks of one that drew some."""
        for generator in self.generators:
            generator.seed()


@dataclass(frozen=True)
class Setup:
    """What the zygote hands to each keeper."""

    procfs: int
    filter: Filter
    uid: int
    gid: int
    address_space: int
    disk_bytes: int
    ahead: Ahead


@dataclass
class RunState:
    """The state of one run: its streams, its limits, the candidate in it, the outcome so far.

    `cpu_most` is the CPU time that all processes may have taken by now, and `partial` what is told
    of the run however it ends.
    """

    setup: Setup
    streams: tuple[int, int, int]
    link: Link | None = None
    limits: Frame = field(default_factory=dict)
    output_bytes: int = 0
    all_output_bytes: int = 0
    wall_s: float = 0.0
    most_s: float = 0.0
    started: float = 0.0
    cpu_most: float = 0.0
    partial: Frame = field(default_factory=dict)
    is_started: bool = False
    late: bool = False
    over: bool = False

    def on_alarm(self, _number: int, _frame: FrameType | None) -> None:
        """End the tests. They may swallow what is raised here, so it is also remembered."""
        if self.over:
            return
        self.late = True
        raise WallClock

    def set_alarm(self) -> None:
        """Bound what comes next by the wall clock. Raises `WallClock` where no time is left."""
        left = self.most_s - (time.monotonic() - self.started)
        if left <= 0:
            self.late = True
            raise WallClock
        signal.setitimer(signal.ITIMER_REAL, min(self.wall_s, left), _AGAIN_S)

    def start_candidate(self) -> Link:
        """Fork a fresh candidate process."""
        ours, theirs = socket.socketpair()
        pid = linux.fork()
        if pid == 0:
            ours.close()
            if os.getuid() != self.setup.uid:
                # The docker backend's keeper has two ids, of which its candidates get one.
                os.setresuid(self.setup.uid, self.setup.uid, self.setup.uid)
            self.setup.ahead.reseed()
            candidate.serve(theirs, self.streams, self.setup.ahead.answering)
        theirs.close()
        self.setup.ahead.reseed()  # only now, or the candidate would have had the same
        link = Link() if self.is_started else self.setup.ahead.link
        link.connect(ours, pid, os.pidfd_open(pid))
        self.link, self.is_started = link, True
        return link


@contextlib.contextmanager
def step(run: RunState, link: Link | None = None) -> Iterator[None]:
    """One case, bounded by itself: its wall clock, and the CPU time that it adds.

    Without a `link`, all processes of earlier steps are gone, and what they took is known. With
    one, its process goes on; the CPU time of its children shows only at the end of the run, which
    may be as much as its steps together. Raises `WallClock` and `CPUTime`.
    """
    before = children_cpu() if link is None else cpu_of(link.pid)
    exact = run.limits["cpu_exact"]
    run.cpu_most = exact + (before if link is None else run.cpu_most)
    run.set_alarm()
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    if link is not None and cpu_of(link.pid) - before > exact:
        raise CPUTime


def children_cpu() -> float:
    """CPU seconds of all processes of the run that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def cpu_of(pid: int) -> float:
    """CPU seconds of a process that runs; 0 where the kernel does not tell (gVisor)."""
    try:
        return time.clock_gettime((~pid << 3) | _CPU_CLOCK)
    except OSError:
        return 0.0


def await_exit(link: Link, milliseconds: int | None) -> None:
    """Wait for the candidate's process to end, without collecting it."""
    poller = select.poll()
    poller.register(link.handle, select.POLLIN)
    poller.poll(milliseconds)


def rewind(run: RunState, text: str) -> None:
    """Empty the streams and put `text` on standard input, for the next process of the run."""
    empty(run.streams)
    os.pwrite(run.streams[0], text.encode("utf-8", "surrogatepass"), 0)


def empty(streams: Sequence[int]) -> None:
    """Forget what was written so far."""
    for descriptor in streams:
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)


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


def outputs_cut(run: RunState) -> bool:
    """Whether more was written than is kept."""
    return any(os.fstat(stream).st_size > run.output_bytes for stream in run.streams[1:])


def stopped(  # noqa: PLR0911 - one for each reason
    stop: Stop | None, status: int | None
) -> Frame:
    """What a run that was stopped comes to."""
    match stop:
        case WallClock() | CPUTime():
            return _out_of_time(stop)
        case Forged():
            return {"status": "forged", "message": f"tampering with the channel: {stop}"}
        case NeedShared():
            return {"status": "need_shared", "message": str(stop)}
        case Unsendable():
            return {"status": "failed", "message": str(stop)}
        case TooLarge():
            return {"status": "memory_limit", "message": str(stop)}
        case FaultyTests():
            return {"status": "internal_error", "detail": "tests", "message": str(stop)}
        case _:
            return ended(status)


def _out_of_time(stop: WallClock | CPUTime) -> Frame:
    if isinstance(stop, WallClock):
        return {"status": "timeout", "detail": "wall", "message": "the wall clock ran out"}
    return {"status": "timeout", "detail": "cpu", "message": "the CPU time ran out"}


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
