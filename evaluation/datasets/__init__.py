"""Coding benchmarks as values: prompts, and tests as the gateway takes them.

`human_eval`, `infilling`, `mbpp`, `apps` and `safim` read those of others and `own` one's own, all
into `problem.Problem` and out of the files and the hub of `sources`. `plus` has second tests for
two of them. Not here: what models answered (`pools`).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from evaluation.datasets import apps, infilling, mbpp, own, plus, safim
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
    "SECOND_TESTS",
    "STOP",
    "Benchmark",
    "DatasetUnavailable",
    "Problem",
    "SecondTested",
    "UnknownDataset",
    "content_hash",
    "humaneval",
    "load",
    "max_tokens",
    "name_of_second",
    "sample_of",
    "second_tests",
    "with_second_tests",
]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A dataset by name.

    `max_tokens` are those of one sample in the paper's section 3.3; where something is filled in,
    enough for nearly every reference. `variable` is the environment variable that may say where its
    data is; `read` takes a path, or None for the hub or a package. A prompt that `shows_tests` has
    the very ones that judge.
    """

    read: Callable[[Path | None], tuple[Problem, ...]]
    max_tokens: int
    variable: str
    shows_tests: bool = False


BENCHMARKS: Final[Mapping[str, Benchmark]] = {
    "humaneval": Benchmark(humaneval, 512, "HUMANEVAL"),
    "mbpp": Benchmark(mbpp.full, 256, "MBPP", shows_tests=True),
    "mbpp-sanitized": Benchmark(mbpp.sanitized, 256, "MBPP_SANITIZED", shows_tests=True),
    **{f"apps-{split}": Benchmark(apps.reader(split), 256, "APPS") for split in apps.DIFFICULTIES},
    "infilling-single": Benchmark(infilling.reader("single"), 64, "INFILLING_SINGLE"),
    "infilling-multi": Benchmark(infilling.reader("multi"), 256, "INFILLING_MULTI"),
    "infilling-random": Benchmark(infilling.reader("random"), 128, "INFILLING_RANDOM"),
    "safim-block": Benchmark(safim.reader("block"), 128, "SAFIM_BLOCK"),
    "safim-control": Benchmark(safim.reader("control"), 64, "SAFIM_CONTROL"),
    "humaneval-plus": Benchmark(plus.reader("humaneval-plus"), 512, "HUMANEVAL_PLUS"),
    "mbpp-plus": Benchmark(plus.reader("mbpp-plus"), 256, "MBPP_PLUS", shows_tests=True),
}

SECOND_TESTS: Final[Mapping[str, str]] = {
    "humaneval": "humaneval-plus",
    "mbpp": "mbpp-plus",
    "mbpp-sanitized": "mbpp-plus",
}
"""Datasets that have the same problems, in part, with other tests."""

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
    return _unique(benchmark.read(_place(name, data)), name)


def second_tests(name: str, data: Path | None = None) -> plus.SecondTests:
    """Those of a dataset; `data` holds them, or what the environment names.

    Raises `UnknownDataset` for one that has none, and `DatasetUnavailable`.
    """
    second = name_of_second(name)
    return plus.read_second_tests(second, _place(second, data))


def name_of_second(name: str) -> str:
    """The dataset that has a dataset's second tests. Raises `UnknownDataset` where none has."""
    if (second := SECOND_TESTS.get(name)) is None:
        raise UnknownDataset(
            f"there are no second tests of dataset {name!r}; there are of {', '.join(SECOND_TESTS)}"
        )
    return second


@dataclass(frozen=True, slots=True)
class SecondTested:
    """Problems with second tests in place of their own, by task, and what of these is left out.

    `sha256` is that of the release that these tests are of.
    """

    problems: Mapping[str, Problem]
    omissions: str
    sha256: str


def with_second_tests(
    name: str, problems: Sequence[Problem], data: Path | None = None
) -> SecondTested:
    """Those of a dataset's problems that have second tests; `data` as `second_tests` takes it.

    Raises as `second_tests`, and `DatasetUnavailable` where the tests are of other problems.
    """
    second = second_tests(name, data)
    others = {problem.task_id: problem for problem in second.problems}
    both = [problem for problem in problems if problem.task_id in others]
    wrong = [one.task_id for one in both if one.entry_point != others[one.task_id].entry_point]
    if wrong or not both:
        what = f"ask for another function in {wrong[0]}" if wrong else "have none of the tasks"
        raise DatasetUnavailable(f"the second tests do not match {name} as it is here: they {what}")
    return SecondTested(
        {one.task_id: replace(one, tests=others[one.task_id].tests) for one in both},
        second.omissions,
        second.sha256,
    )


def _place(name: str, data: Path | None) -> Path | None:
    """Where a dataset's data is: as told, or as the environment says."""
    named = os.environ.get(BENCHMARKS[name].variable)
    return Path(named) if data is None and named else data


def _unique(problems: tuple[Problem, ...], name: str) -> tuple[Problem, ...]:
    counts = Counter(problem.task_id for problem in problems)
    if twice := [task for task, count in counts.items() if count > 1]:
        raise DatasetUnavailable(f"{name}: tasks are there twice: {', '.join(twice[:5])}")
    return problems


def max_tokens(name: str) -> int:
    """The most tokens of one sample, unless told."""
    return BENCHMARKS[name].max_tokens if name in BENCHMARKS else OWN_MAX_TOKENS
