"""`budget-router evaluate bench`: start-up, memory and overhead as one table."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from evaluation.bench.overhead import BenchFailed, Overhead, measure
from evaluation.commands.common.failing import failing_on
from evaluation.commands.common.tables import folding
from router.embedded.child import EngineFailed


def run(
    *,
    starts: Annotated[int, typer.Option(min=1, help="How often each thing is started.")] = 3,
    requests: Annotated[int, typer.Option(min=1, help="Pairs of requests.")] = 50,
) -> None:
    """Measure start-up, memory and overhead of the gateway, with the default models."""
    with failing_on(BenchFailed, EngineFailed), Console().status("measuring"):
        found = measure(starts=starts, requests=requests)
    tell(found)


def tell(found: Overhead) -> None:
    """Print medians."""
    starts, pairs = f"{found.starts} starts", f"{found.requests} pairs"
    requests = f"{found.requests} requests"
    table = folding("figure", "median", "of", title="The gateway on this machine")
    rows = [
        ("engines alone, until ready", f"{found.engines_s:.2f} s", starts),
        ("whole gateway, until ready", f"{found.gateway_s:.2f} s", starts),
        ("memory of its process, idle", f"{found.idle_mb:.0f} MiB", starts),
        ("memory of its process, after", f"{found.busy_mb:.0f} MiB", requests),
        ("overhead it reports", f"{found.overhead_ms:.1f} ms", requests),
        ("added to the engine's own time", f"{found.added_ms:.1f} ms", pairs),
    ]
    for name, value, of in rows:
        table.add_row(name, value, of)
    Console().print(table)
