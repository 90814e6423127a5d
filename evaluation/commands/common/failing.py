"""How a command fails: one line on standard error, exit status 1 or as given, no traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer


def fail(message: str, status: int = 1) -> NoReturn:
    """Say what is wrong and end with that exit status."""
    typer.echo(f"budget-router: {message}", err=True)
    raise typer.Exit(status)


def told(error: Exception) -> str:
    """What went wrong, for a person: an error of the system names its file, and no number."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


@contextmanager
def failing_on(*kinds: type[Exception], status: int = 1) -> Iterator[None]:
    """Errors of these kinds are for the user; any other is a bug and keeps its traceback."""
    try:
        yield
    except kinds as error:
        fail(told(error), status)
