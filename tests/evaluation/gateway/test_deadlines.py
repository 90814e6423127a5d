"""Answers under deadlines, as a table."""

import pytest

from evaluation.gateway import deadlines
from evaluation.gateway.results import Header, Results, ResultWriter


def answer(task, latency_s, verdict="passed", text="x"):
    return {
        "task_id": task,
        "verdict": verdict,
        "text": text,
        "latency_s": latency_s,
        "commands": [],
        "error": None,
    }


RECORDS = (
    answer("a", 0.090),
    answer("b", 0.100),
    answer("c", 0.110, "failed"),
    answer("d", 0.150, "failed", text=""),
    {"task_id": "e", "error": {"code": "overloaded", "message": ""}},
)


def results(deadline_ms=100.0, records=RECORDS):
    return Results(Header({"label": "r|1", "deadline_ms": deadline_ms}, ("m",), {}), records)


def test_a_row_has_passes_times_and_how_far_they_were_over():
    row = deadlines.row(results())
    assert (row.n, row.errors, row.empty) == (5, 1, 1)
    assert row.pass_rate.value == 2 / 5
    assert row.p50_ms == pytest.approx(105)
    assert row.over_p50_ms == pytest.approx(5)
    assert row.over_most_ms == pytest.approx(50)
    assert row.over_p99_ms == pytest.approx(50, rel=0.05)
    table = deadlines.to_markdown([row])
    assert table.splitlines()[2].startswith(r"| r\|1 | 100 | 40.0 (")
    assert row.deadline_ms == 100


def test_a_run_of_errors_has_no_times():
    row = deadlines.row(results(records=RECORDS[-1:]))
    assert row.p50_ms is None
    assert "| - |" in deadlines.to_markdown([row])


@pytest.mark.parametrize("run", [results(None), results(records=())])
def test_a_run_without_a_deadline_or_records_has_no_row(run):
    with pytest.raises(ValueError, match="no records or no deadline"):
        deadlines.row(run)


def test_the_unit_of_deadlines_is_the_median_of_a_run(tmp_path):
    path = tmp_path / "run.jsonl"
    with ResultWriter(path, results().header) as writer:
        with pytest.raises(ValueError, match="no answers yet"):
            deadlines.median_seconds(path)
        for record in RECORDS:
            writer.append(record)
    assert deadlines.median_seconds(path) == pytest.approx(0.105)


def test_the_command_makes_the_table_of_recorded_runs(cli, tmp_path):
    path = tmp_path / "run.jsonl"
    with ResultWriter(path, results().header) as writer:
        for record in RECORDS:
            writer.append(record)
    result = cli("evaluate", "table", "--deadlines", path)
    assert result.exit_code == 0, result.output
    assert result.stdout == deadlines.to_markdown([deadlines.row(results())])
    assert cli("evaluate", "table", "--deadlines", "--json", path).exit_code == 2
