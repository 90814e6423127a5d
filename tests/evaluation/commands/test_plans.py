"""Plans in tables: short enough for a line, and still the same plan."""

import pytest

from evaluation.commands.common.plans import legend, letters_of, short

LETTERS = {"small": "A", "a*odd*one": "B"}


@pytest.mark.parametrize(
    ("plan", "shown"),
    [
        ("small*1", "A*1"),
        ("small*greedy > a*odd*one*4", "A*greedy > B*4"),
        ("small*1 > small*1 > a*odd*one*1 > small*1", "2 times A*1 > B*1 > A*1"),
        ("small*2 > small*2 > small*3", "2 times A*2 > A*3"),
        ("other*1 > other*1", "2 times other*1"),
    ],
)
def test_a_plan_is_short_and_says_the_same(plan, shown):
    assert short(plan, LETTERS) == shown


def test_models_have_letters_in_the_order_of_their_draws():
    letters = letters_of(["b*1 > a*greedy", "a*1 > c*2"])
    assert letters == {"b": "A", "a": "B", "c": "C"}
    assert legend(letters) == "A: b, B: a, C: c"
