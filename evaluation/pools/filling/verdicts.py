"""Verdicts for all samples of a pool that have none, each distinct program judged once.

Exact duplicates (the same text for the same task) share one verdict. What the sandbox itself failed
at gets no row: it stays unverified, is counted, and is tried again by the next run.

The second tests have the inputs of the first and more. So a sample that failed the first has failed
these as well, and is not run: its first status stands. Problems without such tests are passed over.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from evaluation.datasets import MAX_TESTS_BYTES, Problem
from evaluation.pools.columns import INDEX_BITS, Columns, check_unique, places, read_columns
from evaluation.pools.errors import StrayRow, UnknownTask
from evaluation.pools.schema import Row, Table
from evaluation.pools.store import Pool, TableWriter
from evaluation.pools.workers import for_each
from policies.values import Verdict
from router.plan.verdicts import SandboxJudge
from router.request import TestRequest
from sandbox import Backend, Limits, parse_limits, parse_tests

AT_ONCE: Final = 256
"""Programs that the backend is given at a time; it runs as many as it has workers."""

ROWS_PER_WRITE: Final = 256
"""Verdicts that a kill may lose; their programs are then run again."""

LIMITS: Final = Limits()
"""Of one program, unless its tests say less: what the gateway gives those who ask for nothing."""

SECOND_LIMITS: Final = Limits(wall_s=60.0, cpu_s=15.0, memory_bytes=2**30)
"""Of one program with the second tests: three times what the slowest reference takes."""

_DIGEST: Final = 16
_COUNTS: Final = ("checks", "passed_checks")


class ProgramVerdict(NamedTuple):
    """What is known of a program: whether it passed, the sandbox's own word, and partial credit."""

    passed: bool
    status: str
    checks: int | None = None
    passed_checks: int | None = None


@dataclass(frozen=True, slots=True)
class StoredSample:
    """One sample; `outcome` is None where it has no verdict. `digest` tells programs apart.

    `key` is that of the columns of its pool.
    """

    key: int
    task_id: str
    index: int
    text: str
    digest: bytes
    outcome: ProgramVerdict | None


@dataclass(slots=True)
class Tally:
    """What a run did: samples by verdict, programs run, and what the sandbox said it failed at."""

    verdicts: Counter[Verdict] = field(default_factory=Counter)
    programs: int = 0
    faults: Counter[str] = field(default_factory=Counter)


class Judging:
    """One run over a pool, by the first tests or by the second, as the writer's table says.

    `problems` have those tests. `on_judged` hears of each sample that got a verdict, or got none.
    Raises, when built, `PoolError` for verdicts that do not fit the samples, and for second ones
    where there are no first.
    """

    def __init__(
        self,
        pool: Pool,
        problems: Mapping[str, Problem],
        writer: TableWriter,
        on_judged: Callable[[int], None],
        limits: Limits | None = None,
    ) -> None:
        self.judged = Tally()
        self._pool = pool
        self._problems = problems
        self._writer = writer
        self._on_judged = on_judged
        second = writer.table is Table.PLUS
        self._limits = limits or (SECOND_LIMITS if second else LIMITS)
        self._verdicts = _verdicts(pool, writer.table)
        self._first = _verdicts(pool, Table.VERDICTS) if second else None
        self._known: dict[bytes, ProgramVerdict] = {}
        self._running: dict[bytes, list[StoredSample]] = {}
        self._rows: list[Row] = []

    async def over(self, backend: Backend, *, at_once: int = AT_ONCE) -> Tally:
        """Judge everything, `at_once` programs at a time.

        Raises `PoolError`; programs still running are then killed.
        """
        if len(self._verdicts.keys):
            for sample in samples(self._pool, self._verdicts):
                if sample.outcome is not None:
                    self._known[sample.digest] = sample.outcome
        judges = _Judges(backend, self._problems, self._limits)

        async def judge(sample: StoredSample) -> None:
            await self._judge(sample, judges.of(sample.task_id))

        try:
            await for_each(self._programs(), judge, concurrency=at_once)
        finally:
            self._write()
        return self.judged

    def _programs(self) -> Iterator[StoredSample]:
        """A sample of each program that is to be run; duplicates wait for it or are settled."""
        for sample in samples(self._pool, self._verdicts):
            if sample.outcome is not None or self._failed_before(sample):
                continue
            if (known := self._known.get(sample.digest)) is not None:
                self._settle([sample], known)
            elif (alike := self._running.get(sample.digest)) is not None:
                alike.append(sample)
            else:
                self._running[sample.digest] = []
                yield sample

    def _failed_before(self, sample: StoredSample) -> bool:
        """Settle what the first tests decide of the second; whether there is nothing to run."""
        if self._first is None:
            return False
        if sample.task_id not in self._problems:
            return True
        first = _outcome(self._first, sample.key)
        if first is None:
            raise StrayRow(
                f"{self._pool.path}: sample {sample.index} of task {sample.task_id!r} has no "
                "verdict by the first tests: judge the pool without --tests plus before"
            )
        if not first.passed:
            self._settle([sample], ProgramVerdict(passed=False, status=first.status))
        return not first.passed

    async def _judge(self, sample: StoredSample, judge: SandboxJudge) -> None:
        """Run one program, and settle all samples that are it."""
        judgement = await judge.judge(sample.text)
        alike = [sample, *self._running.pop(sample.digest)]
        self.judged.programs += 1
        if judgement.verdict is Verdict.UNVERIFIED:
            self.judged.verdicts[Verdict.UNVERIFIED] += len(alike)
            self.judged.faults[judgement.message] += len(alike)
            self._on_judged(len(alike))
            return
        passed = judgement.verdict is Verdict.PASSED
        self._known[sample.digest] = ProgramVerdict(
            passed, judgement.status, judgement.checks, judgement.passed_checks
        )
        self._settle(alike, self._known[sample.digest])

    def _settle(self, alike: list[StoredSample], outcome: ProgramVerdict) -> None:
        """One verdict for samples with one program."""
        self._rows += (
            {"task_id": sample.task_id, "index": sample.index} | outcome._asdict()
            for sample in alike
        )
        verdict = Verdict.PASSED if outcome.passed else Verdict.FAILED
        self.judged.verdicts[verdict] += len(alike)
        self._on_judged(len(alike))
        if len(self._rows) >= ROWS_PER_WRITE:
            self._write()

    def _write(self) -> None:
        rows, self._rows = self._rows, []
        if rows:
            self._writer.append(rows)


