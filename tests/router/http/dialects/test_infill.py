"""`/infill` and `/v1/fim/completions`: what editors post, and the shapes that they can read."""

import asyncio
import json
from typing import Any

import pytest
from fake_upstream import ANSWER, FakeUpstream, answering, silent, stalling
from http_world import (
    PROMPT,
    TESTS,
    ScriptedBackend,
    World,
    events,
    is_error,
    longer,
    untouched,
    world,
)

from policies.values import Budget
from router.catalogue.entries import lookup
from router.http.dialects.fim import Fim
from router.http.dialects.infill import Infill
from router.request import RequestLimits, RouteRequest, TextPrompt

pytestmark = pytest.mark.anyio
MODEL = "qwen2.5-coder-0.5b"
FIM = {name: {"fim": MODEL} for name in ("small", "large")}
BODY = {"input_prefix": "def add(a, b):\n", "input_suffix": "\nprint(add(1, 2))\n"}
LIMITS = RequestLimits()


def templated(prefix: str, suffix: str) -> str:
    fim = lookup(MODEL).fim
    assert fim is not None
    return fim.render(prefix, suffix)


def read(**fields: Any) -> RouteRequest:
    (request,) = Infill().read(json.dumps(BODY | fields).encode(), {}, LIMITS)
    return request


async def infill(w: World, **fields: Any) -> Any:
    return await w.client.post("/infill", json=BODY | fields)


async def fim(w: World, **fields: Any) -> Any:
    body = {"prompt": PROMPT, "suffix": BODY["input_suffix"]}
    return await w.client.post("/v1/fim/completions", json=body | fields)


def results(text: str) -> list[Any]:
    """The events of a stream that has no other end than its last result."""
    lines = [line for line in text.split("\n") if line]
    assert all(line.startswith("data: ") for line in lines), lines
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def test_what_stands_before_the_cursor_is_one_text() -> None:
    extra = [
        {"text": "import math", "filename": "m.py", "time": [1, 2]},
        {"text": "x = 1", "filename": None},
        {"text": "y = 2"},
    ]
    assert read(prompt="    ret", input_extra=extra).prompt == TextPrompt(
        BODY["input_prefix"] + "    ret",
        BODY["input_suffix"],
        (("m.py", "import math"), ("", "x = 1"), ("", "y = 2")),
    )
    assert read(input_extra=None, prompt=None).prompt == TextPrompt(*BODY.values())


@pytest.mark.parametrize(
    ("fields", "headers", "latency"),
    [
        ({}, {}, None),
        ({"t_max_predict_ms": 500}, {}, 500),
        ({"t_max_predict_ms": 500, "t_max_prompt_ms": 100}, {}, 500),
        ({"t_max_predict_ms": 500}, {"x-budget-latency-ms": "200"}, 200),
        ({"t_max_predict_ms": 500}, {"x-budget-latency-ms": "2000"}, 500),
        ({"t_max_predict_ms": 500, "budget": {"latency_ms": 90}}, {}, 90),
        ({"t_max_predict_ms": 0}, {}, None),
        ({"t_max_predict_ms": -1}, {}, None),
        ({"t_max_predict_ms": 1, "n_predict": 0}, {}, None),
    ],
    ids=str,
)
def test_the_time_that_an_editor_waits_caps_the_budget(
    fields: dict[str, Any], headers: dict[str, str], latency: float | None
) -> None:
    (request,) = Infill().read(json.dumps(BODY | fields).encode(), headers, LIMITS)
    assert request.budget.budget == Budget(latency_ms=latency)


def test_what_the_gateway_decides_is_not_passed_on() -> None:
    request = read(
        id_slot=0,
        n_cmpl=2,
        n_predict=9,
        response_fields=["content"],
        t_max_prompt_ms=5,
        t_max_predict_ms=5,
        input_extra=[],
        top_k=40,
        samplers=["top_k"],
        n_indent=4,
    )
    assert request.sampling.passed_on == {"top_k": 40, "samplers": ["top_k"], "n_indent": 4}
    assert (request.n, request.max_tokens) == (2, 9)


async def test_an_answer_has_the_shape_that_llama_cpp_gives_it() -> None:
    async with world(models=FIM) as w:
        answer = await infill(w, prompt="    ", n_predict=32)
        assert answer.status_code == 200, answer.text
        result = answer.json()
        assert (result["index"], result["content"]) == (0, "".join(ANSWER))
        assert (result["stop"], result["stop_type"], result["truncated"]) == (True, "eos", False)
        assert result["model"] == "large"
        prompt_tokens = w.large.calls[0].prompt_tokens
        assert (result["tokens_predicted"], result["tokens_evaluated"]) == (4, prompt_tokens)
        timings = result["timings"]
        assert (timings["predicted_n"], timings["prompt_n"]) == (4, prompt_tokens)
        assert min(timings["prompt_ms"], timings["predicted_ms"], timings["prompt_per_second"]) > 0
        assert result["has_new_line"] is True
        assert not {"choices", "usage", "logprobs", "finish_reason"} & set(result)
        body = w.large.calls[0].body
        assert body["prompt"] == templated(BODY["input_prefix"] + "    ", BODY["input_suffix"])
        assert answer.headers["x-router-plan"] == "large*1"


