"""Suite C: ways out of the sandbox are refused, or end the run as a violation."""

import ctypes
import itertools
import os
import socket
import sys
import sysconfig
import threading
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from sandbox import Asserts, Pytest, Status

ADD = Asserts("assert add(1, 2) == 3", "add")
VIOLATION, PASSED = Status.SANDBOX_VIOLATION, Status.PASSED

# A case passes only if its attempt was refused: `refused` returns then, and exits otherwise.
HEAD = """
import ctypes, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def refused(attempt, *args):
    try: attempt(*args)
    except OSError: return
    raise SystemExit('not refused')
def call(*args):
    if libc.syscall(*args) < 0: raise OSError(ctypes.get_errno(), 'refused')
def kill(pid, number):
    try: os.kill(pid, number)
    except (PermissionError, ProcessLookupError): pass
def add(a, b): return a + b
"""


def _ways() -> dict[str, set[str]]:
    """What leads to what candidates may see: of each directory on the way, the names on the way.

    An installation may lie in any directory, so there is none that is never there.
    """
    paths = sysconfig.get_paths()
    trees = {Path(paths["purelib"]), Path(paths["platlib"]), Path(os.__file__).parent}
    mapped = {Path(found.path) for found in psutil.Process().memory_maps() if found.path[0] == "/"}
    ways: dict[str, set[str]] = {}
    for path in {*trees, Path(sys.executable).resolve(), *mapped}:
        if path.parts[1] in {"usr", "lib", "lib64"} or trees & set(path.parents):
            continue
        for place, under in itertools.pairwise([*reversed(path.parents), path]):
            ways.setdefault(str(place), set()).add(under.name)
    del ways["/"]
    return ways


WAYS = _ways()


@dataclass(frozen=True)
class Case:
    """An attempt; it is refused with an error (and the run passes), or is a violation.

    A container shows more than a root of our own: `docker` is then what must be refused there.
    """

    name: str
    source: str
    status: Status = PASSED
    docker: str = ""


def _syscall(name: str, arguments: str) -> Case:
    return Case(name, f"call({arguments})", VIOLATION)


