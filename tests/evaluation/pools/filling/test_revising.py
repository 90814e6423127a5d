"""What is left over, and how it is asked again: the attempt, the test that failed, the function."""

import ast
import asyncio
import json
from dataclasses import replace

import fake_upstream
import pool_files as files
import pytest
from fake_upstream import FakeUpstream, answering
from http_world import ScriptedBackend

from evaluation import datasets
from evaluation.datasets import DatasetUnavailable, Problem, own
from evaluation.pools.asked import read_problems
from evaluation.pools.filling.revising import (
    LONGEST,
    AttemptPassed,
    left_over,
    revision,
    revisions,
    statement_at,
    texts_of,
)
from evaluation.pools.schema import Table
from evaluation.pools.store import Pool
from evaluation.pools.view import read_view
from policies.values import Verdict
from router.request import Judgement

CODE = """def check(candidate):
    assert candidate(1) == 1
    assert candidate(
        [1, 2],
    ) == 3, "sum"
    for x in (1, 2):
        y = candidate(x)
        assert y == x

check(total)
"""
TESTS = {"kind": "asserts", "code": CODE, "entry_point": "total"}
PROMPT = 'def total(xs):\n    """Add xs up."""\n'
PROBLEM = Problem("a/0", PROMPT, "total", TESTS, ("\ndef",), "")


def failed(message="", status="failed"):
    return Judgement(Verdict.FAILED, status, message=message)


@pytest.mark.parametrize(
    ("line", "statement"),
    [
        (2, "assert total(1) == 1"),
        (4, "assert total([1, 2]) == 3, 'sum'"),  # anywhere in it
        (7, "y = total(x)"),
        (8, "assert y == x"),
        (10, "check(total)"),
        (9, ""),
        (99, ""),
    ],
)
def test_the_statement_at_a_line_names_the_function_that_is_tested(line, statement):
    assert statement_at(CODE, line) == statement


def test_tests_that_do_not_parse_have_no_statements():
    assert statement_at("assert (", 1) == ""


def test_a_revision_shows_the_attempt_and_the_failed_test_before_the_prompt():
    attempt = "    return xs  # wrong\n"
    asked = revision(PROBLEM, attempt, failed("AssertionError at line 4 of the tests: sum"))
    assert asked.prompt == (
        "# An earlier attempt at total failed:\n#\n# def total(xs):\n#     return xs\n#\n"
        "# This test failed: assert total([1, 2]) == 3, 'sum'\n"
        "# It ended with: AssertionError: sum\n#\n# Below it is done right.\n\n" + PROMPT
    )
    assert asked.frame == PROBLEM.frame  # the answer makes the same program
    assert (asked.tests, asked.stop) == (PROBLEM.tests, PROBLEM.stop)


def test_an_attempt_that_does_not_parse_is_shown_as_it_came():
    asked = revision(PROBLEM, "    return (\n", failed("SyntaxError: x", "error"))
    assert "#     return (\n" in asked.prompt
    assert "# It ended with: SyntaxError: x\n" in asked.prompt
    assert "This test failed" not in asked.prompt


def test_nothing_that_is_told_can_end_the_comment_or_be_endless():
    said = "ValueError at line 2 of the tests: a\ndef evil():\n" + "x" * 9999
    asked = revision(PROBLEM, "    raise ValueError\n", failed(said))
    comment = asked.prompt.removesuffix(PROMPT)
    assert all(line.startswith("#") for line in comment.splitlines() if line)
    assert len(comment) < 2 * LONGEST
    ast.parse(asked.prompt)


def test_a_prompt_of_prose_keeps_the_program_apart():
    problem = Problem("a/0", "Add up.\n", "total", TESTS, (), "", before="")
    asked = revision(problem, "def total(xs):\n    return 0\n", failed())
    assert asked.prompt.endswith("\nAdd up.\n")
    assert asked.before == ""
    assert "# def total(xs):\n#     return 0\n" in asked.prompt


def pools(tmp_path):
    """Of three problems one is solved greedily, one by its second sample, and one is left."""
    greedy = Pool.create(tmp_path / "greedy", files.identity(temperature=0.0, top_p=1.0))
    rows = [files.sample(task, text=f"    return {task!r}\n") for task in files.TASKS]
    judged = [files.verdict(task, passed=task == "a/0") for task in files.TASKS]
    for table, content in ((Table.SAMPLES, rows), (Table.VERDICTS, judged)):
        with greedy.writer(table) as writer:
            writer.append(content)
    sampled = files.write(
        tmp_path / "sampled",
        [files.sample(task, at) for task in files.TASKS for at in range(3)],
        [
            files.verdict(task, at, passed=(task, at) in {("a/1", 1), ("a/2", 2)})
            for task in files.TASKS
            for at in range(3)
        ],
    )
    return sampled, greedy


def test_left_over_is_what_neither_the_greedy_answer_nor_the_first_samples_solved(tmp_path):
    sampled, greedy = pools(tmp_path)
    assert left_over(sampled, greedy, 2) == ("a/2",)
    assert left_over(sampled, greedy, 1) == ("a/1", "a/2")
    assert left_over(sampled, greedy, 3) == ()
    assert left_over(sampled, greedy, 4) == ()  # nobody knows the fourth
    assert texts_of(greedy, ("a/2",)) == {"a/2": "    return 'a/2'\n"}


