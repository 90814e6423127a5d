"""`budget-router models list`: which models the catalogue has, and which of them are here."""

from __future__ import annotations

import json
from pathlib import Path

import typer
from rich.console import Console

from evaluation.commands.common.configuration import load_settings
from evaluation.commands.common.options import AsJson, Config, ModelDirectory
from evaluation.commands.common.tables import folding
from router.catalogue.entries import CATALOGUE, ModelEntry
from router.catalogue.store import find


def run(
    *, directory: ModelDirectory = None, config: Config = None, as_json: AsJson = False
) -> None:
    """Show the catalogue, and which models are here."""
    directory = directory or load_settings(config).model_dir
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
    table = folding("model", "file", "MB", "state", "licence")
    for entry, state in states.items():
        table.add_row(entry.id, entry.file, f"{entry.bytes / 1e6:,.0f}", state, entry.license)
    Console().print(table)


def _state(entry: ModelEntry, directory: Path) -> str:
    """`here` only with the right SHA-256: a file of the right name may still be the wrong one."""
    if find(entry, directory) is not None:
        return "here"
    return "damaged" if (directory / entry.file).exists() else "missing"
