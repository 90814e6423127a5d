"""`budget-router evaluate judge`: sandbox verdicts for a pool, as the gateway would give them.

With `--tests plus` a second set, by tests that chose nothing; also for a gateway's result file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from evaluation import datasets
from evaluation.commands.common import options
from evaluation.commands.common.failing import fail, failing_on
from evaluation.commands.common.outputs import beside
from evaluation.commands.common.progress import PoolProgress
from evaluation.datasets import DatasetUnavailable, Problem, SecondTested, UnknownDataset
from evaluation.gateway.local_judge import LocalJudge
from evaluation.gateway.results import ResultFileError, read
from evaluation.gateway.second import SecondVerdicts, judge_again, place, write_second
from evaluation.pools.errors import PoolError
from evaluation.pools.filling.judged_by import keep_to
from evaluation.pools.filling.verdicts import AT_ONCE, SECOND_LIMITS, Judging, Tally
from evaluation.pools.problems import problems_of, second_problems_of
from evaluation.pools.schema import Table
from evaluation.pools.store import Pool
from evaluation.pools.view import PoolView, read_view
from policies.values import Verdict
from router.configuration.configured import sandbox_backend
from router.sections.sandbox import SandboxConfig
from sandbox import Backend, InvalidTests, SandboxUnavailable

_FOR_THE_USER: Final = (
    PoolError,
    ResultFileError,
    DatasetUnavailable,
    UnknownDataset,
    InvalidTests,
    SandboxUnavailable,
    OSError,
)
"""Errors that are no bugs: each ends the command with its message."""

Tests = Annotated[
    Literal["base", "plus"],
    typer.Option(help="The data set's own, or HumanEval+ and MBPP+ for what passes these."),
]


Judged = Annotated[
    Path, typer.Argument(metavar="DIR", help="The pool; or a result file, with --tests plus.")
]


def run(
    *,
    path: Judged,
    tests: Tests = "base",
    data: Annotated[
        Path | None,
        typer.Option(help="Where these tests are, unless a package or the hub has them."),
    ] = None,
    backend: options.Backend = "process",
    workers: options.Workers = None,
) -> None:
    """Run the tests on every sample of a pool that has no verdict yet."""
    config = SandboxConfig(backend=backend, workers=workers, queue=AT_ONCE)
    with failing_on(*_FOR_THE_USER):
        if path.is_file():
            if tests == "base":
                fail(f"{path}: the answers of a result file have been judged; give --tests plus")
            _judge_results(path, data, sandbox_backend(config))
            return
        pool = Pool.open(path)
        judged = _judge(pool, _tests(pool, tests, data), sandbox_backend(config))
    passed, failed = judged.verdicts[Verdict.PASSED], judged.verdicts[Verdict.FAILED]
    typer.echo(
        f"{path}: {passed + failed} samples judged by {judged.programs} runs: "
        f"{passed} passed, {failed} failed"
    )
    if unverified := judged.verdicts[Verdict.UNVERIFIED]:
        for message, count in judged.faults.most_common():
            typer.echo(f"{count} samples: {message}", err=True)
        fail(f"the sandbox failed at {unverified} samples, which stay unverified; judge again")


@dataclass(frozen=True, slots=True)
class _Filling:
    """The table that is filled, and the problems with the tests that fill it.

    `version` is the hash of these, None where the pool's identity has it.
    """

    table: Table
    problems: Mapping[str, Problem]
    version: str | None = None


def _tests(pool: Pool, tests: Literal["base", "plus"], data: Path | None) -> _Filling:
    if tests == "base":
        problems = {problem.task_id: problem for problem in problems_of(pool, data)}
        return _Filling(Table.VERDICTS, problems)
    second = second_problems_of(pool, data)
    _say(second, len(pool.identity.tasks))
    return _Filling(Table.PLUS, second.problems, second.sha256)


def _say(second: SecondTested, of: int) -> None:
    typer.echo(
        f"{len(second.problems)} of {of} problems have second tests; {second.omissions}", err=True
    )


def _judge_results(path: Path, data: Path | None, backend: Backend) -> None:
    """Second verdicts on the answers that a gateway chose, beside their file."""
    results = read(path)
    beside(path)
    dataset = str(results.header.parameters.get("dataset"))
    problems = datasets.load(dataset)
    second = datasets.with_second_tests(dataset, problems, data)
    _say(second, len(problems))

    async def judged(advance: Callable[[int], None]) -> SecondVerdicts:
        async with backend:
            judge = LocalJudge(backend, SECOND_LIMITS)
            return await judge_again(results, second.problems, judge, advance)

    with PoolProgress("verdicts", len(results.records)) as progress:
        verdicts = asyncio.run(judged(progress.advance))
    write_second(path, results, verdicts)
    typer.echo(
        f"{path}: {sum(verdicts.passed.values())} of {len(verdicts.passed)} answers pass the "
        f"second tests: {place(path)}"
    )


def _judge(pool: Pool, given: _Filling, backend: Backend) -> Tally:
    with ExitStack() as stack:
        writer = stack.enter_context(pool.writer(given.table))
        done, whole = _progress(read_view(pool.path), given.table, given.problems)
        if given.version is not None:
            keep_to(writer, given.version, adding=done < whole)
        progress = stack.enter_context(PoolProgress("verdicts", whole, done))
        if writer.torn_bytes:
            progress.say(f"{pool.path}: cut off {writer.torn_bytes} bytes of an unfinished line")
        judging = Judging(pool, given.problems, writer, progress.advance)
        return asyncio.run(_over(judging, backend))


def _progress(view: PoolView, table: Table, problems: Mapping[str, Problem]) -> tuple[int, int]:
    """How many samples have their verdict, and how many are to have one."""
    if table is Table.VERDICTS:
        return view.samples - view.unjudged, view.samples
    tested = [problem for problem in view.problems if problem.task_id in problems]
    done = sum(int(problem.judged_plus.sum()) for problem in tested)
    return done, sum(len(problem.index) for problem in tested)


async def _over(judging: Judging, backend: Backend) -> Tally:
    async with backend:
        return await judging.over(backend)
