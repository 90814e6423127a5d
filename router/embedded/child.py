"""One run of an embedded engine: llama.cpp in a child process, from its start to its end.

    gateway ── stdin (held open; its end ends the child) ──► child
            ◄─ stdout: {"url": …} once the model is loaded
            ◄─ stderr: the native log, kept as a bounded tail
            ── HTTP on loopback, like any upstream ──►

A child starts in a session of its own, so that a Ctrl-C reaches the gateway alone, which then
ends its children in order. That it cannot outlive us is the work of `router.embedded.server`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import ssl
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from router.process.processes import killed, started

_TAIL_BYTES: Final = 16_384
_TAIL_LINES: Final = 20
_READ_BYTES: Final = 4096

# By default a thread without work spins for a while, in the hope of more. Two engines on the same
# cores then take turns at spinning: on two cores both together fell to a tenth of one alone. A
# short spin costs one engine alone little and leaves two together their share.
_WAITING: Final = {"GOMP_SPINCOUNT": "1000"}


class EngineFailed(RuntimeError):
    """An embedded engine did not start; the message ends with the last lines of its log."""

    def __init__(self, model: str, reason: str, log: str = "") -> None:
        tail = f"; the end of its log:\n{log}" if log else ""
        super().__init__(f"the embedded engine of {model!r} {reason}{tail}")


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """What an engine serves: a model file, and how many samples of what context at once.

    `context` is in tokens per slot (llama.cpp rounds it up to a multiple of 256).
    """

    model: str
    path: Path
    slots: int
    context: int
    threads: int


@dataclass(frozen=True, slots=True)
class Supervision:
    """Times of an engine's life, in seconds.

    A failed start doubles the pause before the next, from `pause` up to `longest_pause`; an
    engine that stayed up for `settled` starts over. `misses` probes in a row without an answer,
    one every `probe_every`, make an engine hang, and it is killed.
    """

    start_timeout: float = 300.0
    pause: float = 0.2
    longest_pause: float = 10.0
    settled: float = 30.0
    probe_every: float = 10.0
    probe_timeout: float = 10.0
    misses: int = 3
    grace: float = 3.0


@dataclass(slots=True)
class Child:
    """One run of the child process, with the readers of its pipes."""

    spec: EngineSpec
    times: Supervision
    process: asyncio.subprocess.Process
    verbose: bool
    url: str = ""
    missed: int = 0
    _tail: bytearray = field(default_factory=bytearray)
    _reader: asyncio.Task[None] | None = None

    @classmethod
    async def launch(cls, spec: EngineSpec, times: Supervision, *, verbose: bool) -> Child:
        """Start a child and wait until it is healthy; raises `EngineFailed`, leaves nothing."""
        if not spec.path.is_file():
            raise EngineFailed(spec.model, f"has no model file at {spec.path}")
        process = await started(
            *_command(spec),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            env=_WAITING | os.environ,
        )
        child = cls(spec, times, process, verbose)
        async with contextlib.AsyncExitStack() as undo:
            undo.push_async_callback(child.aclose)
            await child.become_ready()
            undo.pop_all()
        return child

    async def become_ready(self) -> None:
        """Wait for the child's address and its first healthy answer."""
        self._reader = asyncio.create_task(self._read_log())
        reason = f"was not ready within {self.times.start_timeout:g} s"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.times.start_timeout):
                assert self.process.stdout is not None  # noqa: S101 it was asked to be a pipe
                line = await self.process.stdout.readline()
                if line:
                    self.url = _address(line)
                    if await self.healthy():
                        return
                    reason = "loaded its model and then did not answer /health"
                else:
                    reason = f"ended with exit status {await self.process.wait()} as it started"
        await self.aclose()  # before the log is quoted: now it is complete
        raise EngineFailed(self.spec.model, reason, self.tail())

    async def healthy(self) -> bool:
        """Whether `/health` answers 200."""
        nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # or it reads all that it could trust
        try:  # the environment's proxies are not for loopback
            async with httpx.AsyncClient(
                trust_env=False, verify=nobody, timeout=self.times.probe_timeout
            ) as client:
                response = await client.get(f"{self.url}/health")
        except httpx.HTTPError:
            return False
        return response.is_success

    async def down(self, on_probe: Callable[[], None]) -> str:
        """Wait until the child has ended or hangs; says which. `on_probe` is called after each."""
        # One that waits for all of its life: a process keeps each that ever waited for its end.
        ended = asyncio.ensure_future(self.process.wait())
        try:
            while self.missed < self.times.misses:
                await asyncio.wait({ended}, timeout=self.times.probe_every)
                if ended.done():
                    return f"ended with exit status {ended.result()}"
                self.missed = 0 if await self.healthy() else self.missed + 1
                on_probe()
        finally:
            ended.cancel()
        return f"did not answer {self.missed} health probes"

    def tail(self) -> str:
        """The last lines of the native log."""
        lines = self._tail.decode(errors="replace").splitlines()
        return "\n".join(lines[-_TAIL_LINES:])

    async def aclose(self) -> None:
        """End the child and reap it: at once, with SIGKILL, if it will not or if cancelled."""
        process = self.process
        if process.stdin is not None:
            process.stdin.close()
        try:
            with contextlib.suppress(ProcessLookupError, TimeoutError):
                if process.returncode is None:
                    process.terminate()
                async with asyncio.timeout(self.times.grace):
                    await process.wait()
        finally:
            await killed(process)
            if process.stdout is not None:
                await process.stdout.read()
            if self._reader is not None:
                await self._reader

    async def _read_log(self) -> None:
        assert self.process.stderr is not None  # noqa: S101 it was asked to be a pipe
        while chunk := await self.process.stderr.read(_READ_BYTES):
            self._tail += chunk
            del self._tail[:-_TAIL_BYTES]
            if self.verbose:
                sys.stderr.buffer.write(chunk)
                sys.stderr.buffer.flush()


def _address(line: bytes) -> str:
    """The URL in a child's first line; empty, which no server answers at, where there is none."""
    try:
        return str(json.loads(line)["url"])
    except (ValueError, KeyError, TypeError):
        return ""


def _command(spec: EngineSpec) -> list[str]:
    return [
        *(sys.executable, "-m", "router.embedded.server"),
        *("--model", str(spec.path)),
        *("--alias", spec.model),
        *("--slots", str(spec.slots)),
        *("--context", str(spec.context)),
        *("--threads", str(spec.threads)),
        *("--parent", str(os.getpid())),
    ]
