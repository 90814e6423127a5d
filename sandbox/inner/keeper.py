"""The keeper: init of one run's pid namespace, and the only writer of its outcome.

Theory of operation. The keeper mounts the run's private `/tmp` and `/dev/shm`, gives up every
privilege, forks the candidate's process while it still knows nothing, and then waits for the job.
So the candidate is forked from a process without tests, expected values or inputs. The job's tests
run here; as init of the pid namespace the keeper cannot be killed or stopped from inside it, and
being undumpable and out of reach of the filtered calls it cannot be read or changed either. When
the outcome is known it kills all else in the namespace, collects times and outputs, sends one frame
and exits, upon which the kernel ends whatever is left.

The wall clock is the keeper's alarm; the server has a second, later one, for the case that this
process hangs in the caller's own tests.
"""

from __future__ import annotations

import math
import os
import resource
import signal
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Protocol

from sandbox import frames
from sandbox.inner.answers.link import Link
from sandbox.inner.jobs import perform
from sandbox.inner.kernel import linux
from sandbox.inner.kernel.confinement import confine
from sandbox.inner.remote.outcomes import printable
from sandbox.inner.run import (
    RunState,
    Setup,
    WallClock,
    await_exit,
    children_cpu,
    outputs,
    reap,
    stopped,
)
from sandbox.inner.wire.channel import Died, Stop

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.frames import Frame

# Where the kernel does not know what it is to execute, it asks the host for a module that does.
_TMPFS = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
_INODES = 4096
_KEEPER_PROCESSES = 1
_ALL_OUTPUT_BYTES = 16 * 2**20
"""Of all cases together: they go to the server in one frame, in which a byte may take six."""
_COME_FIRST = frozenset({"internal_error", "forged", "sandbox_violation", "memory_limit"})
"""Before that it printed too much; see `sandbox.report.Status`."""


class Channel(Protocol):
    """Where the job comes from and the outcome goes to."""

    def recv(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end of the stream."""
        ...

    def taken(self) -> None:
        """The whole job has been read."""

    def sendall(self, data: bytes, /) -> None:
        """Write all of it. Raises `OSError`."""


class SocketChannel:
    """A socket of the run's own."""

    def __init__(self, descriptor: int) -> None:
        # Told of what kind it is, it need not ask the kernel.
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, descriptor)
        self.recv = self._socket.recv
        self.sendall = self._socket.sendall

    def taken(self) -> None:
        """Nobody waits for that: the socket carries one job."""


def main(channel: Channel, setup: Setup, prepare: Callable[[Setup], None]) -> NoReturn:
    """Prepare the sandbox, run one job that arrives on the channel, report, and exit."""
    try:
        prepare(setup)
        outcome = _keep(channel, setup)
    except BaseException as error:  # noqa: BLE001 - the outermost handler of the process
        outcome = {"status": "internal_error", "message": f"{type(error).__name__}: {error}"}
    try:
        data = frames.pack(outcome)
    except (frames.FrameError, MemoryError):  # nothing else in it can be large
        data = frames.pack({"status": "output_limit", "message": "the outputs are too large"})
    try:
        channel.sendall(data)
    except OSError:
        os._exit(1)
    os._exit(0)


def _keep(channel: Channel, setup: Setup) -> Frame:
    run = RunState(
        setup, (os.memfd_create("stdin"), os.memfd_create("stdout"), os.memfd_create("err"))
    )
    confine(setup.filter)
    link = run.start_candidate()
    job = _receive(channel)
    if job is None:
        os._exit(0)
    channel.taken()
    _prepare(run, job)
    os.chdir("/tmp")  # noqa: S108 - the run's own, where the candidate is too
    run.started = time.monotonic()
    signal.signal(signal.SIGALRM, run.on_alarm)
    try:
        outcome = _timed(run, link, job)
    except WallClock as stop:  # it ran out while the outcome was on its way
        outcome = {"stop": stop}
    run.over = True
    signal.setitimer(signal.ITIMER_REAL, 0)
    if run.late:
        outcome = {"stop": WallClock()}
    return _finish(run, outcome)


def _timed(run: RunState, link: Link, job: Frame) -> Frame:
    try:
        run.set_alarm()
        return perform(run, link, job)
    except Stop as stop:
        return {"stop": stop}


