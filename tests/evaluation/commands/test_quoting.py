"""`budget-router quote` and `evaluate outcomes`, as a person types them."""

import json
from pathlib import Path
from typing import Any

import pytest
from fake_gateway import Asked, Reply, error, running

OPTION = {
    "flops": 2.5e12,
    "latency_ms": None,
    "plan": "small*2 > large*1",
    "success": 0.612,
    "low": 0.55,
    "high": 0.67,
    "extrapolated": None,
    "expected_flops": 1.2e12,
}
OUTCOME = {
    "time": "2026-01-01T00:00:00+00:00",
    "kind": "text",
    "policy": "single",
    "prompt_tokens": 100,
    "budget_calls": None,
    "target": None,
    "domain": "code",
    "plan": "small*4",
    "expected": 0.5,
    "extrapolated": False,
    "passed": True,
    "flops": 1e12,
    "call_flops": None,
    "deadline_passed": False,
    "stops_early": False,
}


def outcome(task: int, **fields: Any) -> str:
    draw = {"model": "small", "n": 4, "temperature": 0.8, "judged": 4, "passed": task % 5}
    row = OUTCOME | {"id": f"t{task}", "draws": [draw | {"tokens": [1, 2, 3, 4]}]} | fields
    return json.dumps(row) + "\n"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    prompt, tests = tmp_path / "prompt.py", tmp_path / "tests.json"
    prompt.write_text("def add(a, b):\n")
    tests.write_text('{"kind": "asserts", "code": "assert add(1, 2) == 3"}')
    return prompt, tests


def quoting(*options: dict[str, Any]) -> Any:
    def answer(_: Asked) -> Reply:
        return Reply(200, {"options": list(options)})

    return running(answer)


def test_a_quote_is_a_table_or_json(cli, files) -> None:
    prompt, tests = files
    slow = OPTION | {"latency_ms": 1234.5, "extrapolated": "chat is no calibrated kind of task"}
    with quoting(OPTION, slow) as gateway:
        shown = cli("quote", prompt, "--tests", tests, "--url", gateway.url)
        told = cli("quote", prompt, "--tests", tests, "--url", f"{gateway.url}/v1/", "--json")
    assert shown.exit_code == 0, shown.output
    for said in (
        "2.5",
        "61.2",
        "55.0 to 67.0",
        "A*2 > B*1",
        "A: small, B: large",
        "1234",
        "no calibrated kind",
    ):
        assert said in shown.stdout
    assert json.loads(told.stdout) == {"options": [OPTION, slow]}
    first = gateway.asked[0].body
    assert first["prompt"] == "def add(a, b):\n"
    assert first["tests"]["kind"] == "asserts"


def test_a_narrow_terminal_folds_and_cuts_nothing(cli, files, monkeypatch) -> None:
    prompt, tests = files
    monkeypatch.setenv("COLUMNS", "36")
    with quoting(OPTION | {"plan": "small*greedy > large*16"}) as gateway:
        shown = cli("quote", prompt, "--tests", tests, "--url", gateway.url).stdout
    assert "…" not in shown


def test_a_quote_reads_standard_input_and_takes_budgets(cli, files) -> None:
    options = ("--chat", "--flops", "2T", "--latency-ms", "500", "--target", "0.8")
    with quoting() as gateway:
        more = ("--policy", "mine", "--max-tokens", "64", "--url", gateway.url)
        shown = cli("quote", "--tests", files[1], *options, *more, typed="Write add.")
    assert "less than any" in shown.stdout
    body = gateway.asked[0].body
    assert body["messages"] == [{"role": "user", "content": "Write add."}]
    wanted = {"flops": "2T", "latency_ms": 500.0, "target": 0.8, "policy": "mine"}
    assert (body["budget"], body["max_tokens"]) == (wanted, 64)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "no gateway answers at http://127.0.0.1:9: "),
        (("--url", "nowhere"), "no gateway answers at nowhere: "),
        (("--tests", "{binary}"), "{binary} is no text in UTF-8"),
        (("--tests", "{missing}"), "{missing}: No such file or directory"),
    ],
)
def test_what_cannot_be_asked_is_one_line_that_names_it(
    cli, files, tmp_path, arguments, said
) -> None:
    prompt, tests = files
    paths = {"binary": tmp_path / "binary", "missing": tmp_path / "missing"}
    paths["binary"].write_bytes(b"\xff\xfe")
    given = [each.format(**paths) for each in arguments]
    refused = cli("quote", prompt, "--tests", tests, "--url", "http://127.0.0.1:9", *given)
    assert refused.exit_code == 1
    (line,) = refused.stderr.splitlines()
    assert line.startswith(f"budget-router: {said.format(**paths)}")


def test_what_a_gateway_says_against_it_is_one_line(cli, files) -> None:
    prompt, tests = files
    with running(lambda _: error(400, "invalid_request")) as gateway:
        refused = cli("quote", prompt, "--tests", tests, "--url", gateway.url)
    assert (refused.exit_code, refused.stderr) == (1, "budget-router: it is invalid_request\n")
    with running(lambda _: Reply(200, b"<html>")) as gateway:
        odd = cli("quote", prompt, "--tests", tests, "--url", gateway.url)
    assert "not as a gateway does" in odd.stderr
    away = cli("quote", prompt, "--tests", tests, "--url", "http://127.0.0.1:9")
    assert away.exit_code == 1
    tests.write_text("{")
    bad = cli("quote", prompt, "--tests", tests)
    assert "is no JSON" in bad.stderr
    missing = cli("quote", prompt.with_name("nothing"), "--tests", tests)
    assert "No such file" in missing.stderr
    for result in (odd, away, bad, missing):
        assert result.exit_code == 1
        assert len(result.stderr.splitlines()) == 1


def test_outcomes_become_a_table_and_counts(cli, tmp_path) -> None:
    path, out = tmp_path / "outcomes.jsonl", tmp_path / "counts.csv"
    path.write_text("".join(outcome(at, passed=at < 6) for at in range(10)) + "torn\n")
    result = cli("evaluate", "outcomes", path, "--counts", out)
    assert result.exit_code == 0, result.output
    for said in ("code", "10", "50.0 %", "60.0 %", "yes"):
        assert said in result.stdout
    assert "1 lines are no outcomes" in result.stderr
    assert "10 counts of 10 problems" in result.stderr
    assert out.read_text().splitlines()[:2] == ["problem,model,n,c", "t0,small,4,0"]
    again = cli("evaluate", "outcomes", path, "--counts", out)
    assert again.exit_code == 1
    assert "is there already" in again.stderr
    (decile,) = json.loads(cli("evaluate", "outcomes", path, "--json").stdout)
    assert (decile["requests"], decile["expected"]) == (10, 0.5)


def test_outcomes_of_plans_that_stop_early_make_no_counts(cli, tmp_path) -> None:
    path = tmp_path / "outcomes.jsonl"
    path.write_text(outcome(1, stops_early=True))
    result = cli("evaluate", "outcomes", path, "--counts", tmp_path / "counts.csv")
    assert result.exit_code == 1
    assert "policy single" in result.stderr
    assert not (tmp_path / "counts.csv").exists()
    assert cli("evaluate", "outcomes", tmp_path / "none").exit_code == 1
