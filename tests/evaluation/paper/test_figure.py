"""A figure's JSON: what is known of each point and curve, and nothing else."""

from evaluation.paper.figure import Figure, Mark, Panel, Point, Series


def test_what_is_not_known_is_left_out():
    plain = Series("m", "m", (Point(1.0, 40.0),))
    assert plain.to_json() == {"model": "m", "points": [{"x": 1.0, "y": 40.0}]}
    known = Series("m", "r", (Point(1.0, 40.0, 30.0, 50.0, 2),), "r", 164, "stand-in")
    assert known.to_json() == {
        "model": "m",
        "ranker": "r",
        "problems": 164,
        "cost_stands_in": "stand-in",
        "points": [{"x": 1.0, "y": 40.0, "low": 30.0, "high": 50.0, "k": 2}],
    }


def test_a_figure_has_its_panels_with_their_marks():
    star = Mark("m", Point(1.0, 40.0))
    panel = Panel("pass@k", "k", "solved", (), greedy=(star,))
    written = Figure("name", "A title", (panel,), ("a note",)).to_json()
    assert (written["figure"], written["title"], written["notes"]) == (
        "name",
        "A title",
        ["a note"],
    )
    assert written["panels"] == [
        {
            "title": "pass@k",
            "x_label": "k",
            "y_label": "solved",
            "series": [],
            "greedy": [{"model": "m", "x": 1.0, "y": 40.0}],
            "single": [],
        }
    ]
