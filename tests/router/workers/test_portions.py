"""The settings of a worker are those of the whole, with its part of the sandbox."""

from __future__ import annotations

import json

import pytest

from router.settings import Settings
from router.workers.portions import portion

MODELS = {
    "own": {"engine": "embedded", "slots": 3, "pace": {"tokens_per_second": {1: 20.0, 4: 55.0}}},
    "other": {
        "engine": "url",
        "url": "http://127.0.0.1:9/v1",
        "api_key": "secret",
        "config": "config.json",
        "fim": {"template": "<a>{prefix}<b>{suffix}<c>", "stop": ["<d>"]},
    },
}
MORE = {
    "max_budget": {"latency_ms": 5000.0},
    "aliases": {"quick": {"model": "own", "budget": {"flops": 1e12}}},
    "policies": {"p": {"kind": "cascade", "models": ["own", "other"]}},
}


def test_they_are_the_same_after_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(models=MODELS, **MORE, workers=1, sandbox={"workers": 2})
    monkeypatch.setenv("BUDGET_ROUTER_MAX_BUDGET__LATENCY_MS", "1")  # it was read before
    told = json.loads(json.dumps(portion(settings, 0)))
    again = Settings(**told)
    assert again == settings
    model = again.models["other"]
    assert model.engine == "url"
    assert model.api_key is not None
    assert model.api_key.get_secret_value() == "secret"


@pytest.mark.parametrize(
    ("whole", "workers", "parts"), [(8, 3, [3, 3, 2]), (2, 3, [1, 1, 1]), (4, 2, [2, 2])]
)
def test_each_has_its_part_of_the_sandbox(whole: int, workers: int, parts: list[int]) -> None:
    settings = Settings(workers=workers, sandbox={"workers": whole, "queue": whole})
    own = [Settings(**portion(settings, number)).sandbox for number in range(workers)]
    assert [sandbox.workers for sandbox in own] == parts
    assert [sandbox.queue for sandbox in own] == parts
