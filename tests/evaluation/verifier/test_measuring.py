"""What choosing by a verifier is worth, by one that was made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_answers import LARGE, SMALL, make_pools

from evaluation.architectures import ARCHITECTURES
from evaluation.pools.errors import UnreadablePool
from evaluation.selection.recorded import Sight
from evaluation.verifier.features import FEATURES
from evaluation.verifier.measuring import NAMES, Trial
from evaluation.verifier.model import SHAPES, AnswerVerifier
from evaluation.verifier.recorded import Observed
from evaluation.verifier.table import to_markdown
from policies.cost import CostModel


def verifier(feature: str, weight: float = 9.0) -> AnswerVerifier:
    """Who believes what has more of a feature."""
    weights = {name: np.zeros(shape, np.float32) for name, shape in SHAPES.items()}
    weights["scale"] += 1
    weights["inner"][SHAPES["inner"][0] - len(FEATURES) + FEATURES.index(feature), 0] = 1
    weights["outer"][0] = weight
    return AnswerVerifier((weights,), {})


def trial(folder: Path, believes: AnswerVerifier, problems: int = 6) -> Trial:
    seen = Observed.read(folder, "one", (SMALL, LARGE), make_pools(folder, "one", problems))
    return Trial(seen.problems, seen.readings, believes, CostModel(ARCHITECTURES))


def test_who_is_believed_is_chosen_and_all_choose_from_the_same_sets(tmp_path: Path) -> None:
    steps = list[int]()
    right = trial(tmp_path, verifier("gave_number"))  # only right programs return numbers
    rows = {
        (row.model, row.k, row.selector): row
        for row in right.rows((SMALL, LARGE), (Sight.STRIPPED,), steps.append)
    }
    assert sum(steps) == 2 * 6  # every k is a step, also those for which there are no samples
    assert {key[1] for key in rows} == {1, 3, 5}
    for model in (SMALL, LARGE):
        best = rows[model, 5, "verifier"]
        assert best.selected == best.oracle == rows[model, 5, "lever"].selected
        assert len({rows[model, 1, name].selected for name in NAMES}) == 1
        for name in NAMES:
            row = rows[model, 3, name]
            ahead = rows[model, 3, "lever"].selected - row.selected
            assert row.lever_ahead == pytest.approx(ahead)
            assert row.ahead_low <= row.lever_ahead <= row.ahead_high
            assert row.selected_plus is None  # no second tests were recorded
            (star,) = right.greedy_rows((LARGE,))
            assert row.ahead_of_greedy == pytest.approx(row.selected - star.success)
            assert row.of_greedy_low <= row.ahead_of_greedy <= row.of_greedy_high
    wrong = replace(right, verifier=verifier("gave_number", -9.0))
    (row,) = [
        each
        for each in wrong.rows((SMALL, LARGE), (Sight.STRIPPED,), steps.append)
        if (each.model, each.k, each.selector) == (SMALL, 5, "verifier")
    ]
    assert row.selected < rows[SMALL, 5, "verifier"].selected


def test_a_table_has_a_row_for_each_set_size_and_each_star(tmp_path: Path) -> None:
    made = trial(tmp_path, verifier("agreement"), 3)
    rows = made.rows((SMALL, LARGE), (Sight.STRIPPED,), lambda _: None)
    lines = to_markdown(rows, made.greedy_rows((SMALL, LARGE))).splitlines()
    assert len(lines) == 2 + 2 * 3 + 1 + 2 + 2
    assert lines[2].startswith(f"| {SMALL} | stripped | 1 |")
    assert lines[-1].endswith("| 1.00 |")


def test_without_greedy_answers_of_the_largest_there_is_no_unit(tmp_path: Path) -> None:
    made = trial(tmp_path, verifier("agreement"), 2)
    bare = [
        replace(each, models={**each.models, LARGE: replace(each.models[LARGE], greedy=None)})
        for each in made.problems
    ]
    with pytest.raises(UnreadablePool, match="no greedy answer"):
        replace(made, problems=bare).rows((SMALL, LARGE), (Sight.STRIPPED,), lambda _: None)
