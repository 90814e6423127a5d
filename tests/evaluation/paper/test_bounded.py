"""Numbers with bounds, combined."""

import pytest

from evaluation.paper.bounded import Bounded


def test_numbers_with_bounds_are_combined_to_bounds():
    one, two = Bounded(2, 1, 3), Bounded(4, 4, 8)
    assert Bounded.of(min, [one, two]) == one
    assert Bounded.of(sum, [one, two]) == Bounded(6, 5, 11)
    assert two - one == Bounded(2, 1, 7)
    assert two / one == Bounded(2, 4 / 3, 8)
    assert one.scaled(2) == Bounded(4, 2, 6)
    with pytest.raises(ValueError, match="not within"):
        Bounded(3, 4, 5)
