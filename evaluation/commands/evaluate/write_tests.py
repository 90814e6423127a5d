"""`budget-router evaluate write-tests`: tests of what a pool answers, as the gateway asks."""

from __future__ import annotations

from typing import Annotated

import typer

from evaluation.commands.common import filling, options
from evaluation.commands.common.configuration import load_settings
from evaluation.commands.common.failing import fail, failing_on
from evaluation.datasets import sample_of
from evaluation.pools.asked import read_problems, write_problems
from evaluation.pools.filling import sampler
from evaluation.pools.filling.examining import asking_for_tests, is_written, sampling_of_tests
from evaluation.pools.filling.identity import identity_of
from evaluation.pools.store import Pool
from policies.selection.examined import SAMPLES


def run(
    path: options.Pool,
    *,
    model: options.Model,
    out: filling.Out,
    n: Annotated[int, typer.Option(min=1, help="Samples per problem; more extend it.")] = SAMPLES,
    engine: filling.Engine = "gateway",
    stripped: Annotated[
        bool, typer.Option("--stripped", help="Show no examples of the prompts.")
    ] = False,
    seed: Annotated[int, typer.Option(help="What the seeds of draws are made from.")] = 0,
    problems: Annotated[
        int | None, typer.Option(min=1, help="So many, the same ones for everybody.")
    ] = None,
    config: options.ModelsConfig = None,
    batch: filling.Batch = 8,
    concurrency: filling.Concurrency = None,
) -> None:
    """Ask a model for tests of what a pool answers, as the gateway does for `codet` and `b4`."""
    with failing_on(*filling.FOR_THE_USER):
        answered = Pool.open(path)
        dataset = answered.identity.dataset
        if is_written(dataset):
            fail(f"{path} has tests that a model wrote: give a pool of answers")
        if (answers := read_problems(answered)) is None:
            fail(f"{path} has no problems beside it: collect it again")
        asking = asking_for_tests(answers, stripped=stripped)
        if not asking:
            fail(f"no problem of {path} names a function, so there is nothing to test")
        where = sampler.place(load_settings(config), model, engine)
        sampling = sampling_of_tests(dataset, model, stripped=stripped, seed=seed)
        pool = Pool.create(out, identity_of(sampling, where, asking))
        write_problems(pool, asking)
        # In an order by their ids' hashes, so that what a stopped run has asked is a sample.
        wanted = sample_of(asking, problems or len(asking))
        collector = filling.fill(pool, wanted, where, n=n, batch=batch, concurrency=concurrency)
    if collector is not None:
        filling.tell(collector)
