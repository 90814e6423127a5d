"""`budget-router evaluate score`: NLL of a pool's candidates under another model."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import Progress

from evaluation.commands.common import options
from evaluation.commands.common.configuration import load_settings
from evaluation.commands.common.failing import failing_on
from evaluation.datasets import DatasetUnavailable, Problem, UnknownDataset
from evaluation.local.loading import LoadFailed, load, locate
from evaluation.pools.errors import PoolError
from evaluation.pools.problems import problems_of
from evaluation.pools.scoring.local import LocalRanker
from evaluation.pools.scoring.ranker import Ranker, RankerFailed
from evaluation.pools.scoring.remote import RemoteRanker
from evaluation.pools.scoring.run import Scored, score_pool, wanted
from evaluation.pools.store import Pool
from router.upstream.transport import Client

KEY: Final = "RANKER_API_KEY"
"""The environment variable with the key of a ranker's server, if it wants one."""

PATIENCE_S: Final = 600.0

RankerName = Annotated[
    str,
    typer.Option(
        "--ranker",
        help="A model of the catalogue, or a directory; with --url the served name.",
    ),
]


def run(
    *,
    path: options.Pool,
    name: RankerName,
    url: Annotated[
        str | None, typer.Option(help="A vLLM server; its key is in RANKER_API_KEY.")
    ] = None,
    per_problem: Annotated[
        int | None, typer.Option(min=1, help="Only the first samples of each problem.")
    ] = None,
    data: options.Data = None,
    config: options.ModelsConfig = None,
) -> None:
    """Score a pool's samples by their averaged NLL under another model (needs torch, or a URL)."""
    with failing_on(
        PoolError, RankerFailed, LoadFailed, DatasetUnavailable, UnknownDataset, OSError
    ):
        pool = Pool.open(path)
        problems = problems_of(pool, data)
        scored = asyncio.run(_score(pool, problems, _ranker(name, url, config), per_problem))
    left = f"; {scored.empty} empty ones have no score" if scored.empty else ""
    typer.echo(f"{scored.scored} samples of {path} are scored by {name}{left}")


@asynccontextmanager
async def _ranker(name: str, url: str | None, config: Path | None) -> AsyncIterator[Ranker]:
    """That of the catalogue or of a directory in this process, or that of a server."""
    if url is None:
        yield LocalRanker(name, load(locate(name, load_settings(config).model_dir)))
        return
    async with Client(connect_s=PATIENCE_S, read_s=PATIENCE_S) as http:
        yield RemoteRanker(name, http, url, os.environ.get(KEY))


async def _score(
    pool: Pool,
    problems: tuple[Problem, ...],
    running: AbstractAsyncContextManager[Ranker],
    per_problem: int | None,
) -> Scored:
    prompts = {problem.task_id: problem.prompt for problem in problems}
    async with running as ranker:
        with Progress(console=Console(stderr=True)) as bar:
            task = bar.add_task(f"scored by {ranker.name}", total=wanted(pool, per_problem))
            return await score_pool(
                pool,
                prompts,
                ranker,
                per_problem=per_problem,
                on_scored=lambda more: bar.update(task, advance=more),
                on_torn=lambda torn: bar.console.print(
                    f"{pool.path}: cut off {torn} bytes of an unfinished line", soft_wrap=True
                ),
            )
