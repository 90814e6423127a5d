"""Two candidates that run side by side cannot signal each other, nor use up what the other needs.

In each case one program holds something while another tries it: that must come to the same as when
it runs alone. Both are told one time to meet at, since nothing else tells them of each other.
"""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox import Asserts, Limits, ProcessBackend, Program, Report, Status
from sandbox.inner.kernel import linux

LIMITS = Limits(wall_s=60.0, cpu_s=20.0)
TESTS = Asserts("assert f() is None", "f")
START_S = 0.5

HEAD = """
import array, ctypes, errno, fcntl, os, signal, socket, struct, time
def sleep_until(offset): time.sleep(max(0.0, MEETING + SLOWER * offset - time.time()))
def until_refused(act, most):
    for number in range(most):
        try: act()
        except OSError as error: return errno.errorcode[error.errno]
    return 'never refused'
def tried(act, *args):
    try: return act(*args)
    except OSError as error: return errno.errorcode[error.errno]
def f(): pass
libc = ctypes.CDLL(None, use_errno=True)
def call(*args):
    result = libc.syscall(*args)
    if result < 0: raise OSError(ctypes.get_errno(), 'refused')
    return result
F_SETPIPE_SZ, F_GETPIPE_SZ, F_OFD_GETLK, F_OFD_SETLK, F_NOTIFY = 1031, 1032, 36, 37, 1026
def lock(kind): return struct.pack('hhqqi4x', kind, 0, 0, 0, 0)
def locked(path, flags, command, kind):
    return fcntl.fcntl(os.open(path, flags), command, lock(kind))[:2]
def flocked(path, how): return fcntl.flock(os.open(path, os.O_RDONLY), how | fcntl.LOCK_NB)
def pass_on(count):
    near, far = socket.socketpair()
    rights = array.array('i', [near.fileno()] * count)
    near.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    return near, far
def wide_pipe():
    read, write = os.pipe()
    return read, write, fcntl.fcntl(write, F_SETPIPE_SZ, 2 ** 20)
"""


@dataclass(frozen=True)
class Case:
    """What one program does until the other has printed what it found.

    `by_user`: the kernel counts it by user id, and workers of an ordinary user have one id.
    `within`: what the first does is over in a moment, for which the other waits.
    """

    name: str
    hold: str
    look: str
    by_user: bool = False
    within: bool = False


def _locks(path: str) -> list[Case]:
    look = (
        f"for how in (fcntl.LOCK_SH, fcntl.LOCK_EX): print(tried(flocked, {path}, how))\n"
        "for kind in (fcntl.F_RDLCK, fcntl.F_WRLCK):\n"
        f"    print(tried(locked, {path}, os.O_RDONLY, fcntl.F_GETLK, kind))\n"
        f"    print(tried(locked, {path}, os.O_RDONLY, F_OFD_GETLK, kind))\n"
        f"    print(tried(locked, {path}, os.O_RDWR, fcntl.F_SETLK, kind))"
    )
    ways = {
        "shared flock": f"print(tried(flocked, {path}, fcntl.LOCK_SH))",
        "flock": f"print(tried(flocked, {path}, fcntl.LOCK_EX))",
        "read lock": f"print(tried(locked, {path}, os.O_RDONLY, fcntl.F_SETLK, fcntl.F_RDLCK))",
        "write lock": f"print(tried(locked, {path}, os.O_RDWR, fcntl.F_SETLK, fcntl.F_WRLCK))",
        "open lock": f"print(tried(locked, {path}, os.O_RDONLY, F_OFD_SETLK, fcntl.F_RDLCK))",
    }
    # What `os.open` gives is never closed, so the locks last as long as the program.
    return [Case(f"{name} on {path}", hold, look) for name, hold in ways.items()]


CASES = [
    Case(
        "pipe sizes",
        "kept = []\nprint(until_refused(lambda: kept.append(wide_pipe()), 100))",
        "r, w = os.pipe()\nprint(fcntl.fcntl(w, F_GETPIPE_SZ), tried(wide_pipe)[2:])",
        by_user=True,
    ),
    Case(
        "descriptors in flight",
        "kept = []\nprint(until_refused(lambda: kept.append(pass_on(100)), 20))",
        "print(type(tried(pass_on, 1)))",
        by_user=True,
    ),
    Case(
        "processes",
        "def act():\n    if os.fork() == 0:\n        time.sleep(30)\n        os._exit(0)\n"
        "print(until_refused(act, 1000))",
        "pid = tried(os.fork)\nif pid == 0: os._exit(0)\nprint(type(pid))",
    ),
    Case(
        "timers and pending signals",
        "t = ctypes.c_int()\n"
        "print(until_refused(lambda: call(222, 1, None, ctypes.byref(t)), 10 ** 6))",
        "t = ctypes.c_int()\nprint(tried(call, 222, 1, None, ctypes.byref(t)))",
    ),
    Case(
        "notes about a directory",
        "sleep_until(.2)\nfor name in os.listdir(PLACE):\n    path = PLACE + '/' + name\n"
        "    if os.path.isfile(path): open(path, 'rb').read(1)",
        "seen = []\nsignal.signal(signal.SIGIO, lambda *_: seen.append(1))\n"
        "PLACE = os.path.dirname(os.__file__)\n"
        "tried(fcntl.fcntl, os.open(PLACE, os.O_RDONLY), F_NOTIFY, 0x21 - 2 ** 31)\n"
        "sleep_until(.7)\nprint(len(seen))",
        within=True,
    ),
    Case(
        "files",
        "for place in ('/tmp/mine', '/dev/shm/mine', 'mine'): open(place, 'w').write('x')",
        "for place in ('/tmp', '/dev/shm', '.'): print(os.listdir(place))",
    ),
    Case(
        "sockets with a name",
        "kept = [socket.socket(socket.AF_UNIX) for _ in range(2)]\n"
        "for each, name in zip(kept, ('\\0mine', '/tmp/mine')):\n"
        "    each.bind(name)\n    each.listen()",
        "for name in ('\\0mine', '/tmp/mine'):\n"
        "    print(tried(socket.socket(socket.AF_UNIX).connect, name))",
    ),
    Case(
        "signals",
        "signal.signal(signal.SIGUSR1, signal.SIG_DFL)",  # which would end it
        "for pid in range(os.getpid() + 1, os.getpid() + 3000): tried(os.kill, pid, 10)\n"
        "print(tried(os.killpg, os.getpgid(0) + 1, 10))",
    ),
    *_locks("os.__file__"),
    *_locks("'/dev/null'"),
]


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[asyncio.Runner, ProcessBackend]]:
    """A backend with two workers, and the loop that it lives in."""
    with asyncio.Runner() as runner:
        backend = ProcessBackend(workers=2)
        runner.run(backend.start())
        yield runner, backend
        runner.run(backend.aclose())


