"""The system-call filter of candidates and tests: a list of what is allowed, for x86-64.

It guards against the kernel's less trodden paths and against reaching out of the run: other
address spaces, other processes' limits and priorities, new namespaces, mounts, keyrings, sockets
other than local ones, System V objects and POSIX queues (which outlive a process), notifications
and leases on files that others see too. Three answers:

- allowed calls pass;
- calls that no honest program makes (`KILLED`) end the process by SIGSYS, which the keeper
  reports as a violation; so do calls of another architecture and of the x32 table;
- all else fails, with EACCES for network sockets and ENOSYS for the rest, so that libraries which
  probe for a newer call fall back to an older one.

Options of processes and sockets are allowed up to those that all kernels have: what came later
takes from all users of the host. A filter of a socket is made machine code, of which the kernel has
one bounded store for everybody, this filter of the next run included; a table of futexes may have
gigabytes of memory that no limit counts; a process may keep others off a core that it uses half.

Of what can be asked of a device or a socket (`ioctl`) only the oldest is allowed: for some of the
rest the kernel loads modules, whoever asks, and those stay.

A process keeps its limit of one byte on what is written where it crashes: with none, the kernel
starts the host's own collector of crashes for it, as root.

What a process does at the end of its children cannot be changed, though it seems to succeed: those
of one that ignores SIGCHLD are gone without a trace, and so is the CPU time that they took.

It does not judge paths or file contents: the mount namespace does. Arguments behind pointers
cannot be checked, so `clone3` is refused with ENOSYS and the C library falls back to `clone`.
"""

from __future__ import annotations

import ctypes
import errno
import struct

_AUDIT_ARCH_X86_64 = 0xC000003E
_X32_BIT = 0x40000000
_RET_KILL = 0x80000000
_RET_ERRNO = 0x00050000
_RET_ALLOW = 0x7FFF0000

_LOAD = 0x20
_JUMP = 0x05
_JEQ = 0x15
_JGE = 0x35
_JSET = 0x45
_RET = 0x06
_FARTHEST = 255
"""Instructions that a condition can skip."""

_OFFSET_NR, _OFFSET_ARCH, _OFFSET_ARGS = 0, 4, 16

_AF_UNIX = 1
_IOCTL_ALLOWED = (0x5401, 0x5460)  # TCGETS .. FIOQSIZE, with FIONREAD, FIONBIO and FIOCLEX
_IOCTL_REFUSED = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
_NEW_NAMESPACES = 0x7E020080

# Ranges of the x86-64 table, both ends included.
ALLOWED: tuple[tuple[int, int], ...] = (
    (0, 12),  # read .. brk
    (14, 15),  # rt_sigprocmask, rt_sigreturn
    (17, 28),  # pread64 .. madvise
    (32, 40),  # dup .. sendfile
    (42, 52),  # connect .. getpeername
    (55, 55),  # getsockopt
    (57, 63),  # fork .. uname
    (74, 100),  # fsync .. times
    (102, 102),  # getuid
    (104, 104),  # getgid
    (107, 112),  # geteuid .. setsid
    (115, 115),  # getgroups
    (118, 118),  # getresuid
    (120, 121),  # getresgid, getpgid
    (124, 125),  # getsid, capget
    (127, 132),  # rt_sigpending .. utime
    (137, 138),  # statfs, fstatfs
    (140, 140),  # getpriority
    (143, 143),  # sched_getparam
    (145, 148),  # sched_getscheduler .. sched_rr_get_interval
    (149, 152),  # mlock .. munlockall, under RLIMIT_MEMLOCK
    (158, 158),  # arch_prctl
    (186, 187),  # gettid, readahead
    (191, 196),  # getxattr .. flistxattr
    (200, 202),  # tkill, time, futex
    (204, 204),  # sched_getaffinity
    (213, 213),  # epoll_create
    (217, 219),  # getdents64 .. restart_syscall
    (221, 226),  # fadvise64, timer_*
    (228, 235),  # clock_gettime .. utimes
    (239, 239),  # get_mempolicy
    (247, 247),  # waitid
    (257, 271),  # openat .. ppoll
    (273, 273),  # set_robust_list
    (275, 277),  # splice, tee, sync_file_range
    (280, 293),  # utimensat .. pipe2
    (295, 296),  # preadv, pwritev
    (299, 299),  # recvmmsg
    (307, 307),  # sendmmsg
    (309, 309),  # getcpu
    (316, 316),  # renameat2
    (318, 318),  # getrandom
    (322, 322),  # execveat
    (324, 328),  # membarrier .. pwritev2
    (332, 332),  # statx
    (334, 334),  # rseq
    (424, 424),  # pidfd_send_signal
    (434, 434),  # pidfd_open
    (436, 437),  # close_range, openat2
    (439, 439),  # faccessat2
    (441, 441),  # epoll_pwait2
    (449, 449),  # futex_waitv
)

