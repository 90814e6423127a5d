"""The system-call filter, where candidates would see each other or take what all share."""

import ctypes
import errno
import fcntl
import os
import resource
import signal
import socket
import struct
import termios
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from sandbox import Asserts, Status
from sandbox.inner.kernel import linux
from sandbox.inner.kernel.seccomp import Filter


def errno_below(filter_: Filter, act: Callable[[], object]) -> int:
    """What `act` fails with in a process under the filter; 0 where it does not."""
    pid = os.fork()
    if pid == 0:
        code = 255
        try:
            linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
            linux.seccomp_filter(filter_.pointer)
            act()
            code = 0
        except OSError as error:
            code = error.errno or 255
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("locks", [True, False])
def test_locks_are_there_only_where_they_are_allowed(tmp_path: Path, *, locks: bool) -> None:
    descriptor = os.open(tmp_path / "f", os.O_CREAT | os.O_RDWR)
    expected = 0 if locks else errno.ENOLCK
    filter_ = Filter(locks=locks)
    for act in (
        lambda: fcntl.flock(descriptor, fcntl.LOCK_EX),
        lambda: fcntl.lockf(descriptor, fcntl.LOCK_EX),
        lambda: fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB),
    ):
        assert errno_below(filter_, act) == expected
    assert errno_below(filter_, lambda: fcntl.fcntl(descriptor, fcntl.F_GETFD)) == 0
    os.close(descriptor)


def test_what_comes_of_ended_children_can_be_asked_and_not_changed() -> None:
    def act() -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        assert os.waitpid(pid, 0) == (pid, 0)

    assert errno_below(Filter(), act) == 0


def test_no_socket_has_a_filter_and_all_have_their_ordinary_options() -> None:
    code = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0xFFFFFFFF))
    program = struct.pack("H6xQ", 1, ctypes.addressof(code))
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with near, far:
        for option in (26, 51):  # SO_ATTACH_FILTER, SO_ATTACH_REUSEPORT_CBPF
            refused = errno_below(Filter(), partial(near.setsockopt, 1, option, program))
            assert refused == errno.ENOPROTOOPT, option
        for option in ("REUSEADDR", "SNDBUF", "RCVBUF", "KEEPALIVE", "PASSCRED", "RCVLOWAT"):
            number = getattr(socket, f"SO_{option}")
            act = partial(near.setsockopt, socket.SOL_SOCKET, number, 1)
            assert errno_below(Filter(), act) == 0, option
        assert errno_below(Filter(), lambda: near.settimeout(1.0)) == 0
        wait = struct.pack("ll", 1, 0)
        act = partial(near.setsockopt, socket.SOL_SOCKET, socket.SO_SNDTIMEO, wait)
        assert errno_below(Filter(), act) == 0


def test_options_of_processes_that_newer_kernels_have_are_unknown() -> None:
    """PR_SCHED_CORE, PR_SET_MEMORY_MERGE, PR_TIMER_CREATE_RESTORE_IDS and PR_FUTEX_HASH."""
    for option, value in ((62, 0), (67, 0), (77, 0), (78, 2)):
        assert errno_below(Filter(), partial(linux.prctl, option, value)) == errno.EINVAL, option
    name = ctypes.create_string_buffer(b"name")
    for option, value in ((1, 9), (4, 0), (15, name), (29, 50_000), (36, 1), (38, 1), (41, 1)):
        assert errno_below(Filter(), partial(linux.prctl, option, value)) == 0, option


def test_the_limit_on_cores_is_kept_and_others_may_be_set() -> None:
    def act() -> None:
        soft, hard = kept = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0 if soft else hard, hard))
        assert resource.getrlimit(resource.RLIMIT_CORE) == kept
        resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (32, 32)

    assert errno_below(Filter(), act) == 0


def test_no_collector_of_crashes_is_started_for_a_run(judge) -> None:
    """The kernel starts the host's collector below every limit on cores but one of one byte."""
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        pytest.skip("no limit on cores but none can be set here")
    source = (
        "import resource as r\ndef f():\n    r.setrlimit(r.RLIMIT_CORE, (0, 0))\n"
        "    return r.getrlimit(r.RLIMIT_CORE)"
    )
    report = judge(source, Asserts("assert f() == (1, 1)", "f"))
    assert report.status is Status.PASSED, report


def test_sockets_are_asked_nothing_that_loads_modules(tmp_path: Path) -> None:
    near, far = socket.socketpair()
    file = os.open(tmp_path / "f", os.O_CREAT | os.O_RDWR)
    with near, far:
        # SIOCGIFVLAN, SIOCGIFBR, SIOCGIFCONF, and FS_IOC_GETFLAGS of a file
        for descriptor, command in (
            (near, 0x8982),
            (near, 0x8940),
            (near, 0x8912),
            (file, 0x80086601),
        ):
            act = partial(fcntl.ioctl, descriptor, command, bytes(64))
            assert errno_below(Filter(), act) == errno.ENOTTY, hex(command)
        assert errno_below(Filter(), partial(fcntl.ioctl, near, termios.FIONREAD, bytes(4))) == 0
        for change in (partial(os.set_blocking, near.fileno()), partial(os.set_inheritable, file)):
            for value in (False, True):
                assert errno_below(Filter(), partial(change, value)) == 0
    os.close(file)


def test_nothing_is_typed_into_a_terminal() -> None:
    """What a shell there would run. Such a terminal knows nothing of the second, but its size."""
    ours, theirs = os.openpty()
    for request, expected in ((0x5412, errno.EPERM), (0x541C, errno.EPERM), (0x5413, 0)):
        act = partial(fcntl.ioctl, theirs, request, bytes(8))
        assert errno_below(Filter(), act) == expected, hex(request)
    os.close(ours)
    os.close(theirs)


def test_what_a_program_writes_is_not_executed(judge) -> None:
    """For a file of a kind that it does not know, an older kernel has the host load a module."""
    source = (
        "import os\ndef f(place):\n    path = place + '/x'\n"
        "    open(path, 'wb').write(bytes([1, 254, 253, 252]) * 9)\n    os.chmod(path, 0o755)\n"
        "    try: os.execv(path, ['x'])\n    except OSError as error: return error.strerror"
    )
    for place in ("/tmp", "/dev/shm"):  # noqa: S108 - the run's own
        report = judge(source, Asserts(f"assert f({place!r}) == 'Permission denied'", "f"))
        assert report.status is Status.PASSED, report