CASES = [
    Case("TCP", "refused(socket.create_connection, ('127.0.0.1', 22), 1)"),
    Case("TCP socket", "refused(socket.socket, socket.AF_INET, socket.SOCK_STREAM)"),
    Case("UDP", "refused(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)"),
    Case("IPv6", "refused(socket.socket, socket.AF_INET6, socket.SOCK_STREAM)"),
    Case("raw socket", "refused(socket.socket, socket.AF_INET, socket.SOCK_RAW, 1)"),
    Case("packet socket", "refused(socket.socket, 17, socket.SOCK_RAW, 3)"),
    Case("netlink", "refused(socket.socket, 16, socket.SOCK_RAW, 0)"),
    Case("vsock", "refused(socket.socket, 40, socket.SOCK_STREAM)"),
    Case("kernel crypto", "refused(socket.socket, 38, socket.SOCK_SEQPACKET)"),
    Case(
        "netlink pair",
        "try: socket.socketpair(16, socket.SOCK_RAW)\nexcept PermissionError: pass",
    ),
    Case("DNS", "refused(socket.getaddrinfo, 'example.com', 80)"),
    Case("metadata address", "refused(socket.create_connection, ('169.254.169.254', 80), 1)"),
    Case("environment", "assert not any('SECRET' in k for k in os.environ), os.environ"),
    Case(
        "/proc",
        "refused(open, '/proc/1/environ')\nrefused(os.listdir, '/proc/self')",
        docker="for p in os.listdir('/proc'):\n    if p.isdigit() and int(p) != os.getpid():\n"
        "        for f in ('environ', 'mem', 'maps', 'stack', 'auxv', 'syscall'):\n"
        "            refused(lambda: open(f'/proc/{p}/{f}', 'rb').read(1))\n"
        "        for d in ('fd', 'cwd'): refused(os.listdir, f'/proc/{p}/{d}')\n"
        "for f in ('sys/kernel/core_pattern', 'sysrq-trigger', 'sys/vm/drop_caches'):\n"
        "    refused(open, f'/proc/{f}', 'w')",
    ),
    Case(
        "/sys", "refused(os.listdir, '/sys')", docker="refused(os.mkdir, '/sys/fs/cgroup/pids/x')"
    ),
    Case("Docker socket", "refused(os.stat, '/var/run/docker.sock')"),
    Case(
        "host directories",
        "for d in ('/home', '/var', '/run', '/boot', '/opt', '/srv', '/mnt', '/root'):\n"
        "    if d not in WAYS: refused(os.listdir, d)\n"
        "for d, names in WAYS.items(): assert set(os.listdir(d)) <= names, (d, os.listdir(d))\n"
        "refused(os.listdir, '/root/.ssh')",
        docker="for d in ('/home', '/boot', '/opt', '/srv', '/mnt'):\n"
        "    assert os.listdir(d) == [], d\nrefused(os.listdir, '/root')",
    ),
    Case(
        "host accounts",
        "refused(open, '/etc/shadow')\nassert open('/etc/passwd').read().count('\\n') == 1",
        docker="refused(open, '/etc/shadow')",
    ),
    Case("not root", "assert 0 not in (os.getuid(), os.geteuid(), os.getgid()), os.getuid()"),
    Case("root is read-only", "refused(open, '/x', 'w')\nrefused(os.mkdir, '/usr/lib/x')"),
    Case("stdlib is read-only", "refused(open, os.__file__, 'a')\nrefused(os.unlink, os.__file__)"),
    Case("mode bits of root", "refused(os.chmod, '/', 0o777)"),
    Case(
        "a note on a device",
        "for d in ('null', 'zero', 'full', 'random', 'urandom'):\n"
        "    refused(os.utime, f'/dev/{d}')\n    refused(os.utime, f'/dev/{d}', (1, 1))",
        docker="for d in ('/tmp', '/dev/shm', '/dev/null', '/dev/full', '/dev/pts/ptmx'):\n"
        "    assert os.stat(d).st_mtime == 0, d\n    os.utime(d)",
    ),
    Case("a note on /dev/mqueue", "refused(os.utime, '/dev/mqueue')"),
    Case("kill parent", "keeper = os.getppid()\nkill(keeper, 9)\nassert os.getppid() == keeper"),
    Case("kill all", "kill(-1, 9)"),
    Case("stop the keeper", "for pid in (1, os.getppid()):\n    kill(pid, 19)\n    kill(pid, 9)"),
    Case("limits of the keeper", "refused(call, 302, 1, 0, None, None)"),
    Case("affinity of the keeper", "refused(os.sched_setaffinity, 1, {0})"),
    Case("priority of the keeper", "refused(os.setpriority, os.PRIO_PROCESS, 1, 19)"),
    _syscall("ptrace", "101, 16, 1, 0, 0"),
    _syscall("process_vm_readv", "310, 1, 0, 0, 0, 0, 0"),
    _syscall("process_vm_writev", "311, 1, 0, 0, 0, 0, 0"),
    _syscall("pidfd_getfd", "438, 3, 3, 0"),
    _syscall("mount", "165, 0, 0, 0, 0, 0"),
    _syscall("umount", "166, 0, 0"),
    _syscall("pivot_root", "155, 0, 0"),
    _syscall("chroot", "161, b'/tmp'"),
    _syscall("unshare", "272, 0x10000000"),
    _syscall("setns", "308, 3, 0"),
    _syscall("clone into a user namespace", "56, 0x10000011, 0, 0, 0, 0"),
    Case("clone3", "refused(call, 435, 0, 0)"),
    _syscall("keyctl", "250, 0, -3, 1"),
    _syscall("add_key", "248, 0, 0, 0, 0, 0"),
    _syscall("request_key", "249, 0, 0, 0, 0"),
    _syscall("io_uring", "425, 8, 0"),
    _syscall("bpf", "321, 0, 0, 0"),
    _syscall("perf_event_open", "298, 0, 0, 0, 0, 0"),
    _syscall("userfaultfd", "323, 0"),
    _syscall("clock_settime", "227, 0, 0"),
    _syscall("settimeofday", "164, 0, 0"),
    _syscall("open_by_handle_at", "304, 0, 0, 0"),
    _syscall("fanotify", "300, 0, 0"),
    Case("inotify", "refused(call, 253)\nrefused(call, 294, 0)"),
    Case(
        "directory notifications",
        "import fcntl\nfor d in ('/tmp', os.path.dirname(os.__file__)):\n"
        "    refused(fcntl.fcntl, os.open(d, 0), 1026, 1)",
    ),
    Case(
        "leases",
        "import fcntl\nfor f in ('/tmp/f', os.__file__):\n"
        "    refused(fcntl.fcntl, os.open(f, os.O_CREAT if f[1] == 't' else 0), 1024, 0)",
    ),
    Case(
        "hints in inodes",
        "import fcntl\nfor command in (1036, 1038):\n"
        "    refused(fcntl.fcntl, os.open(os.__file__, 0), command, (3).to_bytes(8, 'little'))",
    ),
    Case(
        "locks on its own files",
        "import fcntl\nfor d in ('/tmp', '/dev/shm'):\n"
        "    one, two = open(d + '/f', 'w'), open(d + '/f', 'w')\n"
        "    fcntl.flock(one, fcntl.LOCK_EX)\n"
        "    refused(fcntl.flock, two, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "    fcntl.lockf(one, fcntl.LOCK_EX)",
    ),
    _syscall("init_module", "175, 0, 0, 0"),
    _syscall("kexec_load", "246, 0, 0, 0, 0"),
    _syscall("reboot", "169, 0, 0, 0, 0"),
    _syscall("x32 table", "0x40000000 + 39"),
    Case(
        "32-bit system call",
        "import mmap\ncode = mmap.mmap(-1, 4096, prot=7)\n"
        "code.write(bytes.fromhex('b814000000cd80c3'))\n"
        "ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()",
        VIOLATION,
    ),
    Case("TIOCSTI", "import fcntl\nrefused(fcntl.ioctl, 0, 0x5412, b'x')"),
    Case("personality", "refused(call, 135, 0x0040000)"),
    Case(
        "capabilities", "refused(os.chown, '/tmp', 1, 1)\nrefused(os.mknod, '/tmp/d', 0o20666, 259)"
    ),
    Case("setuid bit", "open('/tmp/s', 'w').close()\nos.chmod('/tmp/s', 0o4755)"),
    Case("no new privileges", "assert libc.prctl(39, 0, 0, 0, 0) == 1"),
    Case("SysV shared memory", "refused(call, 29, 1, 4096, 0o1600)"),
    Case("SysV semaphores", "refused(call, 64, 1, 1, 0o1600)"),
    Case("SysV messages", "refused(call, 68, 1, 0o1600)"),
    Case("POSIX queues", "refused(call, 240, b'/q', 0o102, 0o600, None)"),
    Case("only the streams and one channel are open", "assert len(FDS) <= 4, FDS"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.usefixtures("unharmed")
def test_refused(judge, case: Case) -> None:
    open_now = (
        "FDS = []\nfor fd in range(256):\n    try: FDS.append(os.fstat(fd).st_ino)\n"
        "    except OSError: pass\n"
    )
    attempt = case.docker if judge.name == "docker" and case.docker else case.source
    report = judge(HEAD + f"WAYS = {WAYS!r}\n" + open_now + attempt, ADD)
    judge.check(report, case.status)


def test_the_servers_environment_is_not_inherited(judge, monkeypatch) -> None:
    monkeypatch.setenv("MY_SECRET", "1")
    source = HEAD + "assert set(os.environ) <= {'LANG', 'HOME', 'TMPDIR', 'PATH', 'LD_BIND_NOW'}"
    assert judge(source, ADD).status is PASSED


def test_an_abstract_socket_of_the_host_is_not_reachable(judge) -> None:
    name = f"\0sandbox-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        source = HEAD + f"refused(socket.socket(socket.AF_UNIX).connect, {name!r})"
        assert judge(source, ADD).status is PASSED


def test_a_file_of_the_host_is_not_there(judge, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    source = HEAD + f"refused(open, {str(secret)!r})\nrefused(open, '/tmp/../..{secret}')"
    assert judge(source, ADD).status is PASSED


LEAVE = (
    HEAD
    + """
import fcntl
open('/tmp/left', 'w').write('x')
open('/dev/shm/left', 'w').write('x')
kept = open('/tmp/lock', 'w')
fcntl.flock(kept, fcntl.LOCK_EX)
os.symlink('/etc/passwd', '/tmp/link')
os.mkfifo('/tmp/fifo')
hidden = socket.socket(socket.AF_UNIX)
hidden.bind('\\0left')
"""
)
FIND = (
    HEAD
    + f"WAYS = {WAYS!r}"
    + """
for d in ('/tmp', '/dev/shm'): assert set(os.listdir(d)) == WAYS.get(d, set()), os.listdir(d)
refused(socket.socket(socket.AF_UNIX).connect, '\\0left')
"""
)


@pytest.mark.usefixtures("unharmed")
def test_nothing_is_left_for_the_next_run(judge) -> None:
    assert judge(LEAVE, ADD).status is PASSED
    assert judge(FIND, ADD).status is PASSED


DRAW = """
import random, tempfile, uuid
def add(*theirs):
    print(*theirs, random.random(), next(tempfile._get_candidate_names()), uuid.uuid4(), sep='\\n')
    return 3
"""
DRAWN = "add(random.random(), next(tempfile._get_candidate_names()), str(uuid.uuid4()))"
PRELUDE = "import random, tempfile, uuid"


@pytest.mark.parametrize("kind", ["asserts", "pytest", "one process"])
def test_random_numbers_are_fresh_in_every_run_and_process(judge, kind: str) -> None:
    tests: Asserts | Pytest = Asserts(f"assert {DRAWN} == 3", "add", PRELUDE)
    if kind == "pytest":
        text = f"from solution import add\ndef test_add():\n    assert {DRAWN} == 3\n"
        tests = Pytest(text, PRELUDE)
    elif kind == "one process":
        text = f"import solution\nsolution.answer = 3\nassert {DRAWN} == 3"
        tests = Asserts(text, "add", PRELUDE)
    drawn: list[str] = []
    for _ in range(2):
        report = judge(DRAW, tests)
        assert report.status is PASSED, report
        drawn += report.stdout.split()
    assert len(drawn) == 12
    assert len(set(drawn)) == 12, drawn


def test_no_thread_is_started_for_a_run(judge) -> None:
    before = threading.active_count()
    judge(HEAD, ADD)
    assert threading.active_count() <= before


def test_the_syscall_numbers_are_this_architectures() -> None:
    libc = ctypes.CDLL(None)
    assert libc.syscall(39) == os.getpid()