KILLED: tuple[int, ...] = (
    *(101, 103, 155, 159, 161, 163, 164, 165, 166, 167, 168, 169, 172, 173, 175, 176, 179),
    # ptrace syslog pivot_root adjtimex chroot acct settimeofday mount umount2 swapon swapoff
    # reboot iopl ioperm init_module delete_module quotactl
    *(227, 246, 248, 249, 250, 272, 298, 300, 304, 305, 308, 310, 311, 313, 320, 321, 323),
    # clock_settime kexec_load add_key request_key keyctl unshare perf_event_open fanotify_init
    # open_by_handle_at clock_adjtime setns process_vm_readv process_vm_writev finit_module
    # kexec_file_load bpf userfaultfd
    *(425, 426, 427, 428, 429, 430, 431, 432, 433, 438, 440, 442),
    # io_uring_* open_tree move_mount fsopen fsconfig fsmount fspick pidfd_getfd process_madvise
    # mount_setattr
)

_AFFINITY, _LIMIT = 203, 302  # the first argument names a process
_IOCTL, _CLONE, _PRCTL, _FCNTL, _FLOCK, _SIGACTION, _SETSOCKOPT = 16, 56, 157, 72, 73, 13, 54
_RLIMIT_CORE = 4
_SIGCHLD = 17
_FCNTL_REFUSED = (1024, 1025, 1026, 1036, 1038)  # leases, directory notes, hints kept in inodes
_FCNTL_LOCKS = (5, 6, 7, 36, 37, 38)  # those of POSIX, and those of open file descriptions
_NO_LOCKS = dict.fromkeys(_FCNTL_LOCKS, errno.ENOLCK)
_SOCKETS = (41, 53)  # socket, socketpair
_PRCTL_REFUSED = (22, 35)  # PR_SET_SECCOMP, PR_SET_MM
_PRCTL_LAST = 53  # PR_SET_SPECULATION_CTRL
_SOL_SOCKET, _SO_LAST = 1, 21  # SO_SNDTIMEO


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)


def _load_argument(index: int, *, high: bool = False) -> bytes:
    return _op(_LOAD, _OFFSET_ARGS + 8 * index + (4 if high else 0))


def _refuse(code: int) -> bytes:
    return _op(_RET, _RET_ERRNO | code)


def _allow() -> bytes:
    return _op(_RET, _RET_ALLOW)


def _kill() -> bytes:
    return _op(_RET, _RET_KILL)


def _file_rules(*, locks: bool) -> dict[int, bytes]:
    """Locks are allowed where no two candidates see one file; else there are none to be had."""
    body = _load_argument(1)
    refused = dict.fromkeys(_FCNTL_REFUSED, errno.EINVAL)
    for command, code in (refused if locks else refused | _NO_LOCKS).items():
        body += _op(_JEQ, command, 0, 1) + _refuse(code)
    return {_FCNTL: body + _allow(), _FLOCK: _allow() if locks else _refuse(errno.ENOLCK)}


def _asked_only(index: int, number: int, given: int) -> bytes:
    """Where an argument is `number`, it may be asked; a change succeeds and does nothing.

    `given` is the argument that points to the change.
    """
    body = _load_argument(index) + _op(_JEQ, number, 1, 0) + _allow()
    body += _load_argument(given) + _op(_JEQ, 0, 1, 0) + _refuse(0)
    return body + _load_argument(given, high=True) + _op(_JEQ, 0, 1, 0) + _refuse(0) + _allow()


