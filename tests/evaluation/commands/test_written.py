"""Tests that a model writes, from asking for them to rows of `evaluate selectors --written`."""

import asyncio
import json
import shutil
from types import SimpleNamespace

import fake_upstream
import pool_files
import pytest
from fake_shapes import pieces
from fake_upstream import FakeUpstream, answering
from typer.testing import CliRunner

from evaluation import datasets
from evaluation.cli import app
from evaluation.commands.evaluate import selectors as command
from evaluation.datasets import Problem
from evaluation.pools.asked import write_problems
from evaluation.pools.schema import Table
from evaluation.pools.store import Pool
from evaluation.selection import measuring, standings

SMALL, LARGE = MODELS = ("qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b")
TASKS = tuple(f"tiny/{at}" for at in range(4))
RIGHT, WRONG = "    return n * n\n", "    return n + n\n"
TEXTS = (WRONG, RIGHT, WRONG, WRONG, RIGHT)
"""Twice two is four as well: inputs that the prompt shows tell more, and the most are wrong."""


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def problem(task):
    name = f"f{task.rpartition('/')[2]}"
    prompt = f'def {name}(n: int) -> int:\n    """Its square.\n    >>> {name}(3)\n    9\n    """\n'
    return Problem(task, prompt, name, {}, (), RIGHT)


def says(call, _index):
    """What the model writes for a function: two tests that right ones pass, one that wrong ones do.

    Who sees the example says it again.
    """
    name = call.text.rpartition("# check the correctness of ")[2].partition("\n")[0]
    again = f" {name}(3) == 9\nassert" if ">>>" in call.text else ""
    asserts = f"{name}(5) == 25\nassert {name}(-1) == 1, 'no'\nassert {name}(4) == 8\n"
    return pieces(f"{again} {asserts}")


@pytest.fixture(scope="module", autouse=True)
def few():
    """Few subsets: what is written is looked at, and not how exact it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "SUBSETS", 4)
        patch.setattr(standings, "_ROUNDS", 50)
        yield


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Pools of answers; tests of them by a model on a server of ours; and what it was asked."""
    folder = tmp_path_factory.mktemp("written")
    for model in MODELS:
        for greedy in (False, True):
            own = {"model": model, "tasks": TASKS, "temperature": 0.0 if greedy else 0.8}
            pool = Pool.create(folder / "pools" / f"{model}-{greedy}", pool_files.identity(**own))
            samples, verdicts = [], []
            for task in TASKS:
                for at, text in enumerate(TEXTS[:1] if greedy else TEXTS):
                    samples.append(pool_files.sample(task, at, text=text, draw=0))
                    verdicts.append(pool_files.verdict(task, at, passed=text == RIGHT))
            for table, rows in ((Table.SAMPLES, samples), (Table.VERDICTS, verdicts)):
                with pool.writer(table) as writer:
                    writer.append(rows)
    pools = folder / "pools"
    for path in pools.iterdir():
        write_problems(Pool.open(path), [problem(task) for task in TASKS])
    server = FakeUpstream(answering(says))
    config = folder / "models.toml"

    async def write():
        async with fake_upstream.running(server):
            config.write_text(
                f'[models."{SMALL}"]\nengine = "url"\nurl = "{server.url}"\nserver = "llama.cpp"\n'
            )
            for name, more in (("used", ()), ("stripped", ("--stripped", "--n", 10))):
                given = ("--model", SMALL, "--config", config, "--out", folder / name, *more)
                result = await asyncio.to_thread(
                    run, "evaluate", "write-tests", pools / f"{SMALL}-False", *given
                )
                assert result.exit_code == 0, result.output

    asyncio.run(write())
    return SimpleNamespace(folder=folder, pools=pools, server=server)


def selectors(world, out, *written, dataset="tiny", pools=None):
    given = [part for path in written for part in ("--written", path)]
    where = ("--pools", pools or world.pools, "--dataset", dataset, "--out", out)
    return run("evaluate", "selectors", *where, *given)


@pytest.fixture(scope="module")
def measured(world, tmp_path_factory):
    out = tmp_path_factory.mktemp("selectors") / "not" / "there"
    result = selectors(world, out, world.folder / "used", world.folder / "stripped")
    assert result.exit_code == 0, result.output
    return out, result


def test_who_is_asked_stripped_sees_no_example(world):
    shown = [">>>" in call.text for call in world.server.calls]
    assert shown.count(True) == len(TASKS)
    assert shown.count(False) == 2 * len(TASKS)  # ten samples are two requests


