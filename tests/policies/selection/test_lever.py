"""The selector that a verifier's probabilities weigh for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import task

from policies.protocol import Execute, Rank
from policies.selection.executions import Agreement
from policies.selection.lever import LEVER, Lever
from policies.selectors import LIKELIEST
from policies.values import NLL, Candidate, Output, Task, Verdict

INPUTS = ("f(1)", "f(2)")


def asked(inputs: tuple[str, ...] = INPUTS) -> Task:
    return task("small", verifiable=False, inputs=inputs)


def scored(
    at: int, results: str, right: float | None, likelihood: float = 0.5, **more: object
) -> Candidate:
    """A candidate that gave these results, a letter each; `!` for what raised."""
    outputs = {call: Output(text, text != "!") for call, text in zip(INPUTS, results, strict=False)}
    scores = {NLL: -math.log(likelihood)}
    if right is not None:
        scores[LEVER] = -math.log(right)
    fields = {"model": "small", "outputs": outputs, "scores": scores, "finish_reason": "stop"}
    return Candidate(id=at, text=f"#{at}", **fields | more)  # type: ignore[arg-type]


def ids(candidates: list[Candidate], wanted: Task | None = None) -> list[int]:
    return [each.id for each in Lever().of(wanted or asked()).order(candidates).candidates]


def test_a_group_weighs_the_sum_of_what_its_programs_are_worth() -> None:
    candidates = [
        scored(0, "ab", 0.5, 0.8),  # 0.40, the best alone
        scored(1, "ac", 0.5, 0.5),  # 0.25 and 0.24 together are more
        scored(2, "ac", 0.4, 0.6),
        scored(3, "dd", 0.1, 0.9),
        scored(4, "dd", 0.1, 0.9),
    ]
    assert ids(candidates) == [2, 1, 0, 3, 4]
    assert Lever().of(asked()).order(candidates).selected_by == "lever"


def test_within_a_group_the_likeliest_comes_first_and_who_returned_nothing_last() -> None:
    candidates = [
        scored(0, "!!", 0.9, 0.9),
        scored(1, "ab", 0.9, 0.3),
        scored(2, "ab", 0.1, 0.4),
    ]
    assert ids(candidates) == [2, 1, 0]


def test_what_has_no_score_weighs_nothing_and_where_none_has_the_other_decides() -> None:
    known, unknown = scored(0, "ab", 0.1, 0.1), scored(1, "cd", None, 0.9)
    assert ids([known, unknown]) == [0, 1]
    bare = [scored(0, "ab", None, 0.1), scored(1, "cd", None, 0.9)]
    choice = Lever().of(asked()).order(bare)
    assert [each.id for each in choice.candidates] == [1, 0]
    assert choice.selected_by == "nll"
    agreeing = Lever(otherwise=Agreement()).of(asked())
    assert agreeing.order([*bare, scored(2, "ab", None, 0.1)]).selected_by == "agreement"


def test_an_answer_without_a_token_is_not_the_likeliest_of_all() -> None:
    """It has no log-probability; where nobody has one, the verifier alone decides."""
    empty = replace(scored(0, "dd", 0.6), scores={LEVER: -math.log(0.6)})
    known = [scored(1, "ab", 0.5, 0.4), scored(2, "dd", 0.1, 0.1)]
    assert ids([empty, *known]) == [1, 2, 0]
    assert ids([empty, *(replace(k, scores={LEVER: k.scores[LEVER]}) for k in known)]) == [0, 2, 1]


def test_programs_that_were_not_run_are_no_group() -> None:
    candidates = [scored(0, "", 0.3), scored(1, "", 0.3), scored(2, "ab", 0.5)]
    assert ids(candidates) == [2, 0, 1]


def test_answers_of_the_largest_model_come_first() -> None:
    large = scored(2, "cd", 0.1, 0.1, model="large")
    both = task(verifiable=False, inputs=INPUTS)
    assert ids([scored(0, "ab", 0.9, 0.9), scored(1, "ab", 0.9, 0.9), large], both) == [2, 0, 1]


def test_it_wants_programs_run_and_then_all_of_them_scored() -> None:
    run, new = scored(0, "ab", 0.5), scored(1, "", None)
    selector = Lever().of(asked())
    assert selector.wants([run, new]) == (Execute((new,), INPUTS), Rank(LEVER, (run, new)))
    other = scored(1, "ab", None)
    assert selector.wants([run, other]) == (Rank(LEVER, (run, other)),)
    assert selector.wants([run, scored(1, "ab", 0.1)]) == ()
    assert selector.wants([new]) == ()
    cut = Candidate(3, "small", "de", "", partial=True)
    assert selector.wants([new, cut]) == ()


def test_without_inputs_it_is_what_it_falls_back_on() -> None:
    assert Lever().of(asked(())) == LIKELIEST


made = st.tuples(
    st.dictionaries(
        st.sampled_from(INPUTS), st.builds(Output, st.sampled_from("ab"), st.booleans())
    ),
    st.sampled_from(list(Verdict)),
    st.one_of(st.none(), st.floats(0, 800), st.just(math.inf), st.just(math.nan)),
    st.sampled_from(["stop", "length"]),
)


@given(st.lists(made, max_size=7), st.randoms(use_true_random=False))
def test_an_order_is_valid_at_every_moment(
    drawn: list[tuple[Mapping[str, Output], Verdict, float | None, str]], order: object
) -> None:
    candidates = [
        Candidate(
            at,
            "m",
            "",
            reason,
            scores={NLL: 0.1} if score is None else {NLL: 0.1, LEVER: score},
            outputs=outputs,
            verdict=verdict,
        )
        for at, (outputs, verdict, score, reason) in enumerate(drawn)
    ]
    found = ids(candidates)
    assert sorted(found) == list(range(len(candidates)))
    verdicts = (Verdict.PASSED, Verdict.UNVERIFIED, Verdict.FAILED)
    places = [(verdicts.index(drawn[at][1]), drawn[at][3] == "length") for at in found]
    assert places == sorted(places)
    shuffled = list(candidates)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert ids(shuffled) == found


@given(st.lists(st.floats(0.01, 0.99), min_size=2, max_size=6), st.data())
def test_a_higher_probability_never_puts_a_program_further_back(
    rights: list[float], data: st.DataObject
) -> None:
    results = data.draw(st.lists(st.sampled_from(["aa", "ab"]), min_size=6, max_size=6))
    candidates = [scored(at, results[at], right) for at, right in enumerate(rights)]
    at = data.draw(st.integers(0, len(rights) - 1))
    surer = [*candidates[:at], scored(at, results[at], 1.0), *candidates[at + 1 :]]
    assert ids(surer).index(at) <= ids(candidates).index(at)


@pytest.mark.parametrize("score", [690.0, 800.0, math.inf])
def test_a_program_that_is_surely_wrong_comes_after_what_may_be_right(score: float) -> None:
    wrong = scored(0, "ab", None, scores={LEVER: score, NLL: 0.0})
    assert ids([wrong, scored(1, "cd", 0.01, 0.01)]) == [1, 0]
