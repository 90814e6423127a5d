"""Plain answers over HTTP: headers, choices, and an account that adds up."""

import asyncio
import math
import re
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fake_upstream import ANSWER, FakeUpstream, Kind, answering, endless, in_turn
from fakes import guarded
from http_world import PROMPT, TESTS, ScriptedBackend, World, eventually, world

from sandbox import Integrity, Report, Status

pytestmark = pytest.mark.anyio
RIGHT = ("    re", "turn ", "a + b", "\n")
WRONG = ("    pa", "ss\n")


async def test_a_plain_answer_has_every_header_of_the_contract() -> None:
    async with world() as w:
        answer = await w.complete(headers={"X-Request-Id": "mine", "X-Budget-FLOPs": "1T"})
        assert answer.status_code == 200, answer.text
        headers = dict(answer.headers)
        assert headers["x-request-id"] == "mine"
        assert headers["x-router-plan"] == "large*1"
        assert headers["x-router-model"] == "large"
        assert headers["x-router-samples"] == "1"
        assert headers["x-router-selected-by"] == "single"
        assert headers["x-router-verdict"] == "unverified"
        assert headers["x-budget-flops"] == "1000000000000"
        assert headers["x-budget-policy"] == "auto"
        assert float(headers["x-budget-flops-used"]) == w.cost.draw("large", 4, [len(ANSWER)])
        assert float(headers["x-budget-latency-ms-used"]) > 0
        assert float(headers["x-router-overhead-ms"]) > 0
        assert "x-budget-latency-ms" not in headers
        assert "x-router-integrity" not in headers  # without tests
        assert answer.json()["choices"] == [
            {"index": 0, "text": "".join(ANSWER), "logprobs": None, "finish_reason": "stop"}
        ]
        assert answer.json()["usage"] == {
            "prompt_tokens": 4,
            "completion_tokens": 4,
            "total_tokens": 8,
            "prompt_tokens_details": {"cached_tokens": 0},
        }
        assert "router" not in answer.json()


async def test_an_unusable_request_id_is_replaced_and_never_echoed() -> None:
    async with world() as w:
        for given in ("two words", "x" * 129, ""):
            echoed = (await w.complete(headers={"X-Request-Id": given})).headers["x-request-id"]
            assert echoed != given
            assert len(echoed) == 32


def adds_up(w: World, answer: Any) -> dict[str, Any]:
    """Check the account of an answer, recounted from its tokens; the `router` object."""
    router = answer.json()["router"]
    draws = {command["ticket"]: command for command in router["commands"] if command["sent"]}
    recounted = 0.0
    for ticket, command in draws.items():
        mine = [c for c in router["candidates"] if c["ticket"] == ticket]
        assert [c["completion_tokens"] for c in mine] == command["completion_tokens"]
        assert {c["prompt_tokens"] for c in mine} == {command["prompt_tokens"]}
        assert {c["cached_tokens"] for c in mine} == {command["cached_tokens"]}
        assert {c["model"] for c in mine} == {command["model"]}
        flops = w.cost.draw(
            command["model"],
            command["prompt_tokens"],
            command["completion_tokens"],
            command["cached_tokens"] or 0,
        )
        assert command["flops"] == pytest.approx(flops, rel=1e-12)
        assert command["flops"] <= command["flops_reserved"]
        assert max(command["completion_tokens"]) <= command["max_tokens"]
        recounted += flops
    assert router["cached_tokens"] == sum(c["cached_tokens"] or 0 for c in router["commands"])
    candidates = math.fsum(c["flops"] for c in router["candidates"])
    assert candidates == pytest.approx(recounted, rel=1e-12)
    assert router["flops_used"] == pytest.approx(recounted, rel=1e-12)
    assert float(answer.headers["x-budget-flops-used"]) == router["flops_used"]
    assert answer.headers["x-router-plan"] == router["plan"]
    samples = sum(command["n"] for command in draws.values())
    assert answer.headers["x-router-samples"] == str(samples) == str(len(router["candidates"]))
    return router


async def test_explain_adds_up_over_a_cascade_that_escalates() -> None:
    backend = ScriptedBackend(lambda source: "a + b" in source)
    small = FakeUpstream(answering(lambda call, index: WRONG * (index + 1)))
    async with world(small, FakeUpstream(answering()), backend) as w:
        answer = await w.complete(
            tests=TESTS, explain=True, budget={"flops": 1e12, "latency_ms": 60000}
        )
        router = adds_up(w, answer)
        assert router["budget"] == {"flops": 1e12, "latency_ms": 60000, "target": None}
        assert router["policy"] == "auto"
        assert router["plan"] == "small*8+large*4+tests"
        assert router["selected_by"] == "tests"
        assert router["stopped_by"] == "plan"
        assert [c["chosen"] for c in router["candidates"]].count(True) == 1
        (chosen,) = [c for c in router["candidates"] if c["chosen"]]
        assert (chosen["model"], chosen["verdict"], chosen["status"]) == (
            "large",
            "passed",
            "passed",
        )
        assert chosen["integrity"] == "isolated"
        assert {c["verdict"] for c in router["candidates"] if c["model"] == "small"} == {"failed"}
        assert answer.headers["x-router-verdict"] == "passed"
        assert answer.headers["x-router-selected-by"] == "tests"
        assert answer.json()["choices"][0]["text"] == "".join(RIGHT)


