"""Choosing by tests that a model wrote, among made-up answers: what is right of each is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import COST

from evaluation.pools.errors import UnreadablePool
from evaluation.selection.measuring import Way, chosen, draw_flops, needed_answers
from evaluation.selection.recorded import Answers, SelectionProblem, Sight
from evaluation.selection.written.measuring import chosen_by_tests, flops_of_tests
from evaluation.selection.written.recorded import Draws, Examined, Written, examined
from evaluation.selection.written.standing import Standing, told_of
from policies.ladder import CALL_TOKENS
from policies.selection.examined import SAMPLES
from policies.values import FAILS, HOLDS, NLL, Candidate, ModelView, Output, Task
from router.plan.executing import Trials
from router.request import TextPrompt

RIGHT, ALSO, WRONG = "assert f(2) == 4", "assert f(3) == 6", "assert f(2) == 5"
INPUTS = ("f(1)",)
LARGE = (True, True, True, False)


def answers(model: str, first: int, rights: Sequence[bool]) -> Answers:
    """Wrong ones agree with each other, and are likelier: only tests tell them apart."""

    def candidate(at: int, right: bool) -> Candidate:
        outputs = {"f(1)": Output("1" if right else "wrong")}
        scores = {NLL: 0.9 if right else 0.1}
        return Candidate(first + at, model, f"{model} {at}", "stop", 20, scores, outputs)

    made = [candidate(at, right) for at, right in enumerate(rights)]
    passed = frozenset(each.id for each, right in zip(made, rights, strict=True) if right)
    return Answers(100, tuple(made), candidate(len(made), False), passed, passed)


def problem(at: int, small: Sequence[bool], large: Sequence[bool]) -> SelectionProblem:
    models = {"small": answers("small", 0, small), "large": answers("large", 100, large)}
    task = Task(tuple(ModelView(model, 100, 64) for model in models), CALL_TOKENS, inputs=INPUTS)
    seconds = {each.id: 0.01 for of in models.values() for each in of.all}
    tasks = dict.fromkeys(Sight, task)
    return SelectionProblem(f"a/{at}", TextPrompt(""), Trials("f", {}), tasks, models, seconds)


def with_tests(one: SelectionProblem, draws: Draws) -> Examined:
    """Right answers pass the right tests, wrong ones the wrong test."""
    outputs = {
        each.id: {RIGHT: HOLDS, ALSO: HOLDS, WRONG: FAILS}
        if one.passes(each, plus=False)
        else {RIGHT: FAILS, ALSO: FAILS, WRONG: HOLDS}
        for of in one.models.values()
        for each in of.all
    }
    return Examined(one, draws, outputs, dict.fromkeys(outputs, 0.5))


def draws(*checks: tuple[str, ...], prompt_tokens: int = 120, tokens: int = 30) -> Draws:
    return Draws(prompt_tokens, checks, (tokens,) * len(checks))


ALL_RIGHT = draws(*((RIGHT,),) * SAMPLES)
FEW_RIGHT = problem(0, [False, False, False, True, True], [True] * 4)
WRITTEN = Written("small", Sight.USED, {})
WAY = Way("small", "codet", Sight.USED, 5)


@pytest.mark.parametrize("name", ["codet", "b4"])
def test_tests_choose_where_agreement_and_likelihood_err(name: str) -> None:
    one = with_tests(FEW_RIGHT, ALL_RIGHT)
    for rival in ("nll", "agreement"):
        alone = chosen([one.problem], COST, replace(WAY, selector=rival, sight=Sight.NOT_USED))
        assert alone is not None
        assert alone.success.tolist() == [0.0]
    found = chosen_by_tests([one], WRITTEN, COST, replace(WAY, selector=name))
    assert found is not None
    assert (found.success.tolist(), found.plus.tolist()) == ([1.0], [1.0])
    assert (found.oracle.tolist(), found.first.tolist()) == ([1.0], [0.4])
    assert found.seconds.tolist() == pytest.approx([5 * 0.51])


def test_without_a_test_that_can_be_run_it_is_agreement() -> None:
    one = with_tests(FEW_RIGHT, draws(*((),) * SAMPLES))
    found = chosen_by_tests([one], WRITTEN, COST, WAY)
    assert found is not None
    assert found.success.tolist() == [0.0]
    assert found.flops[0] > draw_flops(COST, "small", one.problem.models["small"], 5)


def test_no_more_tests_choose_than_the_gateway_draws() -> None:
    """One sample of nine has the tests that tell: it is not always among the eight."""
    telling = (RIGHT, ALSO), *((WRONG,),) * SAMPLES
    found = chosen_by_tests([with_tests(FEW_RIGHT, draws(*telling))], WRITTEN, COST, WAY)
    always = chosen_by_tests([with_tests(FEW_RIGHT, draws(*telling[:-1]))], WRITTEN, COST, WAY)
    assert found is not None
    assert always is not None
    assert 0.6 < found.success[0] < 1.0
    assert always.success[0] == 1.0


@given(
    st.integers(2, 5),
    st.integers(1, 500),
    st.lists(st.integers(0, 128), min_size=SAMPLES, max_size=20),
    st.sampled_from(["small", "large"]),
    st.sampled_from([Sight.USED, Sight.STRIPPED]),
)
def test_every_draw_is_paid(
    k: int, prompt_tokens: int, tokens: list[int], writer: str, sight: Sight
) -> None:
    """Answers as ever, and tests: their prompt but for what the server has, and every token."""
    made = Draws(prompt_tokens, ((RIGHT,),) * len(tokens), tuple(tokens))
    one, written = with_tests(FEW_RIGHT, made), Written(writer, sight, {})
    found = chosen_by_tests([one], written, COST, Way("small", "codet", sight, k))
    alone = chosen([one.problem], COST, Way("small", "nll", Sight.STRIPPED, k))
    assert found is not None
    assert alone is not None
    paid = float(found.flops[0] - alone.flops[0])
    cached = 99 if (writer, sight) == ("small", Sight.USED) else 0
    mean = COST.draw(writer, prompt_tokens, tokens, cached) - COST.prefill(
        writer, prompt_tokens, cached
    )
    asked = COST.prefill(writer, prompt_tokens, cached) + SAMPLES * mean / len(tokens)
    assert paid == pytest.approx(asked)
    assert paid == pytest.approx(flops_of_tests(one, written, COST, "small"))
    assert paid > 0


def standing(rows: Sequence[Examined], written: Written = WRITTEN) -> Standing:
    large = needed_answers([one.problem for one in rows], COST, "large")
    return Standing([(written, tuple(rows))], ("small", "large"), COST, large)


def test_a_row_says_how_far_it_is_ahead_at_as_many_samples_and_at_as_many_flops() -> None:
    rights = [[False] * 3 + [True] * 2 + [False] * 35, [True] * 39 + [False]]
    examined_ones = [
        with_tests(problem(at, small, LARGE), ALL_RIGHT) for at, small in enumerate(rights)
    ]
    told = list[str]()
    own = standing(examined_ones)
    rows = list(own.rows(lambda _more, note: told.append(note)))
    assert len(told) == own.steps
    (row,) = [
        each
        for each in rows
        if (each.row.model, each.row.selector, each.row.k) == ("small", "codet", 20)
    ]
    equal = {(each.rival, each.equal): each for each in row.against}
    assert set(equal) == {
        (rival, how) for rival in ("nll", "agreement", "examples") for how in ("samples", "flops")
    }
    same, paid = equal["agreement", "samples"], equal["agreement", "flops"]
    assert same.k == 20
    assert 20 < paid.k < 40
    assert same.ahead == pytest.approx(row.row.selected - same.selected)
    assert same.ahead_low <= same.ahead <= same.ahead_high
    assert row.tests_calls == pytest.approx(
        flops_of_tests(examined_ones[0], WRITTEN, COST, "small") / own.large.flops.mean()
    )
    kept = row.to_json()
    assert (kept["tests_by"], kept["tests"], kept["k"]) == ("small", SAMPLES, 20)
    assert len(kept["against"]) == 6


def test_what_no_number_of_samples_costs_is_held_against_nothing_at_equal_flops() -> None:
    one = with_tests(problem(0, [True, True, False], LARGE), ALL_RIGHT)
    rows = [each for each in standing([one]).rows(lambda *_: None) if each.row.model == "small"]
    assert {each.row.k for each in rows} == {3}
    assert {each.equal for row in rows for each in row.against} == {"samples"}


def test_who_saw_no_examples_is_held_against_those_that_see_none() -> None:
    one = with_tests(problem(0, [True, False, True, True, True], LARGE), ALL_RIGHT)
    rows = list(standing([one], replace(WRITTEN, sight=Sight.STRIPPED)).rows(lambda *_: None))
    rivals = {(each.rival, each.examples) for row in rows for each in row.against}
    assert rivals == {("nll", "-"), ("agreement", "stripped")}
    assert {row.row.examples for row in rows} == {"stripped"}


def test_how_many_asserts_are_right_is_told_by_right_programs() -> None:
    some = with_tests(FEW_RIGHT, draws(*((RIGHT, WRONG),) * SAMPLES))
    none = with_tests(problem(1, [False] * 5, [False] * 4), ALL_RIGHT)
    told = told_of(WRITTEN, [some, none])
    assert (told["right"], told["asserts"], told["without_asserts"]) == (0.5, 1.5, 0)
    assert (told["tokens"], told["prompt_tokens"], told["samples"]) == (30, 120, SAMPLES)
    empty = with_tests(FEW_RIGHT, draws(*((),) * SAMPLES))
    assert told_of(WRITTEN, [empty])["right"] is None


def test_only_problems_count_that_all_have_tests_of() -> None:
    problems = [problem(at, [True] * 3, [True] * 3) for at in range(3)]
    pools = [
        Written("small", Sight.USED, {"a/0": ALL_RIGHT, "a/2": ALL_RIGHT}),
        Written("large", Sight.USED, {"a/1": ALL_RIGHT, "a/2": ALL_RIGHT}),
    ]
    found = examined(problems, pools)
    assert [[one.problem.task_id for one in each] for each in found] == [["a/2"], ["a/2"]]
    with pytest.raises(UnreadablePool, match="no problem in common"):
        examined(problems[:1], pools)
    assert np.isfinite(flops_of_tests(found[0][0], pools[0], COST, "small"))
