"""A problem as every dataset gives it, and what can be wrong with a dataset."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from router.request import TextPrompt

MAX_TESTS_BYTES: Final = 64 * 2**20
"""Of one problem, as JSON: a benchmark's tests are not a stranger's, and some of APPS are large."""


class DatasetUnavailable(RuntimeError):
    """A dataset is not installed, or is not what it should be; the message says what to do."""


class UnknownDataset(LookupError):
    """No dataset of this name; the message names those that are."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem: a prompt to complete, and the tests that judge the program made of the answer.

    `tests` is the `tests` object of the HTTP contract, `stop` the sequences that end a completion,
    `reference` a completion that passes (empty where none is known). The program is `before`, the
    completion and `after`; `before` is None where the prompt itself begins the program, and empty
    where the prompt is prose. A `suffix` is what the model is shown to stand after its completion,
    in the program too; None where nothing is to be filled in.
    """

    task_id: str
    prompt: str
    entry_point: str
    tests: Mapping[str, Any]
    stop: tuple[str, ...]
    reference: str
    before: str | None = None
    after: str = ""
    suffix: str | None = None

    @property
    def frame(self) -> TextPrompt:
        """What stands around the completion in the program, as the judge takes it."""
        before = self.prompt if self.before is None else self.before
        return TextPrompt(before, (self.suffix or "") + self.after or None)

    @property
    def prompt_is_program(self) -> bool:
        """Whether prompt, completion and suffix are the program, as the gateway takes it to be."""
        return self.frame == TextPrompt(self.prompt, self.suffix or None)


def content_hash(problems: Sequence[Problem]) -> str:
    """SHA-256 of what models are asked and judged by; references do not count."""
    asked = [
        [p.task_id, p.prompt, p.before, p.after, dict(p.tests), list(p.stop)]
        + ([] if p.suffix is None else [p.suffix])
        for p in problems
    ]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def sample_of(problems: Sequence[Problem], count: int | None, seed: int = 0) -> tuple[Problem, ...]:
    """So many of the problems, in an order by the hash of their ids: the same ones for everybody.

    A smaller sample is the beginning of a larger one. Without a count all, in their own order.
    """
    if count is None:
        return tuple(problems)

    def place(problem: Problem) -> bytes:
        return hashlib.sha256(f"{seed}:{problem.task_id}".encode()).digest()

    return tuple(sorted(problems, key=place)[:count])