async def test_explain_adds_up_where_a_pass_cuts_the_samples_that_still_run() -> None:
    def says(call: Any, index: int) -> Any:
        return RIGHT if index == 0 else ["x = 1\n"] * 999

    small = FakeUpstream(answering(says, pause=0.002))
    async with world(small, backend=ScriptedBackend()) as w:
        answer = await w.complete(tests=TESTS, explain=True, max_tokens=4000)
        router = adds_up(w, answer)
        assert [c["finish_reason"] for c in router["candidates"]] == ["stop", "cancelled"]
        await eventually(w.small.calls[0].closed_by_client.is_set)
        # What the server sent is what was booked, give or take what was on its way.
        sent = w.small.calls[0].tokens
        booked = router["commands"][0]["completion_tokens"]
        assert booked[0] == sent[0]
        assert 0 < booked[1] <= sent[1]


async def test_nothing_passes_and_the_best_comes_marked_failed() -> None:
    async with world(backend=ScriptedBackend(lambda _: False)) as w:
        answer = await w.complete(tests=TESTS)
        assert answer.status_code == 200
        assert answer.headers["x-router-verdict"] == "failed"
        assert answer.json()["choices"][0]["text"] == "".join(ANSWER)


async def test_n_choices_come_best_first() -> None:
    def says(call: Any, index: int) -> Any:
        return RIGHT if index == 2 else (*WRONG, str(index))

    backend = ScriptedBackend(lambda source: "a + b" in source)
    async with world(FakeUpstream(answering(says)), backend=backend) as w:
        answer = await w.complete(tests=TESTS, n=3, model="small", explain=True)
        choices = answer.json()["choices"]
        assert [choice["index"] for choice in choices] == [0, 1, 2]
        assert choices[0]["text"] == "".join(RIGHT)
        assert [c["chosen"] for c in adds_up(w, answer)["candidates"]].count(True) == 3


async def test_explain_tells_how_many_checks_came_out_right() -> None:
    report = Report(Status.FAILED, Integrity.ISOLATED, checks=5, passed_checks=3)
    async with world(backend=ScriptedBackend(report=report)) as w:
        judged = (await w.complete(tests=TESTS, explain=True)).json()["router"]["candidates"]
        assert {(c["checks"], c["passed_checks"]) for c in judged} == {(5, 3)}
        plain = (await w.complete(explain=True)).json()["router"]["candidates"]
        assert {(c["checks"], c["passed_checks"]) for c in plain} == {(None, None)}


async def test_without_tests_n_choices_are_one_draw_in_order_of_likelihood() -> None:
    async with world() as w:
        answer = await w.complete(n=3, explain=True, temperature=0.5)
        assert len(answer.json()["choices"]) == 3
        assert answer.headers["x-router-selected-by"] == "nll"
        assert answer.headers["x-router-plan"] == "large*3+nll"
        (call,) = w.large.calls
        assert call.body["n"] == 3
        adds_up(w, answer)


@pytest.mark.parametrize("policy", ["auto", "best_of_n", "single"])
async def test_temperature_0_draws_once_and_repeats_the_choice(policy: str) -> None:
    async with world() as w:
        answer = await w.complete(n=3, temperature=0, budget={"policy": policy}, explain=True)
        assert [c["text"] for c in answer.json()["choices"]] == ["".join(ANSWER)] * 3
        (call,) = w.small.calls + w.large.calls
        assert (call.body["n"], call.body["temperature"]) == (1, 0)
        router = adds_up(w, answer)
        assert [c["chosen"] for c in router["candidates"]] == [True]


async def test_temperature_0_draws_once_per_model_of_a_cascade() -> None:
    backend = ScriptedBackend(lambda _: False)
    async with world(backend=backend) as w:
        answer = await w.complete(temperature=0, tests=TESTS)
        assert answer.headers["x-router-plan"] == "small*1+large*1+tests"
        assert [call.body["n"] for call in w.small.calls + w.large.calls] == [1, 1]


