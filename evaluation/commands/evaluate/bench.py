"""`budget-router evaluate bench`: start-up, memory and overhead as one table."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from evaluation.bench.overhead import BenchFailed, measure
from evaluation.commands.common.failing import failing_on
from router.embedded.child import EngineFailed


def run(
    *,
    starts: Annotated[int, typer.Option(min=1, help="How often each thing is started.")] = 3,
    requests: Annotated[int, typer.Option(min=1, help="Pairs of requests.")] = 50,
) -> None:
    """Measure start-up, memory and overhead of the gateway, with the default models."""
    console = Console()
    with failing_on(BenchFailed, EngineFailed), console.status("measuring"):
        figures = measure(starts=starts, requests=requests)
    table = Table("figure", "median", "of", title="The gateway on this machine")
    rows = [
        ("engines alone, until ready", f"{figures.engines_s:.2f} s", f"{starts} starts"),
        ("whole gateway, until ready", f"{figures.gateway_s:.2f} s", f"{starts} starts"),
        ("memory of its process, idle", f"{figures.idle_mb:.0f} MiB", f"{starts} starts"),
        ("memory of its process, after", f"{figures.busy_mb:.0f} MiB", f"{requests} requests"),
        ("overhead it reports", f"{figures.overhead_ms:.1f} ms", f"{requests} requests"),
        ("added to the engine's own time", f"{figures.added_ms:.1f} ms", f"{requests} pairs"),
    ]
    for name, value, of in rows:
        table.add_row(name, value, of)
    console.print(table)
