"""The default backend: Linux namespaces and a forking interpreter, in `sandbox.inner`.

Each worker is one zygote that runs one program at a time. Own code rather than bubblewrap or
nsjail: those start a new interpreter per candidate (15 ms and more), while a fork of a warm one
inside ready namespaces takes about 2 ms; and the verdict needs a keeper inside anyway.

It guards the host, other runs and the verdict against the candidate. It does not guard against a
bug in the kernel's namespaces: whoever needs that puts a second kernel below (runsc, a virtual
machine).
"""

from __future__ import annotations

import asyncio
import os
import platform
import sys
import sysconfig
from typing import TYPE_CHECKING, Self

from sandbox.backend import Overloaded, SandboxUnavailable
from sandbox.judging import judge
from sandbox.program import Integrity
from sandbox.report import Report, Status
from sandbox.zygotes import Zygote, ZygoteDied

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from sandbox.frames import Frame
    from sandbox.program import Limits, Program

_ATTEMPTS = 2


class ProcessBackend:
    """Runs programs in namespaces of this host. See `sandbox.backend.Backend`."""

    def __init__(
        self,
        workers: int | None = None,
        queue: int = 256,
        *,
        packages: Sequence[str] | None = None,
    ) -> None:
        """Take a number of workers, of runs that may wait, and package directories to show."""
        self._count = workers or len(os.sched_getaffinity(0))
        self._queue = queue
        self._waiting = 0
        paths = sysconfig.get_paths()
        shown = (paths["purelib"], paths["platlib"]) if packages is None else packages
        self._packages = list(dict.fromkeys(shown))
        self._zygotes: list[Zygote] = []
        self._free: asyncio.Queue[Zygote] = asyncio.Queue()

    async def start(self) -> None:
        """Start the zygotes; raises `SandboxUnavailable` with advice where the host forbids it."""
        if sys.platform != "linux" or platform.machine() != "x86_64":
            raise SandboxUnavailable("the process backend needs Linux on x86-64; use docker here")
        try:
            for _ in range(self._count):
                zygote = Zygote(self._packages)
                self._zygotes.append(zygote)
                await zygote.start()
                self._free.put_nowait(zygote)
        except BaseException:
            await self.aclose()
            raise

    async def run(self, program: Program, limits: Limits) -> Report:
        """Judge one program; see `Backend.run`."""
        if not self._zygotes:
            raise SandboxUnavailable("the sandbox is not started")
        if self._waiting >= self._queue:
            raise Overloaded(f"{self._queue} runs are waiting already")
        self._waiting += 1
        try:
            zygote = await self._free.get()
        finally:
            self._waiting -= 1
        try:
            return await self._attempt(zygote, program, limits)
        finally:
            self._free.put_nowait(zygote)

    async def _attempt(self, zygote: Zygote, program: Program, limits: Limits) -> Report:
        async def perform(job: Frame) -> Frame:
            return await zygote.perform(job, limits.wall_s)

        report = Report(Status.INTERNAL_ERROR, Integrity.ISOLATED)
        for _ in range(_ATTEMPTS):
            try:
                report = await judge(program, limits, perform)
            except ZygoteDied as error:
                report = Report(Status.INTERNAL_ERROR, Integrity.ISOLATED, message=str(error))
                await zygote.close()
                await zygote.start()
            if report.status is not Status.INTERNAL_ERROR:
                break
        return report

    async def aclose(self) -> None:
        """End every zygote and what runs in it."""
        zygotes, self._zygotes = self._zygotes, []
        self._free = asyncio.Queue()
        for zygote in zygotes:
            await zygote.close()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        await self.aclose()
