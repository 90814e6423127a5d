"""Init of a container of the docker backend: forks one keeper per run, and kills what it leaves.

Theory of operation. One stream joins the container to the server: this process's standard input
and output. A keeper, forked ahead, reads its job from that stream by itself and writes the outcome
to it, so that nothing of a run ever enters this process, from which the next run is forked. When
the job has been read, what comes next on the stream is an order of 17 bytes, `k` and a nonce: this
process then kills everything else in the container, empties the writable directories, and answers
with the nonce and a frame. A killed keeper may leave half an outcome on the stream; the server
skips to the nonce, which no candidate can know. When the stream closes, the container ends.

Identities. There is no namespace per run here, for that needs CAP_SYS_ADMIN. Three ids instead,
and of all capabilities only three, kept by this process alone: SETUID and SETGID to give keepers
and candidates ids of their own, KILL to end processes of these ids. It is root in all else but
name: it may not override file permissions, change owners, mount, trace or use the network.
A keeper has no capability. Its real and saved ids are its own and its effective id is the
candidate's: it may signal its candidates, by the effective id, but they may not signal it, for
what counts there are the target's real and saved ids. It also makes a candidate's id from its own
three without any privilege; for that, `setresuid` is allowed by the filter, which leads a
candidate nowhere but to the one id it has.
The ids are the container's own, since the kernel counts processes per id over all containers.

It does not guard a container's next run against a bug in the kernel, and `/proc` is visible:
a candidate sees its own entry, that others exist and their command lines, which tell nothing.
"""

from __future__ import annotations

import os
import re
import resource
import select
import shutil
import signal
import site
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from sandbox import frames
from sandbox.inner import keeper, warm
from sandbox.inner.kernel import linux
from sandbox.inner.kernel.seccomp import Filter
from sandbox.inner.run import Setup

if TYPE_CHECKING:
    from sandbox.frames import Frame

_SETRESUID = 117
_ORDER_BYTES = 17
_WRITABLE = ("/tmp", "/dev/shm")  # noqa: S108 - the container's own
_ENVIRONMENT = frozenset({"LANG", "HOME", "TMPDIR", "PATH", "LD_BIND_NOW"})
_KILL_COUNTS = (
    Path("/sys/fs/cgroup/memory/memory.oom_control"),
    Path("/sys/fs/cgroup/memory.events"),
)


@dataclass(frozen=True)
class _Stream:
    """The container's stream, and a pipe on which a keeper says that it has read its job."""

    source: int
    sink: int
    word: int = -1

    def recv(self, size: int, /) -> bytes:
        return os.read(self.source, size)

    def taken(self) -> None:
        os.write(self.word, b"t")
        os.close(self.word)

    def sendall(self, data: bytes, /) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self.sink, view) :]


def main(config: Frame) -> NoReturn:
    """Serve until the stream ends. `config` has the `flavour`, and the ids `uid` and `keeper`."""
    stream = _take_streams()
    # The daemon adds the host name and more.
    for name in os.environ.keys() - _ENVIRONMENT:
        del os.environ[name]
    try:
        warm.load(site.getsitepackages(), config["flavour"])
        # Checked here, where a refusal can still be explained.
        _probe(config["uid"])
    except (ImportError, OSError) as error:
        stream.sendall(frames.pack({"error": f"{type(error).__name__}: {error}"}))
        os._exit(1)
    procfs = os.open("/proc", os.O_PATH | os.O_DIRECTORY)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    space = pages * resource.getpagesize()
    uid, filter_ = config["uid"], Filter((_SETRESUID,))
    setup = Setup(procfs, filter_, uid, uid, space, 0, warm.settle())
    stream.sendall(frames.pack({"ready": True, "memory_kills": memory_kills()}))
    while _serve(stream, setup, config["keeper"]):
        pass
    os._exit(0)


def _take_streams() -> _Stream:
    """Move the stream off the standard descriptors, which candidates use, and mute those."""
    stream = _Stream(os.dup(0), os.dup(1))
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)
    os.close(null)
    return stream