def test_rows_say_what_written_tests_choose_and_cost(measured):
    out, result = measured
    told = json.loads((out / "written.json").read_text())
    assert (told["dataset"], told["problems"], told["models"]) == ("tiny", 4, list(MODELS))
    assert [(e["model"], e["examples"], e["samples"]) for e in told["written"]] == [
        (SMALL, "used", 8),
        (SMALL, "stripped", 10),
    ]
    assert [each["asserts"] for each in told["written"]] == [4, 3]
    assert [each["right"] for each in told["written"]] == [3 / 4, pytest.approx(2 / 3)]
    rows = {(r["model"], r["selector"], r["examples"], r["k"]): r for r in told["rows"]}
    assert len(rows) == len(told["rows"]) == 2 * 2 * 2 * 2
    best = rows[SMALL, "codet", "stripped", 5]
    assert (best["selected"], best["oracle"], best["tests_by"]) == (1.0, 1.0, SMALL)
    rival = {(e["rival"], e["equal"]): e for e in best["against"]}["agreement", "samples"]
    assert (rival["selected"], rival["ahead"]) == (0.0, 1.0)
    assert best["large_calls"] > best["tests_calls"] > 0
    assert "| at as many FLOPs, points |" in result.stdout
    assert not (out / "selectors.json").exists()


def test_programs_are_run_once_and_a_second_time_says_the_same(measured, world):
    out, _ = measured
    before = (out / "written.json").read_bytes(), (out / "outputs.jsonl").read_bytes()
    again = selectors(world, out, world.folder / "used", world.folder / "stripped")
    assert again.exit_code == 0, again.output
    assert before == ((out / "written.json").read_bytes(), (out / "outputs.jsonl").read_bytes())


def test_answers_are_no_tests_and_tests_no_answers(world, tmp_path):
    answers = selectors(world, tmp_path, world.pools / f"{SMALL}-False")
    assert answers.exit_code == 1
    assert "holds answers to tiny, and no tests" in answers.stderr
    other = selectors(world, tmp_path, world.folder / "used", dataset="tiny-written-tests")
    assert other.exit_code == 1
    tests = selectors(
        world, tmp_path, dataset="tiny-written-tests-stripped", pools=world.folder / "stripped"
    )
    assert tests.exit_code == 1
    assert "tests that a model wrote" in tests.stderr
    missing = selectors(world, tmp_path, tmp_path / "none")
    assert missing.exit_code == 1
    assert "is no pool" in missing.stderr
    assert not list(tmp_path.iterdir())


def test_tests_may_lie_among_the_answers(measured, world, tmp_path):
    out, _ = measured
    shutil.copytree(world.pools, tmp_path / "pools")
    shutil.copytree(world.folder / "used", tmp_path / "pools/used")
    shutil.copytree(out, tmp_path / "out")
    result = selectors(world, tmp_path / "out", tmp_path / "pools/used", pools=tmp_path / "pools")
    assert result.exit_code == 0, result.output
    rows = json.loads((tmp_path / "out/written.json").read_text())["rows"]
    every = json.loads((out / "written.json").read_text())["rows"]
    assert rows == [row for row in every if row["examples"] == "used"]


def changed(world, tmp_path, **others):
    """The pool of tests, as if it was another one."""
    shutil.copytree(world.folder / "used", tmp_path / "tests")
    file = tmp_path / "tests/pool.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | others))
    return tmp_path / "tests"


@pytest.mark.parametrize(
    ("others", "why"),
    [
        ({"dataset_sha256": "e" * 64}, "tests of other problems"),
        ({"temperature": 0.5}, "drawn otherwise"),
        ({"max_tokens": 64}, "drawn otherwise"),
        ({"stop": ["\nclass"]}, "drawn otherwise"),
    ],
)
def test_tests_that_the_gateway_would_not_write_so_are_refused(world, tmp_path, others, why):
    result = selectors(world, tmp_path / "out", changed(world, tmp_path, **others))
    assert result.exit_code == 1
    assert why in result.stderr
    assert not (tmp_path / "out/outputs.jsonl").exists()


def test_one_model_is_measured_once(world, tmp_path):
    result = selectors(world, tmp_path, world.folder / "used", world.folder / "used")
    assert result.exit_code == 1
    assert "two pools have tests of one model" in result.stderr


def test_prompts_that_show_the_tests_that_judge_are_no_result(world, tmp_path, monkeypatch):

    shows = datasets.Benchmark(lambda _: (), 1, "TINY", shows_tests=True)
    monkeypatch.setattr(command, "BENCHMARKS", {"tiny": shows})
    result = selectors(world, tmp_path, world.folder / "used")
    assert result.exit_code == 1
    assert "--stripped" in result.stderr
