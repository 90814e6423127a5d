import itertools
from typing import Any

import pytest
from world import task

from policies.plans.auto import Auto
from policies.plans.best_of_n import BestOfN
from policies.plans.cascade import Cascade
from policies.plans.single import Single
from policies.policy import Policy
from policies.selection.choosing import USUAL
from policies.selection.executions import Agreement
from policies.selection.lever import LEVER, Lever
from policies.selectors import LIKELIEST, Selector, in_order
from policies.values import LOOSE, NLL, REPEATS, TOTAL_NLL, UNPARSED, Candidate, Output, Verdict


def test_candidates_are_ordered_by_verdict_then_wholeness_then_model_then_nll() -> None:
    def candidate(
        at: int, verdict: str, reason: str = "stop", model: str = "small", nll: float | None = 0.5
    ) -> Candidate:
        scores = {} if nll is None else {NLL: nll}
        return Candidate(at, model, "", reason, scores=scores, verdict=Verdict(verdict))

    best_first = [
        candidate(7, "passed", nll=0.9),
        candidate(9, "unverified", model="large", nll=3.0),
        candidate(1, "unverified", nll=0.1),
        candidate(2, "unverified", nll=0.2),
        candidate(3, "unverified", nll=None),
        candidate(4, "unverified", nll=float("nan")),
        candidate(5, "unverified", reason="length", nll=0.0),
        candidate(6, "failed", nll=0.0),
    ]
    choice = LIKELIEST.of(task()).order(sorted(best_first, key=lambda c: c.id))
    assert [c.id for c in choice.candidates] == [c.id for c in best_first]
    assert choice.selected_by == "tests"


@pytest.mark.parametrize("selector", [LIKELIEST, Agreement(), Lever(), USUAL])
@pytest.mark.parametrize("drawn", [*itertools.permutations(("small", "medium", "large"))])
def test_the_strongest_model_s_answer_comes_first_whenever_it_was_drawn(
    selector: Selector, drawn: tuple[str, ...]
) -> None:
    """A plan goes on with a smaller model where the largest has failed after an answer."""
    likely = {"small": 0.1, "medium": 0.2, "large": 3.0}
    candidates = [
        Candidate(
            *(at, model, "", "stop"),
            scores={NLL: likely[model], LEVER: likely[model]},
            outputs={"f(1)": Output("1")},
        )
        for at, model in enumerate(drawn)
    ]
    asked = task("small", "medium", "large", verifiable=False, inputs=("f(1)",))
    ordered = selector.of(asked).order(candidates).candidates
    assert [each.model for each in ordered] == ["large", "medium", "small"]


def test_what_selected() -> None:
    one, two = (Candidate(at, "m", "", "stop", scores={NLL: 0.2 - at / 10}) for at in (0, 1))
    assert LIKELIEST.order([]).selected_by == "none"
    assert LIKELIEST.order([one]).selected_by == "single"
    assert LIKELIEST.order([one, two]).selected_by == "nll"
    assert LIKELIEST.order([one, two]).candidates[0] is two


def test_an_order_is_valid_at_every_moment_and_never_puts_a_failure_before_a_pass() -> None:
    verdicts = (Verdict.FAILED, Verdict.PASSED, Verdict.UNVERIFIED)
    every = [
        Candidate(at, model, "", reason, scores=scores, verdict=verdict)
        for at, (verdict, model, reason, scores) in enumerate(
            itertools.product(verdicts, ("a", "b"), ("stop", "length"), ({}, {NLL: 1.0}))
        )
    ]
    for many in range(len(every) + 1):
        ordered = LIKELIEST.order(every[:many]).candidates
        assert sorted(c.id for c in ordered) == list(range(many))
        places = [(Verdict.PASSED, *verdicts[::2][::-1]).index(c.verdict) for c in ordered]
        assert places == sorted(places)


def test_of_beginnings_alone_the_longest_comes_first_and_they_come_after_nothing_finished() -> None:
    texts = ("ab", "abcd", "abc", "wxyz")
    cut = [Candidate(at, "m", text, "length", partial=True) for at, text in enumerate(texts)]
    choice = LIKELIEST.order(cut)
    assert [c.id for c in choice.candidates] == [1, 3, 2, 0]
    assert choice.selected_by == "longest"
    whole = Candidate(9, "m", "a", "length")
    assert LIKELIEST.order([*cut, whole]).candidates == (whole,)


