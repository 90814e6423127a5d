"""`budget-router sandbox check`: what this host offers to each backend."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

import typer

from evaluation.commands.common.backends import BACKENDS
from evaluation.commands.common.options import AsJson
from sandbox import Asserts, Backend, Limits, Program, Report, SandboxUnavailable, Status

_HONEST: Final = Program("def f():\n    return 1\n", Asserts("assert f() == 1", "f"))


def run(*, as_json: AsJson = False) -> None:
    """Show what this host offers to each backend, and what to do where one cannot run."""
    found = {name: _try(make) for name, make in BACKENDS.items()}
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        for name, state in found.items():
            typer.echo(f"{name}: {'works' if state['works'] else 'cannot run'}: {state['notes']}")
    if not any(state["works"] for state in found.values()):
        raise typer.Exit(1)


def _try(make: Callable[[], Backend]) -> dict[str, Any]:
    """What an honest program tells of a backend."""
    try:
        notes, report = asyncio.run(_probe(make))
    except SandboxUnavailable as error:
        return {"works": False, "notes": str(error)}
    works = report.status is Status.PASSED
    return {"works": works, "notes": notes if works else f"{report.status}: {report.message}"}


async def _probe(make: Callable[[], Backend]) -> tuple[str, Report]:
    async with make() as backend:
        return backend.enforced, await backend.run(_HONEST, Limits())
