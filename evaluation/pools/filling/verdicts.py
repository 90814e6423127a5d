"""Verdicts for all samples of a pool that have none, each distinct program judged once.

Exact duplicates (the same text for the same task) share one verdict. What the sandbox itself failed
at gets no row: it stays unverified, is counted, and is tried again by the next run.
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
from evaluation.pools.errors import UnknownTask
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
    """One sample; `outcome` is None where it has no verdict. `digest` tells programs apart."""

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
    """One run over a pool. `on_judged` hears of each sample that got a verdict, or got none.

    Raises, when built, `PoolError` for verdicts that do not fit the samples.
    """

    def __init__(
        self,
        pool: Pool,
        problems: Mapping[str, Problem],
        writer: TableWriter,
        on_judged: Callable[[int], None],
        limits: Limits = LIMITS,
    ) -> None:
        self.judged = Tally()
        self._pool = pool
        self._problems = problems
        self._writer = writer
        self._on_judged = on_judged
        self._limits = limits
        self._verdicts = _verdicts(pool)
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
            if sample.outcome is not None:
                continue
            if (known := self._known.get(sample.digest)) is not None:
                self._settle([sample], known)
            elif (alike := self._running.get(sample.digest)) is not None:
                alike.append(sample)
            else:
                self._running[sample.digest] = []
                yield sample

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
    statuses = verdicts.names.get("status", ())
    for batch in pool.batches(Table.SAMPLES, ["task_id", "index", "text"]):
        rows = zip(*(batch.column(name).to_pylist() for name in batch.schema.names), strict=True)
        for task, index, text in sorted(rows, key=lambda row: row[0]):
            key = (tasks.get(task, len(tasks)) << INDEX_BITS) | index
            at = int(np.searchsorted(verdicts.keys, key))
            outcome = None
            if at < len(verdicts.keys) and verdicts.keys[at] == key:
                status = statuses[verdicts.values["status"][at]]
                counts = (_count(verdicts.values[name][at]) for name in _COUNTS)
                outcome = ProgramVerdict(bool(verdicts.values["passed"][at]), status, *counts)
            whole = f"{task}\0{text}".encode()
            yield StoredSample(task, index, text, hashlib.sha256(whole).digest()[:_DIGEST], outcome)


def _count(value: float) -> int | None:
    """A count out of a column in which a null is NaN."""
    return None if math.isnan(value) else int(value)


def _verdicts(pool: Pool) -> Columns:
    """The verdicts that are there. Raises `PoolError` where they do not fit the samples."""
    verdicts = read_columns(pool, Table.VERDICTS, ("passed", "status", *_COUNTS))
    check_unique(verdicts, pool, "verdicts")
    known = read_columns(pool, Table.SAMPLES, ())
    check_unique(known, pool, "samples")
    places(verdicts, known, pool, "verdicts")
    return verdicts
