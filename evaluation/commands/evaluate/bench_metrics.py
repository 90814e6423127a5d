"""`budget-router evaluate bench-metrics`: how fast the metrics are, beside two other ways."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from evaluation.bench.metrics import MOST_K, PROBLEMS, SAMPLES, MadeUpVerdicts, measure
from evaluation.commands.common.failing import failing_on


def run(
    *,
    rounds: Annotated[int, typer.Option(min=1, help="How often each is timed.")] = 5,
) -> None:
    """Time the metrics against the paper's loop and against the usual product formula."""
    console = Console()
    with failing_on(ArithmeticError), console.status("measuring"):
        timings = measure(MadeUpVerdicts.of(PROBLEMS, SAMPLES), MOST_K, rounds)
    by_name = {timing.name: timing.seconds for timing in timings}
    loop = timings[-1].seconds
    table = Table(
        Column("what", no_wrap=True),
        Column("seconds", justify="right"),
        Column("measured on", no_wrap=True),
        Column("against the loop", justify="right"),
        title=f"{PROBLEMS} problems of n = {SAMPLES:,}, every k to {MOST_K:,}",
    )
    for timing in timings:
        of = f"{timing.pairs:,}, extrapolated" if timing.extrapolated else "all values"
        table.add_row(timing.name, f"{timing.seconds:,.3g}", of, f"{loop / timing.seconds:,.0f}x")
    console.print(table)
    console.print(
        "Medians. All ways agree within 1e-9 on every value that both computed. pass@k is "
        f"{by_name['pass@k, product formula'] / by_name['pass@k, ours']:,.0f} times faster than "
        "the product formula."
    )
