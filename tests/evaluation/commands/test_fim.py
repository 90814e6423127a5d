"""`evaluate fim` against a gateway in miniature, over real HTTP."""

import pytest
from fake_gateway import LARGE, SMALL, completion, error, running, write_settings
from fim_files import write

from evaluation.gateway.results import read

GOOD = "    y = 2 * x"


def answering(asked):
    return completion(asked, GOOD if asked.body["model"] == SMALL else "    y = x")


@pytest.fixture
def fim(cli, tmp_path):
    """Run the command on a small file: `fim(gateway, "--model", SMALL)`."""
    config = write_settings(tmp_path)
    data = write(tmp_path / "data.jsonl", "infilling-single", 6)
    out = tmp_path / "run.jsonl"

    def run(gateway, *arguments, out=out):
        where = ["--url", gateway.url, "--config", config, "--data", data, "--out", out]
        return cli("evaluate", "fim", "--dataset", "infilling-single", *where, *arguments)

    run.out = out
    return run


def test_prefix_and_suffix_are_asked_and_tests_only_score(fim):
    with running(answering) as gateway:
        result = fim(gateway, "--model", SMALL, "--temperature", 0, "--sample", 4)
    assert result.exit_code == 0, result.output
    first = gateway.asked[0]
    assert first.body == {
        "model": SMALL,
        "prompt": first.body["prompt"],
        "suffix": "\n    return y\n",
        "max_tokens": 64,
        "stop": ["\n"],
        "explain": True,
        "temperature": 0,
    }
    assert first.headers["x-budget-policy"] == "single"
    results = read(fim.out)
    assert len(results.records) == len({asked.body["prompt"] for asked in gateway.asked}) == 4
    assert {(r["verdict"], r["judged_by"]) for r in results.records} == {("passed", "evaluator")}
    assert f"| infilling-single single {SMALL} T=0 |" in result.output
    assert "100.0 (51.0 to 100.0)" in result.output


def test_a_run_goes_on_to_a_larger_limit(fim):
    with running(answering) as gateway:
        assert fim(gateway, "--model", SMALL, "--limit", 2).exit_code == 0
        assert fim(gateway, "--model", SMALL, "--limit", 5).exit_code == 0
        assert len(gateway.asked) == len(read(fim.out).records) == 5
        assert fim(gateway, "--model", LARGE).exit_code == 1  # another run


def test_a_run_goes_on_with_the_file_that_it_was_begun_with(fim, tmp_path):
    other = write(tmp_path / "other.jsonl", "infilling-single", 7)
    with running(answering) as gateway:
        assert fim(gateway, "--model", SMALL, "--limit", 2).exit_code == 0
        result = fim(gateway, "--model", SMALL, "--limit", 5, "--data", other)
        assert result.exit_code == 1
        assert "the content hash of its data is" in result.stderr
        assert len(gateway.asked) == 2


def test_deadlines_are_multiples_of_what_a_run_took_for_cold_and_cached_prompts(fim, tmp_path):
    def late(asked):
        ms = float(asked.headers.get("x-budget-latency-ms", "inf"))
        return error(504, "deadline_exceeded") if ms < unit_ms else answering(asked)

    unit_ms = 0.0
    with running(late) as gateway:
        assert fim(gateway, "--model", SMALL).exit_code == 0
        times = sorted(record["latency_s"] for record in read(fim.out).records)
        unit_ms = 1000 * (times[2] + times[3]) / 2
        gateway.asked.clear()
        given = ["--deadline-times", "0.5,2", "--reference", fim.out]
        result = fim(gateway, *given, out=tmp_path / "auto.jsonl")
    assert result.exit_code == 0, result.output
    names = [
        f"auto-{prompts}-x{time}.jsonl" for prompts in ("cold", "cached") for time in ("0.5", "2")
    ]
    runs = {name: read(tmp_path / name) for name in names}
    for name, run in runs.items():
        half = name.endswith("x0.5.jsonl")
        assert run.header.parameters["deadline_ms"] == pytest.approx(unit_ms * (0.5 if half else 2))
        assert len(run.done) == 6  # too late is an answer, and is not asked again
        assert {record["verdict"] for record in run.records} == {"failed"}
        assert all(record["latency_s"] > 0 for record in run.records)
        assert {record["text"] for record in run.records} == {"" if half else "    y = x"}
        assert f"x{'0.5' if half else '2'} |" in result.output
    cold = [asked for asked in gateway.problems if "cache_prompt" in asked.body]
    assert len(cold) == 12
    assert {asked.body["cache_prompt"] for asked in cold} == {False}
    assert len({asked.body["cache_salt"] for asked in cold}) == 12
    warm_ups = [asked for asked in gateway.asked if asked.body["max_tokens"] == 1]
    assert [asked.body["model"] for asked in warm_ups[:2]] == [SMALL, LARGE]
    assert len(warm_ups) == 24
    assert not any("x-budget-latency-ms" in asked.headers for asked in warm_ups)


@pytest.mark.parametrize(
    "given",
    [
        ["--deadline-times", "1"],
        ["--deadline-times", "0", "--reference", "x"],
        ["--deadline-times", "soon", "--reference", "x"],
        ["--deadline-times", "inf", "--reference", "x"],
    ],
)
def test_deadlines_that_make_no_sense_are_usage_errors(fim, given):
    with running() as gateway:
        assert fim(gateway, *given).exit_code == 2


def test_a_reference_that_is_not_there_is_said(fim, tmp_path):
    with running() as gateway:
        given = ["--deadline-times", "1", "--reference", tmp_path / "none.jsonl"]
        result = fim(gateway, *given)
    assert result.exit_code == 1
    assert "none.jsonl" in result.stderr


def test_without_a_deadline_a_504_is_an_error(fim):
    with running(lambda _: error(504, "deadline_exceeded")) as gateway:
        result = fim(gateway, "--limit", 1)
    assert result.exit_code == 1
    assert "1 of 1 requests have no answer" in result.stderr
