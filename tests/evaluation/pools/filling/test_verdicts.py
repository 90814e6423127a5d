"""Judging a pool: each program once, nothing of ours counted as failed, and goes on."""

import asyncio
import json
from dataclasses import replace

import pool_files as files
import pytest
from http_world import ScriptedBackend, eventually

from evaluation import datasets
from evaluation.datasets import Problem
from evaluation.pools.errors import MixedPools, StrayRow, UnknownTask
from evaluation.pools.filling.verdicts import Judging
from evaluation.pools.problems import problems_of
from evaluation.pools.schema import Table
from evaluation.pools.store import Pool
from evaluation.pools.view import read_view
from policies.values import Verdict
from sandbox import Integrity, Report, SandboxUnavailable, Status

TESTS = {"kind": "asserts", "code": "assert f() == 1", "entry_point": "f"}
PROBLEMS = {task: Problem(task, "def f():\n", "f", TESTS, (), "") for task in files.TASKS}
GOOD, BAD = "    return 1\n", "    return 2\n"
SAMPLES = [
    files.sample("a/0", 0, text=GOOD),
    files.sample("a/0", 1, text=BAD),
    files.sample("a/0", 2, text=GOOD),
    files.sample("a/1", 0, text=GOOD),
    files.sample("a/1", 1, text="\0"),
]


def judge(pool, backend, told=None):
    with pool.writer(Table.VERDICTS) as writer:
        work = Judging(pool, PROBLEMS, writer, [].append if told is None else told.append)
        return asyncio.run(work.over(backend))


def backend(**others):
    return ScriptedBackend(passes=lambda source: source.endswith(GOOD), **others)


def test_each_program_is_run_once_and_all_its_samples_are_judged(tmp_path):
    pool, scripted, told = files.write(tmp_path, SAMPLES), backend(), []
    judged = judge(pool, scripted, told)
    # The program with a NUL is refused before it runs: the candidate's fault.
    assert judged.verdicts == {Verdict.PASSED: 3, Verdict.FAILED: 2}
    assert sorted(p.source for p in scripted.programs) == sorted(
        f"def f():\n{text}" for text in (GOOD, BAD, GOOD)
    )
    assert sum(told) == 5
    view = read_view(tmp_path)
    assert view.problems[0].passed.tolist() == [True, False, True]
    assert view.problems[1].passed.tolist() == [True, False]
    assert view.unjudged == 0


def test_only_what_has_no_verdict_is_judged_and_duplicates_of_judged_ones_are_not_run(tmp_path):
    pool = files.write(tmp_path, SAMPLES)
    judge(pool, backend())
    with pool.writer(Table.SAMPLES) as writer:
        writer.append([files.sample("a/0", 3, text=BAD), files.sample("a/2", 0, text=BAD)])
    scripted = backend()
    judged = judge(pool, scripted)
    assert judged.verdicts == {Verdict.FAILED: 2}
    assert judged.programs == len(scripted.programs) == 1
    assert read_view(tmp_path).unjudged == 0


def test_partial_credit_is_kept_also_for_duplicates(tmp_path):
    pool = files.write(tmp_path, SAMPLES[:3])
    report = Report(Status.FAILED, Integrity.ISOLATED, checks=4, passed_checks=3)
    judge(pool, backend(report=report))
    with pool.writer(Table.SAMPLES) as writer:
        writer.append([files.sample("a/0", 3, text=BAD)])
    judge(pool, backend())  # of a program that is known
    rows = [row for batch in pool.batches(Table.VERDICTS) for row in batch.to_pylist()]
    assert [(row["checks"], row["passed_checks"]) for row in rows] == [(4, 3)] * 4


def test_limits_of_the_tests_hold_below_the_operators(tmp_path):
    pool, scripted = files.write(tmp_path, SAMPLES[:1]), backend()
    problem = replace(PROBLEMS["a/0"], tests=TESTS | {"limits": {"wall_s": 2, "cpu_s": 99}})
    with pool.writer(Table.VERDICTS) as writer:
        work = Judging(pool, {"a/0": problem}, writer, [].append)
        asyncio.run(work.over(scripted))
    (limits,) = scripted.limits
    assert (limits.wall_s, limits.cpu_s) == (2, 10)


