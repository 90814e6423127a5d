import json
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import pytest
from fastapi import FastAPI
from pydantic import BaseModel, ValidationError
from pydantic_settings import SettingsError

from policies.cost import FlatRate, Rate
from policies.forecast import Trend
from policies.plans.best_of_n import BestOfN
from policies.plans.cascade import Cascade
from policies.plans.single import Single
from router.catalogue.fim import FAMILIES
from router.configuration.configured import model_facts, models_of, pace_starts
from router.configuration.configured_policies import BUILT_IN, policies_of, request_limits
from router.http.connection import Connection
from router.listening import listening
from router.plan.executing import within
from router.request import AUTO
from router.sections.models import EmbeddedModel, RemoteModel
from router.sections.policies import BestOfNConfig, CascadeConfig
from router.sections.requests import AliasConfig
from router.settings import POLICIES, Settings
from router.upstream.asking import Habit
from router.upstream.transport import Client

SIZES = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "vocab_size",
)


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    import os  # noqa: PLC0415

    for name in list(os.environ):
        if name.startswith("BUDGET_ROUTER_"):
            monkeypatch.delenv(name)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "router.toml"
    path.write_text(
        """
port = 1111
host = "0.0.0.0"
max_n = 3
[max_budget]
flops = 1e15
latency_ms = 1000
[models.mine]
engine = "url"
url = "http://127.0.0.1:9/v1"
api_key = "secret"
[policies.two]
kind = "best_of_n"
n = 2
[policies.auto]
kind = "single"
model = "mine"
"""
    )
    return path


def test_the_defaults_stand_without_a_file() -> None:
    settings = Settings.load(None)
    assert settings.port == 8000
    assert list(settings.models) == ["qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b"]
    assert settings.host == "127.0.0.1"


