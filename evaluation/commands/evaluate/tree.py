"""`budget-router evaluate tree`: answers by a reward-balanced tree search, into a pool."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Annotated

import typer

from evaluation import datasets
from evaluation.commands.common import filling, options
from evaluation.commands.common.configuration import load_settings
from evaluation.commands.common.failing import fail, failing_on
from evaluation.commands.common.progress import PoolProgress
from evaluation.pools.asked import write_problems
from evaluation.pools.filling import sampler
from evaluation.pools.filling.identity import Sampling, identity_of
from evaluation.pools.schema import Row, Table
from evaluation.pools.store import Pool
from evaluation.pools.workers import for_each
from evaluation.selection.tree.growing import Grower
from evaluation.selection.tree.grown import Grown, Manner, TreeJournal
from evaluation.selection.tree.rebase import Rules
from router.upstream.failures import UpstreamError

Width = Annotated[int, typer.Option(min=1, help="Answers per problem: the width of its tree.")]
Step = Annotated[int, typer.Option(min=4, help="Tokens of a step, at most.")]
Balance = Annotated[
    float, typer.Option(min=0.001, help="Balance temperature: low follows the likeliest alone.")
]


def run(
    *,
    model: options.Model,
    out: filling.Out,
    width: Width = 4,
    step: Step = 16,
    balance: Balance = 0.1,
    dataset: options.Dataset = "humaneval",
    data: options.Data = None,
    temperature: options.Temperature = 0.8,
    top_p: Annotated[float, typer.Option(min=0.01, max=1, help="Nucleus.")] = 0.95,
    max_tokens: options.MaxTokens = None,
    seed: Annotated[int, typer.Option(help="What the seeds of requests are made from.")] = 0,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first problems.")] = None,
    config: options.ModelsConfig = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Trees at a time.")] = 2,
) -> None:
    """Search a tree of beginnings for each problem (REBASE), resuming a pool that was stopped."""
    if not temperature:
        fail("at temperature 0 all children of a beginning are one: give a higher --temperature")
    manner = Manner(model, width, balance, step)
    with failing_on(*filling.FOR_THE_USER):
        problems = datasets.load(dataset, data)
        where = sampler.place(load_settings(config), model)
        if width > where.slots:
            fail(f"{model} computes {where.slots} samples at once, and the first step has {width}")
        sampling = Sampling(dataset, model, temperature, max_tokens, top_p, seed)
        identity = identity_of(sampling, where, problems)
        pool = Pool.create(
            out,
            # No samples of the model: whoever looks for these must not take them for some.
            replace(
                identity,
                model=f"{model}*{width}+tree",
                engine=f"{where.engine}, steps of {step}, balance {balance:g}",
            ),
        )
        write_problems(pool, problems)
        rules = Rules(width, balance, step, identity.max_tokens)
        left_out = _fill(pool, problems[:limit], where, (manner, rules), concurrency)
    for task, reason in left_out.items():
        typer.echo(f"{task}: {reason}", err=True)
    if left_out:
        fail(f"{len(left_out)} problems were refused and are not in the pool")
    typer.echo(f"budget-router evaluate judge {out}")


def _fill(
    pool: Pool,
    problems: Sequence[datasets.Problem],
    where: sampler.ModelPlace,
    how: tuple[Manner, Rules],
    concurrency: int,
) -> dict[str, str]:
    """Search the trees that are missing; why the server refused a problem, by its task."""
    manner, rules = how
    left_out: dict[str, str] = {}
    with ExitStack() as stack:
        writer = stack.enter_context(pool.writer(Table.SAMPLES))
        have = pool.indices()
        missing = [problem for problem in problems if problem.task_id not in have]
        journal = stack.enter_context(TreeJournal(pool.path, manner))
        done = len(problems) - len(missing)
        progress = stack.enter_context(PoolProgress("trees", len(problems), done))
        if writer.torn_bytes:
            progress.say(f"{pool.path}: cut off {writer.torn_bytes} bytes of an unfinished line")

        def keep(grown: Grown, rows: list[Row]) -> None:
            # What a tree cost is there before its answers are: a pool is asked for both.
            journal.keep(grown)
            writer.append(rows)
            progress.advance(1, grown.task_id)

        async def over() -> None:
            async with where.running() as upstream:
                grower = Grower(upstream, pool.identity, rules)

                async def grow(problem: datasets.Problem) -> None:
                    try:
                        keep(*await grower.grow(problem))
                    except UpstreamError as error:
                        left_out[problem.task_id] = str(error)

                await for_each(missing, grow, concurrency=concurrency)

        if missing:
            asyncio.run(over())
    return left_out