def _own_rules() -> dict[int, bytes]:
    """Of itself a process may set the cores that it runs on and its limits, of others nothing."""
    own = _load_argument(0) + _op(_JEQ, 0, 1, 0) + _refuse(errno.EPERM)
    return {_AFFINITY: own + _allow(), _LIMIT: own + _asked_only(1, _RLIMIT_CORE, 2)}


def _option_rules() -> dict[int, bytes]:
    """Options that are no older than the filter's list are unknown, as on an older kernel."""
    process = _load_argument(0)
    for number in _PRCTL_REFUSED:
        process += _op(_JEQ, number, 0, 1) + _refuse(errno.EPERM)
    process += _op(_JGE, _PRCTL_LAST + 1, 0, 1) + _refuse(errno.EINVAL)
    socket = _load_argument(1) + _op(_JEQ, _SOL_SOCKET, 1, 0) + _allow()
    socket += _load_argument(2) + _op(_JGE, _SO_LAST + 1, 0, 1) + _refuse(errno.ENOPROTOOPT)
    return {_PRCTL: process + _allow(), _SETSOCKOPT: socket + _allow()}


def _device_rule() -> bytes:
    """What may be asked of every file and of terminals; the rest no device that is there knows."""
    body = _load_argument(1)
    for command in _IOCTL_REFUSED:
        body += _op(_JEQ, command, 0, 1) + _refuse(errno.EPERM)
    first, last = _IOCTL_ALLOWED
    body += _op(_JGE, first, 0, 2) + _op(_JGE, last + 1, 1, 0) + _allow()
    return body + _refuse(errno.ENOTTY)


def _rules(extra: tuple[int, ...], *, locks: bool) -> dict[int, bytes]:
    """What comes of each call that is listed: instructions that end the filter on every path."""
    local = _load_argument(0) + _op(_JEQ, _AF_UNIX, 0, 1) + _allow() + _refuse(errno.EACCES)
    new = _load_argument(0) + _op(_JSET, _NEW_NAMESPACES, 0, 1) + _kill() + _allow()
    allowed = [*extra, *(n for first, last in ALLOWED for n in range(first, last + 1))]
    return {
        **dict.fromkeys(KILLED, _kill()),
        **dict.fromkeys(_SOCKETS, local),
        **_file_rules(locks=locks),
        **_option_rules(),
        **_own_rules(),
        _IOCTL: _device_rule(),
        _CLONE: new,
        _SIGACTION: _asked_only(0, _SIGCHLD, 1),
        **dict.fromkeys(allowed, _allow()),
    }


def _decided(ranges: list[tuple[int, bytes]]) -> bytes:
    """What decides by halves which range a number is in, by the first of each, and does its part.

    The kernel goes through the filter for every call that there is, whenever it is installed.
    """
    if len(ranges) == 1:
        return ranges[0][1]
    half = len(ranges) // 2
    below, above = _decided(ranges[:half]), _decided(ranges[half:])
    far = len(below) // 8
    if far <= _FARTHEST:
        return _op(_JGE, ranges[half][0], far, 0) + below + above
    return _op(_JGE, ranges[half][0], 0, 1) + _op(_JUMP, far) + below + above


def _instructions(extra: tuple[int, ...], *, locks: bool) -> bytes:
    rules, ranges = _rules(extra, locks=locks), [(0, b"")]
    for number in range(max(rules) + 2):
        rule = rules.get(number, _refuse(errno.ENOSYS))
        if rule != ranges[-1][1]:
            ranges.append((number, rule))
    code = _op(_LOAD, _OFFSET_ARCH) + _op(_JEQ, _AUDIT_ARCH_X86_64, 1, 0) + _kill()
    code += _op(_LOAD, _OFFSET_NR) + _op(_JGE, _X32_BIT, 0, 1) + _kill()
    return code + _decided(ranges[1:])


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


class Filter:
    """The compiled filter, kept alive so that it can be installed after a fork.

    `extra` are numbers of calls that it allows besides; `locks` whether files may be locked.
    """

    def __init__(self, extra: tuple[int, ...] = (), *, locks: bool = True) -> None:
        code = _instructions(extra, locks=locks)
        self._code = ctypes.create_string_buffer(code, len(code))
        self._program = _Program(len(code) // 8, ctypes.addressof(self._code))

    @property
    def pointer(self) -> object:
        """What prctl(PR_SET_SECCOMP) takes."""
        return ctypes.byref(self._program)
