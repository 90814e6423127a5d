r"""Problems of one's own, as JSON lines.

    {"task_id": "sum/1", "prompt": "def add(a, b):\n", "tests": {"kind": "asserts", ...}}

`task_id`, `prompt` and `tests` (the object of the HTTP contract) are needed. `stop` is a list of
sequences (by default HumanEval's), `reference` a completion that passes, and `before` and `after`
are what stands around the completion in the program (by default the prompt, and nothing).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from evaluation.datasets.human_eval import STOP
from evaluation.datasets.problem import MAX_TESTS_BYTES, DatasetUnavailable, Problem
from evaluation.datasets.sources import faults, records
from sandbox import InvalidTests, parse_tests


def read(path: Path) -> tuple[Problem, ...]:
    """The problems of a file. Raises `DatasetUnavailable`."""
    found = []
    for number, row in enumerate(records(path), start=1):
        where = f"{path}, problem {number}"
        try:
            found.append(_problem(_Row.model_validate(row)))
        except ValidationError as error:
            raise DatasetUnavailable(f"{where}: {faults(error)}") from error
        except InvalidTests as error:
            raise DatasetUnavailable(f"{where}: {error}") from error
    if not found:
        raise DatasetUnavailable(f"{path} has no problems")
    return tuple(found)


def written(problems: Sequence[Problem]) -> str:
    """Problems as such a file, out of which `read` has them again.

    Raises ValueError for one with a gap to fill in, which these files cannot hold.
    """
    if gaps := [problem.task_id for problem in problems if problem.suffix is not None]:
        raise ValueError(f"{gaps[0]} has a gap to fill in, and these files have none")
    rows = (
        _Row(
            task_id=problem.task_id,
            prompt=problem.prompt,
            tests=dict(problem.tests),
            stop=problem.stop,
            reference=problem.reference,
            before=problem.before,
            after=problem.after,
        )
        for problem in problems
    )
    return "".join(f"{row.model_dump_json()}\n" for row in rows)


class _Row(BaseModel):
    """One line."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task_id: str
    prompt: str
    tests: dict[str, Any]
    stop: tuple[str, ...] = STOP
    reference: str = ""
    before: str | None = None
    after: str = ""


def _problem(row: _Row) -> Problem:
    parse_tests(row.tests, max_bytes=MAX_TESTS_BYTES)
    return Problem(
        task_id=row.task_id,
        prompt=row.prompt,
        entry_point=str(row.tests.get("entry_point", "")),
        tests=row.tests,
        stop=row.stop,
        reference=row.reference,
        before=row.before,
        after=row.after,
    )
