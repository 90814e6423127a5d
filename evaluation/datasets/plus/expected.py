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
from dataclasses import asdict, dataclass, replace
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

FORMAT: Final = 1
"""Of what is kept."""

_FUTURE: Final = "from __future__ import annotations\n"


@dataclass(frozen=True, slots=True)
class Answers:
    """Of one problem: `cases` of arguments and answer, as `values` tells them, and what is not.

    `left_out` counts inputs by reason: `slow`, `large`, `invalid` where the contract takes them in
    no form, `unanswered` where the reference raises or its result cannot be told, `unsettled` where
    it answers otherwise in another process. Where only the order is another, because that of a set
    decides it, answers are `unordered` instead. `cpu_s` is what answering all cases took.
    """

    cases: tuple[tuple[Any, Any], ...]
    left_out: Mapping[str, int]
    unordered: bool = False
    cpu_s: float = 0.0


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
    asking = [text_of("values"), text_of("answering")]
    made_of = [FORMAT, asking, [asdict(row) for row in rows]]
    return hashlib.sha256(json.dumps(made_of, default=values.told).encode()).hexdigest()[:32]


def _kept(path: Path) -> Mapping[str, Answers] | None:
    """What an earlier run kept; None where there is nothing that reads."""
    try:
        with gzip.open(path) as file:
            found = json.load(file)
        return {
            task: Answers(tuple((args, answer) for args, answer in cases), *others)
            for task, (cases, *others) in found.items()
        }
    except (OSError, EOFError, zlib.error, AttributeError, TypeError, ValueError):
        return None


def _keep(path: Path, found: Mapping[str, Answers]) -> None:
    """Write it whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = json.dumps(
        {
            task: [each.cases, each.left_out, each.unordered, each.cpu_s]
            for task, each in found.items()
        }
    )
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
        "again": json.dumps(again),
        "arguments": json.dumps(values.told([*map(list, row.assertions.arguments)])),
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
    """Without what was answered otherwise the second time, or regardless of order."""
    answers = replace(answers, cpu_s=sum(line.get("seconds", 0.0) for line in again))
    settled, otherwise = [], []
    for case, line in zip(answers.cases, again, strict=True):
        if "answer" in line and line["answer"] == case[1]:  # None is an answer too
            settled.append(case)
        else:
            otherwise.append((case, line.get("answer")))
    if otherwise and all(_only_order(case[1], answer) for case, answer in otherwise):
        return replace(answers, unordered=True)
    left_out = Counter(answers.left_out) + Counter(unsettled=len(otherwise))
    return replace(answers, cases=tuple(settled), left_out=left_out)


def _only_order(one: Any, other: Any) -> bool:
    """Whether two told sequences have the same members, of which a set can be made."""
    one, other = (told.get("tuple") if isinstance(told, dict) else told for told in (one, other))
    if not isinstance(one, list) or not isinstance(other, list):
        return False
    hashable = not any(isinstance(member, list | dict) for member in one)
    return hashable and sorted(map(repr, one)) == sorted(map(repr, other))


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
