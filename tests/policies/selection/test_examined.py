"""Selectors by tests that a model wrote: what they want done, and what they make of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from policies.moves import informed
from policies.protocol import Done as Ended
from policies.protocol import Draw, Event, Execute, Refused, Started, Wait
from policies.selection.choosing import SELECTORS
from policies.selection.examined import SAMPLES, Examined
from policies.selectors import Selector
from policies.values import (
    FAILS,
    HOLDS,
    NLL,
    Candidate,
    Examiner,
    ModelView,
    Output,
    Remaining,
    Task,
)

EXAMINER = Examiner("writer", "# tests of f\nassert", "f", most=16)
TASK = Task((ModelView("small", 10, 16),), 64, inputs=("f(0)",), examiner=EXAMINER)
ASSERTS = ("assert f(1) == 1", "assert f(2) == 4", "assert f(3) == 9")


def candidate(at: int, held: str = "", *, nll: float = 0.5) -> Candidate:
    """It passes the asserts with a `+` and fails those with a `-`; other inputs tell nothing."""
    outputs = {
        test: HOLDS if sign == "+" else FAILS
        for test, sign in zip(ASSERTS, held, strict=False)
        if sign in "+-"
    }
    zero = {"f(0)": Output("0")}
    return Candidate(at, "small", f"#{at}", "stop", 5, {NLL: nll}, {**zero, **outputs})


def ordered(selector: Selector, candidates: Sequence[Candidate]) -> list[int]:
    return [each.id for each in selector.order(candidates).candidates]


@pytest.mark.parametrize("name", ["codet", "b4"])
def test_the_group_that_agrees_best_with_the_tests_comes_first(name: str) -> None:
    selector = SELECTORS[name].of(TASK)
    programs = [candidate(at, held) for at, held in enumerate(("+--", "+++", "+--", "+++", "+--"))]
    choice = selector.order(programs)
    assert [each.id for each in choice.candidates][:2] == [1, 3]
    assert choice.selected_by == name


def test_a_larger_group_outweighs_one_test_more() -> None:
    selector = SELECTORS["codet"].of(TASK)  # 2 x sqrt(3) against 3 x sqrt(1)
    programs = [candidate(0, "+++"), *(candidate(at, "++-") for at in (1, 2, 3))]
    assert ordered(selector, programs)[0] == 1


def test_in_a_group_and_without_tests_the_other_selector_decides() -> None:
    selector = SELECTORS["codet"].of(TASK)
    group = [candidate(0, "+++", nll=0.9), candidate(1, "+++", nll=0.1)]
    assert ordered(selector, group) == [1, 0]
    unknown = [replace(each, outputs={"f(0)": Output("0")}) for each in group]
    assert selector.order(unknown).selected_by == "agreement"
    silent = [replace(each, outputs={}) for each in group]
    assert selector.order(silent).selected_by == NLL
    assert selector.order([]).candidates == ()


def test_a_test_that_came_to_nothing_is_not_passed() -> None:
    selector = SELECTORS["codet"].of(TASK)
    assert ordered(selector, [candidate(0, "+ -"), candidate(1, "+++")]) == [1, 0]


def test_without_anybody_who_writes_tests_it_is_the_other() -> None:
    assert SELECTORS["b4"].of(replace(TASK, examiner=None)).name == "agreement"
    assert SELECTORS["b4"].of(replace(TASK, examiner=None, inputs=())).name == NLL
    assert Examined().wants([candidate(0), candidate(1)]) == ()


def test_it_wants_tests_and_then_programs_run_on_them_once() -> None:
    selector = SELECTORS["codet"].of(TASK)
    bare = [candidate(0), candidate(1)]
    draw, run = selector.wants(bare)
    assert isinstance(draw, Draw)
    assert (draw.model, draw.n, draw.prompt, draw.for_tests, draw.verify) == (
        *("writer", SAMPLES, EXAMINER.prompt, True, False),
    )
    assert run == Execute(tuple(bare), ("f(0)",), "f")
    few = SELECTORS["codet"].of(replace(TASK, examiner=replace(EXAMINER, most=2)))
    fewer, _ = few.wants(bare)
    assert isinstance(fewer, Draw)
    assert fewer.n == 2
    assert selector.wants([candidate(0, "+++"), candidate(1, "---")]) == ()
    assert selector.wants([candidate(0)]) == ()
    assert selector.wants([candidate(0), replace(candidate(1), partial=True)]) == ()


@pytest.mark.parametrize(("fits", "asked"), [(8, [8]), (3, [8, 4, 2]), (0, [8, 4, 2, 1])])
def test_fewer_tests_are_asked_for_until_they_fit(fits: int, asked: list[int]) -> None:
    plan = informed(SELECTORS["codet"].of(TASK), [candidate(0), candidate(1)])
    drawn, executed, ticket = list[int](), 0, 0
    event: Event | None = None
    for _ in range(20):
        try:
            command = next(plan) if event is None else plan.send(event)
        except StopIteration:
            break
        match command:
            case Draw(n=n):
                drawn.append(n)
                ticket += 1
                event = Started(ticket, 1.0) if n <= fits else Refused(Remaining(0.0))
            case Execute():
                executed += 1
                ticket += 1
                event = Started(ticket, 0.0)
            case Wait():
                event = Ended(ticket, Remaining())
            case _:
                raise AssertionError(command)
    assert drawn == asked
    assert executed == 1  # whatever became of the tests, the other inputs tell something