def test_file_under_environment_under_override(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.load(file).port == 1111
    monkeypatch.setenv("BUDGET_ROUTER_PORT", "2222")
    monkeypatch.setenv("BUDGET_ROUTER_MAX_BUDGET__LATENCY_MS", "50")
    settings = Settings.load(file)
    assert (settings.port, settings.host, settings.max_n) == (2222, "0.0.0.0", 3)  # noqa: S104
    assert (settings.max_budget.flops, settings.max_budget.latency_ms) == (1e15, 50)
    overridden = Settings.load(file, port=3333, host=None)
    assert (overridden.port, overridden.host) == (3333, "0.0.0.0")  # noqa: S104


def test_what_a_server_is_sent_is_configured(file: Path) -> None:
    assert _habit(Settings.load(file)).shown == ""
    file.write_text(
        file.read_text().replace(
            'api_key = "secret"',
            'send = { logprobs = false, max_tokens = "max_completion_tokens" }',
        )
    )
    assert _habit(Settings.load(file)).shown == (
        "no logprobs, max_completion_tokens for max_tokens"
    )
    file.write_text(file.read_text().replace("logprobs", "logprob"))
    with pytest.raises(ValidationError, match="logprob"):
        Settings.load(file)


@pytest.mark.parametrize(
    ("url", "urls"),
    [
        ("http://a:1/v1", ("http://a:1",)),
        ('["http://a:1/v1", "http://b:2"]', ("http://a:1", "http://b:2")),
    ],
)
def test_servers_may_be_named_by_the_environment(
    url: str, urls: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUDGET_ROUTER_MODELS__m__engine", "url")
    monkeypatch.setenv("BUDGET_ROUTER_MODELS__m__url", url)
    model = Settings.load(None).models["m"]
    assert isinstance(model, RemoteModel)
    assert model.urls == urls


def _habit(settings: Settings) -> Habit:
    made = models_of(settings, {}, Client(connect_s=1, read_s=1))
    return made.upstreams["mine"].habits.now


def test_models_and_policies_are_built(file: Path) -> None:
    settings = Settings.load(file)
    model = settings.models["mine"]
    assert isinstance(model, RemoteModel)
    assert "secret" not in repr(settings)
    policies = policies_of(settings, {})
    assert policies["two"] == BestOfN(n=2)
    assert policies["auto"] == Single("mine")
    assert policies["cascade"] == Cascade()


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Settings.load(tmp_path / "none.toml")
    with pytest.raises(IsADirectoryError):
        Settings.load(tmp_path)


def test_a_file_that_is_no_toml_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("port = ")
    with pytest.raises(tomllib.TOMLDecodeError):
        Settings.load(path)


@pytest.mark.parametrize(
    "text",
    [
        "prot = 1",
        "[sandbox]\nworker = 2",
        "[sandbox.caps]\nwalls = 2",
        '[models.m]\nengine = "url"\nurl = "http://x"\nkey = "y"',
        '[models.m]\nengine = "embedded"\nslot = 2',
        '[policies.p]\nkind = "single"\nn = 2',
        "[max_budget]\nflop = 1",
    ],
)
def test_a_misspelt_key_is_an_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "router.toml"
    path.write_text(text)
    with pytest.raises(ValidationError, match="Extra inputs"):
        Settings.load(path)


def test_a_misspelt_variable_of_a_section_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUDGET_ROUTER_SANDBOX__WORKER", "2")
    with pytest.raises(ValidationError, match="worker"):
        Settings.load(None)


@pytest.mark.parametrize(
    "overrides",
    [
        {"port": 65536},
        {"port": -1},
        {"models": {}},
        {"models": {"m": {"engine": "url"}}},
        {"models": {"m": {"engine": "url", "url": "no url"}}},
        {"models": {"m": {"engine": "magic"}}},
        {"policies": {"p": {"kind": "magic"}}},
        {"policies": {"p": {"kind": "cascade", "models": ["one"]}}},
        {"policies": {"p": {"kind": "best_of_n", "n": 0}}},
        {"max_n": 0},
        {"max_budget": {"flops": 0}},
        {"default_budget": {"latency_ms": -1}},
        {"max_concurrent_requests": 0},
        {"read_timeout_s": 0},
    ],
    ids=str,
)
def test_values_out_of_range_are_errors(overrides: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings.load(None, **overrides)


EXTREME: tuple[float, ...] = (
    *(float("inf"), float("nan"), 1e308, 1e-308, 1.0, 1e12, 1e5),
    *(1, 2**16, 2**31 - 1, 2**31, 2**50, 2**63, 10**400),
)


def numbers_of(section: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    """The ways to all numbers in a section, and in those that stand in it, but for tables."""
    for name, field in section.model_fields.items():
        if get_origin(field.annotation) is dict:
            continue
        kinds = [field.annotation, *get_args(field.annotation)]
        plain = [get_args(kind)[0] if get_origin(kind) is Annotated else kind for kind in kinds]
        if int in plain or float in plain:
            yield (name,)
        for kind in plain:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from ((name, *way) for way in numbers_of(kind))


SECTIONS: dict[tuple[str, ...], type[BaseModel]] = {
    (): Settings,
    ("models", "m"): RemoteModel,
    ("models", "e"): EmbeddedModel,
    ("aliases", "a"): AliasConfig,
    ("policies", "p"): BestOfNConfig,
    ("policies", "q"): CascadeConfig,
}
NUMBERS = [(*at, *way) for at, section in SECTIONS.items() for way in numbers_of(section)]
NUMBERS.append(("models", "m", "pace", "tokens_per_second", "8"))


def with_number(way: tuple[str, ...], value: float) -> dict[str, Any]:
    """Settings of which one is a number."""
    told: dict[str, Any] = {
        "auto": {"policy": "cascade"},  # which reads no file
        "models": {"m": {"engine": "url", "url": "http://127.0.0.1:1"}},
        "policies": {"p": {"kind": "best_of_n"}, "q": {"kind": "cascade"}},
        "aliases": {"a": {}},
    }
    if "e" in way:
        told["models"]["e"] = {"engine": "embedded"}
    here = told
    for part in way[:-1]:
        here = here.setdefault(part, {})
    here[way[-1]] = value
    return told


def used(settings: Settings) -> Iterator[float]:
    """What the numbers become as a gateway starts, and in its first request."""
    flops = [getattr(each, "flops_per_token", None) for each in settings.models.values()]
    rates: dict[str, Rate] = {f"m{n}": FlatRate(each) for n, each in enumerate(flops) if each}
    limits = request_limits(settings, policies_of(settings, rates))
    for caps in (limits.sandbox_caps, within(limits.sandbox_caps)):
        parts = (caps.memory_bytes, caps.disk_bytes, caps.output_bytes, caps.processes)
        assert all(2 * part + 2**40 < 2**63 for part in parts)
        yield from (caps.cpu_s * 1e6, caps.wall_s, caps.total_s)
    for start in pace_starts(settings).values():
        seen = (*start.first, *start.step)
        yield from (Trend.of(seen).at(size) for size in (1, 1e6) if seen)
    for rate in rates.values():
        yield from (rate.prefill(10**6), rate.decode(10**6, 10**6))
    yield from map(float, (settings.keep_alive_s, settings.client_timeout_s, settings.places))
    yield from (settings.connect_timeout_s, settings.read_timeout_s, settings.max_body_bytes)


@pytest.mark.parametrize("way", NUMBERS, ids=".".join)
def test_a_number_that_is_taken_can_be_used(way: tuple[str, ...]) -> None:
    """Else the start ends in a traceback, or each request does."""
    taken = 0
    for value in EXTREME:
        with suppress(ValidationError):
            settings = Settings.load(None, **with_number(way, value))
            assert all(0 < each < float("inf") for each in used(settings)), value
            taken += 1
    assert 0 < taken < len(EXTREME)


def test_there_are_places_for_all_that_may_wait() -> None:
    """Unless it is said: a fair queue decides nothing where the door has refused already."""
    url = ["http://127.0.0.1:1", "http://127.0.0.1:2"]
    counted = {"engine": "url", "url": url, "slots": 5, "queue": 100}
    models = {
        "embedded": {"engine": "embedded", "slots": 3, "queue": 7},
        "counted": counted,
        "open": counted | {"slots": None},
    }
    assert Settings.load(None, models=models).places == 64 + 3 + 7 + 2 * 5 + 100
    assert Settings.load(None, models=models, max_concurrent_requests=9).places == 9
    assert Settings.load(None, models={"open": models["open"]}).places == 64


def test_a_misspelt_variable_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUDGET_ROUTER_PROT", "9000")
    with pytest.raises(SettingsError, match="BUDGET_ROUTER_PROT"):
        Settings.load(None)


def test_a_name_that_no_header_could_carry_is_an_error() -> None:
    with pytest.raises(ValidationError):
        Settings(policies={"schön": {"kind": "single"}})


@pytest.mark.parametrize(
    "policy",
    [
        {"kind": "single", "model": "none"},
        {"kind": "best_of_n", "model": "none"},
        {"kind": "cascade", "models": ["qwen2.5-coder-0.5b", "none"]},
    ],
)
def test_a_policy_of_a_model_that_is_not_there_is_an_error(policy: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="'p' names none, and there is no such model"):
        Settings(policies={"p": policy})


@pytest.mark.parametrize("fim", ["klingon", "", {"template": "{prefix}"}, {"stop": ["x"]}, 5])
def test_a_template_that_cannot_be_one_is_an_error(fim: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(models={"m": {"engine": "url", "url": "http://x", "fim": fim}})
    assert len(caught.value.errors()) == 1  # and not one for each way to write it


def test_a_models_own_files_tell_how_it_fills_in_unless_the_settings_do(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(dict.fromkeys(SIZES, 8)))
    marks = {mark: number for number, mark in enumerate(FAMILIES["deepseek"].marks)}
    (tmp_path / "added_tokens.json").write_text(json.dumps(marks))
    told: dict[str, Any] = {"engine": "url", "url": "http://x", "config": config}
    models = {"told": told, "other": told | {"fim": "qwen"}, "never": told | {"fim": "none"}}
    found = {name: model_facts(Settings(models=models), name).fim for name in models}
    assert found["told"] is not None
    assert found["told"].form == FAMILIES["deepseek"].form
    assert (found["other"], found["never"]) == (FAMILIES["qwen"], None)


def test_a_pace_is_given_as_it_was_timed(tmp_path: Path) -> None:
    path = tmp_path / "router.toml"
    path.write_text(
        """
[models.mine]
engine = "url"
url = "http://127.0.0.1:9/v1"
[models.mine.pace]
tokens_per_second = {1 = 20, 16 = 80}
prompt_tokens_per_second = 200
"""
    )
    start = pace_starts(Settings.load(path))["mine"]
    assert {seen.size: seen.seconds for seen in start.step} == {1: 0.05, 16: 0.2}
    assert Trend.of(start.first).at(100) == pytest.approx(0.5)


def test_idle_connections_outlive_the_pools_of_clients() -> None:
    assert Settings().keep_alive_s == 75
    config = listening(FastAPI(), Settings(keep_alive_s=33))
    assert config.timeout_keep_alive == 33


def test_the_patience_with_clients_reaches_their_connections() -> None:
    assert Settings().client_timeout_s == 60
    config = listening(FastAPI(), Settings(client_timeout_s=7.5))
    config.load()
    assert issubclass(config.http_protocol_class, Connection)
    assert config.http_protocol_class.patience_s == 7.5


def test_policies_that_aliases_may_name_are_those_that_there_are() -> None:
    assert set(POLICIES) == {AUTO, *BUILT_IN}


def test_a_ranker_is_a_model_whose_server_scores_prompts(monkeypatch: pytest.MonkeyPatch) -> None:
    models = {"m": {"engine": "url", "url": "http://127.0.0.1:9", "server": "vllm"}}
    assert Settings(models=models, select={"ranker": "m"}).select.ranker == "m"
    assert Settings(models=models).select.ranker is None
    monkeypatch.setenv("BUDGET_ROUTER_SELECT__RANKER", "m")
    assert Settings(models=models).select.ranker == "m"


def test_tests_are_written_by_a_model_that_there_is() -> None:
    models = {"m": {"engine": "url", "url": "http://127.0.0.1:9"}}
    assert Settings(models=models, select={"tests_by": "m"}).select.tests_by == "m"
    assert Settings(models=models).select.tests_by is None
    with pytest.raises(ValueError, match=r"select.tests_by is 'x', and there is no such model"):
        Settings(models=models, select={"tests_by": "x"})
