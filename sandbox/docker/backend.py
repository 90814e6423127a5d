"""The docker backend: pooled containers, each with one long-lived stream to a forking supervisor.

A `docker run` or `docker exec` per candidate would cost more than most candidates do. What a
container holds and why its few capabilities are needed stands in `sandbox.inner.supervisor`.

It guards what the process backend guards, with Docker's namespaces, seccomp profile and control
groups in place of our own, and with runsc as the runtime against bugs in the host's kernel too.
It does not guard against whoever else may speak to the daemon's socket, which is as good as root:
do not give that socket to a gateway that strangers reach, unless the daemon is rootless.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from pathlib import Path
from typing import Final

from sandbox.backend import SandboxUnavailable
from sandbox.docker.containers import EXPIRES, LABEL, OWNER, Container, Recipe, Size
from sandbox.docker.daemon import Daemon, DaemonError, JSONObject
from sandbox.pool import WorkerPool
from sandbox.program import Limits

IMAGE: Final = "budget-router-sandbox"
_MACHINE: Final = "x86_64"
_REAP_EVERY_S: Final = 60.0
_START_TICKS: Final = 19  # of the fields of /proc/PID/stat that follow the name; see proc(5)


class DockerBackend(WorkerPool[Container]):
    """Runs programs in containers of a Docker daemon. See `sandbox.backend.Backend`."""

    def __init__(
        self,
        workers: int | None = None,
        queue: int = 256,
        *,
        image: str = IMAGE,
        runtime: str = "",
        host: str | None = None,
        max_uses: int = 500,
        max_age_s: float = 3600.0,
        disk_bytes: int = Limits().disk_bytes,
    ) -> None:
        """Take a number of containers, of runs that may wait, and where and how to make them.

        `runtime` is one that the daemon knows, such as `runsc`; `host` the daemon's `unix://`
        address, by default DOCKER_HOST. A container is replaced after `max_uses` runs and after
        `max_age_s` seconds. The first have a disk of `disk_bytes`, and later ones that of the run
        before: to give one another size, it is made anew.
        """
        super().__init__(workers or len(os.sched_getaffinity(0)), queue)
        self._recipe = Recipe(image, runtime, max_uses, max_age_s)
        self._size = Size(disk_bytes)
        self._host = host
        self._owner = identity(os.getpid())
        self._daemon: Daemon | None = None
        self._reaper: asyncio.Task[None] | None = None

    @property
    def enforced(self) -> str:
        """What bounds a run as a whole here, for people."""
        below = self._recipe.runtime or "the daemon's default runtime"
        return f"containers of {self._recipe.image} on {below}: memory, processes, one CPU each"

    def make_worker(self, flavour: str) -> Container:
        """See `WorkerPool.make_worker`."""
        if self._daemon is None:
            raise SandboxUnavailable("the sandbox is not started")
        return Container(self._daemon, self._recipe, flavour, self._owner, self._size)

    async def start(self) -> None:
        """Reap what others left, and start the containers. Raises `SandboxUnavailable`."""
        try:
            self._daemon = await Daemon.connect(self._host)
            await self._check(self._daemon)
            await self._reap(self._daemon)
        except DaemonError as error:
            await self.aclose()
            raise SandboxUnavailable(f"{error}; start dockerd, or set DOCKER_HOST") from error
        except BaseException:
            await self.aclose()
            raise
        await super().start()
        self._reaper = asyncio.ensure_future(self._reap_on(self._daemon))

    async def _check(self, daemon: Daemon) -> None:
        missing = lacking(await daemon.info(), self._recipe.runtime)
        if missing is not None:
            raise SandboxUnavailable(missing)
        try:
            await daemon.inspect_image(self._recipe.image)
        except DaemonError as error:
            raise SandboxUnavailable(
                f"{error}; build it with deploy/sandbox-image.sh or deploy/sandbox.Dockerfile"
            ) from error

    async def _reap_on(self, daemon: Daemon) -> None:
        while True:
            await asyncio.sleep(_REAP_EVERY_S)
            with contextlib.suppress(DaemonError):  # the daemon may be away for a while
                await self._reap(daemon)

    async def _reap(self, daemon: Daemon) -> None:
        """Remove containers that nobody uses. Each ends with its stream; this is for the rest."""
        for found in await daemon.labelled(LABEL):
            # Read late: a container of ours may have been made since the daemon listed them.
            ours = {f"/{worker.name}" for worker in self._workers}
            if ours.isdisjoint(found["Names"] or ()) and abandoned(found, self._owner):
                await daemon.remove(found["Id"])

    async def aclose(self) -> None:
        """End every container and what runs in it, also if this is cancelled meanwhile."""
        reaper, self._reaper = self._reaper, None
        daemon, self._daemon = self._daemon, None
        async with contextlib.AsyncExitStack() as undo:
            if daemon is not None:
                undo.push_async_callback(daemon.close)
            undo.push_async_callback(super().aclose)
            if reaper is not None:
                reaper.cancel()
                await asyncio.wait([reaper])


def lacking(info: JSONObject, runtime: str) -> str | None:
    """What a daemon cannot do that runs need, by its own word, and what would help."""
    machine = info.get("Architecture", _MACHINE)
    if machine != _MACHINE:
        return (
            f"the filter of system calls is for {_MACHINE}, and the Docker daemon is on {machine}"
        )
    if not any("seccomp" in option for option in info.get("SecurityOptions") or ()):
        return "the Docker daemon has no seccomp: use one that has"
    if not (info.get("MemoryLimit") and info.get("PidsLimit")):
        return "the Docker daemon cannot bound memory and processes: enable these control groups"
    if runtime and runtime not in info.get("Runtimes", {}):
        return f"the Docker daemon has no runtime {runtime!r}: add it to its daemon.json"
    return None


def abandoned(found: JSONObject, owner: str) -> bool:
    """Whether a container has outlived its time or its owner, if that lived on this host."""
    labels = found["Labels"]
    if _expired(labels.get(EXPIRES, "")):
        return True
    host, _, process = labels.get(OWNER, "").partition(" ")
    if labels.get(OWNER) == owner or host != owner.partition(" ")[0]:
        return False
    pid = process.partition(" ")[0]
    return not pid.isdecimal() or labels[OWNER] != identity(int(pid))


def _expired(label: str) -> bool:
    """Whether that time is over, or is none."""
    try:
        return time.time() > float(label)
    except ValueError:
        return True


def identity(pid: int) -> str:
    """A process by host, pid namespace, pid and start: no other ever has the same."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        space = os.stat("/proc/self/ns/pid").st_ino  # noqa: PTH116 - a link that names no file
    except OSError:
        return "gone"
    return f"{socket.gethostname()}:{space} {pid} {fields[_START_TICKS]}"
