"""The keeper: init of one run's pid namespace, and the only writer of its outcome.

Theory of operation. The keeper mounts the run's private `/tmp` and `/dev/shm`, forks the
candidate's process while it still knows nothing, and then waits for the job. So the candidate is
forked from a process without tests, expected values or inputs. The job's tests run here; as init
of the pid namespace the keeper cannot be killed or stopped from inside it, and being undumpable
and out of reach of the filtered calls it cannot be read or changed either. When the outcome is
known it kills all else in the namespace, collects times and outputs, sends one frame and exits,
upon which the kernel ends whatever is left.

The wall clock is the keeper's alarm; the server has a second, later one, for the case that this
process hangs in the caller's own tests.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from sandbox import frames
from sandbox.inner import candidate, linux
from sandbox.inner.link import Died, Forged, Link, NeedShared, Stop
from sandbox.inner.outcomes import load_failure, shared_verdict
from sandbox.inner.tester import run_asserts, run_pytest

if TYPE_CHECKING:
    from types import FrameType

    from sandbox.frames import Frame
    from sandbox.inner.seccomp import Filter

_DISK = 64 * 2**20
_TMPFS = linux.MS_NOSUID | linux.MS_NODEV
_INODES = 4096
_KEEPER_PROCESSES = 1


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


@dataclass
class Run:
    """The state of one run: its streams, its limits, the candidate in it, the outcome so far."""

    setup: Setup
    streams: tuple[int, int, int]
    link: Link | None = None
    limits: Frame = field(default_factory=dict)
    output_bytes: int = 0
    started: float = 0.0
    late: bool = False

    def on_alarm(self, _number: int, _frame: FrameType | None) -> None:
        """End the tests. They may swallow what is raised here, so it is also remembered."""
        self.late = True
        raise WallClock

    def start_candidate(self) -> Link:
        """Fork a fresh candidate process."""
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            ours.close()
            # A second candidate of one run is forked from a keeper that is confined already.
            candidate.serve(theirs, self.streams, None if self.limits else self.setup.filter)
        theirs.close()
        self.link = Link(ours, pid, os.pidfd_open(pid))
        return self.link


def main(channel_fd: int, setup: Setup) -> NoReturn:
    """Prepare the sandbox, run one job that arrives on the channel, report, and exit."""
    channel = socket.socket(fileno=channel_fd)
    try:
        outcome = _keep(channel, setup)
    except BaseException as error:  # noqa: BLE001 - the outermost handler of the process
        outcome = {"status": "internal_error", "message": f"{type(error).__name__}: {error}"}
    try:
        channel.sendall(frames.pack(outcome))
    except OSError:
        os._exit(1)
    os._exit(0)


def _keep(channel: socket.socket, setup: Setup) -> Frame:
    _enter(setup)
    run = Run(setup, (os.memfd_create("stdin"), os.memfd_create("stdout"), os.memfd_create("err")))
    link = run.start_candidate()
    job = _receive(channel)
    if job is None:
        os._exit(0)
    _prepare(run, job)
    signal.signal(signal.SIGALRM, run.on_alarm)
    signal.setitimer(signal.ITIMER_REAL, job["limits"]["wall_s"], 0.05)
    run.started = time.monotonic()
    try:
        outcome = _perform(run, link, job)
        signal.setitimer(signal.ITIMER_REAL, 0)
    except Stop as stop:
        signal.setitimer(signal.ITIMER_REAL, 0)
        outcome = {"stop": stop}
    if run.late:
        outcome = {"stop": WallClock()}
    return _finish(run, outcome)


def _enter(setup: Setup) -> None:
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
        linux.mount("run", target, "tmpfs", _TMPFS, _tmpfs_options(_DISK))
    linux.prctl(linux.PR_SET_DUMPABLE, 0)


def _tmpfs_options(size: int) -> str:
    return f"mode=1777,size={size},nr_inodes={_INODES}"


def _receive(channel: socket.socket) -> Frame | None:
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


def _prepare(run: Run, job: Frame) -> None:
    """Bring the sandbox to the job's limits, then give up all privilege."""
    limits = job["limits"]
    if limits["disk_bytes"] != _DISK:
        for target in ("/tmp", "/dev/shm"):  # noqa: S108 - as above
            options = _tmpfs_options(limits["disk_bytes"])
            linux.mount("run", target, "tmpfs", linux.MS_REMOUNT | _TMPFS, options)
    run.output_bytes = limits["output_bytes"]
    run.limits = {
        "address_space": run.setup.address_space + limits["memory_bytes"],
        "file_size": max(limits["disk_bytes"], limits["output_bytes"] + 1),
        "processes": limits["processes"] + _KEEPER_PROCESSES,
        "cpu_s": max(1, int(-(-limits["cpu_s"] // 1))),
        "cpu_exact": limits["cpu_s"],
    }
    candidate.confine(run.setup.filter)
    bound = run.limits["address_space"] + limits["memory_bytes"]
    resource.setrlimit(resource.RLIMIT_AS, (bound, bound))
    null = os.open("/dev/null", os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
    sys.stdout = sys.stderr = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - likewise


def _perform(run: Run, link: Link, job: Frame) -> Frame:
    match job["kind"]:
        case "asserts":
            return run_asserts(link, job, run.limits)
        case "pytest":
            return run_pytest(link, job, run.limits)
        case "calls":
            return _run_calls(run, link, job)
        case "io":
            return _run_io(run, link, job)
        case "shared":
            return _run_shared(run, link, job)
        case other:
            raise ValueError(f"no such job: {other}")


def _run_calls(run: Run, link: Link, job: Frame) -> Frame:
    """Relay each call; the server compares. Stops at the first that did not return a value."""
    entry = job["entry_point"]
    answer = link.ask(
        {"do": "load", "source": job["source"], "names": [entry], "limits": run.limits}
    )
    if "failure" in answer:
        return load_failure(answer["failure"])
    if entry not in answer.get("names", {}):
        text = f"the entry point {entry!r} is not defined"
        return {"status": "error", "detail": "exception", "message": text}
    results: list[Any] = []
    for value in job["values"]:
        answer = link.call_plain(entry, value)
        if "raised" in answer:
            failure = answer["raised"]
            if isinstance(failure, dict) and failure.get("kind") == "SystemExit":
                failure = {**failure, "detail": "early_exit"}
            elif isinstance(failure, dict) and failure.get("kind") == "MemoryError":
                failure = {**failure, "detail": "memory"}
            return {**load_failure(failure), "results": results}
        results.append({"cannot": answer["cannot"]} if "cannot" in answer else [answer["value"]])
    return {"status": "passed", "results": results}


def _run_io(run: Run, link: Link, job: Frame) -> Frame:
    """Run the whole program once per input, each time in a fresh process."""
    cases: list[Frame] = []
    for number, text in enumerate(job["stdins"]):
        current = link if number == 0 else run.start_candidate()
        _rewind(run, text)
        frame = {"do": "main", "source": job["source"], "limits": run.limits}
        failure = None
        try:
            failure = current.ask(frame).get("failure")
            current.receive()
        except Died:
            _await_exit(current, None)
        status = _reap(current.pid)
        current.close()
        run.link = None
        case = {"exit": status, **_outputs(run)}
        if failure is not None:
            case["failure"] = load_failure(failure)
        cases.append(case)
        if status != 0 or case["out_cut"] or failure is not None:
            break
    return {"status": "passed", "cases": cases}


def _run_shared(run: Run, link: Link, job: Frame) -> Frame:
    """Source and tests in one process. A pass needs its word, its count and its exit status."""
    answer = link.ask({**job, "do": "shared", "limits": run.limits})
    if "failure" in answer:
        return load_failure(answer["failure"])
    verdict = shared_verdict(answer.get("verdict"))
    _await_exit(link, 1000)
    status = _reap(link.pid)
    link.close()
    run.link = None
    if verdict["status"] == "passed" and status != 0:
        return _ended(status)
    return verdict


def _await_exit(link: Link, milliseconds: int | None) -> None:
    poller = select.poll()
    poller.register(link.handle, select.POLLIN)
    poller.poll(milliseconds)


def _rewind(run: Run, text: str) -> None:
    for descriptor in run.streams:
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
    os.pwrite(run.streams[0], text.encode("utf-8", "surrogatepass"), 0)


def _kill_all() -> None:
    try:
        os.kill(-1, signal.SIGKILL)
    except ProcessLookupError:
        return


def _reap(pid: int | None) -> int | None:
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


def _outputs(run: Run) -> Frame:
    outcome: Frame = {}
    for name, descriptor in (("out", run.streams[1]), ("err", run.streams[2])):
        size = os.fstat(descriptor).st_size
        data = os.pread(descriptor, min(size, run.output_bytes), 0)
        outcome[name] = data.decode("utf-8", "replace")
        outcome[f"{name}_cut"] = size > run.output_bytes
    return outcome


def _finish(run: Run, outcome: Frame) -> Frame:
    """Everything but the keeper ends here; then the outcome is completed and put in order."""
    stop = outcome.pop("stop", None)
    died = isinstance(stop, Died)
    if died and run.link is not None:
        # The channel may close a moment before the process is gone; one that goes on is killed.
        _await_exit(run.link, 200)
    status = _reap(run.link.pid if run.link else None)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = usage.ru_utime + usage.ru_stime
    outcome = {
        **_outputs(run),
        **(outcome or _stopped(stop, status)),
        "exit": status,
        "cpu_s": cpu,
        "wall_s": time.monotonic() - run.started,
        "peak": usage.ru_maxrss * 1024,
    }
    over_cpu = cpu > run.limits["cpu_exact"]
    if outcome["out_cut"] or outcome["err_cut"]:
        outcome.update(status="output_limit", detail=None)
    elif over_cpu and outcome["status"] in {"error", "timeout", "passed", "failed"}:
        outcome.update(status="timeout", detail="cpu")
    return outcome


def _stopped(stop: Stop | None, status: int | None) -> Frame:
    match stop:
        case WallClock():
            return {"status": "timeout", "detail": "wall", "message": "the wall clock ran out"}
        case Forged():
            return {"status": "forged", "message": f"tampering with the channel: {stop}"}
        case NeedShared():
            return {"status": "need_shared", "message": str(stop)}
        case _:
            return _ended(status)


def _ended(status: int | None) -> Frame:
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
