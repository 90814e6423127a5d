"""Puts a running gateway together from settings, and takes it apart again.

What it starts (engines, sandbox, HTTP client) ends with it, in reverse order, however it ends.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace

import httpx
import structlog

from policies.cost import CostModel, FlatRate, Rate
from policies.values import Budget
from router.catalogue import entries as catalogue
from router.embedded.child import EngineSpec
from router.embedded.supervisor import EmbeddedEngine
from router.errors import Overloaded
from router.gateway import Gateway
from router.http.wire import WireLimits
from router.metrics import Metrics
from router.settings import EmbeddedModel, RemoteModel, SandboxConfig, Settings
from router.upstream import architecture, transport
from router.upstream.client import Upstream
from sandbox import Backend, ProcessBackend, SandboxUnavailable

log = structlog.get_logger("router")

LLAMA_PLAIN_SAMPLING = {
    "top_k": 0,
    "min_p": 0.0,
    "repeat_penalty": 1.0,
    "top_p": 1.0,
    "samplers": [
        *("penalties", "dry", "top_n_sigma", "temperature"),
        *("top_k", "typ_p", "top_p", "min_p", "xtc"),
    ],
}
"""llama.cpp's sampler has defaults of its own; these make it a plain temperature/top-p one. Its own
order takes the temperature last; vLLM, transformers and the paper's samples take the nucleus of the
distribution at that temperature."""


@dataclass(slots=True)
class Admission:
    """Counts the requests being served, up to `limit`."""

    limit: int
    active: int = field(default=0, init=False)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place and give it back; raises `Overloaded` where there is none."""
        if self.active >= self.limit:
            raise Overloaded(f"{self.limit} requests are being served; try again")
        self.active += 1
        try:
            yield
        finally:
            self.active -= 1


@dataclass(frozen=True, slots=True)
class Service:
    """A gateway and what its HTTP edge needs to know."""

    gateway: Gateway
    engines: dict[str, EmbeddedEngine]
    wire_limits: WireLimits
    admission: Admission
    max_body_bytes: int

    def not_ready(self) -> list[str]:
        """Embedded engines that do not answer just now."""
        return [model for model, engine in self.engines.items() if not engine.ready]


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Service]:
    """Start everything the settings name.

    Raises `EngineFailed`, `UnknownModel`, and `UnknownArchitecture` where a model's sizes cannot be
    read.
    """
    metrics = Metrics()

    def counted(model: str) -> None:
        metrics.engine_restarts.labels(model).inc()

    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            transport.client(connect_s=settings.connect_timeout_s, read_s=settings.read_timeout_s)
        )
        engines = {
            model: EmbeddedEngine(engine_spec(settings, model, config), on_restart=counted)
            for model, config in settings.models.items()
            if isinstance(config, EmbeddedModel)
        }
        gateway = _gateway(settings, engines, client, metrics)
        for engine in engines.values():
            stack.push_async_callback(engine.aclose)
        try:
            async with asyncio.TaskGroup() as starting:
                backend = starting.create_task(_sandbox(settings, stack))
                for engine in engines.values():
                    starting.create_task(engine.start())
        except ExceptionGroup as several:  # one reason not to start is enough
            raise several.exceptions[0] from None
        yield Service(
            gateway=replace(gateway, backend=backend.result()),
            engines=engines,
            wire_limits=_wire_limits(settings),
            admission=Admission(settings.max_concurrent_requests),
            max_body_bytes=settings.max_body_bytes,
        )


def engine_spec(settings: Settings, model: str, config: EmbeddedModel) -> EngineSpec:
    """How the settings want a catalogue model run. Raises `catalogue.UnknownModel`."""
    return EngineSpec(
        model=model,
        path=settings.model_dir / catalogue.lookup(model).file,
        slots=config.slots,
        context=config.context,
        threads=config.threads or os.cpu_count() or 1,
    )


