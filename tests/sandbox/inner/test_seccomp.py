"""The system-call filter where candidates would see each other's locks."""

import errno
import fcntl
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.inner import linux
from sandbox.inner.seccomp import Filter


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
