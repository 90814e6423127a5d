"""The default backend: Linux namespaces and a forking interpreter, in `sandbox.inner`.

Each worker is one zygote that runs one program at a time. Own code rather than bubblewrap or
nsjail: those exec a new interpreter per candidate, where we fork a warm one inside ready
namespaces, and the verdict needs a keeper inside anyway.

It guards the host, other runs and the verdict against the candidate. It does not guard against a
bug in the kernel's namespaces: whoever needs that puts a second kernel below (runsc, a virtual
machine).
"""

from __future__ import annotations

import itertools
import os
import platform
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sandbox.backend import SandboxUnavailable
from sandbox.pool import WorkerPool
from sandbox.process import cgroups, ids
from sandbox.process.zygotes import Zygote
from sandbox.program import Asserts, Limits, Program
from sandbox.report import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

_OWN: Final = ("/tmp", "/dev/shm")  # noqa: S108 - each run's own, as seen inside
_CALLED: Final = Asserts("f()", "f")


class ProcessBackend(WorkerPool[Zygote]):
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
        return f"{cgroups.describe(self._hierarchies)}; {ids.describe()}"

    def make_worker(self, flavour: str) -> Zygote:
        """See `WorkerPool.make_worker`."""
        return Zygote(self._packages, flavour, self._hierarchies)

    async def start(self) -> None:
        """Start the zygotes; raises `SandboxUnavailable` with advice where the host forbids it."""
        if sys.platform != "linux" or platform.machine() != "x86_64":
            raise SandboxUnavailable(
                "the process backend needs Linux on x86-64: use docker, with a daemon on one"
            )
        self._check_places()
        cgroups.sweep(self._hierarchies)
        await super().start()
        try:
            await self._check_sight()
        except BaseException:
            await self.aclose()
            raise

    def _check_places(self) -> None:
        """Refuse packages that cannot be shown without the files of others."""
        for package, own in itertools.product(self._packages, _OWN):
            if Path(own).is_relative_to(package):
                raise SandboxUnavailable(
                    f"candidates have a {own} of their own, so packages in {package} cannot be "
                    "shown to them: install these in a directory of their own"
                )

    def _present(self) -> list[str]:
        return [package for package in self._packages if Path(package).is_dir()]

    async def _check_sight(self) -> None:
        """See that a run can read every package directory, or right programs would fail."""
        source = f"import os\nfor path in {self._present()!r}: os.listdir(path)\ndef f(): pass\n"
        report = await self.run(Program(source, _CALLED), Limits())
        if report.status is Status.ERROR:
            raise SandboxUnavailable(
                f"candidates cannot read the packages ({report.message}): make their directories "
                "readable for all, or install them elsewhere"
            )