async def _sandbox(settings: Settings, stack: AsyncExitStack) -> Backend | None:
    """The sandbox; None, and every request with tests refused, where this host cannot isolate."""
    if not settings.sandbox.enabled:
        return None
    backend = sandbox_backend(settings.sandbox)
    try:
        await backend.start()
    except SandboxUnavailable as error:
        log.exception(
            "requests with tests will be refused: the sandbox cannot run", reason=str(error)
        )
        return None
    stack.push_async_callback(backend.aclose)
    return backend


def sandbox_backend(config: SandboxConfig) -> Backend:
    """The sandbox that the settings want, not started yet."""
    match config.backend:
        case "process":
            return ProcessBackend(config.workers, config.queue)
        case "docker":
            from sandbox.docker.backend import DockerBackend  # noqa: PLC0415 most gateways need no client

            return DockerBackend(config.workers, config.queue, **config.docker.model_dump())


def _gateway(
    settings: Settings,
    engines: dict[str, EmbeddedEngine],
    client: httpx.AsyncClient,
    metrics: Metrics,
) -> Gateway:
    rates: dict[str, Rate] = {}
    upstreams: dict[str, Upstream] = {}
    for model, config in settings.models.items():
        if (rate := model_rate(settings, model)) is not None:
            rates[model] = rate
        upstreams[model] = (
            _embedded(model, config, engines[model], client)
            if isinstance(config, EmbeddedModel)
            else _remote(model, config, client)
        )
    cost = CostModel(rates)
    all_known = len(rates) == len(upstreams)
    order = sorted(upstreams, key=lambda m: cost.prefill(m, 1)) if all_known else list(upstreams)
    return Gateway(
        upstreams={model: upstreams[model] for model in order},
        cost=cost,
        policies=settings.named_policies(),
        backend=None,
        metrics=metrics,
        default_max_tokens=settings.default_max_tokens,
    )


def model_rate(settings: Settings, model: str) -> Rate | None:
    """What a configured model costs; None where the configuration does not say.

    Raises `architecture.UnknownArchitecture` and OSError.
    """
    match settings.models[model]:
        case EmbeddedModel():
            return architecture.from_gguf(settings.model_dir / catalogue.lookup(model).file)
        case RemoteModel(config=path) if path is not None:
            return architecture.from_config_json(path)
        case RemoteModel(gguf=path) if path is not None:
            return architecture.from_gguf(path)
        case RemoteModel(flops_per_token=flops) if flops is not None:
            return FlatRate(flops)
        case _:
            return None


def _embedded(
    model: str, config: EmbeddedModel, engine: EmbeddedEngine, client: httpx.AsyncClient
) -> Upstream:
    return Upstream(
        id=model,
        client=client,
        base_url=lambda: engine.base_url,
        name=model,
        max_batch=config.slots,
        context=config.context,
        fim=catalogue.lookup(model).fim,
        server="llama.cpp",
        sampler_defaults=LLAMA_PLAIN_SAMPLING,
        patient=True,
    )


def _remote(model: str, config: RemoteModel, client: httpx.AsyncClient) -> Upstream:
    base_url = str(config.url).rstrip("/").removesuffix("/v1")
    return Upstream(
        id=model,
        client=client,
        base_url=lambda: base_url,
        name=config.name or model,
        max_batch=config.max_batch,
        context=config.context,
        fim=catalogue.lookup(config.fim).fim if config.fim else None,
        server=config.server,
        api_key=config.api_key.get_secret_value() if config.api_key else None,
        sampler_defaults=LLAMA_PLAIN_SAMPLING if config.server == "llama.cpp" else {},
    )


def _wire_limits(settings: Settings) -> WireLimits:
    return WireLimits(
        max_n=settings.max_n,
        max_tests_bytes=settings.sandbox.max_tests_bytes,
        default_budget=Budget(**settings.default_budget.model_dump()),
        max_budget=Budget(**settings.max_budget.model_dump()),
        sandbox_caps=settings.sandbox.caps.caps(),
    )
