"""What the settings name, as values: models with their costs, policies, limits. It starts nothing.

The service starts what has to run. Here is where a new kind of model, server or policy in the
configuration becomes the value that the rest of the router works with.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from policies.cost import CostModel, FlatRate, Rate
from policies.forecast import Seen
from router.catalogue import entries as catalogue
from router.catalogue.fim import FAMILIES, FimTemplate
from router.embedded.child import EngineSpec
from router.embedded.supervisor import Engine
from router.metrics import Metrics
from router.plan.paces import PaceStart
from router.plan.queues.lanes import SlotLane
from router.sections.fim import NO_FIM, Fim, FimConfig
from router.sections.models import EmbeddedModel, PaceConfig, RemoteModel, SendConfig
from router.sections.sandbox import SandboxConfig
from router.settings import Settings
from router.upstream.asking import Habit, Habits
from router.upstream.balancing.attempts import ReplicaEvents, Watch
from router.upstream.balancing.replicas import Replicated
from router.upstream.client import Upstream
from router.upstream.servers import SERVERS
from router.upstream.sizes import architecture
from router.upstream.sizes.tokens import fim_of_folder, fim_of_header
from router.upstream.transport import Client
from sandbox import Backend, ProcessBackend


@dataclass(frozen=True, slots=True)
class Models:
    """The upstreams by model, the cheapest first where all costs are known, and what they cost."""

    upstreams: Mapping[str, Upstream]
    cost: CostModel


def models_of(
    settings: Settings,
    engines: Mapping[str, Engine],
    client: Client,
    metrics: Metrics | None = None,
) -> Models:
    """All configured models; `metrics` hear of them. Raises what `model_facts` raises."""
    metrics = metrics or Metrics()
    rates: dict[str, Rate] = {}
    upstreams: dict[str, Upstream] = {}
    for model, config in settings.models.items():
        facts = model_facts(settings, model)
        if facts.rate is not None:
            rates[model] = facts.rate
        upstreams[model] = (
            _embedded(model, config, facts.fim, engines[model], client)
            if isinstance(config, EmbeddedModel)
            else _remote(model, config, facts.fim, client, metrics)
        )
    cost = CostModel(rates)
    all_known = len(rates) == len(upstreams)
    order = sorted(upstreams, key=lambda m: cost.prefill(m, 1)) if all_known else list(upstreams)
    return Models({model: upstreams[model] for model in order}, cost)


def lanes_of(
    settings: Settings, slots: Callable[[str, int], int], metrics: Metrics
) -> dict[str, SlotLane]:
    """Where draws wait for slots, of the models whose slots are known; `metrics` hear of them.

    `slots` says of a model, and of the slots of each of its servers, how many there are just now.
    """
    return {
        model: SlotLane(
            model,
            partial(slots, model, each),
            settings.models[model].queue,
            on_length=metrics.queue_length.labels(model).set,
            on_wait=metrics.queue_seconds.labels(model).observe,
        )
        for model, each in counted_slots(settings).items()
    }


def counted_slots(settings: Settings) -> dict[str, int]:
    """The slots of each server of a model, where they are known."""
    named = {model: config.slots for model, config in settings.models.items()}
    return {model: slots for model, slots in named.items() if slots is not None}


def own_lanes(
    settings: Settings, upstreams: Mapping[str, Upstream], metrics: Metrics
) -> dict[str, SlotLane]:
    """The lanes of a gateway by itself: slots that come back are given out at once."""
    lanes = lanes_of(settings, partial(slots_there, upstreams), metrics)
    for model, lane in lanes.items():
        if isinstance(upstream := upstreams[model], Replicated):
            upstream.watch.events.listens.append(lane.admit)
    return lanes


def slots_there(upstreams: Mapping[str, Upstream], model: str, each: int) -> int:
    """Just now: of servers that are left alone none, or one for the draw that finds out how it is.

    As many as one server has there are in any case: what is sent then fails at once.
    """
    match upstreams[model]:
        case Replicated() as replicated:
            return max(each, each * replicated.servers_asked + replicated.servers_tried)
        case _:
            return each


def pace_starts(settings: Settings) -> dict[str, PaceStart]:
    """How fast the models are, as far as the configuration says."""
    return {model: _pace_start(config.pace) for model, config in settings.models.items()}


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

    Raises what `model_facts` raises.
    """
    return model_facts(settings, model).rate


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a model's own files tell of it, and the settings over them; None where nobody says."""

    rate: Rate | None = None
    fim: FimTemplate | None = None


