"""`budget-router calibrate`: from counts and tables to a policy that a gateway can read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from click.testing import Result

from evaluation.calibration.calibrate import Calibrating
from router.artifact.files import read_artifact

PROBLEMS = 24


@pytest.fixture
def counts(tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    rows = [
        f"p/{at},{model},16,{min(16, more * at // 2)}"
        for model, more in (("codellama-7b", 1), ("codellama-34b", 2))
        for at in range(PROBLEMS)
    ]
    path.write_text("problem,model,n,c\n" + "\n".join(rows) + "\n")
    return path


@pytest.fixture
def calibrate(cli: Callable[..., Result]) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: object) -> tuple[int, str, str]:
        result = cli("calibrate", *arguments)
        return result.exit_code, result.stdout, result.stderr

    return run


Calibrate: TypeAlias = Callable[..., tuple[int, str, str]]


def test_counts_make_a_policy_on_the_papers_basis(
    calibrate: Calibrate, counts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "policy.json"
    code, told, beside = calibrate(counts, "--out", out)
    assert code == 0
    assert beside.splitlines()[-1] == f"{out}: ladders for codellama-7b, codellama-34b"
    assert all(len(line) <= 80 for line in told.splitlines())
    assert {line.split()[1] for line in told.splitlines() if "to" in line} >= {"mine", "any"}
    assert "A: codellama-7b, B: codellama-34b. Budget and spent are in large calls" in told
    artifact = read_artifact(out)
    assert (artifact.basis, artifact.models) == ("paper", ("codellama-7b", "codellama-34b"))
    (source,) = artifact.sources
    assert (source.dataset, len(source.problems)) == ("mine", PROBLEMS)
    assert source.samples == {"codellama-7b": 16, "codellama-34b": 16}
    content_hash = hashlib.sha256(counts.read_bytes()).hexdigest()
    assert source.pools == dict.fromkeys(artifact.models, (content_hash,))


def test_a_file_that_is_there_is_not_written_over_in_silence(
    calibrate: Calibrate, counts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "policy.json"
    out.write_text("mine")
    code, _, said = calibrate(counts, "--out", out)
    assert (code, out.read_text()) == (1, "mine")
    assert "--force" in said
    assert calibrate(counts, "--out", out, "--force")[0] == 0
    assert read_artifact(out)


@pytest.mark.parametrize(
    ("like", "kinds"),
    [
        ((), {"text": "humaneval"}),
        (("chat=mine",), {"text": "humaneval", "chat": "mine"}),
        (
            ("chat=mine", "fill=humaneval"),
            {"text": "humaneval", "chat": "mine", "fill": "humaneval"},
        ),
        (("text=mine",), {"text": "mine"}),
    ],
)
def test_kinds_that_are_not_named_are_like_what_they_were(
    calibrate: Calibrate, counts: Path, tmp_path: Path, like: tuple[str, ...], kinds: dict[str, str]
) -> None:
    other, out = tmp_path / "humaneval.csv", tmp_path / "policy.json"
    other.write_bytes(counts.read_bytes())
    given = [each for one in like for each in ("--like", one)]
    code, _, said = calibrate(counts, other, *given, "--out", out)
    assert code == 0, said
    assert read_artifact(out).calibration().kinds == kinds


def test_the_paper_tells_enough_for_llama_3_and_what_was_assumed(
    calibrate: Calibrate, tmp_path: Path
) -> None:
    out = tmp_path / "policy.json"
    models = ("--model", "llama3-8b", "--model", "llama3-70b")
    code, _, beside = calibrate("--from", "paper", *models, "--out", out)
    assert code == 0
    artifact = read_artifact(out)
    assert artifact.models == ("llama3-8b", "llama3-70b")
    assert any("Beta distribution" in each for each in artifact.assumptions)
    assert any("same order of difficulty" in each for each in artifact.assumptions)
    assert all(f"assumed: {each}" in beside for each in artifact.assumptions)
    one = next(each for each in artifact.calibration().domains["humaneval"].lengths[0].own)
    assert 0 < one.success.value < 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere is not there"),
        (["{empty}"], "empty has no pool"),
        (["{text}"], "notes.txt is no file of counts: these end in .csv or .jsonl"),
        (["{counts}", "--model", "nobody"], "nothing here of nobody"),
        ([], "name pools"),
        (["{counts}", "--from", "paper"], "not both"),
        (["--from", "paper", "--basis", "exact"], "leave --basis out"),
        (["--from", "paper", "--model", "gpt"], "the paper has no gpt"),
        (["{counts}", "--model", "codellama-7b"], "two models or more"),
        (["{counts}", "--basis", "exact"], "--basis paper"),
        (["{counts}", "--config-json", "x"], "MODEL=FILE"),
        (["{counts}", "--config-json", "x=nowhere"], "nowhere"),
    ],
)
def test_what_is_wrong_is_said(
    calibrate: Calibrate, counts: Path, tmp_path: Path, arguments: list[str], said: str
) -> None:
    known = {"counts": counts, "empty": tmp_path / "empty", "text": tmp_path / "notes.txt"}
    known["empty"].mkdir()
    known["text"].touch()
    given = [each.format(**known) for each in arguments]
    code, _, told = calibrate(*given, "--out", tmp_path / "policy.json")
    assert code == 1
    assert said in told
    assert not (tmp_path / "policy.json").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--out", "{there}/nowhere/policy.json"], "nowhere is no directory"),
        (["--out", "{counts}/policy.json"], "mine.csv is no directory"),
        (["--out", "{there}", "--force"], "is a directory"),
        (["--like", "text=elsewhere"], "--like takes KIND=DATASET"),
        (["--like", "poem={dataset}"], "--like takes KIND=DATASET"),
        (["--like", "text"], "--like takes KIND=DATASET"),
        (["--like", "=mine"], "--like takes KIND=DATASET"),
        (["--like", "chat={dataset}", "--like", "poem={dataset}"], "--like takes KIND=DATASET"),
        (["--like", "chat={dataset}", "--like", "chat=x"], "what chat is like twice"),
        (["--model", "codellama-70", "--model", "gpt"], "codellama-70, gpt"),
        (["--selectors", "{there}/nowhere"], "nowhere"),
        (["--selectors", "{counts}"], "Expecting value"),
        (["--selectors", "{empty}"], "is no `selectors.json` of `evaluate"),
        (["--selectors", "{others}"], "is no `selectors.json` of codellama-7b, codellama-34b"),
        (["--selectors", "{damaged}"], "damaged.json is damaged: lengths.0.plain"),
    ],
)
@pytest.mark.parametrize("source", ["counts", "paper"])
def test_what_can_be_known_before_is_not_found_out_after_the_work(
    calibrate: Calibrate,
    counts: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    arguments: list[str],
    said: str,
) -> None:
    def work(*_: object) -> None:
        raise AssertionError("it calibrates")

    monkeypatch.setattr(Calibrating, "of_effects", work)
    models = ["codellama-7b", "codellama-34b"]
    written: dict[str, object] = {
        "empty": {},
        "others": {"models": ["a", "b"], "courses": {}},
        "damaged": {"models": models, "courses": {"lengths": [{"plain": 5}]}},
    }
    paths = {name: tmp_path / f"{name}.json" for name in written}
    for name, value in written.items():
        paths[name].write_text(json.dumps(value))
    dataset = "mine" if source == "counts" else "humaneval"
    known = {"there": tmp_path, "counts": counts, "dataset": dataset, **paths}
    given = [each.format(**known) for each in arguments]
    named = [each for model in models for each in ("--model", model)]
    of = [counts] if source == "counts" else ["--from", "paper"]
    code, _, told = calibrate(*of, *named, "--out", tmp_path / "policy.json", *given)
    assert code == 1
    (line,) = told.strip().splitlines()
    assert line.startswith("budget-router: ")
    assert said in line


def test_a_model_without_known_sizes_is_named(calibrate: Calibrate, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    rows = [f"p/{at},{model},4,2" for model in ("codellama-7b", "odd") for at in range(PROBLEMS)]
    path.write_text("problem,model,n,c\n" + "\n".join(rows) + "\n")
    code, _, said = calibrate(path, "--out", tmp_path / "policy.json")
    assert code == 1
    assert "odd" in said
    assert "--config-json" in said
