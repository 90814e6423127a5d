"""`budget-router sandbox run` and `check`: one report, and what this host offers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import typer

from evaluation.commands.common.failing import fail, failing_on
from sandbox import (
    Asserts,
    Backend,
    DockerBackend,
    Integrity,
    InvalidProgram,
    InvalidTests,
    Limits,
    ProcessBackend,
    Program,
    Report,
    SandboxError,
    SandboxUnavailable,
    Status,
    parse_limits,
    parse_min_integrity,
    parse_tests,
)

OUR_FAULT: Final = 2
"""Exit status for faults that say nothing about the candidate: ours, or the tests'."""

_HONEST: Final = Program("def f():\n    return 1\n", Asserts("assert f() == 1", "f"))


class Unreadable(ValueError):
    """A file that was named cannot be used; the message says which and why."""


BACKENDS: Final[dict[str, Callable[[], Backend]]] = {
    "process": lambda: ProcessBackend(workers=1),
    "docker": lambda: DockerBackend(workers=1),
}


def run(candidate: Path, tests_file: Path, backend: str) -> None:
    """Judge one program, print the report, and end with 0, 1 or 2."""
    with failing_on(SandboxError, InvalidTests, Unreadable, status=OUR_FAULT):
        obj = _json(tests_file)
        tests, wanted = parse_tests(obj), parse_min_integrity(obj.get("min_integrity"))
        limits = parse_limits(obj.get("limits"), Limits())
        try:
            program = Program(_text(candidate), tests)
            report = asyncio.run(_judge(BACKENDS[backend], program, limits))
        except InvalidProgram as error:  # as in the gateway: the candidate's fault, and no error
            report = Report(Status.ERROR, Integrity.ISOLATED, "syntax", str(error))
    typer.echo(json.dumps(asdict(report), indent=2))
    if report.status is Status.INTERNAL_ERROR:
        raise typer.Exit(OUR_FAULT)
    if report.status is not Status.PASSED:
        raise typer.Exit(1)
    if (wanted, report.integrity) == (Integrity.ISOLATED, Integrity.SHARED):
        fail("it passed, but with less integrity than the tests ask for")


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidProgram(f"source is not text: {error.reason}") from error


def _json(path: Path) -> dict[str, Any]:
    try:
        obj = json.loads(path.read_bytes())
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{path} is no JSON: {error}") from error
    if not isinstance(obj, dict):
        raise Unreadable(f"{path}: the tests must be an object, not {type(obj).__name__}")
    return obj


async def _judge(make: Callable[[], Backend], program: Program, limits: Limits) -> Report:
    async with make() as backend:
        return await backend.run(program, limits)


def check(*, as_json: bool) -> None:
    """Try each backend with an honest program. Ends with 1 where none of them works."""
    found = {name: _try(make) for name, make in BACKENDS.items()}
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        for name, state in found.items():
            typer.echo(f"{name}: {'works' if state['works'] else 'cannot run'}: {state['notes']}")
    if not any(state["works"] for state in found.values()):
        raise typer.Exit(1)


def _try(make: Callable[[], Backend]) -> dict[str, Any]:
    try:
        notes, report = asyncio.run(_probe(make))
    except SandboxUnavailable as error:
        return {"works": False, "notes": str(error)}
    works = report.status is Status.PASSED
    return {"works": works, "notes": notes if works else f"{report.status}: {report.message}"}


async def _probe(make: Callable[[], Backend]) -> tuple[str, Report]:
    async with make() as backend:
        return backend.enforced, await backend.run(_HONEST, Limits())
