"""`budget-router sandbox run`: one program, one report."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from evaluation.commands.common import options
from evaluation.commands.common.backends import BACKENDS
from evaluation.commands.common.failing import fail, failing_on
from sandbox import (
    Backend,
    Integrity,
    InvalidProgram,
    InvalidTests,
    Limits,
    Program,
    Report,
    SandboxError,
    Status,
    parse_limits,
    parse_min_integrity,
    parse_tests,
)

OUR_FAULT: Final = 2
"""Exit status for faults that say nothing about the candidate: ours, or the tests'."""


class Unreadable(ValueError):
    """A file that was named cannot be used; the message says which and why."""


def run(
    *,
    candidate: Annotated[Path, typer.Option(help="The program's source.", metavar="FILE")],
    tests: Annotated[
        Path, typer.Option(help="The `tests` object of the HTTP contract.", metavar="FILE.json")
    ],
    backend: options.Backend = "process",
) -> None:
    """Judge one program and print the report as JSON.

    Ends with 0 when it passed, 1 on any other verdict, 2 when the fault is ours or the tests'.
    """
    with failing_on(SandboxError, InvalidTests, Unreadable, status=OUR_FAULT):
        obj = _json(tests)
        parsed, wanted = parse_tests(obj), parse_min_integrity(obj.get("min_integrity"))
        limits = parse_limits(obj.get("limits"), Limits())
        try:
            program = Program(_text(candidate), parsed)
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
