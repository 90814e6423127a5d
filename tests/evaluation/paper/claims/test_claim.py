"""A claim's verdict: what its rule says of the number, and whether its bounds agree."""

import pytest

from evaluation.paper.bounded import Bounded
from evaluation.paper.claims.claim import Claim

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
    known = KNOWN | {"figure": Bounded(*figure)}
    assert Claim.at_least(5, **known).verdict == at_least
    assert Claim.at_most(5, **known).verdict == at_most
    parts = {"one": Bounded(*figure), "two": Bounded.exact(6)}
    found = Claim.every_within(5, 8, detail=parts, **known).verdict
    assert found in {within, f"{within} interpolation only"}
