"""`evaluate replay` on made-up pools: what is written, and how it fails."""

import json
import xml.etree.ElementTree as ET

import pytest
import study_pools
from typer.testing import CliRunner

from evaluation.calibration import calibrate
from evaluation.cli import app

MODELS = ("qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b")
PLANS = {
    *("ladder", "ladder-cached", "cascade", "random"),
    *("clairvoyant-rates", "clairvoyant-outcomes"),
    *(f"{model}*{width}" for model in MODELS for width in ("greedy", 1, 2, 3)),
    *("qwen2.5-coder-0.5b*4", "qwen2.5-coder-0.5b*6"),
}


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def pools(tmp_path_factory):
    """Two small data sets of two models, whose prompts have one length: no other is calibrated."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibrate, "LENGTHS", (128,))
        yield _pools(tmp_path_factory)


def _pools(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pools")
    for dataset, seed in (("one", 1), ("two", 2)):
        for model, n in zip(MODELS, (6, 3), strict=True):
            study_pools.save(study_pools.pool(model, dataset, problems=44, n=n, seed=seed), folder)
    return folder


@pytest.fixture(scope="module")
def asked(pools):
    """Ask for few budgets and orders: `asked(out, *arguments)` gives click's result."""

    def ask(out, *arguments):
        few = ("--seeds", 2, "--budget", 2, "--budget", 0.5)
        return run("evaluate", "replay", "--pools", pools, "--out", out, *few, *arguments)

    return ask


@pytest.fixture(scope="module")
def by_folds(asked, tmp_path_factory):
    out = tmp_path_factory.mktemp("replay") / "not" / "there"
    result = asked(out, "--dataset", "one", "--folds", 2)
    assert result.exit_code == 0, result.output
    return out, result


@pytest.fixture(scope="module")
def policy(pools, tmp_path_factory):
    """One that was made from the data set `two`."""
    file = tmp_path_factory.mktemp("policy") / "policy.json"
    made = [path.parent for path in sorted(pools.glob("two-*/pool.json"))]
    result = run("calibrate", *made, "--out", file)
    assert result.exit_code == 0, result.output
    return file


def read(out):
    return json.loads((out / "replay.json").read_text())


def test_the_file_says_what_was_replayed(by_folds):
    out, _ = by_folds
    found = read(out)
    assert (found["dataset"], found["basis"], found["problems"]) == ("one", "exact", 44)
    assert found["problems_plus"] == 0
    assert set(found["pools"]) == set(MODELS)
    folds = found["folds"]
    assert (folds["count"], folds["split"], len(folds["by_problem"])) == (2, "0", 44)
    assert set(folds["by_problem"].values()) == {0, 1}


def test_every_plan_has_its_figures_at_every_budget(by_folds):
    out, _ = by_folds
    budgets = read(out)["budgets"]
    assert [budget["x"] for budget in budgets] == [0.5, 2]
    for budget in budgets:
        left_out = {plan["name"] for plan in budget["left_out"]}
        assert {plan["name"] for plan in budget["plans"]} == PLANS - left_out
        for plan in (*budget["plans"], budget["tuned"]):
            assert 0 <= plan["low"] <= plan["success"] <= plan["high"] <= 1
            assert 0 <= plan["flops"] <= budget["cap_flops"]
            assert plan["success_plus"] is None
            assert plan["false_passes"] is None
        assert budget["tuned"]["plan"] in PLANS


def test_flops_at_equal_success_are_there(by_folds):
    out, _ = by_folds
    found = read(out)
    for ratio in found["ratios"]:
        keys = {"target", "flops_best_fixed", "flops_ladder", "ratio", "low", "high", "x", "reach"}
        assert set(ratio) == keys
        if ratio["ratio"] is not None:
            assert ratio["low"] <= ratio["ratio"]
            assert ratio["high"] is None or ratio["high"] >= ratio["ratio"]
            assert ratio["ratio"] == pytest.approx(
                ratio["flops_ladder"] / ratio["flops_best_fixed"]
            )
    assert found["ratio_mean"]["ratio"] > 0
    wanted = ("ladder", "ladder-cached")
    assert {(each["plan"], each["against"]) for each in found["comparisons"]} == {
        (plan, other)
        for plan in (*wanted, *(f"{name}-wanted" for name in wanted), "clairvoyant-rates")
        for other in ("fixed", "cascade")
    }


def test_targets_are_asked_for_as_well(by_folds):
    out, _ = by_folds
    targets = read(out)["targets"]
    assert any(target["plans"] for target in targets)
    for target in targets:
        for plan in target["plans"]:
            assert plan["name"] in {"ladder", "ladder-cached"}
            assert 0 <= plan["low"] <= plan["success"] <= plan["high"] <= 1


def test_predictions_stand_beside_what_came(by_folds):
    out, _ = by_folds
    deciles = read(out)["deciles"]
    assert sum(decile["n"] for decile in deciles) == 88
    for decile in deciles:
        assert decile["predicted_low"] <= decile["predicted"] <= decile["predicted_high"]
        assert decile["within"] == (decile["low"] <= decile["predicted"] <= decile["high"])


def test_people_get_tables_and_pictures(by_folds):
    out, result = by_folds
    assert "| FLOPs at equal success |" in result.stdout
    assert "runs in" in result.stderr
    for name in ("replay", "deciles"):
        assert (out / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert ET.parse(out / f"{name}.svg").getroot().tag.endswith("svg")  # noqa: S314 ours


def test_a_second_run_writes_the_same_bytes(by_folds, asked, tmp_path):
    out, _ = by_folds
    assert asked(tmp_path, "--dataset", "one", "--folds", 2).exit_code == 0
    for path in out.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_policy_of_another_data_set_is_replayed_as_it_is(asked, policy, tmp_path):
    result = asked(tmp_path, "--dataset", "one", "--policy", policy)
    assert result.exit_code == 0, result.output
    found = read(tmp_path)
    assert found["folds"] is None
    assert found["seen_problems"] == 0
    (calibrated_on,) = found["calibrated_on"]
    assert (calibrated_on["dataset"], calibrated_on["problems"]) == ("two", 44)
    assert all(budget["tuned"]["plan"] in PLANS for budget in found["budgets"])
    assert "seen" not in result.stderr


def test_problems_that_a_policy_has_seen_are_said(asked, policy, tmp_path):
    result = asked(tmp_path, "--dataset", "two", "--policy", policy)
    assert result.exit_code == 0, result.output
    assert "44 of the 44 problems were seen" in result.stderr
    assert read(tmp_path)["seen_problems"] == 44


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--dataset", "three"), "holds no pool of three; it has one"),
        (("--dataset", "one", "--model", "gpt"), "holds no pool of gpt"),
        (("--dataset", "one", "--model", MODELS[0]), "two models or more"),
        (("--dataset", "one", "--budget", "0"), "above 0"),
        (("--dataset", "one", "--folds", "45"), "cannot be parted into 45"),
        (("--dataset", "one", "--policy", "not-there.json"), "No such file"),
    ],
)
def test_what_cannot_be_replayed_is_one_line(asked, tmp_path, arguments, said):
    result = asked(tmp_path, *arguments)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("budget-router: ")
    assert said in result.stderr
