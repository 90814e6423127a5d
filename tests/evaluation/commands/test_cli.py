"""The console script: what it loads, how it fails, and what it hands on."""

import json
import socket
import subprocess
import sys

import pytest

from evaluation.commands import models, serve
from router.catalogue.entries import CATALOGUE
from router.catalogue.pull import PullFailed
from router.settings import Settings


@pytest.fixture
def served(monkeypatch):
    """Settings that `serve` handed on; nothing is really started."""
    seen = []
    monkeypatch.setattr(serve, "serve", seen.append)
    return seen


@pytest.fixture
def pulled(monkeypatch):
    """Models that were pulled, by either command."""
    seen = []

    def pull(entry, directory, progress):
        seen.append(entry.id)
        return directory / entry.file

    monkeypatch.setattr(serve, "pull", pull)
    monkeypatch.setattr(models, "pull", pull)
    return seen


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "gateway.toml"
    path.write_text(f'port = 0\nmodel_dir = "{tmp_path}"\n[models.smollm2-135m]\n')
    path.write_text(path.read_text() + 'engine = "embedded"\n')
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["serve"],
        ["models"],
        ["models", "list"],
        ["models", "pull"],
        ["evaluate"],
        ["evaluate", "gateway"],
        ["evaluate", "table"],
        ["sandbox"],
        ["sandbox", "run"],
        ["sandbox", "check"],
        ["sandbox", "bench"],
        ["evaluate", "bench"],
        ["evaluate", "bench-metrics"],
        ["evaluate", "flops"],
        ["evaluate", "paper"],
        ["evaluate", "collect"],
        ["evaluate", "judge"],
        ["evaluate", "pools"],
        ["evaluate", "import"],
    ],
)
def test_every_command_has_help(cli, arguments):
    result = cli(*arguments, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.stdout


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import evaluation.cli", ["router", "pydantic", "httpx", "matplotlib"]),
        (
            "import evaluation.commands.serve",
            ["evaluation.gateway.results", "evaluation.datasets", "numpy", "torch", "matplotlib"],
        ),
    ],
)
def test_a_command_loads_only_what_it_needs(statement, unwanted):
    script = f"{statement}\nimport sys\nprint(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "evaluation.cli" in loaded or "router.server" in loaded
    assert not set(unwanted) & set(loaded)


def test_serve_pulls_what_is_missing_and_hands_its_settings_on(cli, served, pulled, config):
    result = cli("serve", "--config", config, "--host", "127.0.0.2")
    assert result.exit_code == 0, result.output
    assert pulled == ["smollm2-135m"]
    (settings,) = served
    assert isinstance(settings, Settings)
    assert (settings.host, settings.port) == ("127.0.0.2", 0)


def test_serve_without_pull_says_how_to_get_the_model(cli, served, pulled, config):
    result = cli("serve", "--config", config, "--no-pull")
    assert result.exit_code == 1
    assert "budget-router models pull smollm2-135m" in result.stderr
    assert not served
    assert not pulled


def test_a_pull_that_fails_ends_serve(cli, served, config, monkeypatch):
    def pull(*_):
        raise PullFailed("no network")

    monkeypatch.setattr(serve, "pull", pull)
    result = cli("serve", "--config", config)
    assert result.exit_code == 1
    assert "budget-router: no network" in result.stderr
    assert not served


def test_a_port_in_use_is_found_before_anything_is_pulled(cli, served, pulled, config):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = cli("serve", "--config", config, "--port", port)
    assert result.exit_code == 1
    assert f"127.0.0.1:{port}: the port is in use" in result.stderr
    assert not pulled
    assert not served


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("port = ", "is no TOML"),
        ("port = 99999", "port: "),
        ("prot = 1", "prot: "),
        ('[models.x]\nengine = "embedded"', "no model 'x'"),
        ('[models.x]\nengine = "steam"', "models.x: "),
        ("[models.x]\nslots = 1", "models.x: 'engine' is missing"),
    ],
)
def test_a_bad_configuration_is_one_line(cli, served, tmp_path, text, said):
    path = tmp_path / "gateway.toml"
    path.write_text(text)
    result = cli("serve", "--config", path)
    assert result.exit_code == 1
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not served


def test_a_missing_configuration_is_named(cli, served, tmp_path):
    result = cli("serve", "--config", tmp_path / "none.toml")
    assert result.exit_code == 1
    assert "none.toml: No such file" in result.stderr


def test_models_are_listed_with_their_state(cli, tmp_path):
    (tmp_path / CATALOGUE["smollm2-135m"].file).write_bytes(b"not a model")
    result = cli("models", "list", "--json", "--dir", tmp_path)
    listed = json.loads(result.stdout)
    assert listed["directory"] == str(tmp_path)
    assert {row["id"]: row["state"] for row in listed["models"]} == {
        "qwen2.5-coder-0.5b": "missing",
        "qwen2.5-coder-1.5b": "missing",
        "smollm2-135m": "damaged",
    }
    shown = cli("models", "list", "--dir", tmp_path)
    assert shown.exit_code == 0
    assert all(model in shown.stdout for model in CATALOGUE)


def test_models_pull_brings_each_and_prints_where(cli, pulled, tmp_path):
    result = cli("models", "pull", "smollm2-135m", "qwen2.5-coder-0.5b", "--dir", tmp_path)
    assert result.exit_code == 0
    assert pulled == ["smollm2-135m", "qwen2.5-coder-0.5b"]
    assert result.stdout.splitlines() == [str(tmp_path / CATALOGUE[name].file) for name in pulled]


def test_an_unknown_model_is_a_usage_error_and_nothing_is_pulled(cli, pulled):
    result = cli("models", "pull", "smollm2-135m", "nosuch")
    assert result.exit_code == 2
    assert "nosuch" in result.stderr
    assert not pulled


@pytest.mark.parametrize(
    "arguments",
    [
        ["--budget-flops", "1T", "--budget-large-calls", "1"],
        ["--budget-flops", "much"],
        ["--budget-flops", "-1"],
        ["--budget-large-calls", "0"],
        ["--budget-large-calls", "inf"],
        ["--temperature", "3"],
        ["--limit", "0"],
        ["--max-tokens", "0"],
    ],
)
def test_parameters_that_make_no_sense_are_usage_errors(cli, arguments, tmp_path):
    out = tmp_path / "out.jsonl"
    result = cli("evaluate", "gateway", "--policy", "single", "--out", out, *arguments)
    assert result.exit_code == 2
    assert not out.exists()


def test_an_unknown_dataset_is_named(cli, tmp_path):
    options = ["--policy", "single", "--out", tmp_path / "o", "--dataset", "nosuch"]
    result = cli("evaluate", "gateway", *options)
    assert result.exit_code == 1
    assert "no dataset 'nosuch'" in result.stderr
