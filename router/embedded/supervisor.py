"""Embedded engines: llama.cpp in a child process per model, watched and brought back.

Guards against native code that crashes (the gateway lives on, the engine comes back with a
growing pause) and that hangs (its `/health` is asked now and then). It does not guard against an
engine that is merely slow. `router.embedded.child` tells how a child is spoken to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog

from router.embedded.child import Child, EngineFailed, EngineSpec, Supervision
from router.hearing import unheard

_log = structlog.get_logger(__name__)


class Engine(Protocol):
    """An engine as those see it who ask it: where it is, and whether it answers."""

    @property
    def ready(self) -> bool:
        """Whether it answered when it was last looked at."""
        ...

    @property
    def base_url(self) -> str:
        """`http://127.0.0.1:PORT`, at this moment."""
        ...


class EmbeddedEngine:
    """One model's engine, kept running from `start` to `aclose`.

    `on_restart` is called with the model's id each time the engine went down, `on_change` whenever
    it may be ready, or elsewhere, other than before. Start it from a thread that lives as long as
    the gateway, since the kernel ties the child to that thread.
    """

    def __init__(
        self,
        spec: EngineSpec,
        *,
        on_restart: Callable[[str], None] = unheard,
        on_change: Callable[[str], None] = unheard,
        times: Supervision | None = None,
        verbose: bool = False,
    ) -> None:
        self.spec = spec
        self.restarts = 0
        self._on_restart = on_restart
        self._on_change = on_change
        self._times = times or Supervision()
        self._verbose = verbose
        self._child: Child | None = None
        self._url = ""
        self._supervisor: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether the engine runs and answered when it was last probed."""
        child = self._child
        return child is not None and child.process.returncode is None and not child.missed

    @property
    def base_url(self) -> str:
        """`http://127.0.0.1:PORT`, of the last run while it is down; another port after each."""
        if not self._url:
            raise EngineFailed(self.spec.model, "was not started")
        return self._url

    @property
    def pid(self) -> int | None:
        """Process id of the child; None while there is none."""
        return None if self._child is None else self._child.process.pid

    async def start(self) -> None:
        """Start the engine and wait until it is healthy. Raises `EngineFailed`."""
        child = await self._launch()
        self._supervisor = asyncio.create_task(self._supervise(child))

    async def aclose(self) -> None:
        """End the engine; nothing of it is left. A second call does nothing."""
        supervisor, self._supervisor = self._supervisor, None
        try:
            if supervisor is not None:
                supervisor.cancel()
                await asyncio.wait([supervisor])
        finally:
            child, self._child = self._child, None
            if child is not None:
                await child.aclose()

    async def _launch(self) -> Child:
        child = await Child.launch(self.spec, self._times, verbose=self._verbose)
        self._child, self._url = child, child.url
        self._changed()
        return child

    def _changed(self) -> None:
        self._on_change(self.spec.model)

    async def _supervise(self, child: Child) -> None:
        clock = asyncio.get_running_loop().time
        pause = self._times.pause
        while True:
            born = clock()
            reason = await child.down(self._changed)
            self.restarts += 1
            self._on_restart(self.spec.model)
            self._changed()
            _log.warning("engine down", model=self.spec.model, reason=reason, log=child.tail())
            await child.aclose()
            self._child = None
            if clock() - born >= self._times.settled:
                pause = self._times.pause
            child, pause = await self._bring_back(pause)

    async def _bring_back(self, pause: float) -> tuple[Child, float]:
        """A new healthy child, however many attempts it takes, and the pause before the next."""
        while True:
            await asyncio.sleep(pause)
            pause = min(2 * pause, self._times.longest_pause)
            try:
                child = await self._launch()
            except (EngineFailed, OSError) as error:  # OSError: no process or descriptor to be had
                _log.warning("engine not back", model=self.spec.model, reason=str(error))
            else:
                _log.info("engine back", model=self.spec.model, pid=child.process.pid)
                return child, pause
