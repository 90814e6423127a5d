"""Coding benchmarks as values: prompts, and tests as the gateway takes them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evaluation.datasets import apps, mbpp, own
from evaluation.datasets.human_eval import STOP, humaneval
from evaluation.datasets.problem import (
    MAX_TESTS_BYTES,
    DatasetUnavailable,
    Problem,
    UnknownDataset,
    content_hash,
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
]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A dataset by name.

    `max_tokens` are those of one sample in the paper's section 3.3. `variable` is the environment
    variable that may say where its data is; `read` takes a path, or None for the hub or a package.
    """

    read: Callable[[Path | None], tuple[Problem, ...]]
    max_tokens: int
    variable: str = ""


def _humaneval(data: Path | None) -> tuple[Problem, ...]:
    if data is not None:
        raise DatasetUnavailable("HumanEval comes from its package; give no --data")
    return humaneval()


BENCHMARKS: Final[Mapping[str, Benchmark]] = {
    "humaneval": Benchmark(_humaneval, 512),
    "mbpp": Benchmark(mbpp.full, 256, "MBPP"),
    "mbpp-sanitized": Benchmark(mbpp.sanitized, 256, "MBPP_SANITIZED"),
    **{f"apps-{split}": Benchmark(apps.reader(split), 256, "APPS") for split in apps.DIFFICULTIES},
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
        return own.read(data)
    if data is None and benchmark.variable and (named := os.environ.get(benchmark.variable)):
        data = Path(named)
    return benchmark.read(data)


def max_tokens(name: str) -> int:
    """The most tokens of one sample, unless told."""
    return BENCHMARKS[name].max_tokens if name in BENCHMARKS else OWN_MAX_TOKENS
