"""HumanEval+ and MBPP+ as released: a row for each problem."""

from __future__ import annotations

import ast
import hashlib
import json
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from evaluation.datasets.plus import values
from evaluation.datasets.plus.assertions import Assertions, read_assertions
from evaluation.datasets.sources import Record, released


@dataclass(frozen=True, slots=True)
class Release:
    """One of the two: its file, what its ids begin with there and here, and where it asserts."""

    name: str
    file: str
    theirs: str
    ours: str
    assertions: str
    called: str | None


HUMANEVAL: Final = Release(
    "HumanEval+", "HumanEvalPlus.jsonl.gz", "HumanEval/", "HumanEval/", "test", "candidate"
)
MBPP: Final = Release("MBPP+", "MbppPlus.jsonl.gz", "Mbpp/", "MBPP/", "assertion", None)


@dataclass(frozen=True, slots=True)
class Row:
    """A problem: its reference as a program, its inputs, and what is known of the results.

    `inputs` are lists of arguments, the `base` those of the first tests. `contract` is a function
    of that name, which raises for arguments that are none. `tolerance` is absolute, 0 where none is
    published.
    """

    task_id: str
    prompt: str
    entry_point: str
    reference: str
    program: str
    contract: str
    base: tuple[list[Any], ...]
    inputs: tuple[list[Any], ...]
    tolerance: float
    assertions: Assertions


def read_rows(data: Path | None, release: Release) -> tuple[Row, ...]:
    """All rows of a file. Raises `DatasetUnavailable` where it is not named, or another one."""

    def read(records: Iterable[Record]) -> Iterator[Row]:
        return (_row(record, release) for record in records)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what others wrote, such as escapes that are none
        return released(data, f"{release.file} of evalplus", release.name, read)


def rows_hash(rows: Sequence[Row]) -> str:
    """SHA-256 of a release, however its file was packed; which inputs are left out is not in it."""
    released_rows = [asdict(row) for row in rows]
    return hashlib.sha256(json.dumps(released_rows, default=values.told).encode()).hexdigest()


def _row(row: Record, release: Release) -> Row:
    if not row["task_id"].startswith(release.theirs):
        raise KeyError(row["task_id"])
    entry_point, prompt = row["entry_point"], row["prompt"]
    # A prompt that is only told in words does not begin the reference, which is whole.
    words = release is MBPP
    program = row["canonical_solution"] if words else prompt + row["canonical_solution"]
    return Row(
        task_id=release.ours + row["task_id"].removeprefix(release.theirs),
        prompt=prompt,
        entry_point=entry_point,
        reference=row["canonical_solution"],
        program=program,
        contract=_contract(program, entry_point, row["contract"]),
        base=tuple(map(list, row["base_input"])),
        inputs=tuple(map(list, row["plus_input"] or ())),
        tolerance=float(row["atol"]),
        assertions=read_assertions(row[release.assertions], release.called or entry_point),
    )


def _contract(program: str, entry_point: str, lines: str) -> str:
    for node in ast.parse(program).body:
        if isinstance(node, ast.FunctionDef) and node.name == entry_point:
            body = lines if lines.strip() else "    pass"
            return f"def contract({ast.unparse(node.args)}):\n{body}\n"
    raise ValueError(f"the reference does not define {entry_point}")
