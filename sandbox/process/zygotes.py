"""The server's side of one zygote: start it, hand it jobs one at a time, kill, collect.

A sandbox is prepared ahead of the job that will use it, so that forking and mounting are not part
of a run's latency. All waiting is on sockets in the event loop; there is no thread anywhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox import frames
from sandbox.backend import SandboxError, SandboxUnavailable
from sandbox.frames import Frame
from sandbox.pool import OUT_OF_MEMORY, WorkerDied, charged_for_memory
from sandbox.process import ids
from sandbox.process.cgroups import Group
from sandbox.program import Limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox.process.cgroups import Hierarchy

_EXECUTABLE = os.path.realpath(sys.executable)
_BOOT = Path(__file__).parents[1] / "inner" / "boot.py"
_HOME = "/tmp"  # noqa: S108 - the run's own, as seen inside
_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "HOME": _HOME,
    "TMPDIR": _HOME,
    "PATH": "/nonexistent",
    "LD_BIND_NOW": "1",  # bound once here rather than after each fork
}
_START_S = 120.0  # it takes half a second where nothing else does; a gateway asks no second time
_GRACE_S = 1.0
_END_S = 5.0
_REMOVALS = 100
_PAUSE_S = 0.01


class ZygoteDied(WorkerDied):
    """The zygote or a keeper ended without an outcome: our fault, never the candidate's."""


class Zygote:
    """One warm interpreter. `perform` must not be called again before it returned."""

    def __init__(
        self, packages: Sequence[str], flavour: str, hierarchies: tuple[Hierarchy, ...]
    ) -> None:
        self.flavour = flavour
        self._packages = packages
        self._group = Group(hierarchies)
        self._kills: int | None = 0  # unknown once a run was cancelled that may add to it
        self._disk_bytes = Limits().disk_bytes
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._channel: socket.socket | None = None
        self._renewal: asyncio.Task[None] | None = None
        self._busy = asyncio.Lock()

    @property
    def spent(self) -> bool:
        """Never: a zygote holds nothing of the runs that were forked from it."""
        return False

    async def start(self) -> None:
        """Exec the interpreter and prepare the first sandbox. Raises `SandboxUnavailable`."""
        async with self._busy:
            try:
                answer = await self._set_up(self._exec())
                if answer == b"r":
                    self._spawn()
                    return
            except (OSError, TimeoutError) as error:
                why = str(error) or f"it took more than {_START_S:g} s"
                raise SandboxUnavailable(f"a worker could not be set up: {why}") from error
            raise SandboxUnavailable(
                answer[1:].decode() or "the sandbox's interpreter did not start"
            )

    def _exec(self) -> int:
        """Start the interpreter; its process id. Raises `SandboxUnavailable`."""
        uid = os.getuid() or ids.choose()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(0)
        command = [_EXECUTABLE, "-I", "-S", str(_BOOT), str(theirs.fileno()), self.flavour]
        command += [str(uid), *self._packages]
        with theirs:
            self._process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                env=_ENVIRONMENT,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        return self._process.pid

    async def _set_up(self, pid: int) -> bytes:
        self._group.create(pid)
        if self._control is not None:
            self._control.send(b"g")
        async with asyncio.timeout(_START_S):
            return await self._hear()

    async def perform(self, job: Frame) -> Frame:
        """Run one job in the prepared sandbox. Raises `ZygoteDied`, or `FrameError` for a big job.

        When this returns or is cancelled, the sandbox and every process in it are gone.
        """
        async with self._busy:
            try:
                return await self._perform(job)
            except OSError as error:  # such as no descriptor left; another worker may do better
                raise ZygoteDied(f"a worker failed: {error}") from error

    async def _perform(self, job: Frame) -> Frame:
        limits = job["limits"]
        self._group.limit(limits["memory_bytes"], limits["processes"])
        try:
            outcome = await self._run(job, job["most_s"])
        except ZygoteDied:
            if self._killed_for_memory():
                return OUT_OF_MEMORY
            raise
        except BaseException:
            self._kills = None
            raise
        return charged_for_memory(outcome) if self._killed_for_memory() else outcome

    def _killed_for_memory(self) -> bool:
        before, self._kills = self._kills, self._group.memory_kills()
        return before is not None and self._kills > before

    async def _run(self, job: Frame, most_s: float) -> Frame:
        if self._renewal is not None:
            await asyncio.shield(self._renewal)
        if self._kills is None:  # and by now the run before is gone
            self._kills = self._group.memory_kills()
        if self._channel is None:
            raise ZygoteDied("the zygote is gone")
        data = frames.pack(job)
        await self._fit_disk(job["limits"]["disk_bytes"])
        channel, self._channel = self._channel, None
        try:
            async with asyncio.timeout(most_s + _GRACE_S):
                return await _exchange(channel, data)
        except TimeoutError:
            return {"status": "timeout", "detail": "wall", "message": "the run did not end"}
        finally:
            channel.close()
            self._kill()
            gone = asyncio.ensure_future(self._await_gone())
            self._renewal = asyncio.ensure_future(self._renew(gone))
            await asyncio.shield(gone)

    async def _fit_disk(self, size: int) -> None:
        """Prepare the sandbox anew where its file systems have another size than is wanted."""
        if size == self._disk_bytes or self._channel is None:
            return
        self._disk_bytes = size
        self._channel.close()
        self._channel = None
        self._kill()
        await self._await_gone()
        self._spawn()

    async def close(self) -> None:
        """End the zygote and all in it; a start or a run under way fails."""
        if self._control is not None:
            with contextlib.suppress(OSError):
                self._control.shutdown(socket.SHUT_RDWR)  # whoever waits for the zygote hears it
        if self._process is not None:
            await _end(self._process)
        async with self._busy:  # descriptors are closed when nobody waits on them any more
            if self._renewal is not None:
                with contextlib.suppress(SandboxError, OSError):
                    await asyncio.shield(self._renewal)
            for end in (self._channel, self._control):
                if end is not None:
                    end.close()
            self._channel = self._control = self._process = None
            for _ in range(_REMOVALS):
                if self._group.remove():
                    break
                await asyncio.sleep(_PAUSE_S)

    def _spawn(self) -> None:
        if self._control is None:
            raise ZygoteDied("closed")
        self._channel = open_channel(self._control, self._disk_bytes)

    def _kill(self) -> None:
        if self._control is not None:
            with contextlib.suppress(OSError):
                self._control.send(b"k")

    async def _await_gone(self) -> None:
        answer = await self._hear()
        if not answer:
            raise ZygoteDied("the zygote ended")
        status = json.loads(answer[1:])
        if "error" in status:
            raise ZygoteDied(status["error"])

    async def _renew(self, gone: asyncio.Future[None]) -> None:
        await gone
        self._spawn()

    async def _hear(self) -> bytes:
        if self._control is None:
            return b""
        try:
            return await asyncio.get_running_loop().sock_recv(self._control, 65536)
        except OSError:
            return b""


