"""The one upstream that samples are collected from.

Either it is taken from the gateway's own configuration (an engine of ours, or a server by URL) and
started by the gateway's own code, alone: no other model, no sandbox, no HTTP edge. Or it is a model
in this process, which answers nobody else, and so gains most from computing many rows together.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Final, Literal, TypeAlias

from evaluation.architectures import CONFIGS, UnknownModelName
from evaluation.local import loading, shapes
from evaluation.pools.filling.collecting import Source
from router import service
from router.catalogue.entries import CATALOGUE, lookup
from router.catalogue.store import find
from router.sections.models import EmbeddedModel, ModelConfig
from router.sections.sandbox import SandboxConfig
from router.settings import Settings

DEFAULT_ENGINE: Final = EmbeddedModel(slots=32, context=3072)
"""For a model that the configuration does not name. A larger batch costs less per token, and the
longest prompt of MBPP has over 4,000 characters, mostly digits."""

SILENCE_S: Final = 3600.0
"""How long a server may say nothing: draws wait for free slots, unheard, behind long ones."""


Engine: TypeAlias = Literal["gateway", "transformers", "random"]
"""Where samples come from: an upstream as the gateway has it, a model in this process, or one there
that has the shape of a model and weights at random, which is good for its times alone."""

IN_PROCESS_SLOTS: Final = 96
"""Rows decoded together in this process: about where a CPU's products stop gaining from more."""


class NoSuchModel(LookupError):
    """A model is neither configured nor in the catalogue, or its file is not here."""


@dataclass(frozen=True, slots=True)
class ModelPlace:
    """Where a model runs, and how it is started there.

    `slots` is how many samples it computes at once: the most of one request for a server by URL.
    `file_sha256` is its file's where that is known. `gpus` tells which GPUs of this machine it can
    use; None for a server by URL.
    """

    model: str
    engine: str
    file_sha256: str | None
    slots: int
    gpus: Callable[[], Sequence[str]] | None
    running: Callable[[], AbstractAsyncContextManager[Source]]
    """The model's upstream, for as long as the block runs. Raises `EngineFailed`, `LoadFailed`."""


def place(settings: Settings, model: str, engine: Engine = "gateway") -> ModelPlace:
    """Find a model, without starting anything. Raises `NoSuchModel` and `LoadFailed`."""
    match engine:
        case "gateway":
            return _of_gateway(settings, model)
        case "transformers":
            return _of_file(settings, model)
        case "random":
            return _of_shape(model)


def _of_gateway(settings: Settings, model: str) -> ModelPlace:
    config = _config(settings, model)
    alone = settings.model_copy(
        update={
            "models": {model: config},
            "sandbox": SandboxConfig(enabled=False),
            "read_timeout_s": max(settings.read_timeout_s, SILENCE_S),
        }
    )

    @asynccontextmanager
    async def running() -> AsyncIterator[Source]:
        async with service.running(alone) as started:
            yield started.gateway.upstreams[model]

    if not isinstance(config, EmbeddedModel):
        return ModelPlace(model, config.server, None, config.max_batch, gpus=None, running=running)
    entry = lookup(model)
    if find(entry, settings.model_dir) is None:
        raise NoSuchModel(f"{model} is not here: run `budget-router models pull {model}`")
    engine = f"llama.cpp (xllamacpp {metadata.version('xllamacpp')})"
    return ModelPlace(model, engine, entry.sha256, config.slots, gpus=llama_gpus, running=running)


def _of_file(settings: Settings, model: str) -> ModelPlace:
    """A model of the catalogue, or a directory of safetensors."""
    path = loading.locate(model, settings.model_dir)
    sha256 = None if path == Path(model) else lookup(model).sha256
    return _in_process(model, loading.versions(), sha256, partial(loading.load, path))


def _of_shape(model: str) -> ModelPlace:
    """A model of which only the sizes are known."""
    try:
        config = CONFIGS[model]
    except KeyError:
        raise NoSuchModel(str(UnknownModelName(model))) from None
    engine = f"{loading.versions()}, weights at random"
    return _in_process(model, engine, None, partial(shapes.build, config))


def _in_process(
    model: str, engine: str, sha256: str | None, load: Callable[[], loading.LanguageModel]
) -> ModelPlace:
    @asynccontextmanager
    async def running() -> AsyncIterator[Source]:
        from evaluation.local import upstream  # noqa: PLC0415 torch, an extra

        async with upstream.running(model, load, IN_PROCESS_SLOTS) as source:
            yield source

    return ModelPlace(model, engine, sha256, IN_PROCESS_SLOTS, gpus=loading.gpus, running=running)


def llama_gpus() -> list[str]:
    """The GPUs that an embedded engine can use on this machine."""
    import xllamacpp  # noqa: PLC0415 native, and wanted only when an engine of ours was timed

    devices = xllamacpp.get_device_info()
    return [device["description"] for device in devices if device["type"].name.endswith("GPU")]


def _config(settings: Settings, model: str) -> ModelConfig:
    configured = settings.models if "models" in settings.model_fields_set else {}
    if model in configured:
        return configured[model]
    if model in CATALOGUE:
        return DEFAULT_ENGINE
    raise NoSuchModel(
        f"no model {model!r}; configured: {', '.join(configured) or 'none'}; in the catalogue: "
        f"{', '.join(CATALOGUE)}"
    )