async def test_an_answer_that_reached_its_limit_says_so() -> None:
    async with world(models=FIM) as w:
        assert (await infill(w, n_predict=2)).json()["stop_type"] == "limit"


async def test_a_stream_has_the_shape_that_llama_cpp_gives_it() -> None:
    async with world(models=FIM) as w:
        answer = await infill(w, stream=True, stream_options={"include_usage": True})
        assert answer.headers["content-type"].startswith("text/event-stream")
        *pieces, last = results(answer.text)
        assert "".join(piece["content"] for piece in pieces) == "".join(ANSWER)
        assert all(piece["stop"] is False and piece["index"] == 0 for piece in pieces)
        assert (last["content"], last["stop"], last["stop_type"]) == ("", True, "eos")
        assert (last["tokens_predicted"], last["timings"]["predicted_n"]) == (4, 4)
        assert last["model"] == "large"


async def test_several_answers_are_a_list() -> None:
    async with world(
        large=FakeUpstream(answering(lambda _, index: ["x", str(index)])), models=FIM
    ) as w:
        several = (await infill(w, n_cmpl=3, explain=True)).json()
        assert [result["index"] for result in several] == [0, 1, 2]
        assert {result["content"] for result in several} == {"x0", "x1", "x2"}
        assert ["router" in result for result in several] == [True, False, False]
        assert isinstance((await infill(w, n_cmpl=1)).json(), dict)
        chunks = results((await infill(w, n_cmpl=3, stream=True)).text)
        for index in range(3):
            mine = [chunk for chunk in chunks if chunk["index"] == index]
            assert "".join(chunk["content"] for chunk in mine).startswith("x")
            assert [chunk["stop"] for chunk in mine] == [False, True]


async def test_only_the_wanted_fields_are_told() -> None:
    async with world(models=FIM) as w:
        wanted = ["content", "timings/predicted_n", "timings/nothing", "content/x", "truncated"]
        assert (await infill(w, response_fields=wanted)).json() == {
            "content": "".join(ANSWER),
            "timings/predicted_n": 4,
            "truncated": False,
        }
        assert (await infill(w, response_fields=[""])).json() == {}
        assert (await infill(w, response_fields=[], explain=True)).json()["router"]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_prompt_is_read_ahead_and_nothing_is_drawn(stream: bool) -> None:
    async with world(models=FIM) as w:
        answer = await infill(w, n_predict=0, t_max_predict_ms=1, samplers=[], stream=stream)
        assert answer.status_code == 200, answer.text
        result = results(answer.text)[-1] if stream else answer.json()
        assert (result["content"], result["tokens_predicted"]) == ("", 0)
        assert result["stop_type"] == "limit"
        assert w.large.calls[0].body["max_tokens"] == 0


@pytest.mark.parametrize("path", ["/infill", "/v1/fim/completions"])
async def test_a_deadline_without_a_token_is_said_alike(path: str) -> None:
    async with world(FakeUpstream(silent()), FakeUpstream(silent()), models=FIM) as w:
        for stream in (False, True):
            if path == "/infill":
                answer = await infill(w, t_max_predict_ms=100, stream=stream)
            else:
                answer = await fim(w, budget={"latency_ms": 100}, stream=stream)
            is_error(answer, 504, "deadline_exceeded")


async def test_a_stream_that_the_deadline_cuts_ends_with_its_last_result() -> None:
    async def scene(seconds: float) -> bool:
        async with world(large=FakeUpstream(stalling(2)), models=FIM) as w:
            ms = round(1000 * seconds)
            answer = await infill(w, model="large", stream=True, t_max_predict_ms=ms)
            if answer.status_code == 504:
                return False
            *pieces, last = results(answer.text)
            if last.get("tokens_predicted") != 2:
                return False
            # The suffix begins with the line break that the last whole line would end with.
            assert "".join(piece["content"] for piece in pieces) == "x = 1\nx = 1"
            assert (last["stop"], last["stop_type"]) == (True, "limit")
            return True

    await longer(scene, 1.5, 8.0, 40.0)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        *(({"input_extra": wrong}, "input_extra") for wrong in ("x", {"text": "x"}, 5, [1])),
        ({"input_extra": [{"filename": "a.py"}]}, "input_extra"),
        ({"input_extra": [{"text": 5}]}, "input_extra"),
        ({"input_prefix": 5}, "input_prefix"),
        ({"input_suffix": ["x"]}, "input_suffix"),
        ({"prompt": [1, 2]}, "prompt"),
        ({"n_predict": 5, "max_tokens": 6}, "max_tokens"),
        ({"n_predict": -2}, "n_predict"),
        ({"n_cmpl": 0}, "n_cmpl"),
        ({"n_cmpl": 2, "n": 3}, "n"),
        ({"t_max_predict_ms": "soon"}, "t_max_predict_ms"),
        ({"response_fields": "content"}, "response_fields"),
    ],
    ids=str,
)
async def test_what_makes_no_sense_is_named(fields: dict[str, Any], param: str) -> None:
    async with world(models=FIM) as w:
        error = is_error(await infill(w, **fields), 400, "invalid_request")
        assert error["param"].split(".")[0] == param
        untouched(w)