def test_a_score_of_ones_own_orders_what_the_rule_leaves_open() -> None:
    one, two, three = (
        Candidate(at, "m", "", "length" if at == 2 else "stop", scores={"length": 9.0 - at})
        for at in range(3)
    )
    choice = in_order([one, two, three], lambda c: (c.scores["length"],), "shortest")
    assert [c.id for c in choice.candidates] == [1, 0, 2]
    assert choice.selected_by == "shortest"


def test_likelihood_needs_log_probabilities_and_no_command() -> None:
    assert LIKELIEST.reads_logprobs
    assert LIKELIEST.wants([]) == ()


def fitting(at: int, unparsed: float | None, repeats: float, nll: float, **more: Any) -> Candidate:
    scores = {NLL: nll, REPEATS: repeats} | ({} if unparsed is None else {UNPARSED: unparsed})
    return Candidate(at, "m", "", **{"finish_reason": "stop", "scores": scores} | more)


def test_in_a_gap_what_compiles_comes_first_then_what_does_not_repeat_then_the_likeliest() -> None:
    best_first = [
        fitting(4, 1, 1, 9.0, verdict=Verdict.PASSED),
        fitting(3, 0, 0, 0.5),
        fitting(0, 0, 0, 0.7),
        fitting(2, 0, 1, 0.1),
        fitting(1, 1, 0, 0.2),
        fitting(5, 0, 0, 0.0, finish_reason="length"),
    ]
    choice = USUAL.order(sorted(best_first, key=lambda c: c.id))
    assert [c.id for c in choice.candidates] == [c.id for c in best_first]
    assert choice.selected_by == "tests"
    assert USUAL.order(best_first[1:]).selected_by == "fim"
    two = best_first[4], best_first[1]
    assert USUAL.order(two).candidates == two[::-1]
    assert USUAL.order(two).selected_by == "fim"


def test_loose_ends_weigh_less_than_the_other_faults_and_more_than_the_likelihood() -> None:
    def scored(at: int, nll: float, **scores: float) -> Candidate:
        return Candidate(at, "m", "", "stop", scores={TOTAL_NLL: nll, **scores})

    best_first = [
        scored(4, 9.0, **{UNPARSED: 0, REPEATS: 0, LOOSE: 1}),
        scored(3, 1.0, **{UNPARSED: 0, REPEATS: 0, LOOSE: 2}),
        scored(2, 2.0, **{UNPARSED: 0, REPEATS: 0, LOOSE: 2}),
        scored(1, 0.1, **{UNPARSED: 0, REPEATS: 1, LOOSE: 0}),
        scored(0, 0.1, **{UNPARSED: 1, REPEATS: 0, LOOSE: 0}),
    ]
    choice = USUAL.order(best_first[::-1])
    assert [c.id for c in choice.candidates] == [c.id for c in best_first]
    assert choice.selected_by == "fim"


def test_where_texts_compete_for_one_place_the_whole_likelihood_counts() -> None:
    # The second begins unlikely, and then goes on with what is certain.
    scores = ({NLL: 0.6, TOTAL_NLL: 1.8}, {NLL: 0.4, TOTAL_NLL: 6.0})
    both = [Candidate(at, "m", "", "stop", scores=each) for at, each in enumerate(scores)]
    assert [c.id for c in LIKELIEST.order(both).candidates] == [0, 1]
    averaged = [Candidate(c.id, "m", "", "stop", scores={NLL: c.scores[NLL]}) for c in both]
    assert [c.id for c in LIKELIEST.order(averaged).candidates] == [1, 0]
    assert LIKELIEST.order(both).selected_by == "nll"


def test_where_fit_tells_nothing_apart_the_other_selector_decides() -> None:
    same = [fitting(0, 1, 0, 0.5), fitting(1, 1, 0, 0.2)]
    assert USUAL.order(same) == LIKELIEST.order(same)
    unknown = [fitting(0, None, 0, 0.5), fitting(1, None, 0, 0.2)]
    assert USUAL.order(unknown).selected_by == "nll"
    assert USUAL.order([]) == LIKELIEST.order([])
    assert USUAL.reads_logprobs
    assert USUAL.wants(same) == ()


@pytest.mark.parametrize("policy", [Auto(), BestOfN(), Cascade(), Single()])
def test_every_policy_looks_at_the_gap(policy: Policy) -> None:
    assert policy.selector == USUAL
