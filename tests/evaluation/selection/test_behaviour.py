"""What programs gave is kept: each is run once, and a kill loses little and spoils nothing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from evaluation.selection.behaviour import Behaviours, Subject
from policies.values import Output
from router.plan.executing import Trials
from router.request import TextPrompt
from sandbox import Execution, Limits, SandboxUnavailable
from sandbox import Output as Given

PROMPT = TextPrompt('def f(n):\n    """Its square.\n    >>> f(3)\n    9\n    """\n')
TRIALS = Trials.of(PROMPT, "f")
SUBJECTS = [Subject(PROMPT, f"    return n + {at}\n", TRIALS) for at in range(5)]


@dataclass
class Backend:
    """Gives the same for everything; it is gone once so many programs were run."""

    most: int = 99
    ran: list[str] = field(default_factory=list)

    async def execute(self, execution: Execution, limits: Limits) -> tuple[Given | None, ...]:
        if len(self.ran) == self.most:
            raise SandboxUnavailable("it is gone")
        self.ran.append(execution.source)
        return (Given("9", returned=True), *(None for _ in execution.inputs[1:]))


def run(path: Path, backend: Backend, subjects: list[Subject]) -> Behaviours:
    behaviours = Behaviours(path)
    missing = behaviours.missing(subjects)
    asyncio.run(behaviours.run(missing, backend, lambda _: None))  # type: ignore[arg-type]
    return behaviours


def test_a_program_is_run_once(tmp_path: Path) -> None:
    backend, path = Backend(), tmp_path / "out" / "outputs.jsonl"
    run(path, backend, [*SUBJECTS, SUBJECTS[0]])
    assert len(backend.ran) == len(set(backend.ran)) == 5
    again = run(path, backend, SUBJECTS)
    assert len(backend.ran) == 5
    assert again.known[SUBJECTS[0].key].outputs == {TRIALS.inputs[0]: Output("9")}


def test_a_line_that_a_kill_tore_is_cut_off_and_what_follows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "outputs.jsonl"
    run(path, Backend(), SUBJECTS[:3])
    with path.open("ab") as file:
        file.write(b'[{"key": "to')
    run(path, Backend(), SUBJECTS)
    assert not Behaviours(path).missing(SUBJECTS)


def test_a_fault_of_ours_is_nobody_s_behaviour(tmp_path: Path) -> None:
    path = tmp_path / "outputs.jsonl"
    with pytest.raises(SandboxUnavailable):
        run(path, Backend(most=2), SUBJECTS)
    assert len(Behaviours(path).missing(SUBJECTS)) == 3
