"""`budget-router models`: which models the catalogue has, and bringing them here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Column, Table

from evaluation.commands.common.configuration import load_settings
from evaluation.commands.common.failing import failing_on
from router.catalogue.bars import RichProgress
from router.catalogue.entries import CATALOGUE, ModelEntry, UnknownModel, lookup
from router.catalogue.pull import PullFailed, pull
from router.catalogue.store import find


def list_models(directory: Path | None, *, as_json: bool) -> None:
    """Show the catalogue, and which of it is in the model directory."""
    directory = directory or load_settings(None).model_dir
    states = {entry: _state(entry, directory) for entry in CATALOGUE.values()}
    if as_json:
        found = [
            {
                "id": entry.id,
                "file": entry.file,
                "bytes": entry.bytes,
                "sha256": entry.sha256,
                "license": entry.license,
                "state": state,
            }
            for entry, state in states.items()
        ]
        typer.echo(json.dumps({"directory": str(directory), "models": found}, indent=2))
        return
    table = Table("model", Column("file", overflow="fold"), "MB", "state", "licence")
    for entry, state in states.items():
        table.add_row(entry.id, entry.file, f"{entry.bytes / 1e6:,.0f}", state, entry.license)
    Console().print(table)


def _state(entry: ModelEntry, directory: Path) -> str:
    """`here` only with the right SHA-256: a file of the right name may still be the wrong one."""
    if find(entry, directory) is not None:
        return "here"
    return "damaged" if (directory / entry.file).exists() else "missing"


def pull_models(names: Sequence[str], directory: Path | None) -> None:
    """Bring models here; unknown names end the command before anything is pulled."""
    try:
        entries = [lookup(name) for name in names]
    except UnknownModel as error:
        raise typer.BadParameter(str(error)) from error
    directory = directory or load_settings(None).model_dir
    with failing_on(PullFailed), RichProgress() as progress:
        for entry in entries:
            path = pull(entry, directory, progress)
            typer.echo(str(path))
