import itertools

from policies.selectors import LIKELIEST, in_order
from policies.values import NLL, Candidate, Verdict


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
    choice = LIKELIEST.order(sorted(best_first, key=lambda c: c.id))
    assert [c.id for c in choice.candidates] == [c.id for c in best_first]
    assert choice.selected_by == "tests"


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
