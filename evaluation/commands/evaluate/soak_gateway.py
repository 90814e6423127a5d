"""`budget-router evaluate soak-gateway`: load and faults for a long time, and what they left."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from evaluation.bench.endurance.offences import offences
from evaluation.bench.endurance.soaking import Endured, Ordeal, soak
from evaluation.bench.endurance.table import as_json, as_markdown
from evaluation.bench.overhead import BenchFailed
from evaluation.commands.common.failing import fail, failing_on
from evaluation.commands.common.outputs import to_file
from evaluation.writing import write_whole

_LONGEST_WARM_S = 60.0
_WARM_SHARE = 0.1


def run(
    *,
    out: Annotated[Path, typer.Option(help="The JSON to write.", metavar="FILE", callback=to_file)],
    minutes: Annotated[float, typer.Option(min=0.01, help="Of load.")] = 20,
    engine: Annotated[
        list[str] | None, typer.Option(help="An embedded model; several are possible.")
    ] = None,
    engines: Annotated[
        bool, typer.Option("--engines/--no-engines", help="Whether there are embedded models.")
    ] = True,
    tests: Annotated[bool, typer.Option("--tests/--no-tests", help="With the sandbox.")] = True,
    clients: Annotated[int, typer.Option(min=1, help="How many ask at once.")] = 8,
    kills: Annotated[int, typer.Option(min=0, help="How often an engine is killed.")] = 4,
    seed: Annotated[int, typer.Option(help="Of all that is random.")] = 0,
    cancel_ms: Annotated[
        float, typer.Option(min=1, help="How long a draw may outlive its client.")
    ] = 200,
) -> None:
    """Soak a gateway of its own in load and faults: what it holds before and after, and errors."""
    named = tuple(engine or ["qwen2.5-coder-0.5b"]) if engines else ()
    seconds = 60 * minutes
    ordeal = Ordeal(
        seconds=seconds,
        warm_s=min(_LONGEST_WARM_S, _WARM_SHARE * seconds),
        clients=clients,
        kills=kills,
        seed=seed,
        engines=named,
        sandbox=tests,
        cancel_s=cancel_ms / 1000,
    )
    with failing_on(BenchFailed), Console(stderr=True).status("starting the gateway") as status:
        found = asyncio.run(soak(ordeal, status.update))
    conclude(found, out)


def conclude(found: Endured, out: Path) -> None:
    """Print the tables and keep them. Ends with 1 where anything must not be."""
    typer.echo(as_markdown(found), nl=False)
    with failing_on(OSError):
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, (json.dumps(as_json(found), indent=2) + "\n").encode())
    if offending := offences(found):
        fail(f"{len(offending)} offences")
