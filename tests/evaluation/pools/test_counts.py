"""Pools of counts, and the paper's released generations."""

import gzip
import json
import shutil

import numpy as np
import pytest

from evaluation import datasets
from evaluation.pools import released
from evaluation.pools.counts import Counts, read_counts
from evaluation.pools.errors import DuplicateRow, InvalidRow, UnreadablePool
from evaluation.pools.schema import Table
from evaluation.pools.store import Pool
from evaluation.pools.view import read_view

CSV = "problem,model,n,c\na,small,10,3\nb,small,10,0\na,large,4,4\n"
ROWS = [
    dict(zip(("problem", "model", "n", "c"), line.split(","), strict=True)) for line in CSV.split()
]
FOUND = (Counts("small", {"a": (10, 3), "b": (10, 0)}), Counts("large", {"a": (4, 4)}))


def test_csv_and_json_lines_say_the_same(tmp_path):
    table, lines = tmp_path / "x.csv", tmp_path / "x.jsonl"
    table.write_text(f"\ufeff{CSV}")
    typed = ({**row, "n": int(row["n"]), "c": int(row["c"]), "more": 1} for row in ROWS[1:])
    lines.write_text("\n".join(map(json.dumps, typed)) + "\n\n")
    assert read_counts(table) == read_counts(lines) == FOUND


@pytest.mark.parametrize(
    ("line", "error", "word"),
    [
        ("a,small,2,3", InvalidRow, "c = 3"),
        ("a,small,0,0", InvalidRow, "n = 0"),
        ("a,small,2,-1", InvalidRow, "c = -1"),
        ("a,small,2.5,1", InvalidRow, "integers"),
        ("a,small,1_0,1", InvalidRow, "integers"),
        (f"a,small,{10**18},1", InvalidRow, "integers"),
        ("a,small,2000000,1", InvalidRow, "more than 1,000,000"),
        ("a,,2,1", InvalidRow, "no model"),
        ("a,small,2", InvalidRow, "no c"),
        ("b,small,2,1\nb,small,2,1", DuplicateRow, "'b'"),
        ("", UnreadablePool, "no counts"),
        (f"{'a' * 140_000},small,2,1", InvalidRow, "after line 1: field larger"),
    ],
)
def test_counts_that_cannot_be_are_named(tmp_path, line, error, word):
    file = tmp_path / "x.csv"
    file.write_text(f"problem,model,n,c\n{line}\n")
    with pytest.raises(error, match=word):
        read_counts(file)


@pytest.mark.parametrize("name", [["x"], {"a": 1}, True, 1.5, "\ud800", "a\nb"])
def test_what_is_no_name_is_refused(tmp_path, name):
    file = tmp_path / "x.jsonl"
    for row in ({"problem": name, "model": "m"}, {"problem": 7, "model": name}):
        file.write_text(json.dumps(row | {"n": 2, "c": 1}))
        with pytest.raises(InvalidRow, match="no name"):
            read_counts(file)


def test_lines_that_are_no_objects_are_named(tmp_path):
    file = tmp_path / "x.jsonl"
    for content in ("[1]", "{"):
        file.write_text(content)
        with pytest.raises(InvalidRow, match="line 1"):
            read_counts(file)
    with pytest.raises(UnreadablePool, match="No such file"):
        read_counts(tmp_path / "y.csv")


GENERATIONS = {
    "HumanEval/0": {
        "prompt": "def f():\n",
        "samples": [
            {"pass_at_1": 1.0, "generation": "    return 1\n"},
            {"pass_at_1": 0, "generation": "    pass\n"},
        ],
    },
    "HumanEval/1": {"prompt": "def g():\n", "samples": [{"pass_at_1": True, "generation": ""}]},
}


@pytest.fixture(params=["json", "json.gz"])
def generations(request, tmp_path):
    path = tmp_path / f"released.{request.param}"
    content = json.dumps(GENERATIONS).encode()
    path.write_bytes(gzip.compress(content) if request.param.endswith("gz") else content)
    return path


def bring(cli, file, out):
    names = ("--model", "codellama-7b", "--dataset", "humaneval")
    return cli("evaluate", "import", file, *names, "--out", out)


def test_released_generations_become_a_pool(generations, cli, tmp_path):
    result = bring(cli, generations, tmp_path / "pool")
    assert result.exit_code == 0, result.output
    view = read_view(tmp_path / "pool")
    first, second = view.problems
    assert (first.n, first.c, second.n, second.c) == (2, 1, 1, 1)
    assert first.passed.tolist() == [True, False]
    assert (first.counted, first.tokens.tolist()) == (False, [-1, -1])
    assert np.isnan(first.nll["codellama-7b"]).all()
    assert (view.unjudged, view.identity.max_tokens) == (0, 512)
    texts = [
        t
        for b in Pool.open(tmp_path / "pool").batches(Table.SAMPLES)
        for t in b["text"].to_pylist()
    ]
    assert texts == ["    return 1\n", "    pass\n", ""]