@pytest.fixture(scope="module")
def alone() -> dict[str, str]:
    """What those who look have found without a neighbour."""
    return {}


async def found(
    backend: ProcessBackend, look: str, hold: str = "", *, within: bool = False
) -> tuple[str, str]:
    """What the one who looks has printed, and the one who held something meanwhile.

    They say when they did, and are to meet again, at more leisure, unless they have met.
    """
    for slower in (1, 4, 16):
        head = (
            f"{HEAD}MEETING, SLOWER = {time.time() + START_S * slower}, {slower}\n"
            "PLACE = os.path.dirname(os.__file__)\n"
        )
        looking = f"sleep_until(0)\nbegan = time.time()\n{look}\nprint(began, time.time())"
        holding = f"{hold}\nbegan = time.time()\nsleep_until(.9)\nprint(began, time.time())"
        sources = [head + looking, head + holding]
        runs = [backend.run(Program(source, TESTS), LIMITS) for source in sources]
        reports = await asyncio.gather(*runs)
        for report in reports:
            assert report.status is Status.PASSED, report
        (looked, (began, ended)), (held, (since, until)) = map(_with_times, reports)
        if began <= since <= ended if within else since <= began and ended <= until:
            return looked, held
    raise AssertionError(f"they never met: {began} to {ended}, {since} to {until}")


def _with_times(report: Report) -> tuple[str, tuple[float, float]]:
    *said, last = report.stdout.splitlines(keepends=True)
    began, ended = map(float, last.split())
    return "".join(said), (began, ended)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_neighbour_is_not_noticed(
    pair: tuple[asyncio.Runner, ProcessBackend], alone: dict[str, str], case: Case
) -> None:
    if case.by_user and os.getuid() != 0:
        pytest.skip("an ordinary user has one id for all workers")
    runner, backend = pair
    if case.look not in alone:
        alone[case.look], _ = runner.run(found(backend, case.look))
    beside, held = runner.run(found(backend, case.look, case.hold, within=case.within))
    assert beside == alone[case.look], f"held: {held}"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a file system here")
def test_where_files_cannot_be_had_twice_there_are_no_locks(tmp_path: Path) -> None:
    below = tmp_path / "below"
    tmp_path.chmod(0o755)
    below.mkdir()
    look = (
        "open('/tmp/f', 'w')\n"
        "for how in (fcntl.LOCK_SH, fcntl.LOCK_EX): print(tried(flocked, '/tmp/f', how))\n"
        "print(tried(locked, '/tmp/f', os.O_RDWR, fcntl.F_SETLK, fcntl.F_WRLCK))\n"
        f"print(os.listdir({str(tmp_path)!r}), os.listdir({str(below)!r}))"
    )
    linux.mount("none", str(below), "tmpfs", 0, "mode=755")
    try:
        (below / "there").touch()
        with asyncio.Runner() as runner:
            backend = ProcessBackend(workers=2, packages=[str(tmp_path)])
            runner.run(backend.start())
            seen, _ = runner.run(found(backend, look))
            runner.run(backend.aclose())
    finally:
        linux.umount(str(below))
    assert seen.split() == ["ENOLCK"] * 3 + ["['below']", "['there']"]


def test_a_server_that_ignores_ended_children_counts_their_time_all_the_same() -> None:
    source = (
        "import os, time\nended, held = os.pipe()\nfor _ in range(3):\n    if os.fork() == 0:\n"
        "        while time.process_time() < .4: pass\n        os._exit(0)\n"
        "os.close(held)\nos.read(ended, 1)\ndef f(): pass\n"
    )

    async def main() -> Report:
        async with ProcessBackend(workers=1) as backend:
            return await backend.run(Program(source, TESTS), Limits(wall_s=100.0, cpu_s=0.5))

    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        report = asyncio.run(main())
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert (report.status, report.detail) == (Status.TIMEOUT, "cpu")
