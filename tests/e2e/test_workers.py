"""Several processes over one real engine, which may die and come back at another port."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from serving import SMALL, RunningGateway, eventually, start, stop

pytestmark = pytest.mark.real_model

SETTINGS = f"""
workers = 2
sandbox = {{enabled = false}}

[models."{SMALL}"]
engine = "embedded"
slots = 2
context = 512
"""


def answers(client: httpx.Client) -> bool:
    body = {"model": SMALL, "prompt": "def f():\n", "max_tokens": 2}
    return client.post("/v1/completions", json=body).status_code == 200


def waits_for(client: httpx.Client) -> list[str]:
    waited: list[str] = client.get("/readyz").json()["waiting_for"]
    return waited


def restarts(client: httpx.Client) -> bool:
    return f'router_engine_restarts_total{{model="{SMALL}"}} 1.0' in client.get("/metrics").text


@pytest.fixture
def gateway(models: None, tmp_path: Path) -> Iterator[RunningGateway]:
    running = start(tmp_path, SETTINGS)
    yield running
    stop(running)


def test_an_engine_that_comes_back_elsewhere_is_found_by_all_workers(
    gateway: RunningGateway,
) -> None:
    assert len(gateway.process.children()) == 3  # one engine for both
    with gateway.client() as one, gateway.client() as other:  # a connection each: two workers
        for client in (one, other):
            assert waits_for(client) == []
            assert answers(client)
        first = gateway.engine(SMALL)
        first.kill()
        eventually(lambda: all(restarts(client) for client in (one, other)), "it is heard of")
        eventually(lambda: not (waits_for(one) or waits_for(other)), "the engine is back")
        assert gateway.engine(SMALL).pid != first.pid
        assert answers(one)
        assert answers(other)
        engine = gateway.engine(SMALL)
        for worker in (each for each in gateway.process.children() if each != engine):
            worker.kill()
        eventually(lambda: len(gateway.process.children()) == 3, "there are new workers")
    with gateway.client() as one, gateway.client() as other:
        eventually(lambda: all(restarts(client) for client in (one, other)), "they were told")
        assert waits_for(one) == waits_for(other) == []
        assert answers(one)
        assert answers(other)
