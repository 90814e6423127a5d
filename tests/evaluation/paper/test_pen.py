"""Pictures of figures: axes that can be read, panels that fill their rows, a look per model."""

import re

import pytest

from evaluation.paper.figure import Figure, Panel, Point, Series
from evaluation.paper.pen import inline_svg, looks

MODEL = "a-model"


def test_every_model_looks_different():
    looked = looks([str(at) for at in range(36)]).values()
    assert len({(look.colour, look.shape) for look in looked}) == 36


def test_a_colour_that_comes_again_has_another_line():
    looked = list(looks([str(at) for at in range(9)]).values())
    assert {look.line for look in looked[:8]} == {"-"}
    assert (looked[8].colour, looked[8].line) == (looked[0].colour, "--")


@pytest.mark.parametrize("points", [1, 2])
def test_an_interval_is_seen_of_a_lone_point_too(points):
    bare, told = (
        tuple(Point(float(at), 10.0, *interval) for at in range(1, points + 1))
        for interval in ((), (5.0, 15.0))
    )
    drawn = [
        drawn_alone(Panel("a", "k", "solved", (Series(MODEL, MODEL, each),)))
        for each in (bare, told)
    ]
    mark = "opacity: 0.45" if points == 1 else "opacity: 0.13"  # a line, where no band has width
    assert [mark in each for each in drawn] == [False, True]


def drawn_alone(*panels):
    figure = Figure("alone", "Alone", panels, ())
    return inline_svg(figure, looks([MODEL]))


def panel_over(*xs):
    points = tuple(Point(x, 10.0) for x in xs)
    return Panel("a", "TFLOPs", "solved", (Series(MODEL, MODEL, points),))


@pytest.mark.parametrize(
    "xs", [(0.3, 0.5), (1.1, 1.9), (0.51, 3.9), (9.0, 11.0), (5.0, 90.0), (1.0, 3.0), (1.0, 900.0)]
)
def test_an_axis_has_labels_enough_to_be_read(xs):
    ticks = re.findall(r'id="alone-xtick_\d+"', drawn_alone(panel_over(*xs)))
    assert 3 <= len(ticks) <= 10


def test_an_axis_of_k_has_whole_labels():
    for k in (1, 2, 3, 6):
        ks = [float(at) for at in range(1, k + 1)]
        labels = re.findall(r">([\d.]+)</text>", drawn_alone(panel_over(*ks)))
        assert "1" in labels
        assert not any(label.startswith(("1.", "2.")) for label in labels)


@pytest.mark.parametrize(("panels", "columns"), [(1, 1), (2, 2), (3, 3), (4, 2), (5, 3), (6, 3)])
def test_no_row_of_panels_is_nearly_empty(panels, columns):
    assert f"max-width: {25 * columns}rem" in drawn_alone(*[panel_over(1.0, 2.0)] * panels)


def test_every_panel_of_a_large_figure_is_drawn():
    drawn = drawn_alone(*[panel_over(1.0, 2.0)] * 8)
    assert all(f"({letter}) a<" in drawn for letter in "abcdefgh")


def test_a_figure_of_more_panels_than_letters_is_an_error():
    with pytest.raises(ValueError, match="alone has more panels than there are letters"):
        drawn_alone(*[panel_over(1.0, 2.0)] * 27)