async def test_chat_answers_carry_the_message_unchanged() -> None:
    fenced = ("Sure:\n", "```python\n", "def add(a, b): return a + b\n", "```\n", "Done.")
    backend = ScriptedBackend()
    async with world(FakeUpstream(answering(lambda *_: fenced)), backend=backend) as w:
        answer = (await w.chat(tests=TESTS)).json()
        assert answer["object"] == "chat.completion"
        (choice,) = answer["choices"]
        assert choice["message"] == {"role": "assistant", "content": "".join(fenced)}
        assert backend.programs[0].source == "def add(a, b): return a + b\n"


async def test_the_program_is_prompt_answer_and_suffix_with_the_prompts_prelude() -> None:
    backend = ScriptedBackend()
    models = {name: {"fim": "qwen2.5-coder-0.5b"} for name in ("small", "large")}
    prompt = "import math\n\n" + PROMPT
    async with world(backend=backend, models=models) as w:
        await w.complete(prompt=prompt, suffix="\n# end", tests=TESTS | {"prelude": "x = 1"})
        program = backend.programs[0]
        assert program.source == prompt + "".join(ANSWER) + "\n# end"
        assert program.tests.prelude == f"{guarded('import math')}\nx = 1"  # type: ignore[union-attr]


async def test_explain_tells_of_a_limit_that_was_lowered_and_a_draw_that_failed() -> None:
    async with world(large=FakeUpstream(in_turn(endless()))) as w:
        least = w.cost.ceiling("small", 4, 1, 40)
        answer = await w.complete(explain=True, budget={"flops": least}, max_tokens=64)
        router = adds_up(w, answer)
        assert router["max_tokens"] == 64
        assert [c["max_tokens"] for c in router["commands"]] == [40]
        assert router["flops_used"] <= least


@pytest.mark.parametrize("kind", ["llama.cpp", "vllm"])
@pytest.mark.parametrize("path", ["complete", "chat"])
@pytest.mark.parametrize("n", [1, 3])
async def test_both_shapes_are_counted_exactly(kind: Kind, path: str, n: int) -> None:
    def says(call: Any, index: int) -> Any:
        return [f"{index}."] * (index + 2)

    async with world(FakeUpstream(answering(says), kind)) as w:
        answer = await getattr(w, path)(model="small", n=n, explain=True, temperature=0.7)
        router = adds_up(w, answer)
        assert router["commands"][0]["completion_tokens"] == list(range(2, n + 2))
        assert router["commands"][0]["prompt_tokens"] == w.small.calls[0].prompt_tokens


async def test_a_model_without_known_cost_answers_without_flops() -> None:
    async with world(models={"small": {"config": None}}) as w:
        answer = await w.complete(model="small", explain=True)
        assert "x-budget-flops-used" not in answer.headers
        router = answer.json()["router"]
        assert router["flops_used"] is None
        assert [c["flops"] for c in router["candidates"]] == [None]
        refused = await w.complete(model="small", budget={"flops": "1T"})
        assert refused.status_code == 400
        assert refused.json()["error"]["code"] == "invalid_budget"


async def test_who_waits_for_an_engine_is_told_for_which() -> None:
    async with world() as w:
        away = SimpleNamespace(ready=False)
        cast(dict[str, Any], w.service.engines)["small"] = away
        answer = await w.client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json() == {"status": "waiting", "waiting_for": ["small"], "upstreams": {}}
        away.ready = True
        assert (await w.client.get("/readyz")).status_code == 200
        w.service.engines.clear()  # type: ignore[attr-defined] # before they are ended


async def test_models_health_and_metrics_are_served() -> None:
    async with world() as w:
        listed = (await w.client.get("/v1/models")).json()
        assert [model["id"] for model in listed["data"]] == ["auto", "small", "large"]
        assert (await w.client.get("/healthz")).json() == {"status": "ok"}
        assert (await w.client.get("/readyz")).status_code == 200
        for path in ("/healthz", "/readyz"):
            assert (await w.client.head(path)).status_code == 200
        await w.complete()
        metrics = await w.client.get("/metrics")
        assert metrics.headers["content-type"].startswith("text/plain")
        assert (
            'router_requests_total{error="",plan="large",verdict="unverified"} 1.0' in metrics.text
        )
        assert 'router_samples_total{finish_reason="stop",model="large"} 1.0' in metrics.text
        assert f'router_completion_tokens_total{{model="large"}} {len(ANSWER)}.0' in metrics.text
        tasks = re.findall(r"^router_tasks (\S+)$", metrics.text, re.MULTILINE)
        assert 1 < float(tasks[0]) <= len(asyncio.all_tasks()) + 1


async def test_one_model_is_served_by_its_name() -> None:
    async with world() as w:
        assert (await w.client.get("/v1/models/small")).json()["id"] == "small"
        for path, code in (("/v1/models/none", "model_not_found"), ("/v1/models/", "not_found")):
            answer = await w.client.get(path)
            assert answer.status_code == 404
            assert answer.json()["error"]["code"] == code
