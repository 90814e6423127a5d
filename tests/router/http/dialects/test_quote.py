"""What budgets would buy, told before anything is drawn; and what answers say was expected."""

from __future__ import annotations

import json
from typing import Any

import pytest
from calibrated import calibrated, call_of
from calibrations import CALLS, SUCCESS
from fake_upstream import FakeUpstream, answering
from http_world import (
    MESSAGES,
    PROMPT,
    TESTS,
    ScriptedBackend,
    World,
    is_error,
    untouched,
    world,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.http.app import create_app
from router.http.dialects.described import QuoteOption

pytestmark = pytest.mark.anyio

QUOTE = "/v1/quote"
PACES = {
    name: {"pace": {"tokens_per_second": {"1": rate}, "prompt_tokens_per_second": 500}}
    for name, rate in (("small", 50.0), ("large", 25.0))
}


async def quoted(w: World, **fields: Any) -> list[dict[str, Any]]:
    answer = await w.client.post(QUOTE, json={"prompt": PROMPT, "tests": TESTS} | fields)
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"options"}
    options: list[dict[str, Any]] = answer.json()["options"]
    return options


async def test_a_quote_is_the_frontier_and_draws_nothing() -> None:
    async with calibrated() as w:
        options = await quoted(w, max_tokens=64)
        assert [option["flops"] for option in options] == [calls * call_of(w) for calls in CALLS]
        assert [option["success"] for option in options] == list(SUCCESS)
        assert [option["plan"] for option in options][:2] == [
            "small*greedy",
            "small*greedy > small*2",
        ]
        for option in options:
            QuoteOption.model_validate(option, strict=True)
            assert set(option) == set(QuoteOption.model_fields)
            assert option["low"] < option["success"] < option["high"]
            assert option["expected_flops"] < option["flops"]
            assert option["latency_ms"] is option["extrapolated"] is None
        untouched(w)
        assert w.metric("router_requests_total", plan="quote", verdict="", error="") == 1


async def test_a_chat_is_quoted_for_and_marked_where_it_was_not_calibrated() -> None:
    async with calibrated() as w:
        answer = await w.client.post(QUOTE, json={"messages": MESSAGES, "tests": TESTS})
        options = answer.json()["options"]
        assert [option["success"] for option in options] == [each - 0.05 for each in SUCCESS]
        assert all("chat is no calibrated kind" in option["extrapolated"] for option in options)
        untouched(w)


async def test_messages_of_null_are_none() -> None:
    async with calibrated() as w:
        assert await quoted(w, messages=None) == await quoted(w)


async def test_what_is_quoted_is_what_the_budget_buys() -> None:
    async with calibrated() as w:
        for option in await quoted(w, max_tokens=64):
            answer = await w.complete(tests=TESTS, budget={"flops": option["flops"]}, explain=True)
            told = answer.json()["router"]
            assert told["calibration"]["ladder"] == option["plan"]
            assert told["calibration"]["expected_success"] == option["success"]
            assert told["calibration"]["expected_flops"] == option["expected_flops"]
            assert told["calibration"]["extrapolated"] is None
            drawn = [f"{command['model']}*{command['n']}" for command in told["commands"]]
            assert drawn == option["plan"].replace("greedy", "1").split(" > ")
            assert told["flops_used"] <= option["flops"]


async def test_where_paces_are_known_a_quote_has_milliseconds() -> None:
    async with calibrated(models=PACES) as w:
        options = await quoted(w, max_tokens=64)
        times = [option["latency_ms"] for option in options]
        # One large call is 256 tokens at 25 a second, and a bit.
        assert all(10_240 * calls < time for calls, time in zip(CALLS, times, strict=True))
        assert times == sorted(times)
        within = await quoted(w, max_tokens=64, budget={"latency_ms": times[0] * 1.5})
        assert [option["plan"] for option in within] == [options[0]["plan"]]


@pytest.mark.parametrize(
    ("budget", "left"),
    [
        ({"flops": 1.0}, [1]),
        ({"flops": 2.5}, [1, 2]),
        ({"flops": 0.1}, []),
        ({"target": 0.55}, [2, 3]),
        ({"target": 0.3, "flops": 1.0}, [0, 1]),
    ],
)
async def test_only_what_a_budget_allows(budget: dict[str, float], left: list[int]) -> None:
    async with calibrated() as w:
        if "flops" in budget:
            budget = budget | {"flops": budget["flops"] * call_of(w)}
        options = await quoted(w, max_tokens=64, budget=budget)
        found = [SUCCESS.index(option["success"]) for option in options]
        assert found == ([0, *left] if "target" not in budget and left else left)


async def test_the_budget_may_be_in_headers_and_is_echoed() -> None:
    async with calibrated() as w:
        body = {"prompt": PROMPT, "tests": TESTS}
        answer = await w.client.post(
            QUOTE, json=body, headers={"X-Budget-Target": "0.65", "X-Request-Id": "mine"}
        )
        assert len(answer.json()["options"]) == 1
        assert answer.headers["x-budget-target"] == "0.65"
        assert answer.headers["x-request-id"] == "mine"


@pytest.mark.parametrize(
    ("fields", "param", "said"),
    [
        ({"tests": None}, "tests", "has none"),
        ({"model": "small"}, "model", 'send "model": "auto"'),
        ({"budget": {"policy": "cascade"}}, "budget.policy", "'cascade' has no calibration"),
        ({"budget": {"policy": "single"}}, "budget.policy", "'single' has no calibration"),
        ({"model": "small", "budget": {"policy": "climb"}}, "model", "uses the models"),
        ({"prompt": ["a", "b"], "tests": None}, "prompt", "one prompt"),
        ({"prompt": None}, "prompt", ""),
        ({"n": 1000}, "n", "at most"),
    ],
)
async def test_what_is_missing_for_a_quote_is_said(
    fields: dict[str, Any], param: str, said: str
) -> None:
    async with calibrated() as w:
        answer = await w.client.post(QUOTE, json={"prompt": PROMPT, "tests": TESTS} | fields)
        error = is_error(answer, 400, "invalid_request")
        assert error["param"] == param
        assert said in error["message"]
        untouched(w)


