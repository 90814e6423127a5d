"""Coding benchmarks as values: prompts, and tests as the gateway takes them.

`human_eval`, `infilling`, `mbpp`, `apps` and `safim` read those of others and `own` one's own, all
into `problem.Problem` and out of the files and the hub of `sources`. Not here: what models answered
(`pools`).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evaluation.datasets import apps, infilling, mbpp, own, safim
from evaluation.datasets.human_eval import STOP, humaneval
from evaluation.datasets.problem import (
    MAX_TESTS_BYTES,
    DatasetUnavailable,
    Problem,
    UnknownDataset,
    content_hash,
    sample_of,
)

__all__ = [
    "BENCHMARKS",
    "MAX_TESTS_BYTES",
    "STOP",
    "Benchmark",
    "DatasetUnavailable",
    "Problem",
    "UnknownDataset",
    "content_hash",
    "humaneval",
    "load",
    "max_tokens",
    "sample_of",
]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A dataset by name.

    `max_tokens` are those of one sample in the paper's section 3.3; where something is filled in,
    enough for nearly every reference. `variable` is the environment variable that may say where its
    data is; `read` takes a path, or None for the hub or a package.
    """

    read: Callable[[Path | None], tuple[Problem, ...]]
    max_tokens: int
    variable: str


BENCHMARKS: Final[Mapping[str, Benchmark]] = {
    "humaneval": Benchmark(humaneval, 512, "HUMANEVAL"),
    "mbpp": Benchmark(mbpp.full, 256, "MBPP"),
    "mbpp-sanitized": Benchmark(mbpp.sanitized, 256, "MBPP_SANITIZED"),
    **{f"apps-{split}": Benchmark(apps.reader(split), 256, "APPS") for split in apps.DIFFICULTIES},
    "infilling-single": Benchmark(infilling.reader("single"), 64, "INFILLING_SINGLE"),
    "infilling-multi": Benchmark(infilling.reader("multi"), 256, "INFILLING_MULTI"),
    "infilling-random": Benchmark(infilling.reader("random"), 128, "INFILLING_RANDOM"),
    "safim-block": Benchmark(safim.reader("block"), 128, "SAFIM_BLOCK"),
    "safim-control": Benchmark(safim.reader("control"), 64, "SAFIM_CONTROL"),
}

OWN_MAX_TOKENS: Final = 512
"""For problems of one's own."""


def load(name: str, data: Path | None = None) -> tuple[Problem, ...]:
    """The problems of a dataset, in order.

    `data` is a file or folder that holds it; any other name with a `.jsonl` file is a dataset of
    one's own (`evaluation.datasets.own`). Raises `UnknownDataset` and `DatasetUnavailable`.
    """
    if (benchmark := BENCHMARKS.get(name)) is None:
        if data is None:
            raise UnknownDataset(
                f"no dataset {name!r}; there are: {', '.join(BENCHMARKS)}. For one of your own "
                "give its JSON lines with --data"
            )
        return _unique(own.read(data), name)
    if data is None and (named := os.environ.get(benchmark.variable)):
        data = Path(named)
    return _unique(benchmark.read(data), name)


def _unique(problems: tuple[Problem, ...], name: str) -> tuple[Problem, ...]:
    counts = Counter(problem.task_id for problem in problems)
    if twice := [task for task, count in counts.items() if count > 1]:
        raise DatasetUnavailable(f"{name}: tasks are there twice: {', '.join(twice[:5])}")
    return problems


def max_tokens(name: str) -> int:
    """The most tokens of one sample, unless told."""
    return BENCHMARKS[name].max_tokens if name in BENCHMARKS else OWN_MAX_TOKENS
