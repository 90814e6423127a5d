"""Trees beside samples for the same FLOPs: levels that are mixed, and small pools compared."""

import json
from dataclasses import asdict

import numpy as np
import pool_files
import pytest

from evaluation.datasets import Problem
from evaluation.pools.asked import write_problems
from evaluation.pools.errors import UnreadablePool
from evaluation.pools.schema import Table
from evaluation.pools.store import Pool
from evaluation.selection.measuring import Chosen
from evaluation.selection.recorded import Sight
from evaluation.selection.tree.grown import NAME, Expanded, Grown, Manner
from evaluation.selection.tree.measuring import Curve

SMALL, LARGE = "qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b"
TREE = f"{SMALL}*2+tree"
TASKS = tuple(f"tiny/{at}" for at in range(6))
RIGHT, WRONG = "    return n * n\n", "    return n + {}\n"


def level(flops: float, *success: float) -> Chosen:
    none = np.zeros(len(success))
    right = np.array(success)
    return Chosen(right, right / 2, none, none, np.full(len(success), flops), none)


CURVE = Curve("nll", Sight.STRIPPED, (1, 2, 3), (level(2, 0, 1), level(3, 1, 1), level(4, 1, 0)))


def test_samples_are_mixed_so_that_they_cost_the_same_in_the_mean():
    mixed = CURVE.at(2.25)
    assert mixed.k == pytest.approx(1.25)
    assert mixed.success.tolist() == pytest.approx([0.25, 1.0])
    assert mixed.plus.tolist() == pytest.approx([0.125, 0.5])
    assert CURVE.at(2.0).k == 1
    assert CURVE.at(4.0).success.tolist() == [1, 0]


@pytest.mark.parametrize("flops", [1.9, 4.1])
def test_what_no_number_of_samples_costs_is_not_compared(flops):
    with pytest.raises(UnreadablePool, match="1 to 3 samples"):
        CURVE.at(flops)


def fill(path, model, texts, **others):
    pool = Pool.create(path, pool_files.identity(model=model, tasks=TASKS, **others))
    samples, verdicts = [], []
    for task in TASKS:
        for at, text in enumerate(texts(task)):
            samples.append(pool_files.sample(task, at, text=text, draw=0, nll=0.1 + at))
            verdicts.append(pool_files.verdict(task, at, passed=text == RIGHT))
    for table, rows in ((Table.SAMPLES, samples), (Table.VERDICTS, verdicts)):
        with pool.writer(table) as writer:
            writer.append(rows)
    return pool


@pytest.fixture
def pools(tmp_path):
    """Every second sample is right, the large model always, and the likelier answer of a tree."""
    whole = tmp_path / "pools"
    fill(whole / "small", SMALL, lambda _: [WRONG.format(9), RIGHT, WRONG.format(8), RIGHT])
    pool = fill(whole / "large", LARGE, lambda _: [RIGHT], temperature=0.0)
    fill(whole / "drawn", LARGE, lambda _: [RIGHT])
    tree = fill(tmp_path / "tree", TREE, lambda _: [RIGHT, WRONG.format(7)])
    problems = [
        Problem(task, f'def f(n: int) -> int:\n    """Of {task}."""\n', "f", {}, (), RIGHT)
        for task in TASKS
    ]
    for each in (pool, tree):
        write_problems(each, problems)
    file = whole / "large" / "problems.json.gz"
    file.rename(whole / file.name)
    # As much as two samples cost, and half a prompt that a better cache would have spared.
    requests = (Expanded(20, 0, (5, 5)), Expanded(20, 10, ()))
    rows = [asdict(Manner(SMALL, 2, 0.1, 4))] + [asdict(Grown(t, 2, requests)) for t in TASKS]
    (tmp_path / "tree" / NAME).write_text("".join(json.dumps([row]) + "\n" for row in rows))
    return tmp_path


def compared(cli, folder, out):
    given = ["--tree", folder / "tree", "--pools", folder / "pools", "--dataset", "tiny"]
    return cli("evaluate", "compare-tree", *given, "--out", out)


def test_trees_are_compared_with_samples_for_as_much(cli, pools, tmp_path):
    out = tmp_path / "out"
    result = compared(cli, pools, out)
    assert result.exit_code == 0, result.output
    told = json.loads((out / "tree.json").read_text())
    rows = {(r["selector"], r["examples"], r["rival"]): r for r in told["trees"]}
    assert len(rows) == len(told["trees"]) == 10
    row = rows["nll", "-", "nll"]
    assert (row["tree"], row["width"], row["selected"], row["oracle"]) == (TREE, 2, 1.0, 1.0)
    assert row["rounds"] == 2
    assert 2 < row["least_k"] < row["k"] < 4
    assert row["least_calls"] < row["large_calls"]
    # Its likeliest is wrong as often as a sample of index 0 is drawn.
    assert 0 < row["rival_selected"] < 1
    assert row["ahead"] == pytest.approx(1 - row["rival_selected"])
    assert row["ahead_low"] <= row["ahead"] <= row["ahead_high"]
    assert [r["k"] for r in told["samples"] if r["selector"] == "nll"] == [1, 2, 3, 4]
    assert [g["model"] for g in told["greedy"]] == [LARGE]
    assert (out / "tree.svg").exists()
    assert f"| {TREE} | nll | - | 100.0" in result.output


def test_trees_without_verdicts_or_costs_say_what_is_missing(cli, pools, tmp_path):
    journal = pools / "tree" / NAME
    journal.write_text(journal.read_text().splitlines(keepends=True)[0])
    result = compared(cli, pools, tmp_path / "out")
    assert result.exit_code == 1
    assert "does not say what the tree of tiny/0 cost" in result.output
    journal.unlink()
    result = compared(cli, pools, tmp_path / "out")
    assert result.exit_code == 1
    assert "is no pool of `budget-router evaluate tree`" in result.output
