"""`budget-router evaluate score`: NLL of a pool's candidates under another model."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import typer
from rich.console import Console
from rich.progress import Progress

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

KEY: Final = "RANKER_API_KEY"
"""The environment variable with the key of a ranker's server, if it wants one."""

PATIENCE_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is scored by what: the catalogue's or a directory's model, or that of a server."""

    pool: Path
    ranker: str
    url: str | None
    data: Path | None
    per_problem: int | None
    config: Path | None


def run(wish: Wanted) -> None:
    """Score, with a progress bar, and say what was done."""
    with failing_on(
        PoolError, RankerFailed, LoadFailed, DatasetUnavailable, UnknownDataset, OSError
    ):
        pool = Pool.open(wish.pool)
        problems = problems_of(pool, wish.data)
        scored = asyncio.run(_score(pool, problems, wish))
    left = f"; {scored.empty} empty ones have no score" if scored.empty else ""
    typer.echo(f"{scored.scored} samples of {wish.pool} are scored by {wish.ranker}{left}")


async def _score(pool: Pool, problems: tuple[Problem, ...], wish: Wanted) -> Scored:
    prompts = {problem.task_id: problem.prompt for problem in problems}
    async with AsyncExitStack() as stack:
        ranker: Ranker = (
            _local(wish)
            if wish.url is None
            else RemoteRanker(wish.ranker, await stack.enter_async_context(_client(wish.url)))
        )
        bar = stack.enter_context(Progress(console=Console(stderr=True)))
        task = bar.add_task(f"scored by {wish.ranker}", total=wanted(pool, wish.per_problem))
        return await score_pool(
            pool,
            prompts,
            ranker,
            per_problem=wish.per_problem,
            on_scored=lambda more: bar.update(task, advance=more),
            on_torn=lambda torn: bar.console.print(
                f"{pool.path}: cut off {torn} bytes of an unfinished line", soft_wrap=True
            ),
        )


def _local(wish: Wanted) -> LocalRanker:
    path = locate(wish.ranker, load_settings(wish.config).model_dir)
    return LocalRanker(wish.ranker, load(path))


def _client(url: str) -> httpx.AsyncClient:
    key = os.environ.get(KEY)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    base = url.rstrip("/").removesuffix("/v1")
    return httpx.AsyncClient(base_url=base, headers=headers, timeout=PATIENCE_S)
