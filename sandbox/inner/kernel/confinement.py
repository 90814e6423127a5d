"""What the kernel enforces on the processes of a run: privileges, system calls, resource limits."""

from __future__ import annotations

import resource
import threading
from typing import TYPE_CHECKING, Final

from sandbox.inner.kernel import linux

if TYPE_CHECKING:
    from sandbox.frames import Frame
    from sandbox.inner.kernel.seccomp import Filter

OPEN_FILES: Final = 256
# Timers count as signals to come. All workers together have what the server's user may have, often
# some 100,000: one that used them all up would be noticed by the others.
_PENDING_SIGNALS: Final = 512
_MAIN_STACK: Final = 64 * 2**20
_THREAD_STACK: Final = 4 * 2**20  # of the address space, so that many threads fit into it


def confine(filter_: Filter) -> None:
    """Give up every capability for good and install the system-call filter."""
    linux.drop_capabilities()
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    linux.seccomp_filter(filter_.pointer)


def limit_cores() -> None:
    """Have nothing written, and nobody started, where a process of a run crashes.

    A limit of one byte is the kernel's own word for that; below one of none all is still piped to a
    collector that the host has set.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    bound = 1 if hard == resource.RLIM_INFINITY else min(1, hard)
    resource.setrlimit(resource.RLIMIT_CORE, (bound, bound))


def limit(limits: Frame) -> None:
    """Set the kernel's limits. `limits` holds bytes, whole seconds and a number of processes."""
    for kind, value in (
        (resource.RLIMIT_AS, limits["address_space"]),
        (resource.RLIMIT_FSIZE, limits["file_size"]),
        (resource.RLIMIT_NPROC, limits["processes"]),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_SIGPENDING, _PENDING_SIGNALS),
    ):
        _, hard = resource.getrlimit(kind)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (bound, bound))
    # Programs raise this one, often to infinity; the address space bounds it all the same.
    _, hard = resource.getrlimit(resource.RLIMIT_STACK)
    stack = _MAIN_STACK if hard == resource.RLIM_INFINITY else min(_MAIN_STACK, hard)
    resource.setrlimit(resource.RLIMIT_STACK, (stack, hard))
    resource.setrlimit(resource.RLIMIT_CPU, (limits["cpu_s"], limits["cpu_hard_s"] + 1))
    threading.stack_size(_THREAD_STACK)
