"""Puts a running gateway together from settings, and takes it apart again.

What it starts (engines, sandbox, HTTP client) ends with it, in reverse order, however it ends.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, TypeAlias

import structlog

from policies.plans.pinning import PolicyMismatch
from policies.policy import Policy
from policies.selection.lever import LEVER
from router.artifact.artifact import InvalidArtifact
from router.catalogue.entries import UnknownModel
from router.concurrent import concurrently
from router.configuration.configured import (
    Models,
    engine_spec,
    models_of,
    own_lanes,
    pace_starts,
    sandbox_backend,
)
from router.configuration.configured_policies import policies_of, request_limits
from router.drift import Drift, DriftFigures, OutcomeFile, Outcomes
from router.embedded.child import EngineFailed
from router.embedded.supervisor import EmbeddedEngine, Engine
from router.gateway import Gateway
from router.metrics import Metrics
from router.plan.executing import within
from router.plan.paces import Paces
from router.plan.queues.admission import Admission
from router.plan.queues.lanes import Lane
from router.plan.queues.occupancy import Occupancy, OwnOccupancy
from router.plan.queues.sessions import Sessions
from router.request import RequestLimits
from router.sections.drift import DriftConfig
from router.sections.models import EmbeddedModel
from router.sections.sandbox import SandboxConfig
from router.settings import Settings
from router.upstream import transport
from router.upstream.balancing.replicas import Replicated
from router.upstream.client import Upstream
from router.upstream.presence import Presence
from router.upstream.sizes.architecture import UnknownArchitecture
from router.verifier.verifying import Verifier, VerifierFailed
from sandbox import Backend, SandboxUnavailable

log = structlog.get_logger("router")

MakeBackend: TypeAlias = Callable[[SandboxConfig], Backend]

GRACE_S: Final = 5
"""How long a stop waits for requests in flight before it cancels them."""

CANNOT_START: Final = (
    *(OSError, UnknownModel, UnknownArchitecture, InvalidArtifact, PolicyMismatch, EngineFailed),
    VerifierFailed,
)
"""What `running` raises where the settings name what cannot be served."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What a gateway has in common with others that serve the same; see `router.workers`.

    `engines` were started already, and `outcomes` is where these are kept, if they are. `served`
    counts the requests being served, and `computing` the samples that each model computes. Draws
    wait in `lanes`; where there are none of all, in its own. One that is `silent` leaves it to
    another to say what all of them notice.
    """

    engines: Mapping[str, Engine]
    metrics: Metrics
    outcomes: Outcomes | None
    served: Occupancy = field(default_factory=OwnOccupancy)
    computing: Mapping[str, Occupancy] = field(default_factory=dict)
    sessions: Sessions = field(default_factory=Sessions)
    lanes: Mapping[str, Lane] | None = None
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """A gateway and what its HTTP edge needs to know."""

    gateway: Gateway
    engines: Mapping[str, Engine]
    request_limits: RequestLimits
    admission: Admission
    sessions: Sessions
    max_body_bytes: int
    client_timeout_s: float
    presence: Presence
    drift: Drift | None = None

    def not_ready(self) -> list[str]:
        """Embedded engines that do not answer just now."""
        return [model for model, engine in self.engines.items() if not engine.ready]

    def upstream_troubles(self) -> dict[str, str]:
        """What is wrong with servers of others, by the last look and by their last draws."""
        troubles = dict(self.presence.troubles)
        for upstream in self.gateway.upstreams.values():
            if isinstance(upstream, Replicated):
                troubles |= upstream.troubles
        return troubles


@asynccontextmanager
async def running(
    settings: Settings,
    make_backend: MakeBackend = sandbox_backend,
    shared: Shared | None = None,
) -> AsyncIterator[Service]:
    """Start everything the settings name; `make_backend` makes the sandbox, where one is wanted.

    What is `shared` was started already. Raises one of `CANNOT_START`: `EngineFailed`,
    `VerifierFailed`, `UnknownModel`, `InvalidArtifact`, `PolicyMismatch` of an alias,
    `UnknownArchitecture` where a model's sizes cannot be read, and OSError.
    """
    async with AsyncExitStack() as stack:
        own: dict[str, EmbeddedEngine] = {}
        if shared is None:
            metrics, outcomes = Metrics(), opened(settings.drift, stack)
            own = _engines(settings, metrics)
            shared = Shared(own, metrics, outcomes)
        client = await stack.enter_async_context(
            transport.Client(connect_s=settings.connect_timeout_s, read_s=settings.read_timeout_s)
        )
        models = models_of(settings, shared.engines, client, shared.metrics)
        policies = policies_of(settings, models.cost.rates)
        limits = request_limits(settings, policies)
        for engine in own.values():
            stack.push_async_callback(engine.aclose)
        verifier = None if settings.select.lever is None else Verifier.of(settings.select.lever)
        if verifier is not None:
            stack.push_async_callback(verifier.aclose)
        starts: list[Callable[[], Awaitable[Backend | None]]] = [
            partial(_sandbox, settings.sandbox, make_backend, stack),
            *(engine.start for engine in own.values()),
            *(() if verifier is None else (verifier.start,)),
        ]
        backend, *_ = await concurrently(starts, lambda start: start(), at_once=len(starts))
        presence = Presence(list(_replicas(models)), silent=shared.silent)
        await stack.enter_async_context(presence.watching())
        yield Service(
            gateway=_gateway(settings, models, policies, backend, shared, verifier=verifier),
            engines=shared.engines,
            request_limits=limits,
            admission=Admission(settings.places, shared.served),
            sessions=shared.sessions,
            max_body_bytes=settings.max_body_bytes,
            client_timeout_s=settings.client_timeout_s,
            presence=presence,
            drift=_drift(settings.drift, shared),
        )


def _replicas(models: Models) -> Iterator[Upstream]:
    """The servers of others, each by itself."""
    for upstream in models.upstreams.values():
        if isinstance(upstream, Replicated):
            yield from (replica.upstream for replica in upstream.replicas)


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
    shared: Shared,
    *,
    verifier: Verifier | None,
) -> Gateway:
    sizes = None if verifier is None else verifier.sizes
    return Gateway(
        upstreams=models.upstreams,
        cost=models.cost if sizes is None else replace(models.cost, scorers={LEVER: sizes}),
        policies=policies,
        backend=backend,
        metrics=shared.metrics,
        default_max_tokens=settings.default_max_tokens,
        paces=Paces(pace_starts(settings), shared.computing),
        ranker=settings.select.ranker,
        tests_by=settings.select.tests_by,
        verifier=verifier,
        execution_limits=within(settings.sandbox.caps.caps()),
        lanes=shared.lanes
        if shared.lanes is not None
        else own_lanes(settings, models.upstreams, shared.metrics),
    )


def opened(config: DriftConfig, stack: AsyncExitStack) -> OutcomeFile | None:
    """The file of outcomes, if the operator wants one. Raises OSError."""
    if config.file is None:
        return None
    return stack.enter_context(OutcomeFile(config.file, config.file_bytes))


def _drift(config: DriftConfig, shared: Shared) -> Drift | None:
    """What hears of outcomes, where the operator wants it."""
    if not config.enabled:
        return None
    return Drift(DriftFigures(shared.metrics.registry), shared.outcomes)


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
