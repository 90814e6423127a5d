"""The options of `budget-router sandbox`; like `evaluation.cli`, it imports each command late."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(help="Run untrusted programs against tests.", no_args_is_help=True)


@app.command("run")
def run(
    *,
    candidate: Annotated[Path, typer.Option(help="The program's source.", metavar="FILE")],
    tests: Annotated[
        Path, typer.Option(help="The `tests` object of the HTTP contract.", metavar="FILE.json")
    ],
    backend: Annotated[Literal["process", "docker"], typer.Option(help="Where.")] = "process",
) -> None:
    """Judge one program and print the report as JSON.

    Ends with 0 when it passed, 1 on any other verdict, 2 when the fault is ours or the tests'.
    """
    from evaluation.commands.sandbox import run as command  # noqa: PLC0415 see the module's docstring

    command.run(candidate, tests, backend)


@app.command("check")
def check(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what this host offers to each backend, and what to do where one cannot run."""
    from evaluation.commands.sandbox import run as command  # noqa: PLC0415

    command.check(as_json=as_json)


@app.command("bench")
def bench(
    *,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first problems of HumanEval.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each row is measured.")] = 3,
) -> None:
    """Measure verdicts per second against other ways of running HumanEval, in one go."""
    from evaluation.commands.sandbox import bench as command  # noqa: PLC0415

    command.run(limit=limit, rounds=rounds)


@app.command("soak")
def soak(
    *,
    runs: Annotated[int, typer.Option(min=2, help="How many runs.")] = 100_000,
    backend: Annotated[Literal["process", "docker"], typer.Option(help="Where.")] = "process",
) -> None:
    """Make very many mixed runs in one backend, looking for leaks and for changed verdicts."""
    from evaluation.commands.sandbox import soak as command  # noqa: PLC0415

    command.run(backend, runs)
