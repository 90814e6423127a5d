"""Claims decided on the published tables, and decided otherwise where the tables are other."""

from dataclasses import replace

import pytest

from evaluation.paper.claims.decided import decided_claims
from evaluation.paper.curves import Curve
from evaluation.paper.published import published

NOT_BORNE_OUT = {
    "gap-of-5-to-15-at-small-budgets",
    "humaneval-60-at-a-quarter-of-the-time",
    "llama-3-costs-what-code-llama-costs",
    "13b-best-at-almost-all-apps-budgets",
    "introductory-13b-comparable-to-70b",
    "competition-13b-5-points-above-70b",
    "13b-2-to-4-times-as-efficient-as-70b",
    "7b-slightly-behind-at-larger-budgets",
}
BY_INTERPOLATION_ONLY = {
    "small-ahead-at-all-budgets",
    "efficiency-gap-grows-with-llama-3",
    "introductory-13b-above-34b",
    "introductory-7b-below-larger",
    "interview-7b-below-larger",
    "competition-13b-best-at-all-budgets",
}


def decided(tables=None):
    return {claim.id: claim for claim in decided_claims(tables or published())}


def altered(benchmark, model, percents):
    """The published tables but for some scores of one model: percent by k."""
    tables = published()
    rows = tables.curves[benchmark]
    curve = Curve({**rows[model].points, **percents})
    return replace(tables, curves={**tables.curves, benchmark: {**rows, model: curve}})


def test_each_claim_once_and_what_the_tables_do_not_bear_out():
    claims = decided_claims(published())
    assert len({claim.id for claim in claims}) == len(claims) == 23
    assert {claim.id for claim in claims if not claim.holds} == NOT_BORNE_OUT
    assert {claim.id for claim in claims if not claim.sure} == BY_INTERPOLATION_ONLY


def test_a_quarter_of_the_time_is_nearer_a_third():
    claim = decided()["humaneval-60-at-a-quarter-of-the-time"]
    assert not claim.holds
    assert claim.measured == pytest.approx(0.35, abs=0.005)
    pair = claim.detail["codellama-7b against codellama-70b"]
    assert pair.value == pytest.approx(0.323, abs=0.002)
    assert pair.low < pair.value < pair.high
    assert claim.figure.low > 0.27  # so surely more than a quarter


def test_a_published_point_and_a_chord_refute_that_13b_and_70b_are_comparable():
    # 24 samples of the 70B cost what 128 of the 13B do, whose score is published.
    claim = decided()["introductory-13b-comparable-to-70b"]
    chord = (52.5 + 58.5) / 2
    assert claim.figure.high == pytest.approx(52.8 + 0.05 - (chord - 0.05))
    assert claim.sure
    assert claim.verdict == "no"


def test_means_are_over_budgets_that_the_larger_model_spends_in_full():
    # At budgets in between the 7B would be 0.7 points ahead of the 34B.
    means = decided()["introductory-7b-below-larger"].detail
    assert means["time over codellama-34b"].value == pytest.approx(-0.10, abs=0.01)


def test_the_claims_that_rest_on_one_number_show_it():
    claims = decided()
    assert claims["llama-3-costs-what-code-llama-costs"].measured == pytest.approx(0.136, abs=5e-4)
    assert claims["released-generations"].measured == 1_328_000
    assert claims["pass-at-k-grows-with-size"].measured == pytest.approx(0.1)
    assert claims["7b-competitive-at-small-budgets"].measured == pytest.approx(-0.65, abs=0.01)


@pytest.mark.parametrize(
    ("claim", "benchmark", "model", "percents"),
    [
        ("pass-at-k-grows-with-k", "mbpp", "codellama-34b", {2: 49.0}),
        ("pass-at-k-grows-with-size", "mbpp", "codellama-34b", {1: 42.0}),
        ("small-ahead-at-all-budgets", "mbpp", "llama3-70b", {64: 94.0}),
        ("introductory-13b-above-34b", "apps-introductory", "codellama-34b", {16: 45.0}),
        ("interview-13b-comparable-to-70b", "apps-interview", "codellama-70b", {16: 26.0}),
        ("competition-13b-best-at-all-budgets", "apps-competition", "codellama-70b", {1: 2.8}),
        ("7b-competitive-at-small-budgets", "apps-interview", "codellama-34b", {2: 9.0}),
        ("efficiency-gap-grows-with-llama-3", "humaneval", "llama3-8b", {16: 60.5}),
    ],
)
def test_other_tables_would_refute_it(claim, benchmark, model, percents):
    assert decided()[claim].holds
    assert not decided(altered(benchmark, model, percents))[claim].holds


def test_other_tables_would_bear_it_out():
    tables = altered("humaneval", "codellama-7b", {4: 60.0})
    detail = decided(tables)["humaneval-60-at-a-quarter-of-the-time"].detail
    assert detail["codellama-7b against codellama-70b"].value < 0.25