def model_facts(settings: Settings, model: str) -> ModelFacts:
    """What a configured model costs, and how it fills in the middle.

    Raises `architecture.UnknownArchitecture` and OSError.
    """
    config = settings.models[model]
    match config:
        case EmbeddedModel():
            facts = _of_gguf(settings.model_dir / catalogue.lookup(model).file)
        case RemoteModel(config=path) if path is not None:
            facts = ModelFacts(architecture.from_config_json(path), fim_of_folder(path.parent))
        case RemoteModel(gguf=path) if path is not None:
            facts = _of_gguf(path)
        case RemoteModel(flops_per_token=flops) if flops is not None:
            facts = ModelFacts(FlatRate(flops))
        case _:
            facts = ModelFacts()
    return facts if config.fim is None else replace(facts, fim=_fim(config.fim))


def _of_gguf(path: Path) -> ModelFacts:
    header = architecture.header_of(path)
    return ModelFacts(architecture.from_header(header, path.name), fim_of_header(header))


def _fim(config: Fim) -> FimTemplate | None:
    if isinstance(config, FimConfig):
        return config.made()
    if config == NO_FIM:
        return None
    return FAMILIES[config] if config in FAMILIES else catalogue.lookup(config).fim


def sandbox_backend(config: SandboxConfig) -> Backend:
    """The sandbox that the settings want, not started yet."""
    match config.backend:
        case "process":
            return ProcessBackend(config.workers, config.queue)
        case "docker":
            from sandbox.docker import DockerBackend  # noqa: PLC0415 most gateways need no client

            disk_bytes = config.caps.disk_bytes  # what tests are run with, unless they say less
            options = config.docker.model_dump()
            return DockerBackend(config.workers, config.queue, disk_bytes=disk_bytes, **options)


def _pace_start(config: PaceConfig) -> PaceStart:
    rate = config.prompt_tokens_per_second
    first = () if rate is None else (Seen(0, 0.0), Seen(rate, 1.0))
    # Those that are computed together take a step at a time.
    steps = tuple(Seen(n, n / rate) for n, rate in config.tokens_per_second.items())
    return PaceStart(first, steps)


def _embedded(
    model: str,
    config: EmbeddedModel,
    fim: FimTemplate | None,
    engine: Engine,
    client: Client,
) -> Upstream:
    return Upstream(
        id=model,
        client=client,
        base_url=lambda: engine.base_url,
        name=model,
        max_batch=config.slots,
        context=config.context,
        fim=fim,
        server=SERVERS["llama.cpp"],
        patient=True,
    )


def _remote(
    model: str,
    config: RemoteModel,
    fim: FimTemplate | None,
    client: Client,
    metrics: Metrics,
) -> Upstream:
    first, *_ = config.urls
    upstream = Upstream(
        id=model,
        client=client,
        base_url=lambda: first,
        name=config.name or model,
        max_batch=config.max_batch,
        context=config.context,
        fim=fim,
        server=SERVERS[config.server],
        api_key=config.api_key.get_secret_value() if config.api_key else None,
        prioritizes=config.priority,
        habits=Habits(_habit(config.send)),
    )

    def changed(replica: str, is_open: bool) -> None:  # noqa: FBT001 the value of the figure
        metrics.replica_open.labels(model, replica).set(is_open)

    events = ReplicaEvents(metrics.upstream_retries.labels(model).inc, changed)
    watch = Watch(config.breaker.rules(), events)
    return Replicated.over(upstream, config.urls, watch, config.slots)


def _habit(send: SendConfig) -> Habit:
    return Habit.configured(
        logprobs=send.logprobs,
        stream_options=send.stream_options,
        completion_limit=send.max_tokens == "max_completion_tokens",
    )
