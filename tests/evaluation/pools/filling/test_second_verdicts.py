"""Second verdicts: of what passed the first tests, by tests that chose nothing."""

import asyncio
import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pool_files as files
import pytest
from http_world import ScriptedBackend
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation import datasets
from evaluation.datasets import DatasetUnavailable, Problem, UnknownDataset
from evaluation.datasets.plus import SecondTests, expected
from evaluation.pools import asked
from evaluation.pools.errors import MixedPools, StrayRow, UnreadablePool
from evaluation.pools.filling import judged_by
from evaluation.pools.filling.verdicts import SECOND_LIMITS, Judging
from evaluation.pools.problems import second_problems_of
from evaluation.pools.schema import Table
from evaluation.pools.store import Pool
from evaluation.pools.view import read_view
from sandbox import Integrity, Report, Status

TESTS = {"kind": "asserts", "code": "assert f() == 1", "entry_point": "f"}
PROBLEMS = {task: Problem(task, "def f():\n", "f", TESTS, (), "") for task in files.TASKS}
COVERED = {task: PROBLEMS[task] for task in ("a/0", "a/1")}
GOOD, BAD = "    return 1\n", "    return 2\n"


def judge(pool, backend, problems=COVERED, told=None):
    with pool.writer(Table.PLUS) as writer:
        work = Judging(pool, problems, writer, [].append if told is None else told.append)
        return asyncio.run(work.over(backend))


def backend(**others):
    return ScriptedBackend(passes=lambda source: source.endswith(GOOD), **others)


def rows_of(pool):
    return [row for batch in pool.batches(Table.PLUS) for row in batch.to_pylist()]


def test_only_what_passed_is_run_and_problems_without_second_tests_are_passed_over(tmp_path):
    samples = [
        files.sample("a/0", 0, text=GOOD),
        files.sample("a/0", 1, text=BAD),
        files.sample("a/0", 2, text="forever"),
        files.sample("a/0", 3, text=GOOD),
        files.sample("a/2", 0, text=GOOD),
    ]
    verdicts = [
        files.verdict("a/0", 0),
        files.verdict("a/0", 1),
        files.verdict("a/0", 2, passed=False) | {"status": "timeout"},
        files.verdict("a/0", 3),
        files.verdict("a/2", 0),
    ]
    pool, scripted, told = files.write(tmp_path, samples, verdicts), backend(), []
    judged = judge(pool, scripted, told=told)
    assert sorted(p.source for p in scripted.programs) == [f"def f():\n{t}" for t in (GOOD, BAD)]
    assert (judged.programs, sum(told)) == (2, 4)
    assert set(scripted.limits) == {SECOND_LIMITS}
    assert {row["index"]: row["status"] for row in rows_of(pool)} == {
        **dict.fromkeys((0, 3), "passed"),
        1: "failed",
        2: "timeout",
    }
    first, _, last = read_view(tmp_path).problems
    assert first.passed.tolist() == [True, True, False, True]
    assert first.passed_plus.tolist() == [True, False, False, True]
    assert (first.judged_plus.all(), last.judged_plus.any()) == (True, False)
    assert judge(pool, backend()).programs == 0


def test_what_has_no_first_verdict_is_judged_first(tmp_path):
    pool = files.write(tmp_path, [files.sample()])
    with pytest.raises(StrayRow, match="no verdict by the first tests"):
        judge(pool, backend())


def test_second_verdicts_without_first_ones_say_what_to_remove(tmp_path):
    pool = files.write(tmp_path, [files.sample(text=GOOD)], [files.verdict()])
    judge(pool, backend())
    shutil.rmtree(tmp_path / "verdicts")
    with pytest.raises(StrayRow, match=f"remove {tmp_path / 'plus'} and judge"):
        read_view(tmp_path)
    shutil.rmtree(tmp_path / "plus")
    assert not read_view(tmp_path).problems[0].judged.any()


def test_a_fault_of_the_sandbox_is_no_second_verdict(tmp_path):
    pool = files.write(tmp_path, [files.sample(text=GOOD)], [files.verdict()])
    broken = Report(Status.INTERNAL_ERROR, Integrity.ISOLATED, message="no room")
    assert judge(pool, backend(report=broken)).faults == {"no room": 1}
    assert not read_view(tmp_path).problems[0].judged_plus.any()
    judge(pool, backend())
    assert read_view(tmp_path).problems[0].passed_plus.all()


