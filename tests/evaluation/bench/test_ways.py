"""The other ways to run programs: each tells right from wrong, and what it took."""

import os
import stat

import pytest

from evaluation.bench.ways import DOCKER_RUNS, Clock, Measured, bare_fork, docker_run, human_eval
from evaluation.bench.workloads import WRONG, Attempt
from evaluation.datasets import humaneval

PROBLEMS = humaneval()[:2]
ATTEMPTS = [
    Attempt(problem, completion, right=right)
    for problem in PROBLEMS
    for completion, right in ((problem.reference, True), (WRONG, False))
]


@pytest.mark.parametrize("way", [bare_fork, human_eval])
def test_a_way_tells_right_from_wrong(way):
    found = way(ATTEMPTS, 2)
    assert (found.verdicts, found.mistaken) == (4, 0)
    assert found.seconds > 0
    assert found.rate == pytest.approx(4 / found.seconds)


@pytest.mark.parametrize("way", [bare_fork, human_eval])
def test_a_verdict_that_is_not_as_it_should_be_is_counted(way):
    lies = [Attempt(a.problem, a.completion, right=not a.right) for a in ATTEMPTS[:2]]
    assert way(lies, 2).mistaken == 2


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """A `docker` that notes how it was called, and runs the program here: ours, both of them."""
    calls = tmp_path / "calls"
    script = tmp_path / "docker"
    script.write_text(f'#!/bin/sh\necho "$@" >> {calls}\nexec python3 -I -\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return calls


def test_a_container_is_started_for_each_of_the_first_programs(docker):
    found = docker_run(ATTEMPTS, 2)
    assert (found.verdicts, found.mistaken) == (4, 0)
    calls = docker.read_text().splitlines()
    assert len(calls) == 4
    assert all(call.startswith("run --rm --interactive --network=none") for call in calls)
    many = docker_run([ATTEMPTS[0]] * (DOCKER_RUNS + 3), 4)
    assert many.verdicts == DOCKER_RUNS


def test_a_clock_compares_verdicts_with_what_is_right():
    found = Clock().measured([True, False, True], [True, True, False])
    assert (found.verdicts, found.mistaken) == (3, 2)
    assert found.busy >= 0
    assert Measured(0, 0, 1.0, 0.0).rate == 0.0
