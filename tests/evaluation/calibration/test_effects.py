"""What a draw does to a particle, against every draw there can be."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.calibration.effects import effects, together
from evaluation.calibration.particles import Arm, Recorded
from policies.ladder import CALL_TOKENS


def recorded(passed: list[bool], tokens: list[float] | None) -> Recorded:
    counted = None if tokens is None else np.array(tokens, np.float64)
    return Recorded(np.array(passed, np.bool_), counted)


def paid(draw: tuple[int, ...], passed: list[bool], tokens: list[float]) -> float:
    """Samples advance in step, and the first to pass ends them all."""
    ends = [tokens[at] for at in draw if passed[at]]
    return sum(min(tokens[at], min(ends, default=np.inf)) for at in draw)


samples = st.lists(
    st.tuples(st.booleans(), st.integers(1, 200)), min_size=1, max_size=4, unique_by=lambda s: s[1]
)


@given(samples, st.integers(1, 3))
def test_tokens_of_a_draw_are_those_of_every_draw_in_the_mean(
    made: list[tuple[bool, int]], width: int
) -> None:
    passed, tokens = [p for p, _ in made], [float(t) for _, t in made]
    every = itertools.product(range(len(made)), repeat=width)
    mean = np.mean([paid(draw, passed, tokens) for draw in every])
    found = effects(Arm((recorded(passed, tokens),)), 3).tokens[0, width]
    assert found == pytest.approx(mean)


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(8, 12)), min_size=2, max_size=6))
def test_more_samples_fail_less_often_and_nothing_is_certain(
    counts: list[tuple[int, int]],
) -> None:
    arm = Arm(tuple(recorded([i < c for i in range(n)], None) for c, n in counts))
    failing = effects(arm, 4).failing
    assert failing.shape == (len(counts), 1 + min(n for _, n in counts))
    assert (failing[:, 0] == 1).all()
    assert ((np.diff(failing) <= 0) & (failing[:, 1:] >= 0)).all()
    order = np.argsort([c / n for c, n in counts], kind="stable")
    rates = np.array([counts[at][0] / counts[at][1] for at in order])
    if len({n for _, n in counts}) == 1 and rates[0] < rates[-1]:
        assert failing[order[0], 1] >= failing[order[-1], 1]


def test_a_problem_that_never_passed_is_not_hopeless_and_one_that_always_did_not_certain() -> None:
    arm = Arm(tuple(recorded([i < c for i in range(8)], None) for c in (0, 4, 8)))
    failing = effects(arm, 4).failing[:, 1]
    assert 0.5 < failing[0] < 1
    assert 0 < failing[2] < 0.5


def test_an_answer_longer_than_a_call_is_cut_and_fails() -> None:
    arm = Arm((recorded([True, True], [10.0, CALL_TOKENS + 1.0]),))
    found = effects(arm, 2)
    assert found.lengths.tolist() == [10.0]
    assert found.failing_tokens[0] == CALL_TOKENS


def test_where_nobody_counted_a_sample_is_one() -> None:
    found = effects(Arm((recorded([True, False], None),)), 3)
    assert found.tokens.tolist() == [[0, 1, 2, 3]]
    assert found.answers is None


def test_parts_are_put_together_for_the_samples_that_all_have() -> None:
    few = effects(Arm((recorded([True, False], [5.0, 9.0]),), (recorded([True], [4.0]),)), 2)
    many = effects(Arm((recorded([True, False, False], [5.0, 9.0, 9.0]),)), 2)
    both = together([few, many])
    assert both.failing.shape == (2, 3)
    assert both.greedy_failing is None
    assert both.lengths.tolist() == [5.0, 5.0]
