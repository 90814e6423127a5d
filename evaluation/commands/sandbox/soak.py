"""`budget-router sandbox soak`: very many runs, and what they left behind."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from evaluation.bench.soak import Soaked, soak
from evaluation.commands.common import options
from evaluation.commands.common.failing import fail, failing_on
from evaluation.commands.common.progress import PoolProgress
from evaluation.commands.common.tables import folding
from sandbox import SandboxError

_SHOWN = 20


def run(
    *,
    runs: Annotated[int, typer.Option(min=2, help="How many runs.")] = 100_000,
    backend: options.Backend = "process",
) -> None:
    """Make very many mixed runs in one backend, looking for leaks and for changed verdicts."""
    with failing_on(SandboxError), PoolProgress("runs", runs) as progress:
        found = soak(backend, runs, progress.advance)
    conclude(backend, found)


def conclude(backend: options.BackendName, found: Soaked) -> None:
    """Print the counts. Ends with 1 where a verdict changed or something leaked."""
    Console().print(_table(backend, found))
    wrong = [*found.verdicts, *found.leaks]
    for line in wrong[:_SHOWN]:
        Console().print(line, markup=False, highlight=False)
    if wrong:
        fail(f"{len(found.verdicts)} verdicts changed, {len(found.leaks)} things leaked")


def _table(backend: options.BackendName, found: Soaked) -> Table:
    title = f"{backend}: {found.runs} runs, {found.runs / found.seconds:.0f} per second"
    table = folding("", "before", "early", "late", "closed", title=title)
    columns = [asdict(item) for item in (found.before, found.early, found.late, found.closed)]
    for name in columns[0]:
        table.add_row(name, *(f"{column[name]:,}" for column in columns))
    return table
