"""Puts a running gateway together from settings, and takes it apart again.

What it starts (engines, sandbox, HTTP client) ends with it, in reverse order, however it ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TypeAlias

import structlog

from policies.policy import Policy
from router.configured import (
    Models,
    engine_spec,
    models_of,
    pace_starts,
    sandbox_backend,
)
from router.configured_policies import policies_of, request_limits
from router.drift import Drift, DriftFigures, OutcomeFile
from router.embedded.supervisor import EmbeddedEngine
from router.gateway import Gateway
from router.metrics import Metrics
from router.plan.admission import Admission
from router.plan.executing import within
from router.plan.paces import Paces
from router.plan.sessions import Sessions
from router.request import RequestLimits
from router.sections import DriftConfig, EmbeddedModel, RemoteModel, SandboxConfig
from router.settings import Settings
from router.upstream import transport
from router.upstream.presence import Presence
from router.verifying import Verifier
from sandbox import Backend, SandboxUnavailable

log = structlog.get_logger("router")

MakeBackend: TypeAlias = Callable[[SandboxConfig], Backend]


@dataclass(frozen=True, slots=True)
class Service:
    """A gateway and what its HTTP edge needs to know."""

    gateway: Gateway
    engines: dict[str, EmbeddedEngine]
    request_limits: RequestLimits
    admission: Admission
    sessions: Sessions
    max_body_bytes: int
    presence: Presence
    drift: Drift | None = None

    def not_ready(self) -> list[str]:
        """Embedded engines that do not answer just now."""
        return [model for model, engine in self.engines.items() if not engine.ready]


@asynccontextmanager
async def running(
    settings: Settings, make_backend: MakeBackend = sandbox_backend
) -> AsyncIterator[Service]:
    """Start everything the settings name; `make_backend` makes the sandbox, where one is wanted.

    Raises `EngineFailed`, `VerifierFailed`, `UnknownModel`, `InvalidArtifact`, `PolicyMismatch` of
    an alias, and `UnknownArchitecture` where a model's sizes cannot be read.
    """
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        drift = _drift(settings.drift, metrics, stack)
        client = await stack.enter_async_context(
            transport.client(connect_s=settings.connect_timeout_s, read_s=settings.read_timeout_s)
        )
        engines = _engines(settings, metrics)
        models = models_of(settings, engines, client)
        policies = policies_of(settings, models.cost.rates)
        limits = request_limits(settings, policies)
        for engine in engines.values():
            stack.push_async_callback(engine.aclose)
        verifier = None if settings.select.lever is None else Verifier.of(settings.select.lever)
        if verifier is not None:
            stack.push_async_callback(verifier.aclose)
        try:
            async with asyncio.TaskGroup() as starting:
                backend = starting.create_task(_sandbox(settings.sandbox, make_backend, stack))
                for engine in engines.values():
                    starting.create_task(engine.start())
                if verifier is not None:
                    starting.create_task(verifier.start())
        except ExceptionGroup as several:  # one reason not to start is enough
            raise several.exceptions[0] from None
        remote = [m for m, config in settings.models.items() if isinstance(config, RemoteModel)]
        presence = Presence([models.upstreams[model] for model in remote])
        await stack.enter_async_context(presence.watching())
        yield Service(
            gateway=replace(
                _gateway(settings, models, policies, backend.result(), metrics), verifier=verifier
            ),
            engines=engines,
            request_limits=limits,
            admission=Admission(settings.max_concurrent_requests),
            sessions=Sessions(),
            max_body_bytes=settings.max_body_bytes,
            presence=presence,
            drift=drift,
        )


def _engines(settings: Settings, metrics: Metrics) -> dict[str, EmbeddedEngine]:
    """The embedded engines, not started yet; their restarts are counted."""

    def counted(model: str) -> None:
        metrics.engine_restarts.labels(model).inc()

    return {
        model: EmbeddedEngine(engine_spec(settings, model, config), on_restart=counted)
        for model, config in settings.models.items()
        if isinstance(config, EmbeddedModel)
    }


def _gateway(
    settings: Settings,
    models: Models,
    policies: Mapping[str, Policy],
    backend: Backend | None,
    metrics: Metrics,
) -> Gateway:
    return Gateway(
        upstreams=models.upstreams,
        cost=models.cost,
        policies=policies,
        backend=backend,
        metrics=metrics,
        default_max_tokens=settings.default_max_tokens,
        paces=Paces(pace_starts(settings)),
        ranker=settings.select.ranker,
        tests_by=settings.select.tests_by,
        execution_limits=within(settings.sandbox.caps.caps()),
    )


def _drift(config: DriftConfig, metrics: Metrics, stack: AsyncExitStack) -> Drift | None:
    """What hears of outcomes, where the operator wants it. Raises OSError for a bad file."""
    if not config.enabled:
        return None
    figures = DriftFigures(metrics.registry)
    if config.file is None:
        return Drift(figures)
    return Drift(figures, stack.enter_context(OutcomeFile(config.file, config.file_bytes)))


async def _sandbox(
    config: SandboxConfig, make_backend: MakeBackend, stack: AsyncExitStack
) -> Backend | None:
    """The sandbox; None, and every request with tests refused, where this host cannot isolate."""
    if not config.enabled:
        return None
    backend = make_backend(config)
    try:
        await backend.start()
    except SandboxUnavailable as error:
        log.exception(
            "requests with tests will be refused: the sandbox cannot run", reason=str(error)
        )
        return None
    stack.push_async_callback(backend.aclose)
    return backend
