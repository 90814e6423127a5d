"""`budget-router evaluate revise`: ask again, with the failed test, what a pool left unsolved."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from evaluation import datasets
from evaluation.commands.common import filling, options
from evaluation.commands.common.configuration import load_settings
from evaluation.commands.common.failing import fail, failing_on
from evaluation.datasets import Problem, own
from evaluation.pools.asked import write_problems
from evaluation.pools.errors import MixedPools
from evaluation.pools.filling import sampler
from evaluation.pools.filling.identity import Sampling, identity_of
from evaluation.pools.filling.revising import AttemptPassed, left_over, revisions, texts_of
from evaluation.pools.problems import problems_of
from evaluation.pools.store import Pool
from evaluation.writing import write_whole
from router.configuration.configured import sandbox_backend
from router.sections.sandbox import SandboxConfig
from sandbox import Backend, InvalidTests, SandboxUnavailable

PROBLEMS: Final = "problems.jsonl"
"""In the new pool: what was asked, as a data set of one's own, for `judge --data`."""

AT_ONCE: Final = 16
"""Attempts that the sandbox is given at a time."""

Greedy = Annotated[
    Path, typer.Option(metavar="DIR", help="The greedy answers, which are what is revised.")
]
Failed = Annotated[int, typer.Option(min=0, help="First samples of the pool that failed as well.")]


def run(
    path: options.Pool,
    *,
    greedy: Greedy,
    model: options.Model,
    out: filling.Out,
    engine: filling.Engine = "gateway",
    failed: Failed = 4,
    n: Annotated[int, typer.Option(min=1, help="Revised samples per problem.")] = 4,
    data: options.Data = None,
    temperature: options.Temperature = 0.8,
    top_p: Annotated[float, typer.Option(min=0.01, max=1, help="Nucleus.")] = 0.95,
    max_tokens: options.MaxTokens = None,
    seed: Annotated[int, typer.Option(help="What the seeds of draws are made from.")] = 0,
    config: options.ModelsConfig = None,
    batch: filling.Batch = 4,
    concurrency: filling.Concurrency = None,
) -> None:
    """Ask a model again what a pool left unsolved, showing it the failed answer and its test."""
    filling.check_greedy(temperature, n)
    told = (AttemptPassed, InvalidTests, SandboxUnavailable)
    with failing_on(*filling.FOR_THE_USER, *told):
        settings = load_settings(config)
        where = sampler.place(settings, model, engine)
        pool, answers = Pool.open(path), Pool.open(greedy)
        _check(pool, answers)
        tasks = left_over(pool, answers, failed)
        if not tasks:
            fail(f"nothing is left of {path}: the greedy answers or the samples solved all")
        dataset = pool.identity.dataset
        most = max_tokens or datasets.max_tokens(dataset)
        problems = _asked(out, tasks) or _ask(pool, answers, tasks, data)
        sampling = Sampling(f"{dataset}-revised", model, temperature, most, top_p, seed)
        revised = Pool.create(out, identity_of(sampling, where, problems))
        write_problems(revised, problems)
        if not (out / PROBLEMS).exists():
            write_whole(out / PROBLEMS, own.written(problems).encode())
        collector = filling.fill(
            revised, problems, where, n=n, batch=batch, concurrency=concurrency
        )
    if collector is not None:
        filling.tell(collector)
    typer.echo(f"budget-router evaluate judge {out} --data {out / PROBLEMS}")


def _check(pool: Pool, greedy: Pool) -> None:
    """Both must answer one data set, and the greedy answers must be that."""
    if not greedy.identity.greedy:
        fail(f"{greedy.path} was sampled at a temperature: give --greedy a pool of greedy answers")
    if pool.identity.dataset_sha256 != greedy.identity.dataset_sha256:
        raise MixedPools(f"{pool.path} and {greedy.path} answer different data sets")


def _asked(out: Path, tasks: Sequence[str]) -> tuple[Problem, ...]:
    """What an earlier run has begun to ask, since a message need not come out the same again."""
    if not (out / PROBLEMS).exists():
        return ()
    problems = own.read(out / PROBLEMS)
    if tuple(problem.task_id for problem in problems) != tuple(tasks):
        raise MixedPools(f"{out} revises other problems: name another --out")
    return problems


def _ask(pool: Pool, greedy: Pool, tasks: Sequence[str], data: Path | None) -> tuple[Problem, ...]:
    """The problems of these tasks, each with its greedy answer and the test that this failed."""
    problems = {problem.task_id: problem for problem in problems_of(pool, data)}
    backend = sandbox_backend(SandboxConfig(queue=AT_ONCE))
    return asyncio.run(
        _judged([problems[task] for task in tasks], texts_of(greedy, tasks), backend)
    )


async def _judged(
    problems: Sequence[Problem], attempts: Mapping[str, str], backend: Backend
) -> tuple[Problem, ...]:
    async with backend:
        return await revisions(problems, attempts, backend, at_once=AT_ONCE)
