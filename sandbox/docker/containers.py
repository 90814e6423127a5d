"""The server's side of one pooled container: start it, hand it jobs one at a time, recycle it.

See `sandbox.inner.supervisor` for the other end. The container holds no code of ours: the modules
that run inside are the first thing sent to it, so that any image with Python will do and none can
be out of date.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sandbox import frames
from sandbox.backend import SandboxError, SandboxUnavailable
from sandbox.docker.daemon import DaemonError
from sandbox.frames import Frame, FrameError
from sandbox.pool import WorkerDied, charged_for_memory
from sandbox.program import MAX_OUTPUT_BYTES, Limits

if TYPE_CHECKING:
    from sandbox.docker.daemon import Daemon, Stream

LABEL: Final = "budget-router.sandbox"
OWNER: Final = "budget-router.sandbox.owner"
EXPIRES: Final = "budget-router.sandbox.expires"

_START_S: Final = 120.0
_GRACE_S: Final = 1.0
_GONE_S: Final = 10.0
_NONCE_BYTES: Final = 16
_INODES: Final = 4096
_COVER: Final = "ro,nosuid,nodev,noexec,mode=555,size=4k"
_OPEN_FILES: Final = 1024
_OWN_BYTES: Final = 64 * 2**20
_OWN_PROCESSES: Final = {"": 8, "runsc": 256}  # gVisor's own threads count as well
_FIRST_ID: Final = 0x40000000

# Reads one frame and imports from it; neither files nor site-packages take part.
_BOOT: Final = """
import os, sys, json, importlib.abc, importlib.util
def read(n):
    data = b''
    while len(data) < n:
        data += os.read(0, n - len(data)) or sys.exit('the stream ended')
    return data
