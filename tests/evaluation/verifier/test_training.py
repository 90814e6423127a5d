"""Training a verifier, and what the commands make of it: on answers where right ones are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from made_answers import LARGE, SMALL, make_pools

from evaluation.selection.recorded import Sight
from evaluation.verifier.lessons import lesson
from evaluation.verifier.model import AnswerVerifier
from evaluation.verifier.recorded import MissingOutputs, Observed

torch = pytest.importorskip("torch", reason="torch is not installed: make torch")

from evaluation.verifier.training import FOLDS, Trained, fold_of, train  # noqa: E402


def observed(folder: Path, problems: int = 12) -> Observed:
    return Observed.read(folder, "one", (SMALL, LARGE), make_pools(folder, "one", problems))


def test_what_tells_right_from_wrong_is_learned_and_repeats(tmp_path: Path) -> None:
    seen = observed(tmp_path)
    lessons = [
        lesson(problem, reading, (Sight.STRIPPED,))
        for problem, reading in zip(seen.problems, seen.readings, strict=True)
    ]
    heard = list[Trained]()
    first = train(lessons, {}, heard.append)
    assert len(heard) == FOLDS
    assert all(each.loss < 0.3 for each in heard)  # of problems that were held out; a coin is 0.69
    again = train(lessons, {}, lambda _: None)
    for one, other in zip(first.networks, again.networks, strict=True):
        assert all(np.array_equal(one[name], other[name]) for name in one)
    seeded = train(lessons, {}, lambda _: None, seed=1)
    assert not np.array_equal(first.networks[0]["inner"], seeded.networks[0]["inner"])


def test_lessons_are_of_sets_that_are_drawn_together(tmp_path: Path) -> None:
    seen = observed(tmp_path, 2)
    taught = lesson(seen.problems[0], seen.readings[0], (Sight.NOT_USED, Sight.STRIPPED))
    rows = 2 * 2 * 2 * (1 + 3 + 5)  # sights, models and sets; 7 and more were not recorded
    assert taught.features.shape[0] == len(taught.at) == len(taught.right) == rows
    texts = {at: text for text, at in taught.reading.places.items()}
    assert all(
        ("total" in texts[at]) == right for at, right in zip(taught.at, taught.right, strict=True)
    )


def test_a_problem_has_one_fold_and_too_few_cannot_be_held_out(tmp_path: Path) -> None:
    assert {fold_of(f"a/{at}") for at in range(60)} == set(range(FOLDS))
    seen = observed(tmp_path, 1)
    with pytest.raises(ValueError, match="too few problems"):
        train([lesson(seen.problems[0], seen.readings[0], (Sight.STRIPPED,))], {}, print)


def test_programs_that_nobody_ran_are_told(tmp_path: Path) -> None:
    outputs = make_pools(tmp_path, "one", 2)
    outputs.write_text(outputs.read_text().partition("\n")[2])
    with pytest.raises(MissingOutputs, match="lacks what 1 programs of one give"):
        Observed.read(tmp_path, "one", (SMALL, LARGE), outputs)


def test_a_verifier_of_one_data_set_is_measured_on_another(cli, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    learned, asked = make_pools(one, "one", 12), make_pools(other, "other", 6)
    file, out = tmp_path / "lever.safetensors", tmp_path / "out"
    training = ["train", "lever", "--pools", one, "--dataset", "one", "--outputs", learned]
    licensed = ("--licence", "CC0", "--out", str(file))
    assert cli(*map(str, training), *licensed).exit_code == 0
    told = AnswerVerifier.load(file).told
    assert told["licence"] == "CC0"
    assert (told["dataset"], len(told["problems"].split())) == ("one", 12)
    assert len(told["pools"].split()) == 4

    refused = cli(*map(str, training), "--out", str(file))
    assert refused.exit_code == 1
    assert "is there already" in refused.stderr
    assert cli(*map(str, training), "--out", str(file), "--force").exit_code == 0

    measuring = ["evaluate", "lever", "--verifier", file, "--out", out]
    of_one = ["--pools", one, "--dataset", "one", "--outputs", learned]
    seen = cli(*map(str, [*measuring, *of_one]))
    assert seen.exit_code == 1
    assert "was trained on 12 of these problems" in seen.stderr

    of_other = ["--pools", other, "--dataset", "other", "--outputs", asked]
    result = cli(*map(str, [*measuring, *of_other]))
    assert result.exit_code == 0, result.stderr
    assert "| lever ahead of agreement |" in result.stdout
    found = json.loads((out / "lever.json").read_text())
    rows = {(r["model"], r["examples"], r["k"], r["selector"]): r for r in found["rows"]}
    assert {key[2] for key in rows} == {1, 3, 5}
    best, alone = rows[SMALL, "stripped", 5, "lever"], rows[SMALL, "stripped", 1, "lever"]
    assert best["selected"] == best["oracle"] > alone["selected"]  # right programs are told apart
    assert rows[SMALL, "stripped", 5, "nll"]["lever_ahead"] > 0
    assert best["lever_ahead"] == 0
    assert [row["model"] for row in found["greedy"]] == [SMALL, LARGE]
    assert found["greedy"][1]["large_calls"] == 1
    assert {path.name for path in out.iterdir()} == {"lever.json", "lever.svg", "lever.png"}
