"""The files in `deploy/` parse, name options that exist, and refer to files that are there."""

import json
import re
import shlex
from pathlib import Path

import pytest
import typer
import yaml

from evaluation.cli import app
from router.catalogue.entries import CATALOGUE
from router.http.app import routes
from router.sections.models import EmbeddedModel, RemoteModel
from router.settings import Settings
from router.upstream.sizes.architecture import from_config_json

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
GATEWAY, VLLM = COMPOSE["services"]["gateway"], COMPOSE["services"]["vllm"]
SETTINGS = Settings.load(DEPLOY / "gateway.toml")


def instructions():
    """(instruction, rest) of each line of the Dockerfile, continuations joined."""
    text = re.sub(r"^\s*#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    return [tuple(line.split(maxsplit=1)) for line in lines]


DOCKERFILE = instructions()


def given(instruction):
    return [rest for name, rest in DOCKERFILE if name == instruction]


def parse_command(arguments):
    """Parse a command line of ours without running it; raises click's usage errors."""
    command, arguments = typer.main.get_command(app), list(arguments)
    while hasattr(command, "commands"):
        _, command, arguments = command.resolve_command(typer.Context(command), arguments)
    with command.make_context("budget-router", arguments) as context:
        return context.params


def test_every_instruction_is_one_that_docker_knows():
    known = "ARG FROM RUN WORKDIR COPY ENV USER VOLUME EXPOSE HEALTHCHECK STOPSIGNAL ENTRYPOINT CMD"
    assert {name for name, _ in DOCKERFILE} <= set(known.split())


def test_everything_copied_is_in_the_repository_and_reaches_the_builder():
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    copies = [shlex.split(rest) for rest in given("COPY")]
    sources = {word for words in copies if "--from=build" not in words for word in words[:-1]}
    assert {"requirements.txt", "router", "pyproject.toml"} <= sources
    assert sources == allowed
    assert all((ROOT / source).exists() for source in sources)


def test_packages_come_by_hash_and_ours_brings_none():
    installs = [rest for rest in given("RUN") if "pip install" in rest]
    assert len(installs) == 2
    assert "--require-hashes --requirement requirements.txt" in installs[0]
    assert "--no-deps --no-build-isolation ." in installs[1]
    assert "hatchling==" in (ROOT / "requirements.txt").read_text()


def test_the_image_is_python_3_11_without_root_and_without_models():
    assert "PYTHON=3.11-slim-bookworm" in given("ARG")
    assert int(given("USER")[0]) > 0
    assert "/models" in given("VOLUME")


def test_the_image_s_environment_is_settings(monkeypatch):
    pairs = dict(word.split("=", 1) for word in shlex.split(given("ENV")[0]))
    for name, value in pairs.items():
        if name.startswith("BUDGET_ROUTER_"):
            assert name.removeprefix("BUDGET_ROUTER_").lower() in Settings.model_fields
            monkeypatch.setenv(name, value)
    settings = Settings.load(DEPLOY / "gateway.toml")
    assert (settings.host, str(settings.model_dir)) == ("0.0.0.0", given("VOLUME")[0])  # noqa: S104 in a container
    assert str(settings.port) == given("EXPOSE")[0]


def test_the_health_check_is_python_and_asks_a_route_that_exists():
    (check,) = given("HEALTHCHECK")
    command = json.loads(check[check.index("CMD") + 3 :])
    compile(command[2], "healthcheck", "exec")
    (path,) = re.findall(r"/\w+z", command[2])
    assert path in {route.path for route in routes.routes}


def test_the_commands_are_ours():
    entry, default = json.loads(given("ENTRYPOINT")[0]), json.loads(given("CMD")[0])
    assert entry == ["budget-router"]
    parse_command(default)
    assert str(parse_command(GATEWAY["command"])["config"]) == "/etc/budget-router/gateway.toml"


def mounts():
    """Files of ours by where the gateway's container sees them."""
    split = [volume.split(":") for volume in GATEWAY["volumes"]]
    return {target: DEPLOY / source for source, target, *_ in split if source.startswith(".")}


def test_compose_builds_and_mounts_what_is_there():
    build = GATEWAY["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()
    assert mounts()
    assert all(path.is_file() for path in mounts().values())


def test_compose_declares_every_named_volume():
    used = {
        volume.split(":")[0]
        for service in COMPOSE["services"].values()
        for volume in service["volumes"]
        if not volume.startswith(".")
    }
    assert used == COMPOSE["volumes"].keys()


def test_compose_waits_for_a_service_that_has_a_health_check():
    assert set(GATEWAY["depends_on"]) <= COMPOSE["services"].keys()
    compile(VLLM["healthcheck"]["test"][3], "healthcheck", "exec")


def test_images_are_pinned():
    assert re.fullmatch(r"vllm/vllm-openai:v\d+\.\d+\.\d+", VLLM["image"])
    assert re.search(r":\d+\.\d+\.\d+$", GATEWAY["image"])


def test_the_sandbox_is_let_work_and_the_rest_is_closed():
    assert {"seccomp=unconfined", "apparmor=unconfined"} <= set(GATEWAY["security_opt"])
    assert GATEWAY["cap_drop"] == ["ALL"]
    assert not GATEWAY.get("privileged")
    assert GATEWAY["ports"] == ["127.0.0.1:8000:8000"]


def test_the_gateway_s_models_are_one_of_its_own_and_one_at_vllm():
    small, large = SETTINGS.models["qwen2.5-coder-0.5b"], SETTINGS.models["qwen2.5-coder-1.5b"]
    assert isinstance(small, EmbeddedModel)
    assert "qwen2.5-coder-0.5b" in CATALOGUE
    assert isinstance(large, RemoteModel)
    (server,) = large.url
    assert server.host in COMPOSE["services"]
    assert large.server == "vllm"
    options = dict(option.removeprefix("--").partition("=")[::2] for option in VLLM["command"])
    assert "enable-prompt-tokens-details" in options
    assert options["served-model-name"] == (large.name or "qwen2.5-coder-1.5b")
    assert int(options["max-model-len"]) == large.context


def test_the_large_model_s_sizes_are_mounted_and_read():
    file = mounts()[str(SETTINGS.models["qwen2.5-coder-1.5b"].config)]
    sizes = from_config_json(file)
    assert sizes.head_params == 151_936 * 1536
    assert 2 * (sizes.body_params + sizes.head_params) == pytest.approx(3.09e9, rel=0.01)


def test_an_upstream_key_by_environment_adds_to_the_file(monkeypatch):
    readme = (DEPLOY / "README.md").read_text()
    (told,) = re.findall(r"^BUDGET_ROUTER_MODELS='(.*)'$", readme, flags=re.MULTILINE)
    monkeypatch.setenv("BUDGET_ROUTER_MODELS", told)
    model = Settings.load(DEPLOY / "gateway.toml").models["qwen2.5-coder-1.5b"]
    assert model.api_key.get_secret_value() == "..."
    assert model.url == SETTINGS.models["qwen2.5-coder-1.5b"].url
