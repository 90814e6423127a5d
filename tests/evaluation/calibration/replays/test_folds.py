from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.calibration.replays.folds import CannotSplit, folds


@given(st.integers(2, 60), st.integers(2, 9), st.text(max_size=3))
def test_folds_are_of_nearly_equal_size_and_do_not_depend_on_the_order(problems, count, split):
    tasks = [f"t/{at}" for at in range(problems)]
    if count > problems:
        with pytest.raises(CannotSplit):
            folds(tasks, count, split)
        return
    found = folds(tasks, count, split)
    sizes = Counter(found).values()
    assert len(sizes) == count
    assert max(sizes) - min(sizes) <= 1
    backwards = folds(tasks[::-1], count, split)
    assert dict(zip(tasks, found, strict=True)) == dict(zip(tasks[::-1], backwards, strict=True))


def test_another_word_splits_otherwise():
    tasks = [f"t/{at}" for at in range(50)]
    assert folds(tasks, 5, "a") != folds(tasks, 5, "b")
