"""What references answer, worked out once in the sandbox and kept in the user's cache.

What is kept is named for what it was made of: the rows and the programs here that ask. So it can
be deleted at any time, and does not outlive a change of either.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import os
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

import platformdirs

from evaluation.datasets.plus import values
from evaluation.datasets.plus.assertions import SHOWN
from evaluation.datasets.plus.rows import Row
from evaluation.datasets.problem import DatasetUnavailable
from sandbox import IO, IOCase, Limits, ProcessBackend, Program, Report, SandboxError, Status

LIMITS: Final = Limits(
    wall_s=600.0, cpu_s=300.0, total_s=600.0, memory_bytes=2**31, output_bytes=8 * 2**20
)
"""Of one reference with all its inputs, of which each has bounds of its own (`answering`)."""

_FUTURE: Final = "from __future__ import annotations\n"


@dataclass(frozen=True, slots=True)
class Answers:
    """Of one problem: `cases` of arguments and answer, as `values` tells them, and what is not.

    `left_out` counts inputs by reason: `slow`, `large`, `invalid` where the contract takes them in
    no form, `unanswered` where the reference raises or its result cannot be told, `unsettled` where
    it answers otherwise in another process, as where the order of a set decides.
    """

    cases: tuple[tuple[Any, Any], ...]
    left_out: Mapping[str, int]


def text_of(module: str) -> str:
    """The source of a module of this package, to stand before other source."""
    source = (resources.files(__package__) / f"{module}.py").read_text("utf-8")
    return source.replace(_FUTURE, "")


def answers_of(rows: Sequence[Row], name: str) -> Mapping[str, Answers]:
    """What the references answer, by task. Raises `DatasetUnavailable`, also where none can run."""
    path = _folder() / f"{name}-{_digest(rows)}.json.gz"
    if (kept := _kept(path)) is not None:
        return kept
    try:
        found = asyncio.run(_all(rows))
    except SandboxError as error:
        raise DatasetUnavailable(
            f"{name}: its references cannot be run for their answers: {error}"
        ) from error
    try:
        _keep(path, found)
    except OSError as error:
        raise DatasetUnavailable(f"{path}: {error.strerror or error}") from error
    return found


def _folder() -> Path:
    return platformdirs.user_cache_path("budget-router") / "second-tests"


def _digest(rows: Sequence[Row]) -> str:
    """Of all that answers depend on."""
    made_of = [text_of("values"), text_of("answering"), [asdict(row) for row in rows]]
    return hashlib.sha256(json.dumps(made_of, default=values.told).encode()).hexdigest()[:32]


def _kept(path: Path) -> Mapping[str, Answers] | None:
    """What an earlier run kept; None where there is nothing that reads."""
    try:
        with gzip.open(path) as file:
            found = json.load(file)
    except (OSError, ValueError, EOFError, zlib.error):
        return None
    return {
        task: Answers(tuple((args, answer) for args, answer in cases), left_out)
        for task, (cases, left_out) in found.items()
    }


def _keep(path: Path, found: Mapping[str, Answers]) -> None:
    """Write it whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = json.dumps({task: [each.cases, each.left_out] for task, each in found.items()})
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_bytes(gzip.compress(written.encode(), mtime=0))
    part.rename(path)


async def _all(rows: Sequence[Row]) -> dict[str, Answers]:
    """Every reference's answers, asked twice: processes of two backends hash differently."""
    first = await _run([_asking(row, base=row.base, inputs=row.inputs) for row in rows])
    found = {row.task_id: _answers(row, each) for row, each in zip(rows, first, strict=True)}
    second = await _run(
        [_asking(row, again=[args for args, _ in found[row.task_id].cases]) for row in rows]
    )
    return {
        row.task_id: _settled(found[row.task_id], _lines(row, each, len(found[row.task_id].cases)))
        for row, each in zip(rows, second, strict=True)
    }


async def _run(programs: Sequence[Program]) -> list[Report]:
    async with ProcessBackend(queue=len(programs)) as backend:
        return await asyncio.gather(*(backend.run(program, LIMITS) for program in programs))


def _asking(
    row: Row,
    *,
    base: Sequence[Any] = (),
    inputs: Sequence[Any] = (),
    again: Sequence[Any] = (),
) -> Program:
    """The program that reads the inputs and writes the reference's answers."""
    last = f"write(told, read, {SHOWN[row.assertions.compared]})\n"
    asked = {
        "program": row.program,
        "contract": row.contract,
        "entry_point": row.entry_point,
        "base": base,
        "inputs": inputs,
        "again": again,
        "arguments": [[values.told(arg) for arg in args] for args in row.assertions.arguments],
    }
    # What it ought to print is not known: that it differs from nothing is how it is seen.
    tests = IO((IOCase(json.dumps(asked), ""),))
    return Program("\n".join([text_of("values"), text_of("answering"), last]), tests)


def _answers(row: Row, report: Report) -> Answers:
    lines = _lines(row, report, len(row.base) + len(row.inputs))
    return Answers(
        tuple((line["args"], line["answer"]) for line in lines if "left_out" not in line),
        Counter(line["left_out"] for line in lines if "left_out" in line),
    )


def _settled(answers: Answers, again: Sequence[Mapping[str, Any]]) -> Answers:
    """Without what was answered otherwise the second time."""
    cases = tuple(
        case
        for case, line in zip(answers.cases, again, strict=True)
        if line.get("answer") == case[1]
    )
    unsettled = Counter(unsettled=len(answers.cases) - len(cases))
    return Answers(cases, Counter(answers.left_out) + unsettled)


def _lines(row: Row, report: Report, count: int) -> list[Mapping[str, Any]]:
    """What a program wrote. Raises `DatasetUnavailable` where it is not a line for every input."""
    try:
        lines = [json.loads(line) for line in report.stdout.splitlines()]
    except ValueError:
        lines = []
    wrote_all = len(lines) == count and report.status in (Status.FAILED, Status.PASSED)
    if not wrote_all:
        raise DatasetUnavailable(
            f"{row.task_id}: its reference came to no end of its inputs: {report.status.value} "
            f"{report.message} {report.stderr[-200:]}"
        )
    return lines
