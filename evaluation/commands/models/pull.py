"""`budget-router models pull`: brings models of the catalogue here."""

from __future__ import annotations

from typing import Annotated

import typer

from evaluation.commands.common.configuration import load_settings
from evaluation.commands.common.failing import failing_on
from evaluation.commands.common.options import Config, ModelDirectory
from router.catalogue.bars import RichProgress
from router.catalogue.entries import UnknownModel, lookup
from router.catalogue.pull import PullFailed, pull


def run(
    *,
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="As `models list` has it.")],
    directory: ModelDirectory = None,
    config: Config = None,
) -> None:
    """Bring models here: resumable, and only their SHA-256 decides."""
    try:
        entries = [lookup(name) for name in names]  # an unknown one ends it before any is pulled
    except UnknownModel as error:
        raise typer.BadParameter(str(error)) from error
    directory = directory or load_settings(config).model_dir
    with failing_on(PullFailed), RichProgress() as progress:
        for entry in entries:
            path = pull(entry, directory, progress)
            typer.echo(str(path))