def open_channel(control: socket.socket, disk_bytes: int) -> socket.socket:
    """Have the zygote prepare a sandbox; our end of the channel to its keeper. Raises `OSError`."""
    with contextlib.ExitStack() as undo:
        ours, theirs = map(undo.enter_context, socket.socketpair())
        ours.settimeout(0)
        socket.send_fds(control, [b"s%d" % disk_bytes], [theirs.fileno()])
        theirs.close()
        undo.pop_all()
    return ours


async def _exchange(channel: socket.socket, data: bytes) -> Frame:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(channel, data)
    received = bytearray()
    wanted = frames.HEADER.size
    while len(received) < wanted:
        chunk = await loop.sock_recv(channel, 262144)
        if not chunk:
            raise ZygoteDied("the keeper ended without an outcome")
        received += chunk
        if len(received) >= frames.HEADER.size:
            header = bytes(received[: frames.HEADER.size])
            wanted = frames.HEADER.size + frames.body_length(header)
    return frames.unpack(bytes(received[frames.HEADER.size : wanted]))


async def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and wait for that. It needs no descriptor, as there may be none left.

    It kills what it started and waits for it; killed itself, it would leave that to others.
    """
    loop = asyncio.get_running_loop()
    killed_at = loop.time() + _END_S
    process.terminate()
    while process.poll() is None:
        if loop.time() > killed_at:
            process.kill()
        await asyncio.sleep(_PAUSE_S)  # an event of its end would take a descriptor
