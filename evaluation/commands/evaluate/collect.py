"""`budget-router evaluate collect`: samples of a model into a pool, from where it was."""

from __future__ import annotations

from typing import Annotated

import typer

from evaluation import datasets
from evaluation.commands.common import filling, options
from evaluation.commands.common.configuration import load_settings
from evaluation.commands.common.failing import fail, failing_on
from evaluation.pools.asked import write_problems
from evaluation.pools.filling import sampler
from evaluation.pools.filling.identity import Sampling, identity_of
from evaluation.pools.store import Pool


def run(
    *,
    model: options.Model,
    n: Annotated[int, typer.Option(min=1, help="Samples per problem; more extend a pool.")],
    out: filling.Out,
    engine: filling.Engine = "gateway",
    dataset: options.Dataset = "humaneval",
    data: options.Data = None,
    temperature: options.Temperature = 0.8,
    top_p: Annotated[float, typer.Option(min=0, max=1, help="Nucleus.")] = 0.95,
    greedy: Annotated[bool, typer.Option("--greedy", help="Temperature 0; wants --n 1.")] = False,
    max_tokens: options.MaxTokens = None,
    seed: Annotated[int, typer.Option(help="What the seeds of draws are made from.")] = 0,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first problems.")] = None,
    config: options.ModelsConfig = None,
    batch: filling.Batch = 8,
    concurrency: filling.Concurrency = None,
) -> None:
    """Sample a model into a pool, resuming one that was stopped; only its engine is started."""
    if greedy:
        temperature = 0.0
    filling.check_greedy(temperature, n)
    sampling = Sampling(dataset, model, temperature, max_tokens, top_p, seed)
    with failing_on(*filling.FOR_THE_USER):
        if not top_p:
            fail("a nucleus of 0 holds no token: give a --top-p above 0, or --greedy")
        problems = datasets.load(dataset, data)
        where = sampler.place(load_settings(config), model, engine)
        pool = Pool.create(out, identity_of(sampling, where, problems))
        write_problems(pool, problems)
        collector = filling.fill(
            pool, problems[:limit], where, n=n, batch=batch, concurrency=concurrency
        )
    if collector is not None:
        filling.tell(collector)
