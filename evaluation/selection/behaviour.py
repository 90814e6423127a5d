"""What recorded programs give when they are run, kept on disk: each is run once."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from evaluation.pools.journal import Journal, parse
from evaluation.pools.schema import Row
from evaluation.pools.workers import for_each
from policies.values import Output, with_outputs
from router.plan.executing import SandboxExecutor, Trials
from router.request import TextPrompt
from sandbox import Backend

AT_ONCE: Final = 64
"""Programs that the sandbox is given at a time; it runs as many as it has workers."""

ROWS_PER_WRITE: Final = 64
"""Programs that a kill may lose; they are then run again."""


class Behaviour(NamedTuple):
    """What a program gave, by input, and how long that took."""

    outputs: Mapping[str, Output]
    seconds: float


@dataclass(frozen=True, slots=True)
class Subject:
    """A program to run: an answer, what stands around it, and what it is run on.

    That are the inputs of its trials, and then `asserts` that a model wrote.
    """

    frame: TextPrompt
    text: str
    trials: Trials
    asserts: tuple[str, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """All of them, in this order."""
        return (*self.trials.inputs, *self.asserts)

    @property
    def key(self) -> str:
        """Of all that its behaviour depends on."""
        told = [self.frame.text, self.text, self.frame.suffix, *self.inputs]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]


@dataclass(slots=True)
class Behaviours:
    """Those that are known, and the file that has them. Raises OSError, and `InvalidRow`."""

    path: Path
    known: dict[str, Behaviour] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.path.exists():
            rows, _ = parse(self.path.read_bytes(), str(self.path))
            for row in rows:
                given = {call: Output(*output) for call, output in row["given"].items()}
                self.known[row["key"]] = Behaviour(given, row["seconds"])

    def missing(self, subjects: Iterable[Subject]) -> dict[str, Subject]:
        """Those that were not run yet, each once."""
        return {key: each for each in subjects if (key := each.key) not in self.known}

    async def run(
        self, missing: Mapping[str, Subject], backend: Backend, advance: Callable[[int], None]
    ) -> None:
        """Run them; what was run by then is kept, also where this is stopped.

        Raises `SandboxError`.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        rows = list[Row]()

        async def one(item: tuple[str, Subject]) -> None:
            key, subject = item
            started = time.perf_counter()
            outputs = await _given(backend, subject)
            self.known[key] = Behaviour(outputs, time.perf_counter() - started)
            told = {call: [each.text, each.returned] for call, each in outputs.items()}
            rows.append({"key": key, "given": told, "seconds": self.known[key].seconds})
            if len(rows) >= ROWS_PER_WRITE:
                write()
            advance(1)

        def write() -> None:
            journal.append(rows)
            rows.clear()

        with Journal(self.path) as journal:
            try:
                await for_each(missing.items(), one, concurrency=AT_ONCE)
            finally:
                write()


async def _given(backend: Backend, subject: Subject) -> dict[str, Output]:
    """Raises `SandboxError`: what our own faults leave is nobody's behaviour."""
    inputs = subject.inputs
    given = await SandboxExecutor(backend, subject.frame, subject.trials).outputs(
        subject.text, inputs
    )
    return with_outputs({}, inputs, given)
