"""The zygote: a warm interpreter that forks one sandbox per run and never sees what runs in it.

Theory of operation. The server execs this interpreter with an empty environment and one socket. It
enters namespaces of its own (user, mount, pid, network, IPC, host name), builds the read-only root,
and then serves two commands on the socket: `s` with the size of the run's disk in bytes and a
descriptor starts a sandbox that talks over that descriptor, `k` kills it. It answers `x` and a JSON
status when the sandbox and every process in it are gone. Sources, tests and verdicts pass over the
other descriptor, so there is nothing in this process that a candidate, forked from it, could find
or that one run could leave for the next.

A sandbox is one raw `clone` into a user, mount, pid, IPC and host-name namespace of its own. It
shares the zygote's network namespace, in which there is nothing, not even a loopback address that
is up: a zygote has one sandbox at a time, so two candidates never meet there.

If the server dies, the socket closes, the zygote exits, and being init of its pid namespace it
takes everything with it. The process that the server started stays outside of that namespace and
ends last: it waits for the zygote, also when SIGTERM tells it to end. So who waits for that process
has waited for all of them, and none is left to whoever takes orphans.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import socket
from dataclasses import replace

from sandbox.inner import keeper, warm
from sandbox.inner.kernel import confinement, linux, rootfs
from sandbox.inner.kernel.seccomp import Filter
from sandbox.inner.run import Setup

_OUTER = (
    linux.CLONE_NEWUSER
    | linux.CLONE_NEWNS
    | linux.CLONE_NEWPID
    | linux.CLONE_NEWNET
    | linux.CLONE_NEWIPC
    | linux.CLONE_NEWUTS
)
_PER_RUN = (
    linux.CLONE_NEWUSER
    | linux.CLONE_NEWNS
    | linux.CLONE_NEWPID
    | linux.CLONE_NEWIPC
    | linux.CLONE_NEWUTS
)
_NOBODY = 65534


def main(argv: list[str]) -> None:
    """Run with a socket's descriptor, flavour, user id, then package directories to show."""
    control = socket.socket(fileno=int(argv[0]))
    flavour, worker_id, packages = argv[1], int(argv[2]), argv[3:]
    # A server that ignores the ends of its children would have every candidate do so too.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # The server puts this process under its limits before it lets it go on.
    if control.recv(1) != b"g":
        return
    uid = os.getuid() or _NOBODY
    gid = os.getgid() if os.getuid() else _NOBODY
    go_read, go_write = os.pipe()
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # until there is whom to end first
    child = 0
    try:
        child = linux.clone(_OUTER)
        if child:
            _map_ids(str(child), worker_id)
    except OSError as error:
        if child:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        control.send(b"e" + _advice(error).encode())
        return
    if child == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        os.close(go_write)
        os.read(go_read, 1)
        linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
        _run_zygote(control, flavour, packages, (uid, gid))
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGKILL))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    control.close()
    os.write(go_write, b"g")
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once it is reaped, its id may be another's
    os.waitpid(child, 0)


def _run_zygote(
    control: socket.socket, flavour: str, packages: list[str], ids: tuple[int, int]
) -> None:
    uid, gid = ids
    try:
        procfs, locks = _confine(packages, uid, gid)
        warm.load(packages, flavour)
        filter_ = Filter(locks=locks)
    except OSError as error:
        control.send(b"e" + f"the sandbox's root could not be built: {error}".encode())
        os._exit(1)
    except ImportError as error:
        text = f"tests of kind pytest need a package that is not installed: {error}"
        control.send(b"e" + text.encode())
        os._exit(1)
    ahead = warm.settle()
    control.send(b"r")
    _serve(control, Setup(procfs, filter_, uid, gid, _address_space(procfs), 0, ahead))
    os._exit(0)


def _advice(error: OSError) -> str:
    return (
        f"user namespaces cannot be used here ({error.strerror}); allow them with "
        "`sysctl user.max_user_namespaces=10000`, on older Debian kernels with "
        "`sysctl kernel.unprivileged_userns_clone=1`, on Ubuntu with "
        "`sysctl kernel.apparmor_restrict_unprivileged_userns=0`, and in a container by a seccomp "
        "profile that allows clone, unshare and mount"
    )


def _map_ids(pid: str, worker_id: int) -> None:
    """Map the ids of `pid`'s new user namespace onto this process's ids, and nobody for root.

    Candidates run as *nobody* inside then, and outside as `worker_id`, which no other worker has.
    They never run as the host's root: resource limits do not bind that user, and files under
    `/proc/sys` are writable to it even without any capability.
    """
    for name, own in (("uid_map", os.getuid()), ("gid_map", os.getgid())):
        rows = f"{own} {own} 1\n"
        if os.getuid() == 0:
            rows += f"{_NOBODY} {worker_id} 1\n"
        elif name == "gid_map":
            _write(f"/proc/{pid}/setgroups", "deny")
        _write(f"/proc/{pid}/{name}", rows)


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _confine(packages: list[str], uid: int, gid: int) -> tuple[int, bool]:
    """Build the root and take the unprivileged id, keeping capabilities in our own namespace.

    Returns a descriptor of the host's `/proc`, through which each sandbox writes its own id maps
    before anything foreign runs in it; nothing else of the host stays reachable. And whether
    candidates may have file locks.
    """
    procfs = os.open("/proc", os.O_PATH | os.O_DIRECTORY)
    locks = rootfs.build(packages, uid, gid)
    linux.prctl(linux.PR_SET_SECUREBITS, linux.SECBIT_NO_SETUID_FIXUP)
    if os.getgid() != gid:
        os.setgroups([])
        os.setresgid(gid, gid, gid)
    if os.getuid() != uid:
        os.setresuid(uid, uid, uid)
    # The kernel made us undumpable with the change of id; our children could not map ids then.
    linux.prctl(linux.PR_SET_DUMPABLE, 1)
    confinement.limit_cores()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return procfs, locks


def _address_space(procfs: int) -> int:
    """Bytes of address space that every fork starts with; its limit comes on top."""
    descriptor = os.open("self/statm", os.O_RDONLY, dir_fd=procfs)
    pages = int(os.read(descriptor, 256).split()[0])
    os.close(descriptor)
    return pages * resource.getpagesize()


def _serve(control: socket.socket, setup: Setup) -> None:
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 64, 1)
        if not message:
            return
        if not message.startswith(b"s") or not descriptors:
            continue
        if (disk_bytes := int(message[1:])) != setup.disk_bytes:  # here, not in each fork
            setup = replace(setup, disk_bytes=disk_bytes)
        try:
            pid = linux.clone(_PER_RUN)
        except OSError as error:
            os.close(descriptors[0])
            control.send(b"x" + json.dumps({"error": str(error)}).encode())
            continue
        if pid == 0:
            control.close()
            channel = keeper.SocketChannel(descriptors[0])
            keeper.main(channel, setup, keeper.enter)
        os.close(descriptors[0])
        if not _wait(control, pid):
            return


def _wait(control: socket.socket, pid: int) -> bool:
    """Wait for the sandbox to end, killing it when told to. False when the server is gone."""
    handle = os.pidfd_open(pid)
    poller = select.poll()
    poller.register(control, select.POLLIN)
    poller.register(handle, select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _ in poller.poll()}
        if handle in ready:
            break
        if not control.recv(16):
            return False
        os.kill(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    os.close(handle)
    control.send(b"x" + json.dumps({"status": status, "maxrss": usage.ru_maxrss}).encode())
    return True
