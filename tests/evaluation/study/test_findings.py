"""Claims restated: what decides them, and that they are left open where data lacks."""

from dataclasses import replace

import numpy as np
import pytest
from study_pools import LARGE, OTHER, RATES, SMALL, pool, study

from evaluation.statistics import Estimate
from evaluation.study import restated as claims
from evaluation.study.costs import TITLES
from evaluation.study.evidence import TwoPools, gather
from evaluation.study.findings import findings
from evaluation.study.restated import Finding
from evaluation.study.samples import Draws, StudyPool
from policies.cost import FlatRate


def evidence_of(*pools):
    (evidence,) = gather(pools, RATES)
    return evidence


def found_by_id(*pools):
    return {finding.claim.id: finding for finding in findings(evidence_of(*pools))}


def counted(model, n, passes, greedy=(), dataset="humaneval", seconds=None):
    draws = {f"t/{at}": Draws.counted(n, c) for at, c in enumerate(passes)}
    answers = {f"t/{at}": Draws(np.array([p])) for at, p in enumerate(greedy)}
    return StudyPool(model, dataset, draws, answers, RATES.get(model), seconds)


@pytest.fixture(scope="module")
def whole():
    return found_by_id(*study(problems=16))


def test_every_claim_is_decided_on_a_whole_study(whole):
    assert len(whole) == 10
    assert [claim for claim, finding in whole.items() if finding.holds is None] == []
    for finding in whole.values():
        written = finding.to_json()
        assert written["holds"] is finding.holds
        if "most" not in written:
            assert written["measured"]["value"] == min(
                entry["value"] for entry in written["detail"].values()
            )


def test_what_decides_names_its_basis_in_words(whole):
    for name in ("small-ahead-at-all-budgets", "greedy-of-larger-beats-ranking"):
        for basis, words in TITLES.items():
            assert any(words in label for label in whole[name].detail), basis


def test_only_one_family_is_compared(whole):
    for name in ("pass-at-k-grows-with-size", "small-samples-match-greedy-of-larger"):
        assert not any(OTHER in label for label in whole[name].detail)


def test_a_stronger_small_model_is_ahead_and_size_does_not_help():
    found = found_by_id(
        counted(SMALL, 16, [16] * 9, greedy=[1] * 9), counted(LARGE, 8, [2] * 9, greedy=[0] * 9)
    )
    assert found["small-ahead-at-all-budgets"].holds
    assert found["small-samples-match-greedy-of-larger"].holds
    assert found["gain-of-15-over-one-large-sample"].holds
    assert found["pass-at-k-grows-with-size"].holds is False
    assert found["pass-at-k-grows-with-size"].sure


def test_a_weaker_small_model_is_behind():
    found = found_by_id(
        counted(SMALL, 16, [1] * 9, greedy=[0] * 9, seconds=1.0),
        counted(LARGE, 8, [8] * 9, greedy=[1] * 9, seconds=2.0),
    )
    assert found["pass-at-k-grows-with-size"].holds
    for name in (
        "small-ahead-at-all-budgets",
        "gap-of-5-to-15-at-small-budgets",
        "small-samples-match-greedy-of-larger",
        "gain-of-15-over-one-large-sample",
        "sixty-percent-at-a-quarter-of-the-time",
    ):
        assert found[name].holds is False, name


def test_a_claim_about_time_is_decided_on_time_alone():
    solved = {"passes": [8] * 9, "greedy": [1] * 9}
    untimed = found_by_id(counted(SMALL, 8, **solved), counted(LARGE, 8, **solved))
    assert untimed["sixty-percent-at-a-quarter-of-the-time"].holds is None
    timed = found_by_id(
        counted(SMALL, 8, **solved, seconds=1.0), counted(LARGE, 8, **solved, seconds=5.0)
    )
    assert timed["sixty-percent-at-a-quarter-of-the-time"].holds
    assert len(timed["sixty-percent-at-a-quarter-of-the-time"].detail) == 1


@pytest.mark.parametrize(
    ("value", "holds"), [(0.04, False), (0.05, True), (0.15, True), (0.25, False)]
)
def test_a_gap_is_within_5_to_15_points_as_on_the_papers_own_tables(value, holds):
    other = Estimate(0.1, 0.09, 0.11)
    decides = Estimate(value, value - 0.01, value + 0.01)
    finding = Finding(claims.GAP, "d", {"this": decides, "other": other})
    assert finding.holds is holds
    assert finding.measured is decides
    assert finding.sure is (not holds and value > 0.2)
    assert finding.to_json()["most"] == 15.0


def test_ranking_that_is_right_improves_and_beats_greedy():
    drawn = pool(SMALL, n=12, problems=12)
    for draws in drawn.draws.values():
        draws.generations.nll[SMALL][:] = np.where(draws.passed, 0.1, 0.9)
    found = found_by_id(drawn)
    assert found["ranking-improves-with-k"].holds
    wrong = pool(SMALL, n=12, problems=12)
    for draws in wrong.draws.values():
        draws.generations.nll[SMALL][:] = np.where(draws.passed, 0.9, 0.1)
    assert found_by_id(wrong)["ranking-improves-with-k"].holds is False


