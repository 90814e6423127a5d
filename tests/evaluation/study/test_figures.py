"""Figures of the study: their data, their pictures, and that the same pools give the same bytes."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from study_pools import LARGE, OTHER, RATES, SMALL, pool, study

from evaluation.paper.pen import draw, inline_svg, looks
from evaluation.study.costs import Basis
from evaluation.study.evidence import gather
from evaluation.study.figures import figures
from evaluation.study.page.render import model_looks


def figures_of(*pools):
    (evidence,) = gather(pools, RATES)
    return evidence, {figure.name: figure for figure in figures(evidence)}


@pytest.fixture(scope="module")
def whole():
    return figures_of(*study(problems=12))


def test_names_and_panels(whole):
    _, drawn = whole
    ranked = [f"rank-humaneval-{m}-{t}" for m in (OTHER, SMALL, LARGE) for t in TREATMENTS]
    assert list(drawn) == ["pass-humaneval", "pass-exact-humaneval", *ranked]
    assert [panel.x_label for panel in drawn["pass-humaneval"].panels] == ["k", "TFLOPs", "seconds"]
    assert len(drawn[ranked[0]].panels) == 5


TREATMENTS = ("discard", "rank-last")


def test_points_are_the_curve_at_its_cost(whole):
    evidence, drawn = whole
    contender = evidence.tests[SMALL]
    for panel, basis in zip(
        drawn["pass-humaneval"].panels, (None, Basis.PAPER, Basis.TIME), strict=True
    ):
        (series,) = (series for series in panel.series if series.model == SMALL)
        assert [point.k for point in series.points] == list(range(1, 13))
        for point in series.points:
            value = 100 * contender.values([point.k]).mean()
            assert point.y == pytest.approx(value, abs=1e-3)
            assert point.low <= point.y <= point.high
            cost = point.k if basis is None else contender.cost(basis)(point.k)
            unit = 1e12 if basis is Basis.PAPER else 1
            assert point.x == pytest.approx(cost / unit, rel=1e-5)


def test_json_has_the_shape_of_the_papers_figures(whole):
    _, drawn = whole
    for figure in drawn.values():
        written = figure.to_json()
        assert {"figure", "title", "panels"} <= set(written)
        for panel in written["panels"]:
            assert {"x_label", "y_label", "series"} <= set(panel)
            for series in panel["series"]:
                assert {"model", "points"} <= set(series)
                xs = [point["x"] for point in series["points"]]
                assert xs == sorted(set(xs))
                assert all({"x", "y", "low", "high", "k"} == set(p) for p in series["points"])


def test_stars_and_dots_are_of_the_generator_and_larger_models(whole):
    _, drawn = whole
    panel = drawn[f"rank-humaneval-{SMALL}-rank-last"].panels[1]
    assert [mark.model for mark in panel.greedy] == [SMALL, LARGE]
    assert [mark.model for mark in panel.single] == [SMALL, LARGE]
    assert {series.ranker for series in panel.series} == {SMALL, OTHER, LARGE}
    assert [mark.model for mark in drawn["pass-humaneval"].panels[0].greedy] == [
        OTHER,
        SMALL,
        LARGE,
    ]


def test_panels_without_a_cost_are_left_out():
    unknown = replace(pool(SMALL, n=4), rate=None, seconds=None)
    _, drawn = figures_of(unknown)
    assert [panel.x_label for panel in drawn["pass-humaneval"].panels] == ["k"]
    assert "pass-exact-humaneval" not in drawn


def test_notes_say_how_many_problems_and_what_discard_hides(whole):
    _, drawn = whole
    assert drawn["pass-humaneval"].notes[1] == f"{SMALL}: 12 problems, k to 12."
    notes = " ".join(drawn[f"rank-humaneval-{SMALL}-discard"].notes)
    assert "generations drawn per one kept" in notes


def test_notes_say_how_many_problems_a_star_is_about():
    drawn = pool(SMALL, n=4, problems=12)
    partial = replace(drawn, greedy=dict(list(drawn.greedy.items())[:7]))
    _, figures = figures_of(partial)
    for name in ("pass-humaneval", f"rank-humaneval-{SMALL}-rank-last"):
        assert figures[name].notes[-1] == f"greedy answers of {SMALL}: 7 problems."


def test_the_same_figure_gives_the_same_bytes(whole, tmp_path):
    evidence, drawn = whole
    figure = drawn["pass-exact-humaneval"]
    looked = looks(evidence.models)
    first, second = (draw(figure, looked, tmp_path / f"{figure.name}{at}") for at in "ab")
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert first[1].read_bytes().startswith(b"\x89PNG")


def test_a_model_looks_the_same_whatever_else_is_drawn():
    alone, _ = figures_of(pool(SMALL, n=4, problems=4))
    among, _ = figures_of(*(pool(model, n=4, problems=4) for model in (OTHER, SMALL, LARGE)))
    elsewhere, _ = figures_of(pool(LARGE, "another", n=4, problems=4))
    seen = {model_looks(given)[SMALL] for given in ([alone], [among], [elsewhere, among])}
    assert len(seen) == 1


def test_inline_svgs_take_the_pages_ink_and_have_their_own_ids(whole):
    evidence, drawn = whole
    looked = looks(evidence.models)
    svgs = [inline_svg(figure, looked) for figure in list(drawn.values())[:2]]
    ids = [found for svg in svgs for found in re.findall(r'\bid="([^"]+)"', svg)]
    assert len(ids) == len(set(ids))
    for svg in svgs:
        root = ET.fromstring(svg)  # noqa: S314 ours
        assert root.get("role") == "img"
        assert root.get("width") is None
        assert "currentColor" in svg
        assert "#010203" not in svg
        for target in re.findall(r'(?:url\(|href=")#([^")]+)', svg):
            assert f'id="{target}"' in svg