SAMPLES = st.lists(
    st.tuples(st.sampled_from(files.TASKS), st.sampled_from("abc"), st.booleans()), max_size=12
)


@settings(deadline=None, max_examples=25)
@given(SAMPLES, st.frozensets(st.tuples(st.sampled_from(files.TASKS), st.sampled_from("abc"))))
def test_nothing_passes_the_second_tests_that_fails_the_first(drawn, right):
    samples, verdicts = [], []
    for index, (task, text, passed) in enumerate(drawn):
        samples.append(files.sample(task, index, text=text))
        verdicts.append(files.verdict(task, index, passed=passed))
    with tempfile.TemporaryDirectory() as folder:
        pool = files.write(Path(folder), samples, verdicts)
        scripted = ScriptedBackend(passes=lambda source: source[-1] in {text for _, text in right})
        judge(pool, scripted)
        for problem in read_view(Path(folder)).problems:
            assert not (problem.passed_plus & ~problem.passed).any()
            assert problem.judged_plus.all() == (problem.task_id in COVERED or not problem.n)
        assert len(scripted.programs) <= len({(task, text) for task, text, _ in drawn})


@pytest.fixture
def answered(tmp_path, monkeypatch):
    """A pool of MBPP's first problem, the file of what was asked, and second tests in a file."""
    monkeypatch.setattr(expected, "_folder", lambda: tmp_path / "cache")
    problem = Problem("MBPP/1", "Double it.", "twice", TESTS, (), "", before="")
    identity = files.identity(
        dataset="mbpp",
        dataset_sha256=datasets.content_hash([problem]),
        tasks=("MBPP/1",),
    )
    pool = Pool.create(tmp_path / "pools" / "small", identity)
    texts = ["def twice(n):\n    return 2 * n\n", "def twice(n):\n    return 4\n", "nothing"]
    with pool.writer(Table.SAMPLES) as writer:
        writer.append([files.sample("MBPP/1", at, text=text) for at, text in enumerate(texts)])
    with pool.writer(Table.VERDICTS) as writer:
        writer.append([files.verdict("MBPP/1", at, passed=at < 2) for at in range(3)])
    asked.write_problems(pool, [problem])
    row = {
        "task_id": "Mbpp/1",
        "prompt": '"""Double it."""\n',
        "entry_point": "twice",
        "canonical_solution": "def twice(n):\n    return n + n\n",
        "base_input": [[2]],
        "plus_input": [[3], [[1]]],
        "atol": 0,
        "contract": "    assert type(n) is int\n",
        "assertion": "assert twice(2) == 4\n",
    }
    second = tmp_path / "plus.jsonl"
    second.write_text(json.dumps(row) + "\n")
    return pool, second, row


def test_the_command_judges_by_second_tests_and_shows_both(answered, cli):
    pool, second, _ = answered
    result = cli("evaluate", "judge", pool.path, "--tests", "plus", "--data", second)
    assert result.exit_code == 0, result.output
    assert "3 samples judged by 2 runs: 1 passed, 2 failed" in result.output
    assert "1 of 1 problems have second tests; 1 of 3 inputs are left out: 1 invalid" in (
        result.output
    )
    (shown,) = json.loads(cli("evaluate", "pools", pool.path, "--json").output)
    both = shown["both_tests"]
    assert (both["problems"], both["samples"]) == (1, 3)
    rates = [both[name]["value"] for name in ("base", "plus", "false_passes")]
    assert rates == [2 / 3, 1 / 3, 1 / 2]
    table = cli("evaluate", "pools", pool.path).output
    assert all(word in table for word in ("base %", "plus %", "66.7", "33.3", "50.0"))


def more_of(pool, index, text):
    """A sample that passed the first tests, as an extended pool has it."""
    for table, row in (
        (Table.SAMPLES, files.sample("MBPP/1", index, text=text)),
        (Table.VERDICTS, files.verdict("MBPP/1", index)),
    ):
        with pool.writer(table) as writer:
            writer.append([row])


