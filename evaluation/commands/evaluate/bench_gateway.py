"""`budget-router evaluate bench-gateway`: gateways under load, as one table in Markdown."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from evaluation.bench.gateways.contenders import (
    LITELLM,
    VLLM_ROUTER,
    Contender,
    contenders,
)
from evaluation.bench.gateways.figures import figures, to_json
from evaluation.bench.gateways.measuring import Go, Plan, measure
from evaluation.bench.gateways.processes import Cores, GatewayBenchFailed
from evaluation.bench.gateways.table import to_markdown
from evaluation.bench.timing import hardware
from evaluation.commands.common.failing import fail, failing_on
from evaluation.commands.common.outputs import to_file
from evaluation.commands.common.progress import PoolProgress
from evaluation.writing import write_whole

_Executable = Annotated[Path | None, typer.Option(help="Its executable.", metavar="PATH")]


def run(
    *,
    seconds: Annotated[float, typer.Option(min=0.1, help="Of each measurement.")] = 3.0,
    rounds: Annotated[int, typer.Option(min=1, help="How often each is measured.")] = 3,
    connections: Annotated[
        list[int] | None, typer.Option(min=1, help="Of plain requests; 16 and 256 by default.")
    ] = None,
    streams: Annotated[int, typer.Option(min=1, help="Open at once.")] = 200,
    rate: Annotated[float, typer.Option(min=1, help="Requests/s where latency is told.")] = 100,
    litellm: _Executable = None,
    vllm_router: _Executable = None,
    checkout: Annotated[
        list[Path] | None,
        typer.Option(help="Another checkout of this project, as one more.", metavar="DIR"),
    ] = None,
    workers: Annotated[
        list[int] | None, typer.Option(min=2, help="Ours with so many workers, as one more.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="A contender; all that are there by default.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="JSON, every round of it.", metavar="FILE", callback=to_file)
    ] = None,
) -> None:
    """Measure the gateway under load, beside none, a bare forwarder and other gateways."""
    plan = Plan(tuple(connections or (16, 256)), streams, rate, seconds, rounds)
    who = _chosen(contenders(litellm, vllm_router, checkout or (), workers or ()), only)
    cores = Cores.of(sorted(os.sched_getaffinity(0)))
    with failing_on(GatewayBenchFailed, OSError):
        gone = _measured(who, plan, cores)
    found, machine = figures(gone, plan), hardware(())
    typer.echo(to_markdown(found, machine, cores), nl=False)
    for name, path in ((LITELLM, litellm), (VLLM_ROUTER, vllm_router)):
        if path is None and not only:
            typer.echo(f"- {name} was not measured: no --{name} names its executable")
    if out is not None:
        with failing_on(OSError):
            out.parent.mkdir(parents=True, exist_ok=True)
            told = json.dumps(to_json(gone, found, machine), indent=1) + "\n"
            write_whole(out, told.encode())


def _chosen(there: list[Contender], only: list[str] | None) -> list[Contender]:
    names = [contender.name for contender in there]
    if unknown := set(only or ()) - set(names):
        fail(f"no contender {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return [contender for contender in there if not only or contender.name in only]


def _measured(who: list[Contender], plan: Plan, cores: Cores) -> list[Go]:
    total = len(who) * plan.rounds * len(plan.steps)
    with PoolProgress("measurements", total) as bars:
        return list(measure(who, plan, cores, lambda note: bars.advance(1, note)))
