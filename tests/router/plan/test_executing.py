"""What answers are run on, and how: by prompts that are read, and in a sandbox that may fail."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from evaluation.calibration.clock import simulate
from policies.protocol import Execute
from policies.values import Candidate, Output
from router.plan.executing import AT_ONCE, MOST, SandboxExecutor, Trials, within
from router.request import TextPrompt
from sandbox import Execution, Limits, QueueFull
from sandbox import Output as Given


def prompt(*lines: str) -> TextPrompt:
    shown = "".join(f"    {line}\n" for line in lines)
    return TextPrompt(f'def f(*a, **k):\n    """What it does.\n{shown}    """\n')


@pytest.mark.parametrize(
    "lines",
    [
        (">>> f(n=3, k=2)", "9", ">>> f(k=2, n=3)", "8"),
        (">>> f({1: 2, 3: 4})", "1", ">>> f({3: 4, 1: 2})", "2"),
        (">>> f({0, 8})", "1", ">>> f({8, 0})", "2"),
    ],
    ids=["keywords", "keys", "members"],
)
def test_examples_of_one_call_written_in_two_ways_are_of_one_input(lines: tuple[str, ...]) -> None:
    trials = Trials.of(prompt(*lines), "f")
    assert len(trials.examples) == 2
    assert {example.call for example in trials.examples} == {trials.inputs[0]}


def test_what_the_sandbox_cannot_be_handed_is_left_out() -> None:
    deep = "[" * 160 + "]" * 160
    trials = Trials.of(prompt(f">>> f({deep})", "1", ">>> f(2)", "4"), "f")
    assert [example.call for example in trials.examples] == ["f(2)"]


def test_without_what_is_shown_there_are_inputs_all_the_same() -> None:
    trials = Trials.of(prompt(">>> f(2)", "4"), "f", shown=False)
    assert trials.examples == ()
    assert trials.inputs


def test_types_that_no_set_can_hold_are_tried_all_the_same() -> None:
    asked = TextPrompt("def f(a: Set[Set[int]], b: Dict[Set[str], int], c: Set[dict]):\n")
    trials = Trials.of(asked, "f")
    assert any("frozenset" in text for text in trials.inputs)


def test_an_operator_s_caps_bind() -> None:
    caps = Limits(wall_s=0.5, memory_bytes=2**26, processes=8, total_s=2.0)
    found = within(caps)
    assert (found.wall_s, found.memory_bytes, found.processes) == (0.5, 2**26, 8)
    assert found.total_s == 2.0
    assert within(Limits()) == MOST


@dataclass
class Sandbox:
    """Runs programs that say how long they take, and some of which it has no place for."""

    running: int = 0
    most: int = 0
    sources: list[str] = field(default_factory=list)

    async def execute(self, execution: Execution, limits: Limits) -> tuple[Given | None, ...]:
        assert limits == MOST
        self.running += 1
        self.most = max(self.most, self.running)
        self.sources.append(execution.source)
        try:
            await asyncio.sleep(60 if "slow" in execution.source else 0.01)
            if "full" in execution.source:
                raise QueueFull("as many runs are waiting as may")
            return tuple(Given("4", returned=True) for _ in execution.inputs)
        finally:
            self.running -= 1


def candidates(*texts: str) -> tuple[Candidate, ...]:
    return tuple(Candidate(at, "m", text, "stop") for at, text in enumerate(texts))


def executed(
    sandbox: Sandbox, *texts: str, within_s: float = 5.0
) -> dict[int, tuple[Output | None, ...]]:
    asked = prompt(">>> f(2)", "4")
    trials = Trials.of(asked, "f")
    told = dict[int, tuple[Output | None, ...]]()
    executor = SandboxExecutor(sandbox, asked, trials)  # type: ignore[arg-type]
    command = Execute(candidates(*texts), trials.inputs[:2])

    async def run() -> None:
        try:
            async with asyncio.timeout(within_s):
                await executor.execute(command, told.__setitem__)
        except TimeoutError:
            pass

    simulate(run())
    return told


def test_what_has_ended_by_a_deadline_was_told() -> None:
    sandbox = Sandbox()
    told = executed(sandbox, "    return 4\n", "    slow\n", "    return 2 + 2\n", within_s=1.0)
    assert told == {at: (Output("4"), Output("4")) for at in (0, 2)}
    assert sandbox.running == 0


def test_equal_answers_are_run_once_and_only_so_many_at_a_time() -> None:
    sandbox = Sandbox()
    texts = [f"    return {at % 12}\n" for at in range(24)]
    told = executed(sandbox, *texts)
    assert len(told) == 24
    assert len(sandbox.sources) == len(set(sandbox.sources)) == 12
    assert sandbox.most == AT_ONCE


def test_where_the_sandbox_has_no_place_nothing_was_given() -> None:
    told = executed(Sandbox(), "    full\n", "    return 4\n")
    assert told == {0: (None, None), 1: (Output("4"), Output("4"))}
