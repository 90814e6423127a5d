"""Curves against brute force: every k-subset of a small pool, whatever selects."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from study_pools import LARGE, OTHER, RATES, SMALL, generations, pool

from evaluation.architectures import ARCHITECTURES
from evaluation.statistics import CutTreatment
from evaluation.study.contenders import Contender, by_ranker, by_tests, curve_ks, reach
from evaluation.study.costs import Basis
from evaluation.study.samples import Draws, Generations, Omission, StudyPool

LAST, DISCARD = CutTreatment.RANK_LAST, CutTreatment.DISCARD


def one_problem(passed, *, tokens=None, cut=None, nll=None, copies=1):
    n = len(passed)
    made = Generations(
        100,
        np.array(tokens if tokens is not None else [50] * n),
        np.array(cut if cut is not None else [False] * n),
        {SMALL: np.array(nll if nll is not None else [0.5] * n, dtype=float)},
    )
    draws = {f"t/{copy}": Draws(np.array(passed), made) for copy in range(copies)}
    return StudyPool(SMALL, "d", draws, {}, RATES[SMALL])


samples = st.lists(
    st.tuples(
        st.booleans(),
        st.booleans(),
        st.sampled_from([0.1, 0.2, 0.3, 0.4]),
        st.integers(min_value=1, max_value=90),
    ),
    min_size=4,
    max_size=8,
)


@given(samples)
@settings(deadline=None)
def test_pass_at_k_is_the_share_of_subsets_with_a_pass(rows):
    passed = [row[0] for row in rows]
    contender = by_tests(one_problem(passed))
    assert contender.k_max == len(rows) // 2
    ks = list(range(1, contender.k_max + 1))
    brute = [np.mean([any(subset) for subset in itertools.combinations(passed, k)]) for k in ks]
    assert contender.values(ks)[0] == pytest.approx(brute)


def best(subset):
    """The chance that the best-ranked of a subset passes, equal scores by chance."""
    least = min(score for score, _ in subset)
    tied = [passed for score, passed in subset if score == least]
    return sum(tied) / len(tied)


@given(samples)
@settings(deadline=None)
def test_rank_last_is_the_best_of_each_subset_with_cut_ones_behind(rows):
    passed, cut, nll, tokens = map(list, zip(*rows, strict=True))
    contender = by_ranker(one_problem(passed, tokens=tokens, cut=cut, nll=nll), SMALL, LAST, None)
    scored = [(math.inf if c else s, p) for p, c, s in zip(passed, cut, nll, strict=True)]
    ks = list(range(1, contender.k_max + 1))
    brute = [np.mean([best(subset) for subset in itertools.combinations(scored, k)]) for k in ks]
    assert contender.values(ks)[0] == pytest.approx(brute)
    assert contender.k_max == len(rows) // 2
    assert contender.draws_per_sample == 1


@given(samples)
@settings(deadline=None)
def test_discard_is_the_best_of_each_subset_of_complete_ones(rows):
    passed, cut, nll, tokens = map(list, zip(*rows, strict=True))
    contender = by_ranker(
        one_problem(passed, tokens=tokens, cut=cut, nll=nll), SMALL, DISCARD, None
    )
    kept = [(s, p) for p, c, s in zip(passed, cut, nll, strict=True) if not c]
    if len(kept) < 2:
        assert isinstance(contender, Omission)
        return
    ks = list(range(1, contender.k_max + 1))
    brute = [np.mean([best(subset) for subset in itertools.combinations(kept, k)]) for k in ks]
    assert contender.values(ks)[0] == pytest.approx(brute)
    assert contender.draws_per_sample == pytest.approx(len(rows) / len(kept))


@given(samples)
@settings(deadline=None)
def test_exact_costs_are_the_mean_over_every_draw_of_k(rows):
    passed, _, _, tokens = map(list, zip(*rows, strict=True))
    contender = by_tests(one_problem(passed, tokens=tokens))
    rate = RATES[SMALL]
    for k in range(1, contender.k_max + 1):
        subsets = list(itertools.combinations(tokens, k))
        decoded = np.mean([sum(rate.decode(100, t) for t in subset) for subset in subsets])
        shared = rate.prefill(100) + decoded
        each = k * rate.prefill(100) + decoded
        assert contender.cost(Basis.EXACT_SHARED)(k) == pytest.approx(shared)
        assert contender.cost(Basis.EXACT_EACH)(k) == pytest.approx(each)
        assert contender.cost(Basis.PAPER)(k) == pytest.approx(k * rate.paper())


def test_a_ranker_pays_for_its_pass_and_the_generator_does_not():
    drawn = pool(SMALL, rankers=(SMALL, LARGE), n=8, problems=6)
    own, other = (by_ranker(drawn, name, LAST, RATES[name]) for name in (SMALL, LARGE))
    generator, ranker = RATES[SMALL], RATES[LARGE]
    for basis in (Basis.EXACT_SHARED, Basis.EXACT_EACH):
        extra = other.cost(basis)(3) - own.cost(basis)(3)
        tokens = [draws.generations.tokens for draws in drawn.draws.values()]
        decoded = np.mean([np.mean([ranker.decode(140, int(t)) for t in row]) for row in tokens])
        prompts = 1 if basis is Basis.EXACT_SHARED else 3
        assert extra == pytest.approx(3 * decoded + prompts * ranker.prefill(140))
    assert own.cost(Basis.PAPER)(1) == other.cost(Basis.PAPER)(1) == generator.paper()


def test_a_ranker_of_unknown_size_has_no_exact_cost():
    contender = by_ranker(pool(SMALL, rankers=(SMALL, "mystery")), "mystery", LAST, None)
    assert set(contender.costs) == {Basis.PAPER}


def test_only_samples_that_were_scored_are_ranked():
    contender = by_ranker(pool(n=24, rankers=(SMALL, LARGE), scored=8), LARGE, LAST, None)
    assert contender.k_max == 4
    assert {len(row) for row in contender.verdicts} == {8}


def test_an_empty_answer_is_ranked_behind_and_not_left_out():
    nll = [0.3, math.inf, 0.2, 0.4, math.nan, math.nan]
    ranked = by_ranker(one_problem([True] * 6, nll=nll), SMALL, DISCARD, None)
    assert ranked.scores[0].tolist() == [0.3, math.inf, 0.2, 0.4]


def test_k_goes_to_half_the_samples_that_nine_of_ten_problems_have():
    assert reach([48] * 9 + [0]) == 24
    assert reach([48] * 8 + [6, 0]) == 3
    assert reach([9] * 10) == 4
    assert reach([1] * 10) == 0
    assert reach([]) == 0


def test_a_curve_is_about_the_same_problems_at_every_k_and_counts_the_others():
    sizes = [24] * 18 + [10, 0]
    contender = by_tests(pool(problems=20, n=sizes))
    assert contender.k_max == 12
    assert len(contender.tasks) == 18
    assert [str(omission) for omission in contender.left_out] == [
        "1 of 20 problems have no judged sample",
        "1 of 19 problems have fewer than 24 samples",
    ]
    assert contender.values([1, 12]).shape == (18, 2)
    for k in (0, 13):
        with pytest.raises(ValueError, match=r"within 1\.\.12"):
            contender.values([k])


def test_a_pool_of_single_samples_has_no_curve():
    made = by_tests(pool(n=1))
    assert isinstance(made, Omission)
    assert str(made) == "40 of 40 problems have fewer than 2 samples: too many for a curve"


def test_a_pool_without_a_verdict_has_no_curve():
    made = by_tests(pool(n=0, problems=7))
    assert str(made) == "0 of 7 problems have a judged sample: no curve"


@pytest.mark.parametrize(
    ("treatment", "samples"), [(LAST, "scored samples"), (DISCARD, "complete scored samples")]
)
def test_a_ranker_that_scored_too_few_problems_has_no_curve(treatment, samples):
    drawn = pool(n=6, problems=20, rankers=(SMALL, LARGE))
    for at, draws in enumerate(drawn.draws.values()):
        draws.generations.cut[:] = False
        draws.generations.nll[LARGE][0 if at < 5 else 6 :] = math.nan
    made = by_ranker(drawn, LARGE, treatment, None)
    assert str(made) == f"5 of 20 problems have fewer than 2 {samples}: too many for a curve"


def test_counts_suffice_for_verdicts_and_for_the_papers_cost():
    counted = {f"t/{c}": Draws.counted(10, c) for c in (0, 3, 10)}
    contender = by_tests(StudyPool(SMALL, "d", counted, {}, ARCHITECTURES[SMALL]))
    expected = np.mean([0, 1 - math.comb(7, 5) / math.comb(10, 5), 1])
    assert contender.values([5]).mean() == pytest.approx(expected)
    assert set(contender.costs) == {Basis.PAPER}


@pytest.mark.parametrize("k_max", [1, 2, 7, 16, 17, 24, 100, 1000])
def test_drawn_ks_begin_at_one_and_end_at_the_last(k_max):
    ks = curve_ks(k_max)
    assert ks[0] == 1
    assert ks[-1] == k_max
    assert ks == sorted(set(ks))
    assert set(range(1, min(16, k_max) + 1)) <= set(ks)
    assert len(ks) <= 16 + 8 * max(0, math.ceil(math.log2(k_max / 16))) + 1


def test_fewer_problems_are_those_problems_in_all_columns():
    contender = by_ranker(pool(OTHER, n=8), OTHER, LAST, None)
    part = contender.on(contender.tasks[3:5])
    assert isinstance(part, Contender)
    assert part.values([2]) == pytest.approx(contender.values([2])[3:5])
    for basis, table in part.costs.items():
        assert table.tolist() == contender.costs[basis][3:5].tolist()


def test_arrays_of_other_lengths_are_refused():
    made = generations(np.random.default_rng(0), np.array([True, False]), (SMALL,))
    with pytest.raises(ValueError, match="entries each"):
        Draws(np.array([True]), made)
    with pytest.raises(ValueError, match="entries each"):
        Draws(np.array([], dtype=bool))
    with pytest.raises(ValueError, match="cannot have passed"):
        Draws.counted(3, 4)