def _probe(uid: int) -> None:
    """Raise `OSError` where the container's kernel lacks what every run needs."""
    try:
        os.close(os.pidfd_open(os.getpid()))
        linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 0)
    except OSError as error:
        text = "this runtime's kernel has no pidfd_open or no subreapers (runsc: use a newer one)"
        raise OSError(error.errno, text) from error
    pid = os.fork()
    if pid == 0:
        os.setresuid(uid, uid, uid)
        signal.pause()
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if not os.WIFSIGNALED(status):
        raise PermissionError("the container cannot change user ids")


def _serve(stream: _Stream, setup: Setup, keeper_id: int) -> bool:
    """One run, from the fork of its keeper to the answer that all is gone. False at the end."""
    for path in _notes():  # else their times would tell this run about earlier ones
        os.utime(path, (0, 0))
    hear, say = os.pipe()
    pid = linux.fork()
    if pid == 0:
        os.close(hear)
        channel = _Stream(stream.source, stream.sink, say)
        keeper.main(channel, setup, lambda setup: _enter(setup, keeper_id))
    os.close(say)
    taken = os.read(hear, 1)
    os.close(hear)
    if not taken:
        return False
    order = _await_order(stream, pid)
    if len(order) != _ORDER_BYTES:
        return False
    _kill_all()
    clean = _clean(setup.uid)
    gone = frames.pack({"clean": clean, "memory_kills": memory_kills()})
    stream.sendall(order[1:] + gone)
    return True


def _enter(setup: Setup, keeper_id: int) -> None:
    """Become a keeper: two ids, no capability, out of reach of the candidate."""
    # When a run's memory is out, the kernel is to end the run and not the supervisor.
    Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
    os.close(setup.procfs)
    linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)
    os.setgroups([])
    os.setresgid(setup.gid, setup.gid, setup.gid)
    os.setresuid(keeper_id, setup.uid, keeper_id)
    linux.prctl(linux.PR_SET_DUMPABLE, 0)


def _await_order(stream: _Stream, pid: int) -> bytes:
    """The order that ends a run. If the keeper dies before that, the server is told first."""
    handle = os.pidfd_open(pid)
    poller = select.poll()
    poller.register(stream.source, select.POLLIN)
    poller.register(handle, select.POLLIN)
    ready = {descriptor for descriptor, _ in poller.poll()}
    if stream.source not in ready:
        ended = os.waitid(os.P_PIDFD, handle, os.WEXITED | os.WNOWAIT)
        if ended is None or ended.si_code != os.CLD_EXITED or ended.si_status != 0:
            stream.sendall(frames.pack({"status": "died"}))
    os.close(handle)
    order = b""
    while len(order) < _ORDER_BYTES:
        chunk = os.read(stream.source, _ORDER_BYTES - len(order))
        if not chunk:
            break
        order += chunk
    return order


def _kill_all() -> None:
    """Kill everything else in the container at one stroke, so that nothing can fork away."""
    try:
        os.kill(-1, signal.SIGKILL)
        while True:
            os.waitpid(-1, 0)
    except (ProcessLookupError, ChildProcessError):
        return


def _clean(uid: int) -> bool:
    """Empty the writable directories, as the candidate: no capability lets us, as we are.

    False when something stayed; the server then gives the whole container up.
    """
    if not _left():
        return True
    pid = os.fork()
    if pid == 0:
        try:
            os.setresuid(uid, uid, uid)
            for path in _left():
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()
        except BaseException:  # noqa: BLE001 - the outermost handler of the process
            os._exit(1)
        os._exit(0)
    os.waitpid(pid, 0)
    return not _left()


def _left() -> list[Path]:
    return [path for directory in _WRITABLE for path in Path(directory).iterdir()]


def _notes() -> list[Path]:
    """What a candidate may write to, and so set the times of: its directories, and devices."""
    devices = (path for path in Path("/dev").rglob("*") if path.is_char_device())
    return [*map(Path, _WRITABLE), *(path for path in devices if path.stat().st_uid == os.getuid())]


def memory_kills(counts: Iterable[Path] = _KILL_COUNTS) -> int:
    """How often the kernel has killed here for want of memory; 0 where it does not say."""
    for path in counts:
        if path.exists():
            found = re.search(r"^oom_kill (\d+)$", path.read_text(encoding="ascii"), re.MULTILINE)
            return int(found[1]) if found else 0
    return 0