def enter(setup: Setup) -> None:
    """Map the ids, mount the private file systems, and become unreachable."""
    for name, text in (
        # When a run's memory is out, the kernel is to end the run and not the zygote.
        ("oom_score_adj", "500"),
        ("setgroups", "deny"),
        ("uid_map", f"{setup.uid} {setup.uid} 1"),
        ("gid_map", f"{setup.gid} {setup.gid} 1"),
    ):
        descriptor = os.open(f"self/{name}", os.O_WRONLY, dir_fd=setup.procfs)
        os.write(descriptor, text.encode())
        os.close(descriptor)
    os.close(setup.procfs)
    for target in ("/tmp", "/dev/shm"):  # noqa: S108 - in a mount namespace of our own
        _cover(target, setup.disk_bytes)
    linux.prctl(linux.PR_SET_DUMPABLE, 0)


def _cover(target: str, size: int) -> None:
    """Mount a file system of the run's own; what the root shows below `target` stays visible.

    That is there only where the packages lie so on the host. The way to them stays read-only too:
    who could write on it could put modules there that the tests import.
    """
    os.chdir(target)  # what is covered is reached from here
    shown = os.listdir()  # noqa: PTH208 - mostly nothing, for which no paths are made
    linux.mount("run", target, "tmpfs", _TMPFS, _tmpfs_options(size))
    for path in map(Path, shown):
        place = target / path
        if path.is_dir():
            place.mkdir()
        else:
            place.touch()
        linux.mount(str(path), str(place), None, linux.MS_BIND | linux.MS_REC)
    os.chdir("/")


def _tmpfs_options(size: int) -> str:
    return f"mode=1777,size={size},nr_inodes={_INODES}"


def _receive(channel: Channel) -> Frame | None:
    def exactly(size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            chunk = channel.recv(min(size - len(data), 1 << 20))
            if not chunk:
                return b""
            data += chunk
        return bytes(data)

    header = exactly(frames.HEADER.size)
    return frames.unpack(exactly(frames.body_length(header))) if header else None


def _prepare(run: RunState, job: Frame) -> None:
    """Take the job's limits."""
    limits = job["limits"]
    run.output_bytes = limits["output_bytes"]
    most = min(_ALL_OUTPUT_BYTES, limits["memory_bytes"] // 8)
    run.all_output_bytes = max(run.output_bytes, most)
    run.wall_s, run.most_s, run.cpu_most = limits["wall_s"], job["most_s"], limits["cpu_s"]
    cpu_s = max(1, math.ceil(limits["cpu_s"]))
    run.limits = {
        "address_space": run.setup.address_space + limits["memory_bytes"],
        "file_size": max(limits["disk_bytes"], limits["output_bytes"] + 1),
        "processes": limits["processes"] + _KEEPER_PROCESSES,
        "cpu_s": cpu_s,
        # A process that serves many cases gets its time anew for each.
        "cpu_hard_s": cpu_s * (1 + len(job.get("values", ()))),
        "cpu_exact": limits["cpu_s"],
    }
    # Twice the memory that the program may have; while tests are compiled, less.
    bound = run.limits["address_space"] + limits["memory_bytes"]
    resource.setrlimit(resource.RLIMIT_AS, (bound, bound))


def _finish(run: RunState, outcome: Frame) -> Frame:
    """Everything but the keeper ends here; then the outcome is completed and put in order."""
    stop = outcome.pop("stop", None)
    died = isinstance(stop, Died)
    if died and run.link is not None:
        # The channel may close a moment before the process is gone; one that goes on is killed.
        await_exit(run.link, 200)
    status = reap(run.link.pid if run.link else None)
    cpu = children_cpu()
    outcome = {
        **outputs(run),
        "exit": status,
        **(outcome or stopped(stop, status)),
        **run.partial,
        "cpu_s": cpu,
        "wall_s": time.monotonic() - run.started,
        "peak": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024,
    }
    outcome["message"] = printable(outcome.get("message", ""))
    over_cpu = cpu > run.cpu_most
    if (outcome["out_cut"] or outcome["err_cut"]) and outcome["status"] not in _COME_FIRST:
        outcome.update(status="output_limit", detail=None)
    elif over_cpu and outcome["status"] in {"error", "timeout", "passed", "failed"}:
        outcome.update(status="timeout", detail="cpu")
    return outcome
