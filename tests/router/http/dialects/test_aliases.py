"""Names that clients cannot change: what an alias stands for, and what a request says over it."""

from contextlib import nullcontext
from typing import Any

import pytest
from http_world import world
from pydantic import ValidationError

from policies.plans.pinning import PolicyMismatch
from router.configuration.configured_policies import policies_of, request_limits
from router.service import running
from router.settings import Settings

pytestmark = pytest.mark.anyio

MODELS = {name: {"engine": "url", "url": "http://127.0.0.1:9"} for name in ("small", "large")}


def settings(**aliases: dict[str, Any]) -> Settings:
    return Settings(models=MODELS, aliases=aliases)


async def test_an_alias_has_a_model_a_policy_and_a_budget() -> None:
    alias = {"model": "small", "policy": "single", "budget": {"flops": 1e12, "latency_ms": 9e4}}
    async with world(aliases={"gpt-3.5-turbo": alias}) as w:
        answer = await w.complete(model="gpt-3.5-turbo")
        assert answer.headers["x-router-model"] == "small"
        assert answer.headers["x-budget-policy"] == "single"
        assert answer.headers["x-budget-flops"] == "1000000000000"
        assert answer.headers["x-budget-latency-ms"] == "90000"
        own = await w.complete(model="gpt-3.5-turbo", budget={"flops": 2e12, "policy": "auto"})
        assert own.headers["x-budget-policy"] == "auto"
        assert own.headers["x-budget-flops"] == "2000000000000"
        assert own.headers["x-budget-latency-ms"] == "90000"
        assert (await w.complete(model="gpt-4")).status_code == 404
    caps = {"flops": 5e11, "latency_ms": 8e4}
    async with world(aliases={"gpt-3.5-turbo": alias}, max_budget=caps) as w:
        capped = await w.complete(model="gpt-3.5-turbo")
        assert capped.headers["x-budget-flops"] == "500000000000"
        assert capped.headers["x-budget-latency-ms"] == "80000"


async def test_aliases_of_aliases_add_what_the_nearer_ones_leave_open() -> None:
    made = settings(
        a={"model": "b", "budget": {"flops": 1.0}},
        b={"model": "c", "policy": "single", "budget": {"flops": 2.0, "latency_ms": 3.0}},
        c={},
    )
    limits = request_limits(made, policies_of(made, {}))
    found = limits.meant_by("a")
    assert (found.model, found.policy) == ("auto", "single")
    assert (found.budget.flops, found.budget.latency_ms) == (1.0, 3.0)
    assert limits.meant_by("small").model == "small"


@pytest.mark.parametrize(
    ("aliases", "said"),
    [
        ({"a": {"model": "b"}, "b": {"model": "a"}}, "circle: a -> b -> a"),
        ({"a": {"model": "a"}}, "circle: a -> a"),
        ({"a": {"model": "b"}, "b": {"model": "c"}, "c": {"model": "b"}}, "circle"),
        ({"a": {"model": "nothing"}}, "no such model: there are auto, small, large, a"),
        ({"small": {"model": "large"}}, "has the name of a model"),
        ({"auto": {"model": "large"}}, "has the name of a model"),
        ({"a": {"model": "small", "policy": "best"}}, "names the policy 'best'"),
    ],
)
async def test_aliases_that_lead_nowhere_are_refused_at_start(
    aliases: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        settings(**aliases)


@pytest.mark.parametrize(
    ("alias", "said"),
    [
        ({"model": "small", "policy": "cascade"}, "a cascade uses several models"),
        ({"model": "small", "policy": "on-large"}, "this policy uses model 'large'"),
        (
            {"model": "inner", "policy": "cascade"},
            "alias 'a' joins 'small' with the policy 'cascade'",
        ),
    ],
)
async def test_an_alias_that_no_request_could_use_is_refused_at_start(
    alias: dict[str, Any], said: str
) -> None:
    aliases = {"inner": {"model": "small"}, "fine": {"model": "large", "policy": "on-large"}}
    policies = {"on-large": {"kind": "single", "model": "large"}}
    for more in ({}, {"a": alias}):
        made = Settings(
            models=MODELS, policies=policies, aliases=aliases | more, sandbox={"enabled": False}
        )
        with pytest.raises(PolicyMismatch, match=said) if more else nullcontext():
            async with running(made):
                pass


async def test_models_are_told_with_what_they_can() -> None:
    models = {"small": {"context": 2048, "fim": "qwen"}, "large": {"context": None}}
    names = {"quick": {"model": "small"}, "strong": {"model": "large"}, "any": {}}
    async with world(models=models, aliases=names) as w:
        found = {each["id"]: each for each in (await w.client.get("/v1/models")).json()["data"]}
        told = ("kind", "context_length", "fills_in_the_middle")
        assert {name: tuple(each[key] for key in told) for name, each in found.items()} == {
            "auto": ("auto", 2048, True),
            "small": ("remote", 2048, True),
            "large": ("remote", None, False),
            "quick": ("alias", 2048, True),
            "strong": ("alias", None, False),
            "any": ("alias", 2048, True),
        }
        assert found["quick"]["stands_for"] == "small"
        assert (await w.client.get("/v1/models/quick")).json() == found["quick"]
