"""What selectors are worth, on matrices whose worth is known."""

import json

import pytest

from evaluation.selection.codet.running import Matrix
from evaluation.selection.codet.worth import CHOOSERS, chosen, worth_of
from policies.selection.dual_agreement import codet, majority


def matrix(**changes):
    """Two right solutions that agree on both tests, and one that was written four times."""
    told = {
        "task_id": "made/0",
        "solutions": (2, 0, 1, 2, 2, 2),
        "tests": (3, 1, 1),
        "passes": ("110", "110", "001"),
        "base": (True, True, False),
        "plus": (True, False, False),
        "broken": 0,
    }
    return Matrix(**(told | changes))


def rates(worth):
    return {(one.selector, one.counted, one.tests): one for one in worth.rates}


def test_ties_are_taken_by_chance():
    assert chosen(matrix(), codet, "base", "drawn") == 1.0
    assert chosen(matrix(), codet, "plus", "drawn") == 0.5


def test_what_was_written_often_counts_when_samples_are_counted_as_drawn():
    assert chosen(matrix(), majority, "base", "drawn") == 0.0
    assert chosen(matrix(), majority, "base", "distinct") == 1.0


@pytest.mark.parametrize("name", CHOOSERS)
def test_without_tests_a_choice_is_a_random_one(name):
    bare = matrix(tests=(), passes=("", "", ""))
    assert chosen(bare, CHOOSERS[name], "base", "drawn") == pytest.approx(2 / 6)
    assert chosen(bare, CHOOSERS[name], "base", "distinct") == pytest.approx(2 / 3)


def test_rates_stand_beside_random_first_and_the_best_there_is():
    found = rates(worth_of([matrix(), matrix(base=(False, False, True))], {}))
    assert found["first", None, "base"].rate.value == 0.5
    assert found["random", None, "base"].rate.value == pytest.approx((2 / 6 + 4 / 6) / 2)
    assert found["oracle", None, "base"].rate.value == 1.0
    assert found["codet", "drawn", "base"].rate.value == 0.5
    best = found["oracle", None, "base"]
    assert best.over_random.value == pytest.approx(0.5)
    assert best.over_random.low <= best.over_random.value <= best.over_random.high
    assert best.over_codet.value == 0.5
    assert found["majority", "distinct", "base"].over_codet.value == pytest.approx(
        found["majority", "distinct", "base"].rate.value
        - found["codet", "distinct", "base"].rate.value
    )


def test_second_tests_count_the_problems_that_have_them():
    found = rates(worth_of([matrix(), matrix(plus=None)], {}))
    assert found["codet", "drawn", "base"].problems == 2
    assert found["codet", "drawn", "plus"].problems == 1
    assert found["codet", "drawn", "plus"].rate.value == 0.5
    assert not [one for one in worth_of([matrix(plus=None)], {}).rates if one.tests == "plus"]


def test_a_table_and_a_file_say_what_was_sampled():
    worth = worth_of([matrix()], {"solutions": 6})
    told = json.loads(worth.to_json())
    assert told["sampled"]["solutions"] == 6
    assert told["sampled"]["distinct solutions"] == 3
    assert told["sampled"]["pairs run"] == 9
    assert {row["tests"] for row in told["rates"]} == {"base", "plus"}
    lines = worth.to_markdown().splitlines()
    assert any(line.startswith("| random |  | 33.3 |  | -66.7 (") for line in lines)
    assert "| codet | drawn | 100.0 | +66.7 (+66.7 to +66.7) |  | 50.0 |" in "\n".join(lines)
    assert lines[-1].startswith("solutions: 6; problems: 1; ")