def test_what_lacks_data_is_not_decided_and_says_what_it_needs():
    found = found_by_id(counted(SMALL, 8, [1, 2, 3]))
    assert {finding.holds for finding in found.values()} == {None}
    assert {finding.sure for finding in found.values()} == {None}
    assert all(finding.claim.needs for finding in found.values())
    other = found_by_id(counted(SMALL, 8, [8] * 3, dataset="mbpp"))
    assert other["sixty-percent-at-a-quarter-of-the-time"].holds is None


def test_a_capped_budget_decides_nothing():
    found = found_by_id(counted(SMALL, 4, [0] * 5), counted(LARGE, 4, [4] * 5, greedy=[1] * 5))
    assert found["small-samples-match-greedy-of-larger"].holds is None


@pytest.mark.parametrize(
    ("low", "value", "high", "holds", "sure"),
    [
        (0.01, 0.02, 0.03, True, True),
        (-0.01, 0.02, 0.03, True, False),
        (-0.03, -0.02, -0.01, False, True),
        (-0.03, -0.02, 0.01, False, False),
    ],
)
def test_an_interval_over_the_bound_leaves_it_unsure(low, value, high, holds, sure):
    finding = Finding(claims.SIZE, "d", {"this": Estimate(value, low, high)})
    assert finding.holds is holds
    assert finding.sure is sure


def test_two_pools_of_one_model_are_an_error():
    with pytest.raises(TwoPools, match=f"made/{SMALL}, made/{SMALL}"):
        list(gather([pool(SMALL), pool(SMALL)], RATES))


def test_notes_count_what_is_left_out():
    partial = pool(LARGE, n=[8] * 38 + [3, 0], greedy=False)
    evidence = evidence_of(pool(SMALL, n=1), partial)
    few = "40 of 40 problems have fewer than 2 samples: too many for a curve"
    assert f"{SMALL}, pass@k: {few}." in evidence.notes
    assert f"{LARGE}, pass@k: 1 of 40 problems have no judged sample." in evidence.notes
    assert f"{LARGE}, pass@k: 1 of 39 problems have fewer than 8 samples." in evidence.notes
    assert f"{LARGE}: no greedy answers, so no star." in evidence.notes


def test_notes_count_what_a_ranker_did_not_score():
    drawn = pool(SMALL, n=8, problems=10, rankers=(SMALL, LARGE, OTHER), scored=5)
    made = [draws.generations for draws in drawn.draws.values()]
    for one in made:
        one.nll[OTHER][:] = one.nll[SMALL]
    for one in made[:3]:
        one.nll[LARGE][1] = one.nll[OTHER][1] = np.inf
    notes = evidence_of(drawn).notes
    assert (
        f"{SMALL}: {LARGE} scored 47 of 80 samples; 3 empty answers are ranked last; "
        "30 are left out of what it ranks."
    ) in notes
    assert f"{SMALL}: {OTHER} scored 77 of 80 samples; 3 empty answers are ranked last." in notes
    assert not any(note.startswith(f"{SMALL}: {SMALL} scored") for note in notes)


def test_models_of_unknown_size_are_neither_small_nor_large():
    small = counted("mine-13b", 8, [1] * 9, greedy=[0] * 9, seconds=3.0)
    large = counted("mine-7b", 8, [8] * 9, greedy=[1] * 9, seconds=2.0)
    known = evidence_of(*(replace(one, rate=FlatRate(n)) for one, n in ((small, 13), (large, 7))))
    assert list(known.pairs()) == [("mine-7b", "mine-13b")]
    unknown = evidence_of(*(replace(one, rate=None) for one in (small, large)))
    assert list(unknown.pairs()) == []
    assert unknown.duels == ()
    assert any("nor whether it is the larger of two" in note for note in unknown.notes)


def test_notes_count_greedy_answers_and_name_strangers():
    whole = pool(LARGE, n=4, problems=10)
    partial = replace(whole, greedy=dict(list(whole.greedy.items())[:7]))
    stranger = counted(OTHER, 4, [1, 2])
    notes = evidence_of(partial, pool(SMALL, n=4, problems=10), stranger).notes
    assert f"{LARGE}: 7 of 10 problems have a judged greedy answer." in notes
    alone = "2 of 2 problems are in no other pool, and in no comparison"
    assert f"{OTHER}: {alone}." in notes
    assert sum(alone in note or "judged greedy" in note for note in notes) == 2
    unjudged = replace(pool(SMALL, n=0), greedy={})
    assert not any(alone in note for note in evidence_of(whole, unjudged).notes)
    greedy_only = evidence_of(replace(whole, draws={})).notes
    assert not any("log-probabilities" in note for note in greedy_only)


def test_problems_of_one_pool_alone_and_second_greedy_answers_are_counted():
    small, large = pool(SMALL, n=4, problems=10), pool(LARGE, n=4, problems=6)
    twice = replace(large, greedy={task: Draws.counted(3, 1) for task in large.greedy})
    notes = evidence_of(small, twice).notes
    assert f"{SMALL}: 4 of 10 problems are in no other pool, and in no comparison." in notes
    more = "12 answers at temperature 0 are left out: the first to a problem counts"
    assert f"{LARGE}: {more}." in notes