@pytest.mark.parametrize("missing", BODY)
async def test_both_sides_of_the_cursor_are_wanted(missing: str) -> None:
    async with world(models=FIM) as w:
        body = {key: text for key, text in BODY.items() if key != missing}
        error = is_error(await w.client.post("/infill", json=body), 400, "invalid_request")
        assert error["param"] == missing


async def test_models_that_fill_nothing_in_are_not_asked() -> None:
    async with world() as w:
        is_error(await infill(w), 400, "invalid_request")
        is_error(await fim(w), 400, "invalid_request")
        untouched(w)


@pytest.mark.parametrize("path", ["/infill", "/v1/fim/completions", "/v1/completions"])
async def test_a_suffix_of_a_megabyte_fits_no_context(path: str) -> None:
    suffix = "x = 1\n" * 180_000
    body = {"input_prefix": "x", "input_suffix": suffix, "prompt": "x", "suffix": suffix}
    async with world(models={name: {"context": 4096} | FIM[name] for name in FIM}) as w:
        answer = await w.client.post(path, json=body)
        is_error(answer, 400, "context_length_exceeded")
        untouched(w)


async def test_tests_judge_what_was_filled_in() -> None:
    backend = ScriptedBackend()
    async with world(backend=backend, models=FIM) as w:
        answer = await infill(w, prompt="    ", tests=TESTS)
        assert answer.headers["x-router-verdict"] == "passed"
        source = BODY["input_prefix"] + "    " + "".join(ANSWER) + BODY["input_suffix"]
        assert backend.programs[0].source == source


async def test_a_fim_completion_is_asked_like_a_text_and_answers_like_a_chat() -> None:
    async with world(models=FIM) as w:
        answer = await fim(w, max_tokens=20, random_seed=7, min_tokens=0)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert told["object"] == "chat.completion"
        (choice,) = told["choices"]
        assert choice["message"] == {"role": "assistant", "content": "".join(ANSWER)}
        assert choice["finish_reason"] == "stop"
        assert told["usage"]["completion_tokens"] == 4
        (call,) = w.large.calls
        assert call.path == "/v1/completions"
        assert call.body["prompt"] == templated(PROMPT, BODY["input_suffix"])
        assert (call.body["seed"], call.body["min_tokens"]) == (7, 0)
        assert "random_seed" not in call.body


async def test_a_fim_completion_streams_like_a_chat() -> None:
    async with world(models=FIM) as w:
        *chunks, done = events((await fim(w, stream=True)).text)
        assert done == "[DONE]"
        assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
        deltas = [chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks]
        assert "".join(deltas) == "".join(ANSWER)
        assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("suffix", [None, ""])
async def test_a_fim_completion_without_a_suffix_completes(suffix: str | None) -> None:
    async with world() as w:
        answer = await fim(w, suffix=suffix)
        assert answer.status_code == 200
        assert w.large.calls[0].body["prompt"] == PROMPT


def test_seeds_that_contradict_each_other() -> None:
    body = json.dumps({"prompt": "x", "seed": 1, "random_seed": 1}).encode()
    (request,) = Fim().read(body, {}, LIMITS)
    assert request.seed == 1


async def test_a_fim_completion_has_one_prompt() -> None:
    async with world(models=FIM) as w:
        for fields in ({"prompt": ["a", "b"]}, {"max_tokens": 0}, {"seed": 1, "random_seed": 2}):
            is_error(await fim(w, **fields), 400, "invalid_request")
        untouched(w)
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/infill", BODY),
        ("/v1/fim/completions", {"prompt": "a", "suffix": "b"}),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}]}),
    ],
)
async def test_nobody_echoes_a_gap_or_a_chat(path: str, body: dict[str, Any]) -> None:
    async with world(models=FIM) as w:
        answer = await w.client.post(path, json={**body, "echo": True})
        assert answer.status_code == 200, answer.text
        assert all("echo" not in call.body for call in w.large.calls + w.small.calls)
