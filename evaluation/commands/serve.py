"""`budget-router serve`: has the models here, then runs the gateway."""

from __future__ import annotations

import errno
import os
import shlex
import socket
from pathlib import Path
from typing import Annotated

import typer

from evaluation.commands.common.configuration import load_settings
from evaluation.commands.common.failing import fail, failing_on
from evaluation.commands.common.options import Config
from router.catalogue import entries as catalogue
from router.catalogue.bars import RichProgress
from router.catalogue.entries import ModelEntry, UnknownModel
from router.catalogue.pull import PullFailed
from router.catalogue.pull import pull as bring
from router.catalogue.store import find
from router.sections.models import EmbeddedModel
from router.server import serve
from router.service import CANNOT_START
from router.settings import Settings
from router.workers.process import WorkerFailed


def run(
    *,
    config: Config = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that serve as one gateway (1).")
    ] = None,
    pull: Annotated[bool, typer.Option(help="Pull embedded models that are missing.")] = True,
) -> None:
    """Run the gateway until SIGTERM or Ctrl-C."""
    # Whatever cannot work is said before anything is started.
    settings = load_settings(config, host=host, port=port, workers=workers)
    with failing_on(UnknownModel):
        entries = [
            catalogue.lookup(model)
            for model, options in settings.models.items()
            if isinstance(options, EmbeddedModel)
        ]
    _check_port(settings)
    _have(entries, settings.model_dir, config, pull_missing=pull)
    with failing_on(*CANNOT_START, WorkerFailed):
        serve(settings)


def _check_port(settings: Settings) -> None:
    """A port that is taken shows here, not after a gigabyte was pulled and loaded."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((settings.host, settings.port))
    except OSError as error:
        reason = (
            "the port is in use; name another one with --port"
            if error.errno == errno.EADDRINUSE
            else os.strerror(error.errno)
            if isinstance(error.errno, int) and error.errno > 0
            else error.strerror
        )
        fail(f"cannot listen on {settings.host}:{settings.port}: {reason}")


def _have(
    entries: list[ModelEntry], directory: Path, config: Path | None, *, pull_missing: bool
) -> None:
    missing = [entry for entry in entries if find(entry, directory) is None]
    if not missing:
        return
    names = [entry.id for entry in missing]
    if not pull_missing:
        told = [] if config is None else ["--config", str(config)]
        command = shlex.join(["budget-router", "models", "pull", *names, *told])
        fail(f"not in {directory}: {' '.join(names)}; run: {command}")
    with failing_on(PullFailed), RichProgress() as progress:
        for entry in missing:
            bring(entry, directory, progress)
