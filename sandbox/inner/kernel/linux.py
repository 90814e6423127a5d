"""Thin, typed wrappers of the Linux calls that Python 3.11 does not offer.

Every wrapper raises `OSError` with the kernel's errno. The C library is opened as `PyDLL` where a
call must not release the interpreter lock: after a raw `clone` the child goes on in the same
thread and must find the lock as it left it.
"""

from __future__ import annotations

import ctypes
import os
from ctypes import c_char_p, c_int, c_long, c_ulong

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
SIGCHLD = 17

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_SET_SECUREBITS = 28
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
SECBIT_NO_SETUID_FIXUP = 1 << 2
SECCOMP_MODE_FILTER = 2

_M_ARENA_MAX = -8
_SYS_CLONE = 56
_SYS_CAPSET = 126
_SYS_PIVOT_ROOT = 155
_SYS_MOUNT_SETATTR = 442
_AT_RECURSIVE = 0x8000
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.PyDLL(None, use_errno=True)
_libc.syscall.restype = c_long


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _syscall(what: str, number: int, *args: object) -> int:
    return _check(_libc.syscall(c_long(number), *args), what)


def clone(flags: int) -> int:
    """Fork with namespace flags: 0 in the child, its pid in the parent.

    Neither Python's after-fork hooks nor the C library's run in the child, so it must be
    single-threaded, and must use `fork` for any process that will run foreign code.
    """
    zero = c_ulong(0)
    return _syscall("clone", _SYS_CLONE, c_ulong(flags | SIGCHLD), zero, zero, zero, zero)


def fork() -> int:
    """Fork with the C library's hooks alone: 0 in the child, its pid in the parent.

    Python's put locks and threads right, of which a process with one thread has none to mend, and
    seed the random numbers. They write to a hundred pages and more, each of which would be copied.
    """
    return _check(_libc.fork(), "fork")


def use_one_arena() -> None:
    """Have all threads allocate from one place: an arena for each takes 64 MiB of address space."""
    _libc.mallopt(c_int(_M_ARENA_MAX), c_int(1))


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """Mount a file system, or change a mount."""
    _check(
        _libc.mount(
            c_char_p(source.encode()),
            c_char_p(target.encode()),
            c_char_p(kind.encode() if kind else None),
            c_ulong(flags),
            c_char_p(data.encode() if data else None),
        ),
        f"mount {target}",
    )


def umount(target: str, flags: int = MNT_DETACH) -> None:
    """Detach a mount."""
    _check(_libc.umount2(c_char_p(target.encode()), c_int(flags)), f"umount {target}")


def pivot_root(new: str, old: str) -> None:
    """Make `new` the root and leave the old one at `old`."""
    _syscall("pivot_root", _SYS_PIVOT_ROOT, c_char_p(new.encode()), c_char_p(old.encode()))


class _MountAttr(ctypes.Structure):
    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def set_mount_flags(path: str, flags: int) -> None:
    """Add `MS_RDONLY`, `MS_NOSUID`, `MS_NODEV` to a mount and all below it (Linux 5.12)."""
    attr = _MountAttr(attr_set=flags)
    _syscall(
        f"mount_setattr {path}",
        _SYS_MOUNT_SETATTR,
        c_int(-100),
        c_char_p(path.encode()),
        c_int(_AT_RECURSIVE),
        ctypes.byref(attr),
        c_ulong(ctypes.sizeof(attr)),
    )


def prctl(option: int, value: int | ctypes.Array[ctypes.c_char] | object) -> None:
    """Set one attribute of the process, by an integer or a pointer."""
    argument = c_ulong(value) if isinstance(value, int) else value
    _check(_libc.prctl(c_int(option), argument, c_ulong(0), c_ulong(0), c_ulong(0)), "prctl")


def seccomp_filter(program: object) -> None:
    """Install a classic BPF program; `no_new_privs` must be set already."""
    _check(
        _libc.prctl(
            c_int(PR_SET_SECCOMP), c_ulong(SECCOMP_MODE_FILTER), program, c_ulong(0), c_ulong(0)
        ),
        "seccomp",
    )


class _CapHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


# Made once: ctypes writes to many pages for each, which every run would copy.
_OWN_CAPABILITIES = _CapHeader(version=_CAPABILITY_VERSION_3, pid=0)
_NO_CAPABILITIES = (ctypes.c_uint32 * 6)()


def drop_capabilities() -> None:
    """Empty the effective, permitted and inheritable sets of the calling thread."""
    own, none = ctypes.byref(_OWN_CAPABILITIES), ctypes.byref(_NO_CAPABILITIES)
    _syscall("capset", _SYS_CAPSET, own, none)