@dataclass(frozen=True, slots=True)
class _Judges:
    """The gateway's judge of each task, made once."""

    backend: Backend
    problems: Mapping[str, Problem]
    limits: Limits
    made: dict[str, SandboxJudge] = field(default_factory=dict)

    def of(self, task_id: str) -> SandboxJudge:
        """The judge of a task. Raises `UnknownTask` and `InvalidTests`."""
        if task_id not in self.made:
            if (problem := self.problems.get(task_id)) is None:
                raise UnknownTask(f"samples are for task {task_id!r}, which the dataset has not")
            tests = parse_tests(problem.tests, max_bytes=MAX_TESTS_BYTES)
            limits = parse_limits(problem.tests.get("limits"), self.limits)
            request = TestRequest(tests, limits)
            self.made[task_id] = SandboxJudge(self.backend, problem.frame, request, _ignore)
        return self.made[task_id]


def _ignore(_report: object) -> None:
    """The observer of reports that nobody counts."""


def samples(pool: Pool, verdicts: Columns) -> Iterator[StoredSample]:
    """All samples with their texts and outcomes, those of one task together within a batch.

    Neighbours of one task share what the judge works out of its prompt.
    """
    tasks = {task: number for number, task in enumerate(pool.identity.tasks)}
    for batch in pool.batches(Table.SAMPLES, ["task_id", "index", "text"]):
        rows = zip(*(batch.column(name).to_pylist() for name in batch.schema.names), strict=True)
        for task, index, text in sorted(rows, key=lambda row: row[0]):
            key = (tasks.get(task, len(tasks)) << INDEX_BITS) | index
            digest = hashlib.sha256(f"{task}\0{text}".encode()).digest()[:_DIGEST]
            yield StoredSample(key, task, index, text, digest, _outcome(verdicts, key))


def _outcome(verdicts: Columns, key: int) -> ProgramVerdict | None:
    """What a table of verdicts says of one sample."""
    at = int(np.searchsorted(verdicts.keys, key))
    if at == len(verdicts.keys) or verdicts.keys[at] != key:
        return None
    status = verdicts.names["status"][verdicts.values["status"][at]]
    counts = (_count(verdicts.values[name][at]) for name in _COUNTS)
    return ProgramVerdict(bool(verdicts.values["passed"][at]), status, *counts)


def _count(value: float) -> int | None:
    """A count out of a column in which a null is NaN."""
    return None if math.isnan(value) else int(value)


def _verdicts(pool: Pool, table: Table) -> Columns:
    """The verdicts that are there. Raises `PoolError` where they do not fit the samples."""
    verdicts = read_columns(pool, table, ("passed", "status", *_COUNTS))
    check_unique(verdicts, pool, table)
    known = read_columns(pool, Table.SAMPLES, ())
    check_unique(known, pool, "samples")
    places(verdicts, known, pool, table)
    return verdicts