def test_each_attempt_is_judged_again_for_its_message():
    problems = [Problem(task, PROMPT, "total", TESTS, (), "") for task in files.TASKS]
    attempts = {task: f"    return {at}\n" for at, task in enumerate(files.TASKS)}
    backend = ScriptedBackend(passes=lambda _: False)
    asked = asyncio.run(revisions(problems, attempts, backend, at_once=2))
    assert [one.task_id for one in asked] == list(files.TASKS)
    assert all(f"return {at}\n" in one.prompt for at, one in enumerate(asked))
    assert len(backend.programs) == 3
    with pytest.raises(AttemptPassed, match=r"a/0.*passed now"):
        asyncio.run(revisions(problems[:1], attempts, ScriptedBackend(), at_once=2))


def test_written_problems_are_read_again_as_they_were(tmp_path):
    problems = (PROBLEM, Problem("a/1", "Add.\n", "total", TESTS, (), "x", before="", after="\n"))
    path = tmp_path / "problems.jsonl"
    path.write_text(own.written(problems))
    assert own.read(path) == problems
    assert datasets.content_hash(own.read(path)) == datasets.content_hash(problems)
    with pytest.raises(ValueError, match="gap"):
        own.written([Problem("a/2", "", "f", TESTS, (), "", suffix="x")])
    path.write_text("")
    with pytest.raises(DatasetUnavailable):
        own.read(path)


def revise(cli, server, tmp_path, *more):
    """`evaluate revise` on problems of one's own, of which one is left."""
    config = tmp_path / "models.toml"

    async def run():
        async with fake_upstream.running(server):
            config.write_text(
                f'[models.small]\nengine = "url"\nurl = "{server.url}"\nserver = "llama.cpp"\n'
            )
            return await asyncio.to_thread(
                cli,
                *("evaluate", "revise", tmp_path / "sampled", "--greedy", tmp_path / "greedy"),
                *("--model", "small", "--config", config, "--data", tmp_path / "own.jsonl"),
                *("--out", tmp_path / "revised", "--failed", 2, "--max-tokens", 32, *more),
            )

    return asyncio.run(run())


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """The pools of `pools`, as answers to a file of one's own."""
    problems = [Problem(task, PROMPT, "total", TESTS, ("\nclass",), "") for task in files.TASKS]
    (tmp_path / "own.jsonl").write_text(own.written(problems))
    plain = files.identity
    digest = datasets.content_hash(problems)
    monkeypatch.setattr(files, "identity", lambda **o: plain(dataset_sha256=digest, **o))
    return pools(tmp_path)


def test_the_command_asks_again_what_is_left_and_goes_on_where_it_was(cli, recorded, tmp_path):
    server = FakeUpstream(answering(lambda _call, _index: ["    return", " sum(xs)", "\n"]))
    result = revise(cli, server, tmp_path, "--n", 2)
    assert result.exit_code == 0, result.stderr
    (call,) = server.calls
    assert (call.body["n"], call.body["max_tokens"]) == (2, 32)
    assert call.text.startswith("# An earlier attempt at total failed:\n#\n# def total(xs):\n")
    assert call.text.endswith(PROMPT)
    view = read_view(tmp_path / "revised")
    assert (view.identity.dataset, view.identity.tasks) == ("tiny-revised", ("a/2",))
    assert view.samples == 2
    asked = json.loads((tmp_path / "revised/problems.jsonl").read_text())
    assert asked["prompt"] == call.text
    assert [one.prompt for one in read_problems(Pool.open(tmp_path / "revised"))] == [call.text]

    assert revise(cli, server, tmp_path, "--n", 4).exit_code == 0
    assert [call.body["n"] for call in server.calls] == [2, 2]
    told = result.stdout.splitlines()[-1].split()
    assert cli(*told[1:]).exit_code == 0  # as the command says
    assert read_view(tmp_path / "revised").problems[0].passed.tolist() == [False] * 4


def test_a_pool_of_other_revisions_is_not_gone_on_with(cli, recorded, tmp_path):
    server = FakeUpstream(answering(lambda _call, _index: ["    pass\n"]))
    assert revise(cli, server, tmp_path).exit_code == 0
    result = revise(cli, server, tmp_path, "--failed", 1)
    assert result.exit_code == 1
    assert "revises other problems" in result.stderr


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--failed", 3), "nothing is left"),
        (("--model", "other"), "no model 'other'"),
    ],
)
def test_what_cannot_be_revised_is_said(cli, recorded, tmp_path, more, said):
    result = revise(cli, FakeUpstream(answering(lambda _c, _i: ["x"])), tmp_path, *more)
    assert result.exit_code == 1
    assert said in result.stderr


def test_at_temperature_0_there_is_one_revision_of_each(cli, recorded, tmp_path):
    server = FakeUpstream(answering(lambda _c, _i: ["x"]))
    result = revise(cli, server, tmp_path, "--temperature", 0)
    assert result.exit_code == 2
    assert "give --n 1" in result.stderr
    assert not (tmp_path / "revised").exists()
    assert revise(cli, server, tmp_path, "--temperature", 0, "--n", 1).exit_code == 0


def test_greedy_answers_must_be_greedy_and_of_the_same_problems(cli, recorded, tmp_path):
    sampled = tmp_path / "sampled"
    server = FakeUpstream(answering(lambda _c, _i: ["x"]))
    result = revise(cli, server, tmp_path, "--greedy", sampled)
    assert result.exit_code == 1
    assert "sampled at a temperature" in result.stderr
    greedy = files.identity(temperature=0.0, top_p=1.0)
    Pool.create(tmp_path / "other", replace(greedy, dataset_sha256="e" * 64))
    result = revise(cli, server, tmp_path, "--greedy", tmp_path / "other")
    assert result.exit_code == 1
    assert "answer different data sets" in result.stderr
