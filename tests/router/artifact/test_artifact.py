"""Policy files: what is written is read again, and what cannot be served is refused by name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from calibrations import calibration
from world import COST

from evaluation.selection.courses import LENGTHS
from policies.cost import Architecture, FlatRate
from policies.ladder import Rung
from policies.plans.auto import Auto
from policies.plans.climb import Climb
from policies.selection.choosing import believing
from router.artifact.artifact import Artifact, InvalidArtifact, Source
from router.artifact.files import SHIPPED, read_artifact, text_of
from router.configuration.configured_policies import auto_of, policies_of
from router.sections.policies import AutoConfig, LadderConfig
from router.settings import Settings

SOURCE = Source(dataset="code", problems=("a", "b"), pools={"small": ("h",)}, samples={"small": 3})


def made() -> Artifact:
    return Artifact.of(calibration(), COST.rates, basis="exact", sources=[SOURCE])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.json"
    path.write_text(text_of(made()))
    return path


def test_what_is_written_is_read_again(file: Path) -> None:
    found = read_artifact(file)
    assert found == made()
    assert text_of(found) == file.read_text()
    assert found.calibration().kinds == calibration().kinds


def test_a_model_of_a_flat_rate_is_kept_as_one() -> None:
    rates = {"small": FlatRate(1e9), "large": FlatRate(3e9)}
    artifact = Artifact.of(calibration(), rates, basis="exact", sources=[])
    artifact.check(rates)


def _set(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    *places, last = path.split(".")

    def change(whole: dict[str, Any]) -> None:
        at: Any = whole
        for place in places:
            at = at[int(place) if place.isdigit() else place]
        at[int(last) if last.isdigit() else last] = value

    return change


LADDER = "domains.0.lengths.0.own.0"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_set("schema", 2), "newer version"),
        (_set("schema", 0), "older version"),
        (_set("format", "other"), "no policy"),
        (_set("models", ["small"]), "models"),
        (_set("cost_sha256", "0" * 64), "cost_sha256"),
        (_set("rates.small.layers", 0), "rates.small.layers"),
        (_set("worth", float("nan")), "worth"),
        (_set(f"{LADDER}.calls", -1), "calls"),
        (_set(f"{LADDER}.calls", 9), "order"),
        (_set(f"{LADDER}.rungs", []), "rungs"),
        (_set(f"{LADDER}.rungs.0", ["other", 1, 0.8]), "other"),
        (_set(f"{LADDER}.rungs.0", ["small", 0, 0.8]), "rungs"),
        (_set(f"{LADDER}.rungs.0", ["small", 3, 0.0]), "greedy"),
        (_set(f"{LADDER}.success", [0.5, 0.6, 0.7]), "not in"),
        (_set("domains.0.lengths.0.prompt_tokens", 5000), "order"),
        (_set("unknown", 1), "unknown"),
        (_set("schema", True), "no policy"),
        (_set("models", ["large", "small"]), "order"),
        (_set("models", ["small", "large", "large"]), "each once"),
        (_set("kinds", {"text": "nowhere"}), "kinds name them"),
        (_set(f"{LADDER}.success", [7, 6, 8]), "success"),
        (_set(f"{LADDER}.spent", [-5, -6, -4]), "spent"),
        (_set(f"{LADDER}.spent", [5, 4, 6]), "more than its budget"),
        (_set(f"{LADDER}.rungs.0", ["small", 10**9, 0.8]), "rungs"),
        (_set("domains.0.answers.small", {"half": 9, "most": 3}), "cannot be"),
    ],
)
def test_a_damaged_file_is_refused_by_what_is_wrong(
    file: Path, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    whole = json.loads(file.read_text())
    change(whole)
    file.write_text(json.dumps(whole))
    with pytest.raises(InvalidArtifact, match=said) as error:
        read_artifact(file)
    assert str(file) in str(error.value)
    assert not re.search("Value error|whole", str(error.value))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00", '{"schema": 1}', "[" * 100_000])
def test_what_is_no_policy_is_refused(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(InvalidArtifact, match=r"policy\.json"):
        read_artifact(file)


def test_half_a_file_is_refused(file: Path) -> None:
    file.write_text(file.read_text()[:2000])
    with pytest.raises(InvalidArtifact, match="damaged"):
        read_artifact(file)


def test_models_must_be_there_and_of_the_same_sizes(file: Path) -> None:
    artifact = read_artifact(file)
    artifact.check(COST.rates)
    with pytest.raises(InvalidArtifact, match="large is not"):
        artifact.check({"small": COST.rates["small"]})
    other = {**COST.rates, "small": Architecture(1, 1, 1, 1)}
    with pytest.raises(InvalidArtifact, match="other sizes"):
        artifact.check(other)


def test_auto_climbs_the_named_file_and_refuses_one_that_does_not_fit(file: Path) -> None:
    found = auto_of(AutoConfig(artifact=file), COST.rates)
    assert found == Auto(Climb(made().calibration()))
    with pytest.raises(InvalidArtifact):
        auto_of(AutoConfig(artifact=file), {})
    with pytest.raises(InvalidArtifact, match="domain 'none'"):
        auto_of(AutoConfig(artifact=file, domain="none"), COST.rates)
    with pytest.raises(OSError, match="nowhere"):
        auto_of(AutoConfig(artifact=file.with_name("nowhere")), COST.rates)


def test_auto_is_without_a_ladder_where_the_shipped_one_is_for_others_or_unwanted() -> None:
    assert auto_of(AutoConfig(), COST.rates) == Auto()
    with pytest.raises(InvalidArtifact, match="humanevall"):
        auto_of(AutoConfig(domain="humanevall"), COST.rates)
    with pytest.raises(ValueError, match="ladder"):
        AutoConfig(policy="cascade", domain="humaneval")
    shipped = read_artifact(SHIPPED)
    rates = shipped.cost().rates
    assert auto_of(AutoConfig(policy="cascade"), rates) == Auto()
    courses = shipped.courses()
    assert courses is not None
    assert courses.belief is not None
    chooses = believing(courses.belief)
    assert auto_of(AutoConfig(), rates) == Auto(Climb(shipped.calibration()), courses, chooses)


def test_shipped_courses_are_worth_more_the_more_they_spend() -> None:
    courses = read_artifact(SHIPPED).courses()
    assert courses is not None
    assert [at.prompt_tokens for at in courses.lengths] == list(LENGTHS)
    for at in courses.lengths:
        for each in (at.shown, at.plain):
            success = [course.success.value for course in each]
            assert success == sorted(set(success))
            assert all(course.spent.value <= course.calls for course in each)
        for usual in (at.usual_shown, at.usual_plain):
            assert usual is not None
            assert usual.rungs[-1] == Rung(courses.models[-1], 1, 0.0)  # the large model's, last


def test_shipped_courses_spend_more_the_longer_the_prompt_is() -> None:
    shipped = read_artifact(SHIPPED)
    courses, cost = shipped.courses(), shipped.cost()
    assert courses is not None
    flops: dict[tuple[Rung, ...], list[float]] = {}
    for at in courses.lengths:
        call = shipped.calibration().call(at.prompt_tokens or 0, cost)
        for usual in (at.usual_shown, at.usual_plain):
            assert usual is not None
            flops.setdefault(usual.rungs, []).append(usual.spent.value * call)
    assert max(map(len, flops.values())) > 1
    assert all(spent == sorted(set(spent)) for spent in flops.values())


COURSE = {"calls": 1.0, "rungs": [["large", 1, 0.0]], "success": [0.5] * 3, "spent": [0.5] * 3}
AT = {"prompt_tokens": 100, "plain": [COURSE]}


def test_courses_of_no_length_are_for_all_prompts_and_the_file_may_be_an_older_one(
    file: Path,
) -> None:
    whole = json.loads(file.read_text())
    belief = {"agreed": [-1, 3], "shown": [-12, 9, 6]}
    whole["without_tests"] = {"shown": [], "plain": [COURSE], "usual_plain": COURSE}
    whole["without_tests"]["belief"] = belief
    file.write_text(json.dumps(whole))
    courses = read_artifact(file).courses()
    assert courses is not None
    (alone,) = courses.lengths
    assert alone.prompt_tokens is None
    assert alone.shown == ()
    assert alone.plain == (alone.usual_plain,)
    assert courses.belief is not None
    assert all(courses.at(tokens) is alone for tokens in (1, 100, 10**6))
    file.write_text(text_of(read_artifact(file)))
    assert read_artifact(file).courses() == courses
    whole["without_tests"] = {"shown": [], "plain": []}
    file.write_text(json.dumps(whole))
    assert read_artifact(file).courses() is None


def test_courses_are_those_of_the_nearest_length_by_ratio(file: Path) -> None:
    whole = json.loads(file.read_text())
    lengths = [{"prompt_tokens": tokens, "plain": [COURSE]} for tokens in (100, 400)]
    whole["without_tests"] = {"lengths": lengths}
    file.write_text(json.dumps(whole))
    courses = read_artifact(file).courses()
    assert courses is not None
    told = {tokens: courses.at(tokens).prompt_tokens for tokens in (0, 1, 199, 201, 9999)}
    assert told == {0: 100, 1: 100, 199: 100, 201: 400, 9999: 400}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"lengths": [AT | {"plain": [COURSE | {"rungs": [["another", 1, 0.0]]}]}]}, "another"),
        ({"lengths": [AT, AT]}, "lengths are not in order"),
        ({"lengths": [AT | {"prompt_tokens": 400}, AT]}, "lengths are not in order"),
        ({"lengths": [{"plain": [COURSE]}, AT]}, "lengths are not in order"),
        ({"lengths": [AT | {"prompt_tokens": 0}]}, "prompt_tokens"),
        ({"lengths": [AT], "plain": [COURSE]}, "plain"),
        ({"lengths": [AT | {"plain": [COURSE, COURSE]}]}, "budgets of ladders are not in order"),
        ({"plain": [COURSE | {"rungs": [["another", 1, 0.0]]}]}, "another"),
        ({"plain": 0}, "plain"),
        ({"other": [COURSE]}, "other"),
    ],
)
def test_courses_that_cannot_be_are_refused(file: Path, told: dict[str, Any], said: str) -> None:
    whole = json.loads(file.read_text())
    whole["without_tests"] = told
    file.write_text(json.dumps(whole))
    with pytest.raises(InvalidArtifact, match=said):
        read_artifact(file)


def test_a_policy_of_ladders_can_be_configured(file: Path) -> None:
    settings = Settings(policies={"mine": LadderConfig(kind="ladder", artifact=file)})
    assert policies_of(settings, COST.rates)["mine"] == Climb(made().calibration())


def test_the_shipped_ladders_are_for_the_embedded_pair_at_every_length_and_budget() -> None:
    shipped = read_artifact(SHIPPED)
    assert set(shipped.models) == set(Settings().models)
    assert shipped.basis == "exact"
    found = shipped.calibration()
    assert found.kinds == {"text": "humaneval"}
    cost = shipped.cost()
    for domain in (*found.domains.values(), found.pooled):
        for length in domain.lengths:
            for ladders in (length.own, length.cached):
                assert ladders[-1].success.value > ladders[0].success.value
                call = found.call(length.prompt_tokens, cost)
                first = ladders[0].rungs[0]
                least = cost.ceiling(first.model, length.prompt_tokens, 1, 32)
                assert least <= ladders[0].calls * call
