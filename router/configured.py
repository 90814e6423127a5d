"""What the settings name, as values: models with their costs, policies, limits. It starts nothing.

The service starts what has to run. Here is where a new kind of model, server or policy in the
configuration becomes the value that the rest of the router works with.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import httpx

from policies.auto import Auto
from policies.best_of_n import BestOfN
from policies.cascade import Cascade
from policies.cost import CostModel, FlatRate, Rate
from policies.forecast import Seen
from policies.policy import Policy
from policies.single import Single
from policies.values import Budget
from router.catalogue import entries as catalogue
from router.embedded.child import EngineSpec
from router.embedded.supervisor import EmbeddedEngine
from router.plan.paces import PaceStart
from router.request import AUTO, RequestLimits
from router.settings import (
    BestOfNConfig,
    CascadeConfig,
    EmbeddedModel,
    PaceConfig,
    PolicyConfig,
    RemoteModel,
    SandboxConfig,
    Settings,
    SingleConfig,
)
from router.upstream import architecture
from router.upstream.client import Upstream
from router.upstream.servers import SERVERS
from sandbox import Backend, ProcessBackend

BUILT_IN: Final[Mapping[str, Policy]] = MappingProxyType(
    {AUTO: Auto(), "single": Single(), "best_of_n": BestOfN(), "cascade": Cascade()}
)
"""The policies that are there without a configuration."""


@dataclass(frozen=True, slots=True)
class Models:
    """The upstreams by model, the cheapest first where all costs are known, and what they cost."""

    upstreams: Mapping[str, Upstream]
    cost: CostModel


def models_of(
    settings: Settings, engines: Mapping[str, EmbeddedEngine], client: httpx.AsyncClient
) -> Models:
    """All configured models. Raises what `model_rate` raises."""
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
    return Models({model: upstreams[model] for model in order}, cost)


def policies_of(settings: Settings) -> dict[str, Policy]:
    """The built-in policies, and the configured ones over them."""
    return {**BUILT_IN, **{name: _policy(config) for name, config in settings.policies.items()}}


def pace_starts(settings: Settings) -> dict[str, PaceStart]:
    """How fast the models are, as far as the configuration says."""
    return {model: _pace_start(config.pace) for model, config in settings.models.items()}


def request_limits(settings: Settings) -> RequestLimits:
    """What a request may ask for."""
    return RequestLimits(
        max_n=settings.max_n,
        max_tests_bytes=settings.sandbox.max_tests_bytes,
        default_budget=Budget(**settings.default_budget.model_dump()),
        max_budget=Budget(**settings.max_budget.model_dump()),
        sandbox_caps=settings.sandbox.caps.caps(),
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


def sandbox_backend(config: SandboxConfig) -> Backend:
    """The sandbox that the settings want, not started yet."""
    match config.backend:
        case "process":
            return ProcessBackend(config.workers, config.queue)
        case "docker":
            from sandbox.docker import DockerBackend  # noqa: PLC0415 most gateways need no client

            return DockerBackend(config.workers, config.queue, **config.docker.model_dump())


def _policy(config: PolicyConfig) -> Policy:
    match config:
        case SingleConfig(model=model):
            return Single(model)
        case BestOfNConfig(model=model, n=n):
            return BestOfN(model, n)
        case CascadeConfig(models=models, n=n, n_last=n_last):
            return Cascade(models or (), n, n_last)


def _pace_start(config: PaceConfig) -> PaceStart:
    rate = config.prompt_tokens_per_second
    first = () if rate is None else (Seen(0, 0.0), Seen(rate, 1.0))
    # Those that are computed together take a step at a time.
    steps = tuple(Seen(n, n / rate) for n, rate in config.tokens_per_second.items())
    return PaceStart(first, steps)


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
        server=SERVERS["llama.cpp"],
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
        server=SERVERS[config.server],
        api_key=config.api_key.get_secret_value() if config.api_key else None,
    )
