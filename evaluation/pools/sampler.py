"""The one upstream that samples are collected from: an engine of ours, or a server by URL.

It is taken from the gateway's own configuration and started by the gateway's own code, alone: no
other model, no sandbox, no HTTP edge.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import metadata
from typing import Final

from router import service
from router.models.catalogue import CATALOGUE, lookup
from router.models.store import find
from router.settings import EmbeddedModel, ModelConfig, SandboxConfig, Settings
from router.upstream import Upstream

DEFAULT_ENGINE: Final = EmbeddedModel(slots=32, context=3072)
"""For a model that the configuration does not name. A larger batch costs less per token, and the
longest prompt of MBPP has over 4,000 characters, mostly digits."""

SILENCE_S: Final = 3600.0
"""How long a server may say nothing: draws wait for free slots, unheard, behind long ones."""


class NoSuchModel(LookupError):
    """A model is neither configured nor in the catalogue, or its file is not here."""


@dataclass(frozen=True, slots=True)
class ModelPlace:
    """Where a model runs. `file_sha256` is its file's where that is known."""

    model: str
    config: ModelConfig
    engine: str
    file_sha256: str | None
    settings: Settings

    @property
    def slots(self) -> int:
        """How many samples it computes at once; the most of one request for a server by URL."""
        match self.config:
            case EmbeddedModel(slots=slots):
                return slots
            case _:
                return self.config.max_batch


def place(settings: Settings, model: str) -> ModelPlace:
    """Find a model, without starting anything. Raises `NoSuchModel`."""
    config = _config(settings, model)
    alone = settings.model_copy(
        update={
            "models": {model: config},
            "sandbox": SandboxConfig(enabled=False),
            "read_timeout_s": max(settings.read_timeout_s, SILENCE_S),
        }
    )
    if not isinstance(config, EmbeddedModel):
        return ModelPlace(model, config, config.server, None, alone)
    entry = lookup(model)
    if find(entry, settings.model_dir) is None:
        raise NoSuchModel(f"{model} is not here: run `budget-router models pull {model}`")
    engine = f"llama.cpp (xllamacpp {metadata.version('xllamacpp')})"
    return ModelPlace(model, config, engine, entry.sha256, alone)


@asynccontextmanager
async def running(where: ModelPlace) -> AsyncIterator[Upstream]:
    """The model's upstream, for as long as the block runs. Raises `EngineFailed`."""
    async with service.running(where.settings) as started:
        yield started.gateway.upstreams[where.model]


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
