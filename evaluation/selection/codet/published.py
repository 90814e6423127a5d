"""Solutions and tests that CodeT's authors released: what a model wrote for every problem.

A line has a `prompt` and its `samples`. The prompts are HumanEval's without their examples, so the
problem is the one with the same function whose prompt is most alike.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import Final

from evaluation.datasets import DatasetUnavailable, Problem
from evaluation.datasets.sources import Record, records
from router.plan.programs.prompts.asserts import asserts_of, before_stop

_ASKED_FOR: Final = re.compile(r"# check the correctness of (\w+)\s+assert\s*\Z")


@dataclass(frozen=True, slots=True)
class Sampled:
    """A problem, asked as it was then, and what a model wrote, as often as it wrote it."""

    problem: Problem
    solutions: tuple[str, ...]
    tests: tuple[str, ...]


def read_published(
    solutions: Path,
    tests: Path,
    problems: Sequence[Problem],
    *,
    most_solutions: int | None = None,
    most_samples: int | None = None,
) -> tuple[Sampled, ...]:
    """The problems that both files have samples of, in the order of `problems`.

    Of each the first `most_solutions`, and the tests of the first `most_samples`. Raises
    `DatasetUnavailable` for files that are something else.
    """
    asked = [(_prompt(row, tests), _samples(row, tests)) for row in records(tests)]
    found: dict[str, Sampled] = {}
    for row in records(solutions):
        prompt = _prompt(row, solutions)
        entry_point, samples = _tests_for(prompt, asked, tests)
        drawn = _samples(row, solutions)
        if not drawn:
            raise DatasetUnavailable(f"{solutions} has a prompt without a sample: leave it out")
        problem = replace(_alike(prompt, entry_point, problems), prompt=prompt)
        found[problem.task_id] = Sampled(
            problem,
            tuple(map(before_stop, drawn[:most_solutions])),
            tuple(one for text in samples[:most_samples] for one in asserts_of(text, entry_point)),
        )
    if not found:
        raise DatasetUnavailable(f"{solutions} has samples of no problem")
    return tuple(found[one.task_id] for one in problems if one.task_id in found)


def _prompt(row: Record, path: Path) -> str:
    match row:
        case {"prompt": str(prompt)}:
            return prompt
        case _:
            raise DatasetUnavailable(f"{path}: a line of samples has no prompt")


def _samples(row: Record, path: Path) -> list[str]:
    match row:
        case {"samples": [*samples]} if all(isinstance(sample, str) for sample in samples):
            return samples
        case _:
            raise DatasetUnavailable(f"{path}: the samples of a prompt are texts in a list")


def _tests_for(
    prompt: str, asked: Sequence[tuple[str, list[str]]], path: Path
) -> tuple[str, list[str]]:
    """The function that tests were asked for behind this prompt, and the samples of tests."""
    for longer, samples in asked:
        name = _ASKED_FOR.search(longer) if longer.startswith(prompt) else None
        if name:
            return name[1], samples
    raise DatasetUnavailable(
        f"{path} has no tests for the prompt of solutions that ends with {prompt[-60:]!r}"
    )


def _alike(prompt: str, entry_point: str, problems: Sequence[Problem]) -> Problem:
    named = [problem for problem in problems if problem.entry_point == entry_point]
    if not named:
        raise DatasetUnavailable(f"there is no problem whose function is {entry_point}")
    words = prompt.split()
    return max(named, key=lambda one: SequenceMatcher(None, one.prompt.split(), words).ratio())


def drawn(texts: Sequence[str]) -> Mapping[str, list[int]]:
    """Which places each distinct text has, in the order in which they came first."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for at, text in enumerate(texts):
        places[text].append(at)
    return places