def test_an_import_that_was_stopped_goes_on(generations, cli, tmp_path):
    assert bring(cli, generations, tmp_path / "whole").exit_code == 0
    pool = Pool.create(tmp_path / "pool", Pool.open(tmp_path / "whole").identity)
    with pool.writer(Table.SAMPLES) as writer:
        writer.append(released._samples(next(released.tasks(generations))))
    assert bring(cli, generations, pool.path).exit_code == 0
    assert bring(cli, generations, pool.path).exit_code == 0
    assert read_view(pool.path).samples == 3
    assert read_view(pool.path).unjudged == 0


@pytest.mark.parametrize("other", [{"pass_at_1": False}, {"generation": "    return 2\n"}])
def test_another_file_is_not_imported_into_the_same_pool(generations, cli, tmp_path, other):
    assert bring(cli, generations, tmp_path / "pool").exit_code == 0
    changed = json.loads(json.dumps(GENERATIONS))
    changed["HumanEval/1"]["samples"][0] |= other
    (tmp_path / "changed.json").write_text(json.dumps(changed))
    result = bring(cli, tmp_path / "changed.json", tmp_path / "pool")
    assert result.exit_code == 1
    assert "of task 'HumanEval/1'" in result.stderr
    assert read_view(tmp_path / "pool").samples == 3


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ('{"a": {"prompt": "p", "samples": [{"pass_at_1": 0.5, "generation": ""}]}}', "0 or 1"),
        ('{"a": {"prompt": "p", "samples": [{"pass_at_1": 1}]}}', "generation"),
        ('{"a": {"samples": []}}', "prompt"),
        ('{"a": {"prompt": "p", "samples": [', "no JSON"),
        ("[]", "no task"),
        ("", "no JSON"),
        ('{"a": {"prompt": "", "samples": []}, "a": {"prompt": "", "samples": []}}', "twice"),
    ],
)
def test_another_format_is_named(tmp_path, cli, content, word):
    file = tmp_path / "released.json"
    file.write_text(content)
    result = bring(cli, file, tmp_path / "pool")
    assert result.exit_code == 1
    assert word in result.output
    assert not (tmp_path / "pool").exists()


@pytest.mark.parametrize("content", [b'{"a": [', b"\xff\xfe", b"{'a': 1}"])
def test_what_the_parser_says_is_one_line_of_text(tmp_path, cli, content):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    result = cli(
        *("evaluate", "import", path, "--model", "m", "--dataset", "humaneval"),
        *("--out", tmp_path / "pool"),
    )
    assert result.exit_code == 1
    (line,) = result.stderr.strip().splitlines()
    assert "is no JSON object of tasks: " in line
    assert "b'" not in line


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_a_damaged_archive_is_named(tmp_path, cli, damage):
    whole = bytearray(gzip.compress(json.dumps(GENERATIONS).encode()))
    if damage == "changed":
        whole[12] ^= 0xFF
    file = tmp_path / "released.json.gz"
    file.write_bytes(whole if damage == "changed" else whole[: len(whole) // 2])
    result = bring(cli, file, tmp_path / "pool")
    assert result.exit_code == 1
    assert "released.json.gz" in result.stderr
    assert "Aborted" not in result.output


def test_an_import_says_what_a_crash_tore(generations, cli, tmp_path):
    assert bring(cli, generations, tmp_path / "pool").exit_code == 0
    (tmp_path / "pool" / "verdicts" / "00009.jsonl").write_text('[{"ta')
    result = bring(cli, generations, tmp_path / "pool")
    assert result.exit_code == 0
    assert "cut off 5 bytes of an unfinished line" in result.stderr


def of_the_benchmark(*, prompt=None):
    """Two of HumanEval's problems, the second first, answered as they should be."""
    chosen = datasets.humaneval()[1::-1]
    return {
        problem.task_id: {
            "prompt": problem.prompt if prompt is None else prompt,
            "samples": [{"pass_at_1": 1, "generation": problem.reference}],
        }
        for problem in chosen
    }


def imported(cli, tmp_path, content):
    """A pool of these generations without its verdicts."""
    file = tmp_path / "released.json"
    file.write_text(json.dumps(content))
    assert bring(cli, file, tmp_path / "pool").exit_code == 0
    shutil.rmtree(tmp_path / "pool" / "verdicts")
    return tmp_path / "pool"


def test_released_generations_of_the_benchmark_can_be_judged(cli, tmp_path):
    pool = imported(cli, tmp_path, of_the_benchmark())
    result = cli("evaluate", "judge", pool, "--workers", 1)
    assert result.exit_code == 0, result.output
    assert "2 passed, 0 failed" in result.stdout


def test_released_generations_of_other_prompts_cannot_be_judged(cli, tmp_path):
    pool = imported(cli, tmp_path, of_the_benchmark(prompt="Write a program."))
    result = cli("evaluate", "judge", pool)
    assert result.exit_code == 1
    assert "other prompts than those of humaneval" in result.stderr


def test_released_generations_of_other_tasks_cannot_be_judged(cli, tmp_path):
    pool = imported(cli, tmp_path, {"MBPP/1": GENERATIONS["HumanEval/0"]})
    result = cli("evaluate", "judge", pool)
    assert result.exit_code == 1
    assert "'MBPP/1'" in result.stderr
