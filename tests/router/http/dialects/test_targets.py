"""A wanted probability: the cheapest plan that is expected to, or why none is."""

from typing import Any

import pytest
from calibrated import calibrated, call_of
from calibrations import CALLS
from fake_upstream import FakeUpstream, answering, half
from http_world import PROMPT, TESTS, events, is_error, untouched
from pydantic import ValidationError

from router.configuration.configured_policies import policies_of, request_limits
from router.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("target", "at"), [(0.2, 0), (0.3, 0), (0.45, 1), (0.6, 2), (0.7, 3)])
async def test_a_target_buys_the_cheapest_plan_that_is_expected_to_reach_it(
    target: float, at: int
) -> None:
    async with calibrated() as w:
        answer = await w.complete(tests=TESTS, headers={"X-Budget-Target": str(target)})
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-budget-target"] == str(target)
        assert float(answer.headers["x-budget-flops-used"]) <= CALLS[at] * call_of(w)
        assert "x-budget-flops" not in answer.headers
        samples = (1, 3, 6, 8)[at]
        assert answer.headers["x-router-samples"] == str(samples)


@pytest.mark.parametrize(("target", "at"), [(0.3, 0), (0.5, 1), (0.6, 2), (0.7, 3)])
async def test_a_target_spends_no_more_than_its_plan_where_a_stream_breaks(
    target: float, at: int
) -> None:
    small = FakeUpstream(half(60))
    large = FakeUpstream(answering(lambda _call, _index: ["x = 1\n"] * 300))
    async with calibrated(small=small, large=large) as w:
        answer = await w.complete(
            tests=TESTS, max_tokens=256, budget={"target": target}, explain=True
        )
        used = float(answer.headers["x-budget-flops-used"])
        assert 0 < used <= CALLS[at] * call_of(w)
        assert answer.json()["router"]["budget"]["flops"] is None


async def test_a_target_in_the_body_and_in_a_stream() -> None:
    async with calibrated() as w:
        answer = await w.complete(tests=TESTS, budget={"target": 0.6}, stream=True)
        *_, last, _ = events(answer.text)
        assert last["router"]["budget"] == {"flops": None, "latency_ms": None, "target": 0.6}
        assert last["router"]["calibration"]["expected_success"] == 0.6
        assert last["router"]["calibration"]["extrapolated"] is None


async def test_a_target_of_an_alias_or_by_default_gives_way_to_the_request() -> None:
    aliases = {"likely": {"budget": {"target": 0.6}}}
    async with calibrated(aliases=aliases, default_budget={"target": 0.3}) as w:
        for model, own, wanted in (
            ("auto", None, "0.3"),
            ("likely", None, "0.6"),
            ("likely", "0.5", "0.5"),
        ):
            headers = {} if own is None else {"X-Budget-Target": own}
            answer = await w.complete(tests=TESTS, model=model, headers=headers)
            assert answer.headers["x-budget-target"] == wanted


async def test_a_target_without_the_time_for_it_is_refused_and_else_another_model_answers() -> None:
    paces = {"small": 0.25, "large": 50}
    models = {
        name: {"pace": {"tokens_per_second": {"1": rate}, "prompt_tokens_per_second": 500}}
        for name, rate in paces.items()
    }
    async with calibrated(models=models) as w:
        budget = {"latency_ms": 60_000}
        answer = await w.complete(tests=TESTS, max_tokens=256, budget=budget | {"target": 0.3})
        assert "best that can be had is 0.000" in is_error(answer, 400, "invalid_budget")["message"]
        for stream in (False, True):
            fields = {"tests": TESTS, "max_tokens": 256, "budget": budget, "stream": stream}
            answer = await w.complete(**fields)
            assert answer.status_code == 200
            assert answer.headers["x-router-model"] == "large"


@pytest.mark.parametrize("flops", [None, 2.5, 0.1])
async def test_a_target_that_no_plan_reaches_says_what_can_be_had(flops: float | None) -> None:
    best = {None: "0.700", 2.5: "0.600", 0.1: "0.000"}[flops]
    async with calibrated() as w:
        spent = {} if flops is None else {"flops": flops * call_of(w)}
        fields = {"tests": TESTS, "budget": {"target": 0.9} | spent}
        for path in ("/v1/quote", "/v1/completions"):
            answer = await w.client.post(path, json={"prompt": PROMPT} | fields)
            error = is_error(answer, 400, "invalid_budget")
            assert error["param"] == "budget.target"
            assert f"the best that can be had is {best}" in error["message"]
        untouched(w)


async def test_the_operators_maximum_caps_what_a_target_may_cost() -> None:
    async with calibrated() as w:
        most = 1.5 * call_of(w)
    async with calibrated(max_budget={"flops": most}) as w:
        answer = await w.complete(tests=TESTS, budget={"target": 0.6})
        assert "best that can be had is 0.500" in is_error(answer, 400, "invalid_budget")["message"]
        assert (await w.complete(tests=TESTS, budget={"target": 0.5})).status_code == 200


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "the request has none"),
        ({"tests": TESTS, "model": "large"}, "names 'large'"),
        ({"tests": TESTS, "budget": {"policy": "best_of_n", "target": 0.5}}, "'best_of_n'"),
        ({"tests": TESTS, "budget": {"policy": "cascade", "target": 0.5}}, "'cascade'"),
        ({"prompt": ["a", "b"]}, "the request has none"),
        ({"stream": True}, "the request has none"),
    ],
)
async def test_a_target_that_nobody_can_promise_is_refused(
    fields: dict[str, Any], said: str
) -> None:
    async with calibrated() as w:
        answer = await w.complete(**{"budget": {"target": 0.5}} | fields)
        error = is_error(answer, 400, "invalid_budget")
        assert error["param"] == "budget.target"
        assert said in error["message"]
        untouched(w)


async def test_infill_keeps_its_target() -> None:
    fim = {name: {"fim": "qwen"} for name in ("small", "large")}
    async with calibrated(models=fim) as w:
        body = {"input_prefix": "x", "input_suffix": "y", "t_max_predict_ms": 60000}
        budget = {"budget": {"target": 0.5}}
        answer = await w.client.post("/infill", json=body | budget | {"tests": TESTS})
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-budget-target"] == "0.5"
        assert answer.headers["x-budget-latency-ms"] == "60000"
        is_error(await w.client.post("/infill", json=body | budget), 400, "invalid_budget")


def test_a_target_may_be_wanted_by_default_and_is_no_maximum() -> None:
    models = {"m": {"engine": "url", "url": "http://127.0.0.1:9"}}
    alias = {"model": "m", "budget": {"target": 0.7}}
    made = Settings(models=models, default_budget={"target": 0.5}, aliases={"a": alias})
    limits = request_limits(made, policies_of(made, {}))
    assert limits.default_budget.target == 0.5
    assert limits.meant_by("a").budget.target == 0.7
    for target in (0, 1, 1.5, -0.5):
        with pytest.raises(ValidationError):
            Settings(models=models, default_budget={"target": target})
    with pytest.raises(ValidationError, match="target"):
        Settings(models=models, max_budget={"target": 0.5})
