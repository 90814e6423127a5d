"""Selectors that look at what programs do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import task

from policies.protocol import Execute
from policies.selection.choosing import SELECTORS, USUAL, believing
from policies.selection.executions import (
    Agreement,
    Belief,
    ByExamples,
    Majority,
    Results,
    executions,
    share_right,
)
from policies.selectors import LIKELIEST, First, Random, Selector
from policies.values import NLL, Candidate, Example, Output, Task, Verdict

INPUTS = ("f(1)", "f(2)", "f(3)")
EXAMPLES = (Example("f(1)", "1"), Example("f(2)", "4"))


def asked(**fields: object) -> Task:
    return task("small", verifiable=False, **{"inputs": INPUTS} | fields)


def program(at: int, *texts: str | None, nll: float = 0.5, **more: object) -> Candidate:
    """A candidate that gave these results; `!` stands before what was raised."""
    outputs = {
        call: Output(text.removeprefix("!"), not text.startswith("!"))
        for call, text in zip(INPUTS, texts, strict=False)
        if text is not None
    }
    fields = {"outputs": outputs, "scores": {NLL: nll}, "finish_reason": "stop"} | more
    return Candidate(at, "small", f"#{at}", **fields)  # type: ignore[arg-type]


def ids(selector: object, candidates: list[Candidate]) -> list[int]:
    return [each.id for each in selector.order(candidates).candidates]  # type: ignore[attr-defined]


def test_who_agrees_with_most_comes_first() -> None:
    candidates = [
        program(0, "9", "9", "9", nll=0.1),
        program(1, "1", "4", "9", nll=0.4),
        program(2, "1", "4", "9", nll=0.3),
        program(3, "1", "4", "8", nll=0.2),
    ]
    selector = Agreement().of(asked())
    # Two of three results in common with all but the first, which has the last with two.
    assert ids(selector, candidates) == [2, 1, 3, 0]
    assert selector.order(candidates).selected_by == "agreement"


@pytest.mark.parametrize("selector", [Agreement(), Majority(weighted=True), ByExamples()])
def test_an_answer_without_a_token_is_not_the_likeliest_of_all(selector: Selector) -> None:
    """It has no log-probability; where nobody has one, it is as good as any."""
    texts = (("9", "9", "9"), ("1", "4", "9"), ("2", "5", "8"))
    empty, *others = (program(at, *each, nll=0.3) for at, each in enumerate(texts))
    unknown = replace(empty, scores={})
    assert ids(selector.of(asked()), [unknown, *others])[-1] == unknown.id
    none_known = [replace(each, scores={}) for each in (unknown, *others)]
    assert ids(selector.of(asked()), none_known) == [0, 1, 2]


def test_agreement_is_the_mean_share_of_common_results() -> None:
    results = Results.of([program(0, "1", "2"), program(1, "1", "3"), program(2, "1", "2")], INPUTS)
    assert results.inputs == INPUTS[:2]  # nobody returned anything for the last
    assert results.agreement() == {0: 0.75, 1: 0.5, 2: 0.75}


def test_exceptions_are_results_and_who_returned_nothing_comes_last() -> None:
    mute = [program(at, "!ValueError", "!ValueError", "!ValueError", nll=0.0) for at in (0, 1)]
    other = [
        program(2, "1", "2", "!KeyError"),
        program(3, "1", "5", "3"),
        program(4, "7", "8", "3"),
    ]
    assert ids(Agreement().of(asked()), [*mute, *other])[-2:] == [0, 1]


def test_inputs_that_most_programs_refuse_do_not_count() -> None:
    candidates = [
        program(0, "1", "!TypeError", "!TypeError"),
        program(1, "2", "!TypeError", "!TypeError"),
        program(2, "1", "7", "8"),
    ]
    assert Results.of(candidates, INPUTS).inputs == INPUTS[:1]
    assert Results.of(candidates[1:], INPUTS).inputs == INPUTS[:1]  # nor what half of them do
    assert Results.of(candidates[:2], INPUTS[1:]).inputs == INPUTS[1:]  # but where none is left


def test_examples_rank_by_their_share_and_forbid_nothing() -> None:
    candidates = [
        program(0, "1", "5", nll=0.1),
        program(1, "1", "4", nll=0.9),
        program(2, "2", "5", nll=0.0),
    ]
    selector = ByExamples().of(asked(examples=EXAMPLES))
    assert ids(selector, candidates) == [1, 0, 2]
    assert selector.order(candidates).selected_by == "examples"
    assert [share_right(each, EXAMPLES) for each in candidates] == [0.5, 1.0, 0.0]
    assert selector.order(candidates[1:2]).selected_by == "examples"
    new = [replace(each, outputs={}) for each in candidates]
    assert [command.candidates for command in selector.wants(new[:2])] == [tuple(new[:2])]
    assert selector.wants(new[:1]) == ()  # one is chosen in any case


def test_where_examples_tell_nothing_apart_agreement_decides_and_else_likelihood() -> None:
    candidates = [
        program(0, "1", "4", "7", nll=0.1),
        program(1, "1", "4", "9", nll=0.25),
        program(2, "1", "4", "9", nll=0.2),
    ]
    selector = ByExamples().of(asked(examples=EXAMPLES))
    assert ids(selector, candidates) == [2, 1, 0]
    assert selector.order(candidates).selected_by == "agreement"
    unknown = [program(at, nll=1.0 - at / 10) for at in range(3)]
    assert ids(selector, unknown) == ids(LIKELIEST, unknown) == [2, 1, 0]
    assert selector.order(unknown).selected_by == "nll"


BELIEF = Belief(agreed=(-2.0, 4.0), shown=(-5.0, 7.0, 1.0))


@pytest.mark.parametrize("number", [1, 2, 5])
@pytest.mark.parametrize("results", [("2", "5", "9"), ("1", "5", "9"), ("1", "4", "9")])
def test_answers_that_do_the_same_are_believed_by_the_examples_that_they_pass(
    number: int, results: tuple[str, ...]
) -> None:
    selector = believing(BELIEF).of(asked(examples=EXAMPLES))
    alike = [program(at, *results, nll=0.0) for at in range(number)]
    found = selector.order(alike)
    assert found.confidence == BELIEF.of_examples(share_right(alike[0], EXAMPLES), 1.0)
    assert found.selected_by == ("agreement" if number > 1 else "examples")


def test_without_examples_agreement_is_believed() -> None:
    alike = [program(at, "2", "5", "9", nll=0.0) for at in range(2)]
    found = believing(BELIEF).of(asked()).order(alike)
    assert found.confidence == BELIEF.of_agreement(1.0, 1.0)


def test_an_example_that_raises_is_wrong_though_its_text_be_the_same() -> None:
    raised = program(0, "!1", "!4")
    assert share_right(raised, EXAMPLES) == 0


def test_majorities_are_of_programs_that_do_the_same_throughout() -> None:
    candidates = [
        program(0, "1", "4", "7", nll=0.1),
        program(1, "1", "4", "9", nll=3.0),
        program(2, "1", "4", "9", nll=3.0),
        program(3, "2", "4", "7", nll=0.1),
    ]
    assert ids(Majority().of(asked()), candidates) == [1, 2, 0, 3]
    # Two unlikely programs weigh less than a likely one.
    assert ids(Majority(weighted=True).of(asked()), candidates) == [0, 3, 1, 2]


def test_a_selector_wants_what_was_not_run_yet_and_nothing_for_one_alone() -> None:
    run, new = program(0, "1", "4", "9"), program(1)
    selector = Agreement().of(asked())
    assert selector.wants([run, new]) == (Execute((new,), INPUTS),)
    assert selector.wants([run]) == ()
    assert selector.wants([run, program(2, "1", "4", "9")]) == ()
    assert Majority().of(asked()).wants([run, new]) == ()  # of two, none is a majority
    cut = Candidate(3, "small", "de", "", partial=True)
    assert executions([cut], INPUTS) == ()


@pytest.mark.parametrize("name", ["agreement", "majority", "weighted", "examples"])
def test_without_inputs_a_selector_is_what_it_falls_back_on(name: str) -> None:
    assert SELECTORS[name].of(asked(inputs=())) == LIKELIEST
    assert SELECTORS[name].runs_programs
    assert not LIKELIEST.runs_programs


def test_the_usual_one_takes_what_the_task_has() -> None:
    assert USUAL.of(asked(examples=EXAMPLES)).wants([program(0), program(1)]) == (
        Execute((program(0), program(1)), INPUTS),
    )
    assert USUAL.of(asked(inputs=())).wants([program(0), program(1)]) == ()


def test_a_random_order_repeats_for_its_seed() -> None:
    candidates = [program(at) for at in range(9)]
    assert ids(Random(1), candidates) == ids(Random(1), candidates[::-1])
    assert ids(Random(1), candidates) != ids(Random(2), candidates)
    assert ids(First(), candidates[::-1]) == list(range(9))
    assert First().order(candidates).selected_by == "first"


outputs = st.dictionaries(
    st.sampled_from(INPUTS), st.builds(Output, st.sampled_from("abc"), st.booleans())
)


@given(
    st.lists(st.tuples(outputs, st.sampled_from(list(Verdict)), st.booleans()), max_size=7),
    st.sampled_from(sorted(SELECTORS)),
    st.randoms(use_true_random=False),
)
def test_an_order_is_valid_at_every_moment(
    made: list[tuple[Mapping[str, Output], Verdict, bool]], name: str, order: object
) -> None:
    candidates = [
        Candidate(at, "m", "", "stop", scores={NLL: 0.1 * at}, outputs=given, verdict=verdict)
        for at, (given, verdict, _) in enumerate(made)
    ]
    selector = SELECTORS[name].of(asked(examples=EXAMPLES))
    found = ids(selector, candidates)
    assert sorted(found) == list(range(len(candidates)))
    places = [
        (Verdict.PASSED, Verdict.UNVERIFIED, Verdict.FAILED).index(made[at][1]) for at in found
    ]
    assert places == sorted(places)
    shuffled = list(candidates)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert ids(selector, shuffled) == found
