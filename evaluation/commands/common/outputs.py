"""Where commands write, looked at while options are read: no long work is lost for its place."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from evaluation.commands.common.failing import fail, failing_on


def to_directory(parameter: typer.CallbackParam, path: Path | None) -> Path | None:
    """An option's value, if a directory can be written there or is one; else the command ends."""
    if path is not None:
        _check_directory(path, parameter.opts[0])
    return path


def to_file(parameter: typer.CallbackParam, path: Path | None) -> Path | None:
    """Likewise of a file; directories above it that are missing are still to be made."""
    if path is not None:
        if path.is_dir():
            fail(f"{path} is a directory: {parameter.opts[0]} takes a file")
        _check_directory(path.parent, parameter.opts[0])
    return path


def beside(path: Path) -> None:
    """End the command where nothing can be written beside a file, which is where results go."""
    if not os.access(path.parent, os.W_OK | os.X_OK):
        fail(f"nothing can be written in {path.parent}: copy {path.name} to where it can")


def _check_directory(path: Path, option: str) -> None:
    with failing_on(OSError):
        there = next(each for each in (path, *path.parents) if each.exists())
    if not there.is_dir():
        fail(f"{there} is no directory: give another {option}")
    if not os.access(there, os.W_OK | os.X_OK):
        fail(f"nothing can be written in {there}: give another {option}")
