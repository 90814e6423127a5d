"""The default backend: Linux namespaces and a forking interpreter, in `sandbox.inner`.

Each worker is one zygote that runs one program at a time. Own code rather than bubblewrap or
nsjail: those exec a new interpreter per candidate, where we fork a warm one inside ready
namespaces, and the verdict needs a keeper inside anyway.

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

from sandbox import cgroups
from sandbox.backend import Overloaded, SandboxUnavailable
from sandbox.judging import judge
from sandbox.program import Integrity, Pytest
from sandbox.report import Report, Status
from sandbox.zygotes import Zygote, ZygoteDied

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

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
        self._started = False
        self._hierarchies = cgroups.find()
        self._slots = asyncio.Semaphore(self._count)
        self._zygotes: set[Zygote] = set()
        self._idle: list[Zygote] = []

    @property
    def enforced(self) -> str:
        """What this host enforces beyond namespaces, filter and resource limits, for people."""
        return cgroups.describe(self._hierarchies)

    async def start(self) -> None:
        """Start the zygotes; raises `SandboxUnavailable` with advice where the host forbids it."""
        if sys.platform != "linux" or platform.machine() != "x86_64":
            raise SandboxUnavailable("the process backend needs Linux on x86-64; use docker here")
        cgroups.sweep(self._hierarchies)
        self._started = True
        try:
            for _ in range(self._count):
                self._idle.append(await self._open("plain"))
        except BaseException:
            await self.aclose()
            raise

    async def _open(self, flavour: str) -> Zygote:
        zygote = Zygote(self._packages, flavour, self._hierarchies)
        self._zygotes.add(zygote)
        try:
            await zygote.start()
        except BaseException:
            await self._discard(zygote)
            raise
        return zygote

    async def _discard(self, zygote: Zygote) -> None:
        self._zygotes.discard(zygote)
        await zygote.close()

    async def run(self, program: Program, limits: Limits) -> Report:
        """Judge one program; see `Backend.run`."""
        if not self._started:
            raise SandboxUnavailable("the sandbox is not started")
        if self._waiting >= self._queue:
            raise Overloaded(f"{self._queue} runs are waiting already")
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        try:
            return await self._attempt(program, limits)
        finally:
            self._slots.release()

    async def _attempt(self, program: Program, limits: Limits) -> Report:
        flavour = "pytest" if isinstance(program.tests, Pytest) else "plain"
        report = Report(Status.INTERNAL_ERROR, Integrity.ISOLATED)
        for _ in range(_ATTEMPTS):
            zygote = self._take(flavour) or await self._open(flavour)
            try:
                report = await judge(program, limits, zygote.perform)
            except ZygoteDied as error:
                report = Report(Status.INTERNAL_ERROR, Integrity.ISOLATED, message=str(error))
                await self._discard(zygote)
            except BaseException:
                self._give_back(zygote)
                raise
            else:
                self._give_back(zygote)
            if report.status is not Status.INTERNAL_ERROR:
                break
        return report

    def _take(self, flavour: str) -> Zygote | None:
        for number, zygote in enumerate(self._idle):
            if zygote.flavour == flavour:
                return self._idle.pop(number)
        return None

    def _give_back(self, zygote: Zygote) -> None:
        if zygote in self._zygotes:
            self._idle.append(zygote)

    async def aclose(self) -> None:
        """End every zygote and what runs in it."""
        self._started = False
        self._idle.clear()
        for zygote in tuple(self._zygotes):
            await self._discard(zygote)

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
