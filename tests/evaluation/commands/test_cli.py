"""The console script: what it loads, how it fails, and what it hands on."""

import importlib
import importlib.metadata
import inspect
import json
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from evaluation import commands
from evaluation.cli import EXTRA, GROUPS, TABLE
from evaluation.commands import serve
from evaluation.commands.models import pull as models_pull
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

    monkeypatch.setattr(serve, "bring", pull)
    monkeypatch.setattr(models_pull, "pull", pull)
    return seen


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "gateway.toml"
    path.write_text(f'port = 0\nmodel_dir = "{tmp_path}"\n[models.smollm2-135m]\n')
    path.write_text(path.read_text() + 'engine = "embedded"\n')
    return path


ENTRIES = {(group, name): entry for group, names in TABLE.items() for name, entry in names.items()}


@pytest.mark.parametrize(
    "arguments",
    [[], *([group] for group in GROUPS), *([group, name] for group, name in ENTRIES)],
    ids=" ".join,
)
def test_every_command_has_help(cli, arguments):
    words = [word for word in arguments if word]
    result = cli(*words, "--help")
    assert result.exit_code == 0
    assert " ".join(["Usage:", "root", *words]) in result.stdout


def test_the_version_is_told(cli):
    assert cli("--version").stdout.strip() == importlib.metadata.version("budget-router")


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=lambda entry: entry.module)
def test_the_line_of_a_command_is_its_docstring_s(entry):
    module = importlib.import_module(f"evaluation.commands.{entry.module}")
    assert inspect.getdoc(module.run).partition("\n\n")[0].replace("\n", " ") == entry.line


def test_every_command_is_one_file_and_every_file_a_command():
    root = Path(commands.__file__).parent
    files = (path.relative_to(root) for path in root.rglob("*.py") if path.name != "__init__.py")
    modules = [".".join(path.with_suffix("").parts) for path in files if path.parts[0] != "common"]
    assert sorted(modules) == sorted(entry.module for entry in ENTRIES.values())
    for (group, _), entry in ENTRIES.items():
        assert entry.module.rpartition(".")[0] == group


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is full")
def test_a_full_disk_behind_standard_output_is_one_line():
    words = ("-c", "from evaluation.cli import main; main()", "evaluate", "flops")
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, *words, "--model", "codellama-7b"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert result.returncode == 1
    assert result.stderr == "budget-router: [Errno 28] No space left on device\n"


def test_an_unknown_command_is_a_usage_error(cli):
    result = cli("evaluate", "tables")
    assert result.exit_code == 2
    assert "No such command 'tables'. Did you mean 'table'?" in result.stderr


@pytest.mark.parametrize("words", [[], *([group] for group in GROUPS)], ids=" ".join)
def test_help_imports_no_command(words):
    script = (
        "import sys; from evaluation.cli import app\n"
        f"app({[*words, '--help']}, standalone_mode=False)\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "Usage" in run.stdout
    loaded = set(run.stderr.split())
    assert "evaluation.cli" in loaded
    assert not {f"evaluation.commands.{entry.module}" for entry in ENTRIES.values()} & loaded
    assert not {"router", "sandbox", "policies"} & loaded


def test_a_package_that_is_missing_is_named_with_its_extra():
    script = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from evaluation.cli import main; sys.argv = ['budget-router', 'evaluate', 'pools', 'x']\n"
        "main()"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    said = "budget-router: pyarrow is not installed: pip install 'budget-router[evaluation]'\n"
    assert run.stderr == said


def test_the_extra_is_that_of_the_package():
    pyproject = Path(__file__).parents[3] / "pyproject.toml"
    extras = tomllib.loads(pyproject.read_text())["project"]["optional-dependencies"]
    names = {one.partition(">")[0].replace("-", "_") for one in extras["evaluation"]}
    assert names == EXTRA


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


def test_curves_need_no_template_engine(tmp_path):
    """The page alone is rendered by jinja2; the figures of pools are drawn without it."""
    counts = tmp_path / "own.csv"
    counts.write_text("problem,model,n,c\n" + "".join(f"{p},m,4,{p}\n" for p in range(4)))
    script = (
        "import sys; sys.modules['jinja2'] = None; sys.modules['markupsafe'] = None\n"
        "from evaluation.cli import app\n"
        f"app(['evaluate', 'curves', {str(counts)!r}, '--out', {str(tmp_path)!r}])"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert {path.suffix for path in tmp_path.glob("pass-own.*")} == {".json", ".svg", ".png"}


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
    assert f"budget-router models pull smollm2-135m --config {config}\n" in result.stderr
    assert not served
    assert not pulled


def test_a_pull_that_fails_ends_serve(cli, served, config, monkeypatch):
    def pull(*_):
        raise PullFailed("no network")

    monkeypatch.setattr(serve, "bring", pull)
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
        ("[models.x]\nslots = 1", 'models.x: "engine" is missing'),
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


def test_models_are_pulled_to_the_directory_of_a_configuration_and_listed_there(
    cli, pulled, config, tmp_path
):
    result = cli("models", "pull", "smollm2-135m", "--config", config)
    assert result.exit_code == 0, result.output
    assert pulled == ["smollm2-135m"]
    assert result.stdout.strip() == str(tmp_path / CATALOGUE["smollm2-135m"].file)
    listed = cli("models", "list", "--json", "--config", config)
    assert json.loads(listed.stdout)["directory"] == str(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    listed = cli("models", "list", "--json", "--config", config, "--dir", elsewhere)
    assert json.loads(listed.stdout)["directory"] == str(elsewhere)


def test_serve_without_pull_and_configuration_advises_none(cli, served, monkeypatch, tmp_path):
    monkeypatch.setenv("BUDGET_ROUTER_MODEL_DIR", str(tmp_path))
    monkeypatch.setenv("BUDGET_ROUTER_PORT", "0")
    result = cli("serve", "--no-pull")
    assert result.exit_code == 1
    assert "models pull qwen2.5-coder-0.5b qwen2.5-coder-1.5b\n" in result.stderr
    assert not served


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
