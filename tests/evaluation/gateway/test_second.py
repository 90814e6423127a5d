"""Second verdicts beside a result file: of what passed, each bound to its text."""

import json

import pytest

from evaluation.datasets import Problem
from evaluation.datasets.plus import SecondTests
from evaluation.gateway import comparison
from evaluation.gateway.results import Header, ResultFileError, ResultWriter, read
from evaluation.gateway.second import judge_again, place, read_second, write_second
from policies.values import Verdict
from router.request import Judgement

PROBLEMS = {task: Problem(task, "", "f", {}, (), "") for task in "abcd"}


def record(task, text, verdict="passed"):
    own = {"text": text, "verdict": verdict, "budget_flops": None, "latency_s": 1.0}
    return {"task_id": task, "commands": [], "error": None} | own


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "run.jsonl"
    with ResultWriter(path, Header({"label": "run", "dataset": "humaneval"}, (), {})) as writer:
        for one in (
            record("a", "right"),
            record("b", "lucky"),
            record("c", "wrong", "failed"),
            record("d", "stuck"),
            record("e", "right"),
        ):
            writer.append(one)
    return path


class Judge:
    """Passes what is right; one answer is too much for its sandbox."""

    def __init__(self):
        self.asked = []

    async def judge(self, problem, text):
        self.asked.append((problem.task_id, text))
        if text == "stuck":
            return Judgement(Verdict.UNVERIFIED, "internal_error")
        return Judgement(Verdict.PASSED if text == "right" else Verdict.FAILED, "passed")


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.mark.anyio
async def test_what_passed_is_run_and_a_row_shows_both(written):
    assert read_second(written, read(written)) is None
    (row,) = comparison.rows([written])
    assert (row.plus, row.false_passes) == (None, None)
    assert "second tests" not in comparison.to_markdown([row])

    judge, told = Judge(), []
    found = await judge_again(read(written), PROBLEMS, judge, told.append)
    assert judge.asked == [("a", "right"), ("b", "lucky"), ("d", "stuck")]
    assert (found.passed, sum(told)) == ({"a": True, "b": False, "c": False}, 4)

    write_second(written, read(written), found)
    assert read_second(written, read(written)) == found
    (row,) = comparison.rows([written])
    assert (row.plus.value, row.false_passes.value) == (1 / 3, 1 / 2)
    assert "| 33.3 (6.1 to 79.2) | 50.0 (9.5 to 90.5) |" in comparison.to_markdown([row])


@pytest.mark.anyio
async def test_a_verdict_on_another_text_counts_no_more(written):
    write_second(
        written, read(written), await judge_again(read(written), PROBLEMS, Judge(), [].append)
    )
    with ResultWriter(written, read(written).header) as writer:
        writer.append(record("a", "another"))
    assert read_second(written, read(written)).passed == {"b": False, "c": False}


@pytest.mark.parametrize("content", ["", "[]", '{"a": 1}', '{"a": ["x"]}'])
def test_what_does_not_read_is_named(written, content):
    place(written).write_text(content)
    with pytest.raises(ResultFileError, match=place(written).name):
        read_second(written, read(written))


def test_the_command_judges_a_result_file(written, cli, monkeypatch):
    problem = Problem("a", "def f():\n", "f", {}, (), "")
    tests = {"kind": "asserts", "code": "assert f() == 1", "entry_point": "f"}
    monkeypatch.setattr("evaluation.datasets.load", lambda _name: (problem,))
    found = SecondTests((Problem("a", "", "f", tests, (), ""),), 2, {"slow": 1}, "e" * 64)
    monkeypatch.setattr("evaluation.datasets.second_tests", lambda _name, _data: found)
    refused = cli("evaluate", "judge", written)
    assert refused.exit_code == 1
    assert "give --tests plus" in refused.output
    with ResultWriter(written, read(written).header) as writer:
        writer.append(record("a", "    return 1\n"))
    result = cli("evaluate", "judge", written, "--tests", "plus")
    assert result.exit_code == 0, result.output
    assert "1 of 1 answers pass the second tests" in result.output
    assert json.loads(place(written).read_text())["a"][1] is True
