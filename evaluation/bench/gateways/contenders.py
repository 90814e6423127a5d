"""Who is measured: no gateway, ours, the forwarder, and two that are installed beside.

Each is told one model at one upstream of OpenAI's API, by what its own documentation says, and
nothing that it would not do for a user by default is turned off but what calls home.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from fastapi import FastAPI

from evaluation.bench.gateways.wire import FLOPS_PER_TOKEN, MODEL
from router.listening import listening
from router.settings import ENVIRONMENT_PREFIX, Settings

DIRECT: Final = "direct"
OURS: Final = "budget-router"
FORWARDER: Final = "forwarder"
LITELLM: Final = "litellm"
VLLM_ROUTER: Final = "vllm-router"

MOST_AT_ONCE: Final = 4096
"""Requests that ours takes at once: above all connections, so that none is refused."""

Commanding: TypeAlias = Callable[[int, str, Path], list[str]]
"""The command that serves a port before an upstream; files that it needs go into the folder."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to the upstream; without a `command` there is nothing between.

    `more` are variables that it needs, `folder` is where it is started.
    """

    name: str
    command: Commanding | None = None
    more: tuple[tuple[str, str], ...] = ()
    folder: Path | None = None

    def environment(self) -> Mapping[str, str]:
        """Its variables: those of this process, but for settings of ours."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.upper().startswith(ENVIRONMENT_PREFIX)
        }
        return {**kept, **dict(self.more)}


def contenders(
    litellm: Path | None,
    vllm_router: Path | None,
    checkouts: Sequence[Path] = (),
    workers: Sequence[int] = (),
) -> list[Contender]:
    """All that are there: others by their executables, checkouts of ours by their folders.

    Ours also with so many `workers`.
    """
    found = [Contender(DIRECT), Contender(OURS, _ours(1))]
    found += [Contender(f"{OURS}, {n} workers", _ours(n)) for n in workers]
    for folder in checkouts:
        home = folder.resolve()
        more = (("PYTHONPATH", str(home)),)
        found.append(Contender(f"{OURS} of {folder}", _ours(1), more, home))
    found.append(Contender(FORWARDER, _forwarder))
    if litellm is not None:
        found.append(Contender(LITELLM, _litellm(litellm), _LITELLM_ENVIRONMENT))
    if vllm_router is not None:
        found.append(Contender(VLLM_ROUTER, _vllm_router(vllm_router)))
    return found


def _ours(workers: int) -> Commanding:
    """FLOPs budgets bind, and everything that is on by default is on."""
    several = f"workers = {workers}\n" if workers > 1 else ""  # earlier checkouts had none

    def command(port: int, upstream: str, folder: Path) -> list[str]:
        config = folder / "config.toml"
        config.write_text(
            f'host = "127.0.0.1"\nport = {port}\nmax_concurrent_requests = {MOST_AT_ONCE}\n'
            f'{several}[models.{MODEL}]\nengine = "url"\nserver = "openai"\nurl = "{upstream}"\n'
            f"context = 4096\nflops_per_token = {FLOPS_PER_TOKEN}\n",
            encoding="utf-8",
        )
        return [sys.executable, "-m", "router", str(config)]

    return command


def _forwarder(port: int, upstream: str, _folder: Path) -> list[str]:
    """Under uvicorn as ours is: the same loop, the same parser, the same time-outs."""
    ours = listening(FastAPI(), Settings())
    names = ("loop", "http", "access_log", "timeout_keep_alive", "log_level", "backlog")
    settings = {name: _by_name(getattr(ours, name)) for name in names}
    module = "evaluation.bench.gateways.forwarder"
    return [sys.executable, "-m", module, str(port), upstream, json.dumps(settings)]


def _by_name(value: object) -> object:
    """A class by the path of the one of uvicorn's that it extends; anything else as it is.

    What ours adds to that is no part of a bare forwarder, whose process loads nothing of ours.
    """
    if not isinstance(value, type):
        return value
    bare = next((each for each in value.__mro__ if each.__module__.startswith("uvicorn.")), value)
    return f"{bare.__module__}:{bare.__qualname__}"


_LITELLM_ENVIRONMENT: Final = (
    ("LITELLM_LOCAL_MODEL_COST_MAP", "True"),
    ("LITELLM_LOG", "ERROR"),
    ("LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY", "true"),
)
"""It asks the network for no prices, tells of no request, and asks for no key, as the others do."""


def _litellm(executable: Path) -> Commanding:
    def command(port: int, upstream: str, folder: Path) -> list[str]:
        config = folder / "litellm.yaml"
        model = {
            "model_name": MODEL,
            "litellm_params": {
                "model": f"text-completion-openai/{MODEL}",
                "api_base": f"{upstream}/v1",
                "api_key": "none",
            },
        }
        settings = {"model_list": [model], "litellm_settings": {"telemetry": False}}
        config.write_text(json.dumps(settings), encoding="utf-8")  # JSON is YAML
        told = ["--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
        return [str(executable), "--config", str(config), *told]

    return command


def _vllm_router(executable: Path) -> Commanding:
    def command(port: int, upstream: str, _folder: Path) -> list[str]:
        told = ["--host", "127.0.0.1", "--port", str(port), "--policy", "round_robin"]
        return [str(executable), "--worker-urls", upstream, *told, "--log-level", "error"]

    return command
