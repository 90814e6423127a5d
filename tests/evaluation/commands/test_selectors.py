"""`evaluate selectors` on small pools, whose programs are run in a real sandbox."""

import json
import shutil
import xml.etree.ElementTree as ET
from dataclasses import replace

import pool_files
import pytest
from typer.testing import CliRunner

from evaluation.cli import app
from evaluation.datasets import Problem
from evaluation.pools.asked import write_problems
from evaluation.pools.schema import Table
from evaluation.pools.store import Pool
from evaluation.selection import courses, measuring, standings
from router.artifact.files import read_artifact

MODELS = ("qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b")
TASKS = tuple(f"tiny/{at}" for at in range(20))
RIGHT, WRONG = "    return n * n\n", "    return n + {}\n"


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def problem(task):
    number = task.rpartition("/")[2]
    prompt = (
        f'def f{number}(n: int) -> int:\n    """Its square.\n    >>> f{number}(3)\n    9\n    """\n'
    )
    return Problem(task, prompt, f"f{number}", {}, (), RIGHT)


def texts(task, model, n):
    """Every third problem is beyond the small model; the large one errs on every fifth."""
    number = int(task.rpartition("/")[2])
    hard = number % 3 == 0 if model == MODELS[0] else number % 5 == 0
    return [WRONG.format(at + 1) if hard or at % 2 else RIGHT for at in range(n)]


