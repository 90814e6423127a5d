"""`evaluate paper`: the files, their shapes, and that they repeat."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evaluation.cli import app
from evaluation.paper.figures import figures
from evaluation.paper.published import published

NUMBERS = (2, 3, 4, 5, 6, 10, 11)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("paper") / "not" / "there"
    result = CliRunner().invoke(app, ["evaluate", "paper", "--out", str(out)])
    assert result.exit_code == 0, result.output
    return out, result.stdout


@pytest.mark.parametrize("number", NUMBERS)
def test_a_figure_is_data_and_two_pictures(written, number):
    out, _ = written
    stem = out / "figures" / f"figure-{number}"
    figure = json.loads(stem.with_suffix(".json").read_text())
    assert figure["figure"] == number
    assert "linear in log k" in figure["interpolation"]
    models = 2 if number > 6 else 4
    for panel in figure["panels"]:
        assert panel["x_label"]
        assert panel["y_label"]
        assert len(panel["series"]) == models
        for series in panel["series"]:
            assert {"model", "points"} <= set(series)
            xs = [point["x"] for point in series["points"]]
            assert xs == sorted(set(xs))
            assert {frozenset(point) for point in series["points"]} == {
                frozenset({"x", "y", "published"})
            }
    assert stem.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert ET.parse(stem.with_suffix(".svg")).getroot().tag.endswith("svg")  # noqa: S314 ours


def test_published_points_are_the_tables_at_their_cost(written):
    out, _ = written
    figure = json.loads((out / "figures" / "figure-2.json").read_text())
    k_panel, flops, seconds = figure["panels"]
    row = published().curves["humaneval"]["codellama-70b"].points
    for panel, unit in ((k_panel, 1), (flops, 10.41), (seconds, 14.19)):
        points = panel["series"][3]["points"]
        told = {point["x"]: point["y"] for point in points if point["published"]}
        assert told == pytest.approx({k * unit: y for k, y in row.items()})
        assert any(not point["published"] for point in points)


def test_llama_3_is_marked_where_its_cost_stands_in(written):
    out, _ = written
    figure = json.loads((out / "figures" / "figure-10.json").read_text())
    marks = [[series.get("cost_stands_in") for series in p["series"]] for p in figure["panels"]]
    stand_ins = ["codellama-7b", "codellama-70b"]
    assert marks == [[None, None], stand_ins, stand_ins]
    assert any("footnote 3" in note for note in figure["notes"])


def test_claims_are_a_list_with_a_verdict_each(written):
    out, said = written
    claims = json.loads((out / "claims.json").read_text())
    keys = {"id", "text", "measured", "rule", "tolerance", "holds"}
    assert all(keys <= set(claim) for claim in claims)
    assert {type(claim["holds"]) for claim in claims} == {bool}
    assert all(isinstance(claim["measured"], float) for claim in claims)
    assert f"{sum(claim['holds'] for claim in claims)} of {len(claims)} claims hold" in said
    (line,) = (each for each in said.splitlines() if "humaneval-60-at-a-quarter" in each)
    assert " 0.35 (0.30 to 0.53) share of " in line
    assert line.endswith("holds if every share is at most 1/4, ± 0.02")


def test_table_1_is_there(written):
    out, _ = written
    assert len(json.loads((out / "table-1.json").read_text())["rows"]) == 4


def test_measured_seconds_stand_beside_those_of_table_1(cli, tmp_path):
    times = tmp_path / "times.json"
    entries = {
        model: {"seconds_per_sample": seconds, "engine": "an engine", "hardware": "a GPU"}
        for model, seconds in (("codellama-7b", 2.0), ("codellama-34b", 7.0))
    }
    times.write_text(json.dumps({"schema": 2, "datasets": {"humaneval": entries}}))
    result = cli("evaluate", "paper", "--out", tmp_path, "--times", times)
    assert result.exit_code == 0
    rows = json.loads((tmp_path / "table-1.json").read_text())["rows"]
    assert {row["model"]: row["seconds_measured_norm"] for row in rows} == {
        "codellama-7b": 1.0,
        "codellama-13b": None,
        "codellama-34b": 3.5,
        "codellama-70b": None,
    }


def test_a_second_run_writes_the_same_bytes(written, cli, tmp_path):
    out, _ = written
    result = cli("evaluate", "paper", "--out", tmp_path, "--claims-table")
    assert result.exit_code == 0
    files = [path for path in sorted(out.rglob("*")) if path.is_file()]
    assert len(files) == 3 * len(NUMBERS) + 2
    for path in files:
        again = tmp_path / path.relative_to(out)
        assert again.read_bytes() == path.read_bytes(), path.name
    rows = [line for line in result.stdout.splitlines() if line.startswith("| ")]
    assert len(rows) == 1 + 23


def test_a_place_that_cannot_be_written_is_one_line(cli, tmp_path):
    (tmp_path / "file").write_text("")
    result = cli("evaluate", "paper", "--out", tmp_path / "file")
    assert result.exit_code == 1
    assert result.stderr.startswith("budget-router: ")


def test_every_figure_of_the_tables_is_drawn():
    assert [figure.number for figure in figures()] == list(NUMBERS)


def test_the_documentation_shows_what_the_command_prints(cli, tmp_path):
    page = Path(__file__).parents[3] / "docs" / "evaluation" / "paper.md"
    printed = cli("evaluate", "paper", "--out", tmp_path, "--claims-table").stdout
    assert printed.strip() in page.read_text()
