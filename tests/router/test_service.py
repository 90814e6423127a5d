import json
from pathlib import Path
from typing import Any

import pytest
from http_world import CONFIGS, World, world
from prometheus_client import generate_latest

from policies.cost import CostModel, FlatRate
from router.configuration.configured import sandbox_backend
from router.errors import Overloaded
from router.plan.queues.admission import Admission
from router.sections.sandbox import DockerConfig, SandboxConfig
from router.service import Service, running
from router.settings import Settings
from router.upstream.balancing.breaker import BreakerRules
from router.upstream.balancing.replicas import Replicated
from router.upstream.sizes.architecture import from_config_json
from sandbox import ProcessBackend
from sandbox.docker.backend import DockerBackend

pytestmark = pytest.mark.anyio
URL = "http://127.0.0.1:9"


async def service(models: dict[str, dict[str, Any]], **more: Any) -> Service:
    """What is put together from these settings; it starts nothing."""
    named = {name: {"engine": "url", "url": URL} | model for name, model in models.items()}
    async with running(Settings(models=named, sandbox={"enabled": False}, **more)) as built:
        return built


async def test_the_cheapest_model_comes_first_whatever_the_order_of_the_settings() -> None:
    models = {name: {"flops_per_token": cost} for name, cost in (("b", 3e9), ("a", 1e9))}
    assert list((await service(models)).gateway.upstreams) == ["a", "b"]
    unknown = {"b": {}, "a": {"flops_per_token": 1.0}}
    assert list((await service(unknown)).gateway.upstreams) == ["b", "a"]


async def test_costs_come_from_a_config_or_a_flat_rate_or_are_unknown(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(CONFIGS["small"]))
    models = {"c": {"config": config}, "f": {"flops_per_token": 2.0}, "u": {}}
    cost = (await service(models)).gateway.cost
    assert cost == CostModel({"c": from_config_json(CONFIGS["small"]), "f": FlatRate(2.0)})


@pytest.mark.parametrize("url", [URL, URL + "/", URL + "/v1", URL + "/v1/"])
async def test_a_url_may_end_in_v1(url: str) -> None:
    built = await service({"m": {"url": url}})
    assert built.gateway.upstreams["m"].base_url() == URL


async def test_a_url_may_lead_below_a_path() -> None:
    built = await service({"m": {"url": URL + "/models/m/v1"}})
    assert built.gateway.upstreams["m"].base_url() == URL + "/models/m"


async def test_a_model_may_be_at_several_servers() -> None:
    urls = ["http://user:secret@127.0.0.1:9/v1", "http://127.0.0.1:9/m"]
    breaker = {"failures": 2, "pause_s": 3, "longest_pause_s": 4}
    built = await service({"m": {"url": urls, "breaker": breaker}})
    upstream = built.gateway.upstreams["m"]
    assert isinstance(upstream, Replicated)
    assert [each.upstream.base_url() for each in upstream.replicas] == [
        url.removesuffix("/v1") for url in urls
    ]
    assert [each.upstream.label for each in upstream.replicas] == [
        "m at 127.0.0.1:9",
        "m at 127.0.0.1:9/m",
    ]
    assert upstream.watch.rules == BreakerRules(2, 3, 4)
    assert all(each.upstream.habits is upstream.habits for each in upstream.replicas)
    shown = generate_latest(built.gateway.metrics.registry).decode()
    assert 'router_replica_open{model="m",replica="127.0.0.1:9/m"} 0.0' in shown
    assert "secret" not in shown


async def test_lanes_are_those_of_models_whose_slots_are_known() -> None:
    built = await service({"m": {}, "s": {"slots": 4, "queue": 2}})
    assert list(built.gateway.lanes) == ["s"]


async def test_what_the_operator_allows_reaches_the_edge() -> None:
    built = await service(
        {"m": {}},
        max_n=3,
        max_budget={"latency_ms": 5},
        default_budget={"flops": 7},
        max_concurrent_requests=9,
        max_body_bytes=11,
        default_max_tokens=13,
    )
    assert built.request_limits.max_n == 3
    assert built.request_limits.max_budget.latency_ms == 5
    assert built.request_limits.default_budget.flops == 7
    assert (built.admission.limit, built.max_body_bytes) == (9, 11)
    assert built.gateway.default_max_tokens == 13
    assert built.gateway.backend is None
    assert not built.not_ready()


async def test_the_client_is_closed_with_the_service() -> None:
    built = await service({"m": {}})
    with pytest.raises(RuntimeError, match="not entered"):
        await built.gateway.upstreams["m"].client.ask("GET", "http://127.0.0.1:1")


async def test_a_place_that_is_refused_is_not_taken() -> None:
    admission = Admission(1)
    for _ in range(2):
        admission.take()
        assert admission.active == 1
        assert admission.full
        with pytest.raises(Overloaded):
            admission.take()
        assert admission.active == 1
        admission.give_back()
        assert admission.active == 0


async def default_max_tokens(w: World) -> int:
    await w.complete(max_tokens=None)
    sent: int = w.large.calls[-1].body["max_tokens"]
    return sent


async def test_max_tokens_is_the_operators_where_the_client_gives_none() -> None:
    async with world(default_max_tokens=77) as w:
        assert await default_max_tokens(w) == 77
    async with world(models={name: {"context": 50} for name in ("small", "large")}) as w:
        assert await default_max_tokens(w) == 46


def test_the_settings_choose_the_sandbox() -> None:
    assert isinstance(sandbox_backend(SandboxConfig()), ProcessBackend)
    gvisor = DockerConfig(image="own", runtime="runsc", host="unix:///run/other.sock")
    backend = sandbox_backend(SandboxConfig(backend="docker", docker=gvisor))
    assert isinstance(backend, DockerBackend)
    assert backend.enforced.startswith("containers of own on runsc")


async def test_without_a_daemon_requests_with_tests_are_refused() -> None:
    away = {"backend": "docker", "docker": {"host": "unix:///nowhere/docker.sock"}}
    async with running(
        Settings(models={"m": {"engine": "url", "url": URL}}, sandbox=away)
    ) as service:
        assert service.gateway.backend is None
