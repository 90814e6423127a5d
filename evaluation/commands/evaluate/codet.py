"""`budget-router evaluate codet`: what generated tests are worth, on samples that were released."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from evaluation import datasets
from evaluation.commands.common import options
from evaluation.commands.common.failing import failing_on
from evaluation.commands.common.progress import PoolProgress
from evaluation.datasets import BENCHMARKS, DatasetUnavailable, Problem, SecondTested, sample_of
from evaluation.selection.codet.kept import MatrixJournal, OtherSamples, digest_of
from evaluation.selection.codet.published import Sampled, read_published
from evaluation.selection.codet.running import LeftUnjudged, Runner
from evaluation.selection.codet.worth import worth_of
from evaluation.writing import write_whole
from router.configuration.configured import sandbox_backend
from router.sections.sandbox import SandboxConfig
from sandbox import Backend, SandboxUnavailable

DATASET: Final = "humaneval"
"""What the samples that were released are of."""

_FOR_THE_USER: Final = (
    DatasetUnavailable,
    LeftUnjudged,
    OtherSamples,
    SandboxUnavailable,
    OSError,
)

Samples = Annotated[Path, typer.Option(metavar="FILE", help="JSON lines of `prompt`, `samples`.")]
Most = Annotated[int | None, typer.Option(min=1, help="Of each problem; by default all.")]


def run(
    *,
    solutions: Samples,
    tests: Samples,
    out: options.Out,
    problems: Annotated[
        int | None, typer.Option(min=1, help="So many, the same ones for everybody.")
    ] = None,
    limit_solutions: Most = None,
    limit_tests: Most = None,
    data: options.Data = None,
    plus: Annotated[
        Path | None,
        typer.Option(help="HumanEval+, unless HUMANEVAL_PLUS names it; else without."),
    ] = None,
    backend: options.Backend = "process",
    workers: options.Workers = None,
) -> None:
    """Let tests that a model wrote choose among its solutions: CodeT, B4, and what they beat."""
    config = SandboxConfig(backend=backend, workers=workers)
    with failing_on(*_FOR_THE_USER):
        known = datasets.load(DATASET, data)
        second = _second(known, plus)
        found = read_published(
            solutions, tests, known, most_solutions=limit_solutions, most_samples=limit_tests
        )
        header = {
            "samples": digest_of((solutions, tests)),
            "solutions": limit_solutions or "all",
            "test samples": limit_tests or "all",
            "second tests": second is not None,
        }
        versions = {"problems": datasets.content_hash(known)}
        if second is not None:
            versions["release of second tests"] = second.sha256
        wanted = _chosen(found, problems)
        with MatrixJournal(out, header, versions) as journal:
            by_task = {} if second is None else second.problems
            _fill(journal, wanted, by_task, sandbox_backend(config))
        matrices = [journal.matrices[one.problem.task_id] for one in wanted]
        worth = worth_of(matrices, header)
        write_whole(out / "codet.json", worth.to_json().encode())
    typer.echo(worth.to_markdown(), nl=False)


def _second(problems: Sequence[Problem], plus: Path | None) -> SecondTested | None:
    """The problems with second tests: None unless somebody says where these are."""
    variable = BENCHMARKS[datasets.name_of_second(DATASET)].variable
    if plus is None and not os.environ.get(variable):
        return None
    return datasets.with_second_tests(DATASET, problems, plus)


def _chosen(found: Sequence[Sampled], count: int | None) -> list[Sampled]:
    """In the order of a sample of problems, so that what a stopped run has is one."""
    by_task = {one.problem.task_id: one for one in found}
    chosen = sample_of([one.problem for one in found], count or len(found))
    return [by_task[problem.task_id] for problem in chosen]


def _fill(
    journal: MatrixJournal,
    wanted: Sequence[Sampled],
    second: Mapping[str, Problem],
    backend: Backend,
) -> None:
    done = sum(one.problem.task_id in journal.matrices for one in wanted)

    async def rest(advance: Callable[[int, str], None]) -> None:
        async with backend:
            runner = Runner(backend)
            for one in wanted:
                task = one.problem.task_id
                if task not in journal.matrices:
                    journal.keep(await runner.run(one, second.get(task)))
                    advance(1, task)

    if done < len(wanted):
        with PoolProgress("problems", len(wanted), done) as progress:
            asyncio.run(rest(progress.advance))