async def test_a_gateway_without_a_calibration_says_so() -> None:
    async with world(backend=ScriptedBackend()) as w:
        answer = await w.client.post(QUOTE, json={"prompt": PROMPT, "tests": TESTS})
        assert "'auto' has no calibration" in is_error(answer, 400, "invalid_request")["message"]
        wanted = await w.complete(tests=TESTS, budget={"target": 0.5})
        assert "'auto' has no calibration" in is_error(wanted, 400, "invalid_budget")["message"]
        untouched(w)


async def test_other_errors_of_a_quote_are_those_of_requests() -> None:
    async with calibrated() as w:
        for content, code in ((b"{", "invalid_request"), (b"[]", "invalid_request")):
            is_error(await w.client.post(QUOTE, content=content), 400, code)
        bad = {"prompt": PROMPT, "tests": {"kind": "nothing"}}
        is_error(await w.client.post(QUOTE, json=bad), 400, "invalid_tests")
        unknown = {"prompt": PROMPT, "tests": TESTS, "model": "nothing"}
        is_error(await w.client.post(QUOTE, json=unknown), 404, "model_not_found")
        body = {"prompt": PROMPT, "tests": TESTS}
        odd = await w.client.post(QUOTE, json=body, headers={"X-Budget-Targets": "0.5"})
        is_error(odd, 400, "invalid_budget")
        untouched(w)


async def test_unknown_sizes_leave_nothing_to_quote_in() -> None:
    async with calibrated(models={"large": {"config": None}}) as w:
        answer = await w.client.post(QUOTE, json={"prompt": PROMPT, "tests": TESTS})
        assert "FLOPs of model 'large'" in is_error(answer, 400, "invalid_budget")["message"]
        served = await w.complete(tests=TESTS, explain=True)
        assert served.json()["router"]["calibration"]["expected_flops"] is None


async def test_what_is_not_as_it_was_calibrated_is_told() -> None:
    async with calibrated() as w:
        (first, *_) = await quoted(w, max_tokens=40, temperature=0.3, n=2)
        for said in ("temperature 0.3", "2 answers", "cut at 40"):
            assert said in first["extrapolated"]
        flops = 9 * call_of(w)
        answer = await w.complete(tests=TESTS, budget={"flops": flops}, explain=True)
        told = answer.json()["router"]["calibration"]
        assert told["extrapolated"] == "9 large calls are more than any that was calibrated"
        assert told["calls"] == CALLS[-1]


async def test_plans_that_do_not_climb_have_no_calibration() -> None:
    async with calibrated() as w:
        cascade = {"tests": TESTS, "budget": {"policy": "cascade"}}
        for fields in ({}, {"tests": TESTS, "model": "small"}, cascade):
            answer = await w.complete(explain=True, **fields)
            assert answer.json()["router"]["calibration"] is None


async def test_a_model_that_is_away_is_told_of() -> None:
    """`auto` cascades then; the policy itself climbs with what is left, and says so."""
    async with calibrated(models={"large": {"url": "http://127.0.0.1:9"}}) as w:
        answer = await w.complete(tests=TESTS, explain=True, budget={"policy": "climb"})
        told = answer.json()["router"]["calibration"]
        assert "nothing can be drawn from large" in told["extrapolated"]


async def test_a_quote_needs_no_place() -> None:
    async with calibrated(max_concurrent_requests=1) as w:
        w.service.admission.take()
        assert await quoted(w)
        is_error(await w.complete(), 429, "overloaded")
        w.service.admission.give_back()


values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)
asked = st.dictionaries(
    st.sampled_from(
        ["prompt", "messages", "tests", "budget", "n", "model", "max_tokens", "suffix"]
    ),
    values
    | st.just(TESTS)
    | st.just(MESSAGES)
    | st.sampled_from(["x", "auto", "small"])
    | st.fixed_dictionaries({"target": st.floats(0, 1)}),
    max_size=5,
)


async def test_whatever_is_asked_the_answer_is_a_quote_or_the_clients_error() -> None:
    bodies: list[dict[str, Any]] = []

    @settings(
        max_examples=60,
        database=None,
        derandomize=True,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(asked)
    def gather(body: dict[str, Any]) -> None:
        bodies.append(body)

    gather()
    async with calibrated(small=FakeUpstream(answering()), large=FakeUpstream(answering())) as w:
        for body in bodies:
            content = json.dumps(body).encode()
            answer = await w.client.post(QUOTE, content=content)
            assert answer.status_code in {200, 400, 404}, (body, answer.text)
            if answer.status_code == 200:
                for option in answer.json()["options"]:
                    QuoteOption.model_validate(option)
            else:
                is_error(answer, answer.status_code, answer.json()["error"]["code"])
        untouched(w)


async def test_a_quote_is_described() -> None:
    told = create_app(lambda: None).openapi()  # type: ignore[arg-type, return-value]
    entry = told["paths"][QUOTE]["post"]
    bodies = entry["requestBody"]["content"]["application/json"]["schema"]["anyOf"]
    names = [each["$ref"].rsplit("/", 1)[1] for each in bodies]
    assert names == ["CompletionBody", "ChatBody"]
    option = told["components"]["schemas"]["QuoteOption"]
    assert {"flops", "latency_ms", "plan", "success", "low", "high", "extrapolated"} <= set(
        option["required"]
    )
