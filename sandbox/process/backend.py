"""The default backend: Linux namespaces and a forking interpreter, in `sandbox.inner`.

Each worker is one zygote that runs one program at a time. Own code rather than bubblewrap or
nsjail: those exec a new interpreter per candidate, where we fork a warm one inside ready
namespaces, and the verdict needs a keeper inside anyway.

It guards the host, other runs and the verdict against the candidate. It does not guard against a
bug in the kernel's namespaces: whoever needs that puts a second kernel below (runsc, a virtual
machine).
"""

from __future__ import annotations

import os
import platform
import sys
import sysconfig
from typing import TYPE_CHECKING

from sandbox.backend import SandboxUnavailable
from sandbox.pool import Pool
from sandbox.process import cgroups
from sandbox.process.zygotes import Zygote

if TYPE_CHECKING:
    from collections.abc import Sequence


class ProcessBackend(Pool[Zygote]):
    """Runs programs in namespaces of this host. See `sandbox.backend.Backend`."""

    def __init__(
        self,
        workers: int | None = None,
        queue: int = 256,
        *,
        packages: Sequence[str] | None = None,
    ) -> None:
        """Take a number of workers, of runs that may wait, and package directories to show."""
        super().__init__(workers or len(os.sched_getaffinity(0)), queue)
        paths = sysconfig.get_paths()
        shown = (paths["purelib"], paths["platlib"]) if packages is None else packages
        self._packages = list(dict.fromkeys(shown))
        self._hierarchies = cgroups.find()

    @property
    def enforced(self) -> str:
        """What this host enforces beyond namespaces, filter and resource limits, for people."""
        return cgroups.describe(self._hierarchies)

    def _make(self, flavour: str) -> Zygote:
        return Zygote(self._packages, flavour, self._hierarchies)

    async def start(self) -> None:
        """Start the zygotes; raises `SandboxUnavailable` with advice where the host forbids it."""
        if sys.platform != "linux" or platform.machine() != "x86_64":
            raise SandboxUnavailable("the process backend needs Linux on x86-64; use docker here")
        cgroups.sweep(self._hierarchies)
        await super().start()