def test_a_table_is_of_one_release_of_second_tests(answered, cli):
    pool, second, row = answered
    given = ("evaluate", "judge", pool.path, "--tests", "plus", "--data", second)
    assert cli(*given).exit_code == 0
    released, kept = second.read_bytes(), rows_of(pool)
    more_of(pool, 3, "def twice(n):\n    return n * 2\n")
    second.write_text(json.dumps(row | {"plus_input": [[5]]}) + "\n")
    result = cli(*given)
    assert result.exit_code == 1
    assert f"{pool.path / 'plus'} has verdicts by other tests: the hash of" in result.stderr
    assert "Give the file that was given then, or remove" in result.stderr
    assert rows_of(pool) == kept
    second.write_bytes(released)
    assert cli(*given).exit_code == 0
    assert len(rows_of(pool)) == 4


def test_second_verdicts_of_an_unknown_release_are_gone_on_with(answered, cli):
    pool, second, _ = answered
    note = pool.path / "plus" / judged_by.FILE
    given = ("evaluate", "judge", pool.path, "--tests", "plus", "--data", second)
    assert cli(*given).exit_code == 0
    noted = note.read_bytes()
    note.unlink()
    assert cli(*given).exit_code == 0
    assert not note.exists()  # nothing was judged, so it says nothing of what was
    more_of(pool, 3, "def twice(n):\n    return n * 2\n")
    assert cli(*given).exit_code == 0
    assert (note.read_bytes(), len(rows_of(pool))) == (noted, 4)
    before = Pool.open(pool.path).content_hash()
    for damage in ("", "{}", '{"sha256": 1}'):
        note.write_text(damage)
        assert f"{note} " in cli(*given).stderr
    assert Pool.open(pool.path).content_hash() == before


def test_pools_of_other_datasets_and_other_files_are_refused(answered, tmp_path, cli):
    pool, second, row = answered
    for change, word in (
        ({"entry_point": "twice_", "canonical_solution": "def twice_(n): return n"}, "MBPP/1"),
        ({"task_id": "Mbpp/2"}, "none of the tasks"),
    ):
        second.write_text(json.dumps(row | change) + "\n")
        with pytest.raises(DatasetUnavailable, match=word):
            second_problems_of(pool, second)
    other = Pool.create(tmp_path / "other", files.identity(dataset="apps-interview"))
    with pytest.raises(UnknownDataset, match="apps-interview"):
        second_problems_of(other, second)
    result = cli("evaluate", "judge", pool.path, "--tests", "plus", "--data", tmp_path / "none")
    assert result.exit_code == 1
    assert "No such file" in result.output
    assert "Traceback" not in result.output


def test_what_was_asked_lies_beside_a_pool_or_above_several(answered):
    pool, _, _ = answered
    (problem,) = asked.read_problems(pool)
    assert (problem.prompt, problem.entry_point, problem.before) == ("Double it.", "twice", "")
    path = pool.path / asked.FILE
    path.rename(pool.path.parent / asked.FILE)
    assert asked.read_problems(pool) == (problem,)
    asked.write_problems(pool, [problem])
    assert not path.exists()
    others = Pool(pool.path, replace(pool.identity, dataset_sha256="e" * 64))
    with pytest.raises(MixedPools, match="keep pools of different datasets"):
        asked.read_problems(others)
    asked.write_problems(others, [replace(problem, prompt="Halve it.")])
    assert path.exists()
    for damage in (b"", b"{}", path.read_bytes()[:-9]):
        path.write_bytes(damage)
        with pytest.raises(UnreadablePool, match="problems"):
            asked.read_problems(others)


def test_without_it_the_dataset_is_asked(answered, monkeypatch):
    pool, _, _ = answered
    (pool.path / asked.FILE).unlink()
    assert asked.read_problems(pool) is None
    problem = Problem("MBPP/1", "Double it.", "twice", TESTS, (), "", before="")
    monkeypatch.setattr(datasets, "load", lambda _name, _data: (problem,))
    second = SecondTests((replace(problem, tests=TESTS | {"prelude": "x = 1"}),), 1, {}, "e" * 64)
    monkeypatch.setattr(datasets, "second_tests", lambda _name, _data: second)
    (found,) = second_problems_of(pool).problems.values()
    assert (found.before, found.tests["prelude"]) == ("", "x = 1")
