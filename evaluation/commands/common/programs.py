"""What commands share that run recorded programs for their outputs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Protocol

from evaluation.commands.common.progress import PoolProgress
from evaluation.selection.behaviour import AT_ONCE, Behaviours, Subject
from router.configuration.configured import sandbox_backend
from router.sections.sandbox import SandboxConfig


class Programs(Protocol):
    """What has programs to be run, such as a problem with its answers."""

    @property
    def subjects(self) -> Iterator[Subject]:
        """These."""
        ...


def run_programs(problems: Sequence[Programs], behaviours: Behaviours) -> None:
    """Run every program that was not run yet, with a bar. Raises `SandboxError` and OSError."""
    missing = behaviours.missing(each for problem in problems for each in problem.subjects)
    if not missing:
        return
    backend = sandbox_backend(SandboxConfig(queue=AT_ONCE))

    async def over() -> None:
        async with backend:
            await behaviours.run(missing, backend, bar.advance)

    with PoolProgress("programs", len(missing)) as bar:
        asyncio.run(over())
