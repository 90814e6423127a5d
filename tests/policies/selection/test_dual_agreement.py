"""CodeT, B4 and majority: against restatements, exact arithmetic, and their laws."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.selection.dual_agreement import Priors, b4, codet, majority

SELECTORS = (majority, codet, b4)


@st.composite
def matrices(draw, most=6):
    width = draw(st.integers(0, most))
    row = st.lists(st.booleans(), min_size=width, max_size=width)
    return draw(st.lists(row, max_size=most))


@st.composite
def shuffled(draw):
    passes = draw(matrices())
    rows = draw(st.permutations(range(len(passes))))
    columns = draw(st.permutations(range(len(passes[0]) if passes else 0)))
    return passes, rows, [[passes[row][column] for column in columns] for row in rows]


@given(shuffled())
def test_order_of_programs_and_tests_changes_no_score(case):
    passes, rows, again = case
    for scores in SELECTORS:
        before = scores(passes)
        assert scores(again) == tuple(before[row] for row in rows)


@given(matrices())
def test_programs_that_pass_the_same_tests_have_one_score(passes):
    for scores in SELECTORS:
        found = dict[tuple[bool, ...], float]()
        for row, score in zip(passes, scores(passes), strict=True):
            assert found.setdefault(tuple(row), score) == score


@given(matrices())
def test_codet_is_the_product_over_pairs_of_a_consensus_set(passes):
    """As the paper words it: pairs of solution and test, and the sets that they make."""
    pairs = {(i, j) for i, row in enumerate(passes) for j, passed in enumerate(row) if passed}
    for program, score in enumerate(codet(passes)):
        tests = {j for i, j in pairs if i == program}
        alike = [i for i in range(len(passes)) if {j for k, j in pairs if k == i} == tests]
        assert score == pytest.approx(len(alike) ** 0.5 * len(tests))


@given(matrices())
def test_majority_counts_the_programs_that_pass_the_same(passes):
    assert majority(passes) == tuple(float(passes.count(row)) for row in passes)


def beta(a, b):
    """The Beta function of whole numbers, exactly."""
    return Fraction(math.factorial(a - 1) * math.factorial(b - 1), math.factorial(a + b - 1))


def posterior(passes, program, beta_0, alpha_xy):
    """B4 of one program's set in exact arithmetic, written down from its matrices E0 and E1."""
    tests = range(len(passes[0]))
    right = [j for j in tests if passes[program][j]]
    wrong = [j for j in tests if not passes[program][j]]
    inside = [row for row in passes if row == passes[program]]
    outside = [row for row in passes if row != passes[program]]
    e1 = [row[j] for row in outside for j in right]
    e0 = [row[j] for row in outside for j in wrong]
    return (
        beta(len(inside) + alpha_xy, len(outside) + 1)
        * beta(len(right) + alpha_xy, len(wrong) + 1)
        * beta(sum(e1) + 1, len(e1) - sum(e1) + 1)
        * beta(sum(e0) + 1, len(e0) - sum(e0) + beta_0)
    )


@given(matrices(), st.integers(1, 40), st.integers(1, 40))
def test_b4_is_the_logarithm_of_exact_arithmetic(passes, beta_0, alpha_xy):
    scores = b4(passes, Priors(beta_0, alpha_xy))
    for program, score in enumerate(scores):
        exact = posterior(passes, program, beta_0, alpha_xy)
        logarithm = math.log(exact.numerator) - math.log(exact.denominator)
        assert score == pytest.approx(logarithm, rel=1e-9, abs=1e-9)


@given(matrices())
def test_b4_puts_programs_in_the_order_of_exact_arithmetic_at_published_priors(passes):
    """Where logarithms of millions must still tell one pass apart."""
    scores = b4(passes, Priors(10_000, 1_000))
    for one in range(len(passes)):
        for other in range(len(passes)):
            ours = posterior_ratio(passes, one, other)
            if ours > Fraction(1_000_001, 1_000_000):
                assert scores[one] > scores[other]


def rising(start, count):
    return math.prod(range(start, start + count))


def posterior_ratio(passes, one, other):
    """The ratio of two posteriors at priors whose factorials are too large to write down."""

    def relative(program):
        tests = range(len(passes[0]))
        right = [j for j in tests if passes[program][j]]
        wrong = [j for j in tests if not passes[program][j]]
        size = passes.count(passes[program])
        outside = [row for row in passes if row != passes[program]]
        e1 = [row[j] for row in outside for j in right]
        e0 = [row[j] for row in outside for j in wrong]
        return (
            over_prior(size, len(outside), 1_000, 1)
            * over_prior(len(right), len(wrong), 1_000, 1)
            * over_prior(sum(e1), len(e1) - sum(e1), 1, 1)
            * over_prior(sum(e0), len(e0) - sum(e0), 1, 10_000)
        )

    return relative(one) / relative(other)


def over_prior(yes, no, alpha, beta_):
    """B(yes + alpha, no + beta) / B(alpha, beta), by rising factorials."""
    return Fraction(rising(alpha, yes) * rising(beta_, no), rising(alpha + beta_, yes + no))


def test_what_two_programs_agree_on_beats_what_one_passes_alone():
    passes = [[True, True, False], [True, True, False], [False, False, True]]
    for scores in SELECTORS:
        first, second, third = scores(passes)
        assert first == second > third


def test_a_wrong_program_that_passes_what_a_set_fails_speaks_against_that_set():
    """CodeT sees the size and the tests alone, and so has both sets level."""
    passes = [[True, True, False, False], [False, False, True, True], [True, False, True, True]]
    left, right, _ = codet(passes)
    assert left == right
    left, right, _ = b4(passes)
    assert left != right


@pytest.mark.parametrize("scores", SELECTORS)
def test_without_programs_or_tests_nothing_is_preferred(scores):
    assert scores([]) == ()
    assert len(set(scores([[], [], []]))) == 1


@pytest.mark.parametrize("scores", SELECTORS)
def test_where_all_fail_nothing_is_preferred(scores):
    assert len(set(scores([[False, False]] * 3))) == 1


def test_what_passes_nothing_is_last_for_codet():
    assert codet([[False], [False], [True]]) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize("scores", SELECTORS)
def test_rows_of_unequal_length_are_no_matrix(scores):
    with pytest.raises(ValueError, match="same tests"):
        scores([[True], [True, False]])


@pytest.mark.parametrize("wrong", [0, -1, math.inf, math.nan])
def test_a_prior_is_above_zero_and_finite(wrong):
    with pytest.raises(ValueError, match="prior"):
        Priors(beta_0=wrong)
    with pytest.raises(ValueError, match="prior"):
        Priors(alpha_xy=wrong)


def test_hundreds_of_programs_and_tests_stay_finite():
    passes = [[(i * j) % 7 == 0 for j in range(300)] for i in range(200)]
    assert all(map(math.isfinite, b4(passes, Priors(1e6, 1e3))))