@pytest.fixture(scope="module", autouse=True)
def few():
    """Few subsets, orders and caps: what is written is looked at, and not how exact it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "SUBSETS", 4)
        patch.setattr(courses, "FEW", 1)
        patch.setattr(courses, "CAPS", (1.0, 4.0))
        patch.setattr(courses, "LENGTHS", (64, 1024))
        patch.setattr(standings, "_ROUNDS", 50)
        yield


@pytest.fixture(scope="module")
def pools(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pools")
    for model, n in zip(MODELS, (6, 4), strict=True):
        for greedy in (False, True):
            own = {"model": model, "tasks": TASKS, "temperature": 0.0 if greedy else 0.8}
            pool = Pool.create(folder / f"{model}-{greedy}", pool_files.identity(**own))
            samples, verdicts = [], []
            for task in TASKS:
                for at, text in enumerate(texts(task, model, 1 if greedy else n)):
                    samples.append(pool_files.sample(task, at, text=text, draw=0))
                    verdicts.append(pool_files.verdict(task, at, passed=text == RIGHT))
            for table, rows in ((Table.SAMPLES, samples), (Table.VERDICTS, verdicts)):
                with pool.writer(table) as writer:
                    writer.append(rows)
    write_problems(pool, [problem(task) for task in TASKS])
    file = next(folder.glob("*/problems.json.gz"))
    file.rename(folder / file.name)
    return folder


@pytest.fixture(scope="module")
def measured(pools, tmp_path_factory):
    out = tmp_path_factory.mktemp("selectors") / "not" / "there"
    result = run("evaluate", "selectors", "--pools", pools, "--dataset", "tiny", "--out", out)
    assert result.exit_code == 0, result.output
    return out, result


def test_rows_say_what_each_selector_chooses(measured):
    out, result = measured
    told = json.loads((out / "selectors.json").read_text())
    assert (told["dataset"], told["problems"], told["models"]) == ("tiny", 20, list(MODELS))
    rows = {(r["model"], r["selector"], r["examples"], r["k"]): r for r in told["rows"]}
    best = rows[MODELS[0], "examples", "used", 5]
    assert best["selected"] == best["oracle"] == pytest.approx(13 / 20)
    assert best["eta"] == 1.0
    assert rows[MODELS[0], "first", "-", 1]["eta"] is None
    assert {r["k"] for r in told["rows"]} == {1, 3, 5}
    assert "| ahead of greedy, points" in result.stdout


def test_plans_and_pictures_are_there(measured):
    out, _ = measured
    told = json.loads((out / "selectors.json").read_text())["plans"]
    used = [plan for plan in told if plan["examples"] == "used" and plan["family"] == "any plan"]
    assert used
    assert all(plan["ahead"] >= 0 for plan in used)
    for name in ("selectors", "plans"):
        assert ET.parse(out / f"{name}.svg").getroot().tag.endswith("svg")  # noqa: S314 ours
        assert (out / f"{name}.png").stat().st_size > 5000


def test_programs_are_run_once_and_a_second_time_says_the_same(measured, pools):
    out, _ = measured
    before = (out / "selectors.json").read_bytes(), (out / "outputs.jsonl").read_bytes()
    again = run("evaluate", "selectors", "--pools", pools, "--dataset", "tiny", "--out", out)
    assert again.exit_code == 0, again.output
    assert "programs" not in again.stderr
    assert before == ((out / "selectors.json").read_bytes(), (out / "outputs.jsonl").read_bytes())


def test_courses_go_into_a_policy(measured, pools, tmp_path):
    out, _ = measured
    policy = tmp_path / "policy.json"
    given = ("--selectors", out / "selectors.json", "--out", policy)
    result = run("calibrate", pools, "--basis", "paper", *given)
    assert result.exit_code == 0, result.output
    made = read_artifact(policy).courses()
    assert made is not None
    assert made.belief is not None
    assert [at.prompt_tokens for at in made.lengths] == [64, 1024]
    for at in made.lengths:
        assert at.shown
        assert at.plain
        assert at.usual_shown is not None
        assert at.usual_plain is not None
        assert [each.calls for each in at.shown] == sorted({each.calls for each in at.shown})


def test_what_is_no_measurement_makes_no_policy(pools, tmp_path):
    (tmp_path / "other.json").write_text('{"models": ["a", "b"]}')
    for name, why in (("other.json", "selectors.json"), ("missing.json", "missing.json")):
        result = run("calibrate", pools, "--selectors", tmp_path / name, "--out", tmp_path / "p")
        assert result.exit_code == 1
        assert why in result.stderr


def test_two_models_that_are_there_are_needed(pools, tmp_path):
    one = run(
        *("evaluate", "selectors", "--pools", pools, "--dataset", "tiny", "--out", tmp_path),
        *("--model", MODELS[0]),
    )
    assert one.exit_code == 1
    assert "--model twice" in one.stderr
    none = run("evaluate", "selectors", "--pools", pools, "--dataset", "huge", "--out", tmp_path)
    assert none.exit_code == 1
    assert "holds no pool of huge" in none.stderr


def test_what_is_missing_is_told_before_programs_are_run(pools, tmp_path):
    own, out = tmp_path / "pools", tmp_path / "out"
    shutil.copytree(pools, own, ignore=shutil.ignore_patterns(f"{MODELS[1]}-True"))
    given = ("evaluate", "selectors", "--pools", own, "--dataset", "tiny", "--out", out)
    result = run(*given)
    assert result.exit_code == 1
    assert "greedy" in result.stderr
    assert not (out / "outputs.jsonl").exists()


def test_the_smaller_model_comes_first(pools, tmp_path):
    swapped = ("--model", MODELS[1], "--model", MODELS[0])
    given = ("--pools", pools, "--dataset", "tiny", "--out", tmp_path / "out")
    result = run("evaluate", "selectors", *given, *swapped)
    assert result.exit_code == 1
    assert "give the smaller first" in result.stderr
    assert not (tmp_path / "out").exists()


def test_where_no_prompt_shows_an_example_there_are_no_courses_for_such(pools, tmp_path):
    own, out = tmp_path / "pools", tmp_path / "out"
    shutil.copytree(pools, own)
    bare = [
        replace(problem(task), prompt=problem(task).prompt.replace(">>>", "")) for task in TASKS
    ]
    (file,) = own.glob("problems.json.gz")
    file.unlink()
    write_problems(Pool.open(next(own.glob("*-False"))), bare)
    next(own.glob("*/problems.json.gz")).rename(file)
    result = run("evaluate", "selectors", "--pools", own, "--dataset", "tiny", "--out", out)
    assert result.exit_code == 0, result.output
    told = json.loads((out / "selectors.json").read_text())
    assert all("plain" in at and "shown" not in at for at in told["courses"]["lengths"])
    assert {plan["examples"] for plan in told["plans"]} == {"not used", "stripped"}


def test_one_model_is_not_two(pools, tmp_path):
    twice = ("--model", MODELS[0], "--model", MODELS[0])
    result = run(
        "evaluate", "selectors", "--pools", pools, "--dataset", "tiny", "--out", tmp_path, *twice
    )
    assert result.exit_code != 0
    assert "two models" in result.output
