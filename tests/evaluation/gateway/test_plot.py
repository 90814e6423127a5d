import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.gateway.comparison import ComparisonRow
from evaluation.gateway.plot import PlotError, plot, spread
from evaluation.statistics import wilson

heights = st.lists(st.floats(0, 100), max_size=12)


@given(heights, st.floats(0.5, 10))
def test_names_are_moved_apart_and_keep_their_order(wanted, gap):
    placed = spread(wanted, gap, most=100)
    assert all(height <= 100 for height in placed)
    stacked = sorted(placed)
    assert all(b - a >= gap - 1e-6 for a, b in itertools.pairwise(stacked))
    for one, other in zip(wanted, placed, strict=True):
        assert abs(one - other) <= gap * len(wanted)
    for a, b in zip(range(len(wanted)), range(1, len(wanted)), strict=False):
        if wanted[a] != wanted[b]:
            assert (placed[a] < placed[b]) == (wanted[a] < wanted[b])


@given(st.lists(st.integers(0, 20), unique=True, max_size=8))
def test_names_that_have_room_stay(wanted):
    assert spread([5.0 * at for at in wanted], 5.0, most=100) == [5.0 * at for at in wanted]


def row(label, flops):
    return ComparisonRow(label, 10, flops, None, wilson(5, 10), 1.0, 1.0, 0, 0, 0, 0.0)


def test_every_label_is_in_the_picture(tmp_path):
    path = tmp_path / "plot.svg"
    plot([row("small", 1e12), row("large", 3e12), row("unknown", None)], path)
    drawn = path.read_text()
    assert "<!-- small -->" in drawn
    assert "<!-- large -->" in drawn
    assert "<!-- unknown -->" not in drawn


def test_nothing_to_draw_is_an_error(tmp_path):
    with pytest.raises(PlotError, match="nothing to draw"):
        plot([row("unknown", None)], tmp_path / "plot.svg")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        plot([row("a", 1e12)], tmp_path / "nowhere" / "plot.svg")