@pytest.mark.parametrize(
    "broken",
    [
        {"error": SandboxUnavailable("no room")},
        {"report": Report(Status.INTERNAL_ERROR, Integrity.ISOLATED, message="no room")},
    ],
)
def test_what_the_sandbox_fails_at_is_counted_and_tried_again(tmp_path, broken):
    pool = files.write(tmp_path, SAMPLES[:4])
    judged = judge(pool, backend(**broken))
    assert judged.verdicts == {Verdict.UNVERIFIED: 4}
    assert judged.faults == {"no room": 4}
    assert read_view(tmp_path).unjudged == 4
    assert judge(pool, backend()).verdicts == {Verdict.PASSED: 3, Verdict.FAILED: 1}


def test_the_backend_is_given_so_many_programs_at_a_time(tmp_path):
    rows = [files.sample("a/0", at, text=f"{at}{GOOD}") for at in range(6)]
    pool, scripted = files.write(tmp_path, rows), backend()

    async def run():
        scripted.gate = asyncio.Event()
        with pool.writer(Table.VERDICTS) as writer:
            judging = Judging(pool, PROBLEMS, writer, lambda _: None)
            task = asyncio.create_task(judging.over(scripted, at_once=2))
            # No program ends before the gate opens: all that is let in by then is running.
            await eventually(lambda: scripted.running >= 2)
            await asyncio.wait([task], timeout=0.2)
            running = scripted.running
            scripted.gate.set()
            return running, await task

    running, judged = asyncio.run(run())
    assert running == 2
    assert judged.programs == 6


def test_an_interrupted_run_keeps_what_it_judged_and_kills_the_rest(tmp_path):
    rows = [files.sample("a/0", at, text=f"{at}{GOOD}") for at in range(6)]
    pool, scripted = files.write(tmp_path, rows), backend()

    async def run():
        with pool.writer(Table.VERDICTS) as writer:
            judging = Judging(pool, PROBLEMS, writer, told)
            task = asyncio.create_task(judging.over(scripted, at_once=2))
            with pytest.raises(asyncio.CancelledError):
                await task

    def told(_more):
        if len(scripted.programs) == 4:
            scripted.gate = asyncio.Event()
            asyncio.get_running_loop().call_later(0.05, cancel)

    def cancel():
        for task in asyncio.all_tasks():
            if "over" in repr(task.get_coro()):
                task.cancel()

    asyncio.run(run())
    done = 6 - read_view(tmp_path).unjudged
    assert 2 <= done < 6
    assert scripted.running == 0
    assert judge(pool, backend()).programs == 6 - done


def test_verdicts_without_samples_stop_it(tmp_path):
    pool = files.write(tmp_path, [files.sample()], [files.verdict(index=9)])
    with pytest.raises(StrayRow):
        judge(pool, backend())


def test_a_task_that_is_not_in_the_dataset_stops_it(tmp_path, monkeypatch):
    pool = files.write(tmp_path, SAMPLES)
    monkeypatch.delitem(PROBLEMS, "a/1")
    with pytest.raises(UnknownTask, match="a/1"):
        judge(pool, backend())


@pytest.fixture
def own(tmp_path):
    """A dataset in a file, and a pool of answers to it."""
    data = tmp_path / "own.jsonl"
    rows = ({"task_id": task, "prompt": p.prompt, "tests": TESTS} for task, p in PROBLEMS.items())
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    digest = datasets.content_hash(datasets.load("own", data))
    identity = replace(files.identity(), dataset="own", dataset_sha256=digest)
    pool = Pool.create(tmp_path / "pool", identity)
    with pool.writer(Table.SAMPLES) as writer:
        writer.append(SAMPLES)
    return data, pool


def test_the_command_judges_in_the_real_sandbox(own, cli):
    data, pool = own
    result = cli("evaluate", "judge", pool.path, "--data", data, "--workers", "2")
    assert result.exit_code == 0, result.output
    assert "5 samples judged by 4 runs: 3 passed, 2 failed" in result.output
    again = cli("evaluate", "judge", pool.path, "--data", data)
    assert "0 samples judged by 0 runs" in again.output
    shown = cli("evaluate", "pools", pool.path, "--json")
    (row,) = json.loads(shown.output)
    assert (row["n_min"], row["n_max"], row["problems"], row["of"]) == (0, 3, 2, 3)
    assert (row["judged"], row["samples"], row["pass_rate"]) == (5, 5, 0.6)
    assert row["omissions"] == ["1 of 3 problems have no sample"]


def test_a_dataset_that_has_changed_is_not_judged_by(own):
    data, pool = own
    assert len(problems_of(pool, data)) == 3
    data.write_text(data.read_text().replace("== 1", "== 2"))
    with pytest.raises(MixedPools, match="content hash"):
        problems_of(pool, data)
