"""Claims decided on the published tables, and decided otherwise where the tables are other."""

from dataclasses import replace

import pytest

from evaluation.paper import claims_apps, claims_popular, contest
from evaluation.paper.bounded import Bounded
from evaluation.paper.claims import Claim
from evaluation.paper.claims_apps import apps_claims
from evaluation.paper.claims_popular import popular_claims
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


def decided():
    return {claim.id: claim for claim in [*popular_claims(), *apps_claims()]}


@pytest.fixture
def altered(monkeypatch):
    """Other tables: `altered(benchmark, model, k=percent, ...)` before the claims are decided."""

    def alter(benchmark, model, **percents):
        tables = published()
        rows = tables.curves[benchmark]
        points = rows[model].points | {int(k[1:]): y for k, y in percents.items()}
        other = replace(tables, curves=tables.curves | {benchmark: rows | {model: Curve(points)}})
        for module in (contest, claims_popular, claims_apps):
            monkeypatch.setattr(module, "published", lambda: other)

    return alter


def test_each_claim_once_and_what_the_tables_do_not_bear_out():
    claims = [*popular_claims(), *apps_claims()]
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
        ("pass-at-k-grows-with-k", "mbpp", "codellama-34b", {"k2": 49.0}),
        ("pass-at-k-grows-with-size", "mbpp", "codellama-34b", {"k1": 42.0}),
        ("small-ahead-at-all-budgets", "mbpp", "llama3-70b", {"k64": 94.0}),
        ("introductory-13b-above-34b", "apps-introductory", "codellama-34b", {"k16": 45.0}),
        ("interview-13b-comparable-to-70b", "apps-interview", "codellama-70b", {"k16": 26.0}),
        ("competition-13b-best-at-all-budgets", "apps-competition", "codellama-70b", {"k1": 2.8}),
        ("7b-competitive-at-small-budgets", "apps-interview", "codellama-34b", {"k2": 9.0}),
        ("efficiency-gap-grows-with-llama-3", "humaneval", "llama3-8b", {"k16": 60.5}),
    ],
)
def test_other_tables_would_refute_it(altered, claim, benchmark, model, percents):
    assert decided()[claim].holds
    altered(benchmark, model, **percents)
    assert not decided()[claim].holds


def test_other_tables_would_bear_it_out(altered):
    altered("humaneval", "codellama-7b", k4=60.0)
    detail = decided()["humaneval-60-at-a-quarter-of-the-time"].detail
    assert detail["codellama-7b against codellama-70b"].value < 0.25


KNOWN = {"id": "x", "where": "", "text": "", "unit": "", "rule": ""}


def test_a_tolerance_favours_the_paper():
    def by(make, value):
        return make(5, figure=Bounded.exact(value), tolerance=0.2, **KNOWN).holds

    assert by(Claim.at_least, 4.9)
    assert not by(Claim.at_least, 4.7)
    assert by(Claim.at_most, 5.1)
    assert not by(Claim.at_most, 5.3)


@pytest.mark.parametrize(
    ("figure", "at_least", "at_most", "within"),
    [
        ((6, 5.5, 7), "yes", "no", "yes"),
        ((6, 4.5, 7), "yes, by interpolation only", "no, by interpolation only", "yes, by"),
        ((4, 3, 4.5), "no", "yes", "no"),
        ((4, 3, 5.5), "no, by interpolation only", "yes, by interpolation only", "no, by"),
        ((9, 8.5, 9.5), "yes", "no", "no"),
        ((9, 7.5, 9.5), "yes", "no", "no, by"),
    ],
)
def test_a_verdict_says_whether_the_bounds_agree(figure, at_least, at_most, within):
    known = KNOWN | {"figure": Bounded(*figure), "tolerance": 0.0}
    assert Claim.at_least(5, **known).verdict == at_least
    assert Claim.at_most(5, **known).verdict == at_most
    parts = {"one": Bounded(*figure), "two": Bounded.exact(6)}
    found = Claim.every_within(5, 8, detail=parts, **known).verdict
    assert found in {within, f"{within} interpolation only"}


def test_numbers_with_bounds_are_combined_to_bounds():
    one, two = Bounded(2, 1, 3), Bounded(4, 4, 8)
    assert Bounded.of(min, [one, two]) == one
    assert Bounded.of(sum, [one, two]) == Bounded(6, 5, 11)
    assert two - one == Bounded(2, 1, 7)
    assert two / one == Bounded(2, 4 / 3, 8)
    assert one.scaled(2) == Bounded(4, 2, 6)
    with pytest.raises(ValueError, match="not within"):
        Bounded(3, 4, 5)