config = json.loads(read(int.from_bytes(read(4), 'little')))
class Sent(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        source = config['sources'].get(name)
        if source is None: return None
        package = any(other.startswith(name + '.') for other in config['sources'])
        return importlib.util.spec_from_loader(name, self, is_package=package)
    def exec_module(self, module):
        name = module.__name__
        exec(compile(config['sources'][name], name, 'exec'), module.__dict__)
sys.meta_path.insert(0, Sent())
from sandbox.inner import supervisor
del sys.meta_path[0]
supervisor.main(config)
"""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How containers are made, and when they are recycled. Times in seconds."""

    image: str
    runtime: str = ""
    max_uses: int = 500
    max_age_s: float = 3600.0
    slack_s: float = 600.0


@dataclass(slots=True)
class Size:
    """Of the disks that containers start with: what was asked for last, as it will be again."""

    disk_bytes: int


def sources() -> dict[str, str]:
    """The modules that run inside, by name."""
    here = Path(__file__).parents[1]
    shared = ("frames", "codec", "plain", "texts")
    files = {f"sandbox.{name}": here / f"{name}.py" for name in shared}
    for path in here.glob("inner/**/*.py"):
        parts = ("sandbox", *path.relative_to(here).with_suffix("").parts)
        files[".".join(parts).removesuffix(".__init__")] = path
    found = {name: path.read_text(encoding="utf-8") for name, path in files.items()}
    return found | {"sandbox": ""}


def description(recipe: Recipe, bounds: Limits, labels: dict[str, str]) -> dict[str, Any]:
    """The body that creates a container: every bound and nothing that it does not need."""
    writable = f"rw,nosuid,nodev,noexec,mode=1777,size={bounds.disk_bytes},nr_inodes={_INODES}"
    # One byte of core, for with none the host's collector of crashes is started.
    limits = {"core": 1, "nofile": _OPEN_FILES, "fsize": bounds.disk_bytes + MAX_OUTPUT_BYTES}
    host = {
        "NetworkMode": "none",
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "CapAdd": ["SETUID", "SETGID", "KILL"],  # the supervisor's alone, see there
        "SecurityOpt": ["no-new-privileges"],
        "IpcMode": "none",
        "LogConfig": {"Type": "none"},
        "AutoRemove": True,
        "NanoCpus": 10**9,
        # The daemon mounts /dev/mqueue even without IPC; covered, it takes no note for a later run.
        "Tmpfs": {"/tmp": writable, "/dev/shm": writable, "/dev/mqueue": _COVER},  # noqa: S108 - its own
        "Ulimits": [{"Name": name, "Soft": most, "Hard": most} for name, most in limits.items()],
        **memory_and_processes(recipe, bounds),
    }
    if recipe.runtime:
        host["Runtime"] = recipe.runtime
    return {
        "Image": recipe.image,
        "Entrypoint": [],
        "Cmd": ["python3", "-I", "-S", "-c", _BOOT],
        "Env": ["LANG=C.UTF-8", "HOME=/tmp", "TMPDIR=/tmp", "LD_BIND_NOW=1"],
        "User": "0:0",
        "WorkingDir": "/",
        "Hostname": "sandbox",
        "Labels": labels,
        "OpenStdin": True,
        "StdinOnce": True,
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "NetworkDisabled": True,
        "HostConfig": host,
    }


def memory_and_processes(recipe: Recipe, bounds: Limits) -> dict[str, int]:
    """The bounds that may change from run to run, for all of a container's processes together."""
    memory = bounds.memory_bytes + _OWN_BYTES
    own = _OWN_PROCESSES.get(recipe.runtime, _OWN_PROCESSES[""])
    return {"Memory": memory, "MemorySwap": memory, "PidsLimit": bounds.processes + own}


class Container:
    """One container. `perform` must not be called again before it returned."""

    def __init__(
        self, daemon: Daemon, recipe: Recipe, flavour: str, owner: str, size: Size
    ) -> None:
        self.flavour = flavour
        self.name = ""
        self._daemon, self._recipe, self._owner = daemon, recipe, owner
        self._size = size
        self._bounds = Limits(disk_bytes=size.disk_bytes)
        self._stream: Stream | None = None
        self._uses = 0
        self._kills = 0
        self._born = time.monotonic()
        self._sound = False
        self._closed = False

    @property
    def spent(self) -> bool:
        """Used often enough, old enough, or not to be trusted any more."""
        old = time.monotonic() - self._born > self._recipe.max_age_s
        return not self._sound or old or self._uses >= self._recipe.max_uses

    async def start(self) -> None:
        """Create and start it, and send the code. Raises `SandboxUnavailable`."""
        lifetime = self._recipe.max_age_s + self._recipe.slack_s
        labels = {LABEL: "1", OWNER: self._owner, EXPIRES: str(int(time.time() + lifetime))}
        first = _FIRST_ID + 2 * secrets.randbelow(1 << 24)
        config = {"flavour": self.flavour, "uid": first, "keeper": first + 1, "sources": sources()}
        self._born, self._uses = time.monotonic(), 0
        # Our name rather than the daemon's id: what is removed by it may be half created.
        self.name = f"budget-router-{secrets.token_hex(8)}"
        try:
            body = description(self._recipe, self._bounds, labels)
            await self._daemon.create(self.name, body)
            self._stream = await self._daemon.attach(self.name)
            await self._daemon.start(self.name)
            self._stream.write(frames.pack(config))
            async with asyncio.timeout(_START_S):
                answer = await self._read(self._stream)
        except (DaemonError, FrameError, TimeoutError) as error:
            why = str(error) or f"it took more than {_START_S:g} s"
            raise SandboxUnavailable(f"a container could not be started: {why}") from error
        if "error" in answer:
            raise SandboxUnavailable(f"in the image {self._recipe.image}: {answer['error']}")
        if self._closed:
            await self._end()
            raise SandboxUnavailable("the container was closed")
        self._kills = int(answer["memory_kills"])
        self._sound = True

    async def _read(self, stream: Stream) -> Frame:
        header = await stream.read(frames.HEADER.size)
        return frames.unpack(await stream.read(frames.body_length(header)))

    async def perform(self, job: Frame) -> Frame:
        """Run one job. Raises `WorkerDied`, or `FrameError` for a big job.

        When this returns or is cancelled, every process of the run is gone, or the container is
        spent and will go as a whole.
        """
        data = frames.pack(job)
        limits = Limits(**job["limits"])
        try:
            await self._fit(limits)
            outcome, killed = await self._run(data, job["most_s"])
        except (SandboxError, FrameError, TimeoutError) as error:
            self._sound = False
            raise WorkerDied(str(error)) from error
        if killed:
            outcome = charged_for_memory(outcome)
        if outcome.get("status") == "died":
            self._sound = False
            raise WorkerDied("the keeper ended without an outcome")
        return outcome

    async def _fit(self, limits: Limits) -> None:
        """Give the container the run's bounds. Its disk has one size for life: so a new one."""
        before, self._bounds = self._bounds, limits
        self._size.disk_bytes = limits.disk_bytes
        if before.disk_bytes != limits.disk_bytes:
            await self._end()
            await self.start()
        wanted = memory_and_processes(self._recipe, limits)
        if wanted != memory_and_processes(self._recipe, before):
            await self._daemon.update(self.name, wanted)

    async def _run(self, data: bytes, most_s: float) -> tuple[Frame, bool]:
        if self._stream is None or not self._sound:
            raise WorkerDied("the container is gone")
        self._uses += 1
        killed = [False]
        self._stream.write(data)
        try:
            async with asyncio.timeout(most_s + _GRACE_S):
                outcome = await self._read(self._stream)
        except TimeoutError:
            outcome = {"status": "timeout", "detail": "wall", "message": "the run did not end"}
        finally:
            settling = asyncio.ensure_future(self._settle(self._stream, killed))
            await asyncio.shield(settling)
        return outcome, killed[0]

    async def _settle(self, stream: Stream, killed: list[bool]) -> None:
        """End the run and wait until it is gone; whatever goes wrong spends the container."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sound, self._sound = self._sound, False
        with contextlib.suppress(DaemonError, FrameError, TimeoutError, KeyError):
            stream.write(b"k" + nonce)
            async with asyncio.timeout(_GONE_S):
                await stream.skip_past(nonce)
                gone = await self._read(stream)
            killed[0] = gone["memory_kills"] > self._kills
            self._kills = gone["memory_kills"]
            self._sound = sound and gone["clean"] is True

    async def close(self) -> None:
        """End the container and all in it, for good: a start under way fails."""
        self._closed = True
        await self._end()

    async def _end(self) -> None:
        self._sound = False
        try:
            if self.name:
                await self._daemon.remove(self.name)
        finally:
            if self._stream is not None:
                await self._stream.close()
                self._stream = None
