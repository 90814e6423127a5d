"""What a verifier reads of executions."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.verifier.features import FEATURES, Behaving, annotated_kind, kind_of
from policies.selection.executions import Results
from policies.values import NLL, Candidate, Example, ModelView, Output, Task

INPUTS = ("f(1)", "f(2)", "f(3)", "f(4)")
TASK = Task((ModelView("m", 10, 8),), 64, inputs=INPUTS)


def candidate(at: int, *given: Output | None, **more: object) -> Candidate:
    outputs = {call: each for call, each in zip(INPUTS, given, strict=False) if each is not None}
    fields = {"tokens": 9, "scores": {NLL: 0.1 * at}, "outputs": outputs} | more
    return Candidate(at, "m", f"#{at}", "stop", **fields)  # type: ignore[arg-type]


def told(
    candidates: list[Candidate], task: Task = TASK, kind: str | None = None
) -> list[dict[str, float]]:
    """The features of candidates that are drawn together, by their names."""
    drawn = np.arange(len(candidates))[None]
    (rows,) = Behaving.of(candidates, task, kind).features(drawn)
    return [dict(zip(FEATURES, row.tolist(), strict=True)) for row in rows]


ONE, TWO, TEXT = Output("1"), Output("2"), Output('"a"')
WRONG = Output("TypeError", returned=False)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("True", "bool"),
        ("None", "none"),
        ("-3", "number"),
        ("2.5e+300", "number"),
        ("-inf", "number"),
        ("nan", "number"),
        ('"None"', "str"),
        ("[1, 2]", "sequence"),
        ('{"a": 1}', "mapping"),
        ("<object>", "other"),
        ("", "other"),
    ],
)
def test_kinds_of_results(text: str, kind: str) -> None:
    assert kind_of(text) == kind


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        ("def f(a: int) -> bool:", "bool"),
        ("def f(a: List[int],\n      b) -> List[int]:", "sequence"),
        ("def f(x) -> typing.Dict[str, int]:", "mapping"),
        ("def f(x) -> Optional[int]:", None),
        ("def f(x):", None),
        ("def g(x) -> int:", None),
        ("Write a function f.", None),
    ],
)
def test_the_kind_that_a_head_says(head: str, kind: str | None) -> None:
    assert annotated_kind(head, "f") == kind


def test_shares_of_what_came() -> None:
    row = told([candidate(0, ONE, ONE, TEXT, WRONG), candidate(1, ONE, TWO, TEXT, TEXT)])[0]
    # The last input does not count: not more than half returned there.
    assert row["gave_number"] == pytest.approx(2 / 3)
    assert row["gave_str"] == pytest.approx(1 / 3)
    assert row["raised_type"] == 0
    assert row["returned"] == pytest.approx(1)
    assert row["distinct"] == pytest.approx(2 / 3)
    assert row["agreement"] == pytest.approx(2 / 3)
    assert row["group"] == 0
    assert told([candidate(0, *[WRONG] * 4)])[0]["raised_type"] == pytest.approx(1)


def test_results_of_the_kind_that_is_asked_for() -> None:
    rows = told([candidate(0, ONE, TWO, ONE, TWO), candidate(1, ONE, TEXT, ONE, TWO)], kind="str")
    assert [row["as_asked"] for row in rows] == pytest.approx([0, 0.25])
    assert [row["asks_str"] for row in rows] == [1, 1]


def test_examples_count_where_the_task_has_them() -> None:
    shown = Task(
        TASK.models, 64, examples=(Example("f(1)", "1"), Example("f(2)", "1")), inputs=INPUTS
    )
    row = told([candidate(0, ONE, TWO)], shown)[0]
    assert (row["has_examples"], row["examples_right"]) == (1, 0.5)
    row = told([candidate(0, ONE, TWO)])[0]
    assert (row["has_examples"], row["examples_right"]) == (0, 0)


def test_likelihoods_are_told_beside_those_of_the_others() -> None:
    rows = told([candidate(at, ONE) for at in range(3)])
    assert [row["nll_behind"] for row in rows] == pytest.approx([0, 0.1, 0.2])
    assert [row["nll_above_mean"] for row in rows] == pytest.approx([-0.1, 0, 0.1])


def test_a_set_of_one_and_a_task_without_inputs_have_features_as_well() -> None:
    (row,) = told([candidate(0, ONE, TWO)])
    assert (row["alone"], row["agreement"], row["group"]) == (1, 0, 0)
    bare = Task(TASK.models, 64)
    assert np.isfinite(
        [list(row.values()) for row in told([candidate(0), candidate(1)], bare)]
    ).all()


outputs = st.one_of(st.none(), st.builds(Output, st.sampled_from(["1", "2", '"a"']), st.booleans()))


@given(st.lists(st.lists(outputs, min_size=4, max_size=4), min_size=1, max_size=6))
def test_agreement_and_groups_are_those_that_selectors_see(
    given_: list[list[Output | None]],
) -> None:
    # A program that gave nothing at all was not run, which recorded ones were.
    candidates = [candidate(at, *row, ONE) for at, row in enumerate(given_)]
    candidates = [each for each in candidates if each.outputs]
    if not candidates:
        return
    results = Results.of(candidates, INPUTS)
    rows, sizes = told(candidates), Counter(results.given.values())
    assert np.isfinite([list(row.values()) for row in rows]).all()
    for each, row in zip(candidates, rows, strict=True):
        assert row["agreement"] == pytest.approx(results.agreement()[each.id])
        others = max(len(candidates) - 1, 1)
        assert row["group"] == pytest.approx((sizes[results.given[each.id]] - 1) / others)
        assert row["groups"] == pytest.approx(len(sizes) / len(candidates))
        assert row["mute"] == results.is_mute(each)


@given(st.permutations(range(4)))
def test_the_order_in_which_candidates_come_tells_nothing(order: list[int]) -> None:
    candidates = [
        candidate(0, ONE, TWO),
        candidate(1, ONE),
        candidate(2, TEXT),
        candidate(3, WRONG),
    ]
    behaving = Behaving.of(candidates, TASK, "number")
    straight, other = behaving.features(np.array([range(4), order]))
    assert np.allclose(straight[order], other)
