"""Tools pass through a plan of one sample; elsewhere the answer says why they cannot."""

import json
from typing import Any

import pytest
from fake_upstream import ANSWER, Call, FakeUpstream, Play, answering, sending, streaming
from http_world import TESTS, ScriptedBackend, events, texts, world

pytestmark = pytest.mark.anyio

TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
CALLED = [
    {"index": 0, "id": "call_1", "type": "function", "function": {"name": "look", "arguments": ""}},
    {"index": 0, "function": {"arguments": '{"at": '}},
    {"index": 0, "function": {"arguments": '"x"}'}},
    {"index": 1, "id": "call_2", "type": "function", "function": {"name": "stop"}},
]


async def calling(call: Call, server: FakeUpstream) -> None:
    for piece in CALLED:
        delta = {"delta": {"tool_calls": [piece]}, "index": 0, "finish_reason": None}
        await call.chunk(b"data: " + json.dumps({"choices": [delta]}).encode() + b"\n\n")
        call.tokens[0] += 1
    await call.finish(0, "tool_calls", server)
    await call.done(server)


def play(call: Call, server: FakeUpstream) -> Any:
    call.tokens = [0]
    return calling(call, server)


WHOLE = [
    {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"at": "x"}'}},
    {"id": "call_2", "type": "function", "function": {"name": "stop", "arguments": ""}},
]


async def test_calls_of_tools_are_put_together() -> None:
    large = FakeUpstream(play)
    async with world(large=large) as w:
        answer = await w.chat(model="large", tools=TOOLS, tool_choice="auto", explain=True)
        choice = answer.json()["choices"][0]
        assert choice["message"] == {"role": "assistant", "content": None, "tool_calls": WHOLE}
        assert choice["finish_reason"] == "tool_calls"
        assert answer.json()["usage"]["completion_tokens"] == len(CALLED)
        assert large.calls[0].body["tools"] == TOOLS
        assert large.calls[0].body["tool_choice"] == "auto"


def thinking(name: str) -> Play:
    """Think in a field of this name, then speak."""

    async def play(call: Call, server: FakeUpstream) -> None:
        for index in range(call.body["n"]):
            for delta in ({"role": "assistant", name: "hm, "}, {name: "so"}, {"content": "x"}):
                await call.event({"choices": [{"index": index, "delta": delta}]})
            await call.finish(index, "stop", server)
        await call.done(server)

    return play


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
async def test_what_a_model_thinks_comes_beside_what_it_says(
    name: str, n: int, stream: bool
) -> None:
    async with world(large=FakeUpstream(thinking(name), "vllm")) as w:
        answer = await w.chat(model="large", n=n, stream=stream)
        if not stream:
            said = {"role": "assistant", "content": "x", "reasoning_content": "hm, so"}
            assert [choice["message"] for choice in answer.json()["choices"]] == [said] * n
            return
        told = [choice for chunk in events(answer.text)[:-1] for choice in chunk["choices"]]
        for index in range(n):
            deltas = [each["delta"] for each in told if each["index"] == index]
            assert "".join(d.get("reasoning_content") or "" for d in deltas) == "hm, so"
            spoken = next(at for at, d in enumerate(deltas) if d.get("content"))
            assert not any("reasoning_content" in d for d in deltas[spoken:])


async def test_a_text_has_no_place_for_a_thought() -> None:
    async with world(large=FakeUpstream(thinking("reasoning"), "vllm")) as w:
        plain = await w.complete(model="large")
        assert plain.json()["choices"][0]["text"] == "x"
        streamed = await w.complete(model="large", stream=True)
        assert texts(events(streamed.text)) == "x"
        assert "hm" not in plain.text + streamed.text


async def test_calls_of_tools_stream_as_they_come() -> None:
    async with world(large=FakeUpstream(play)) as w:
        answer = await w.chat(model="large", tools=TOOLS, stream=True)
        told = events(answer.text)
        pieces = [c["choices"][0]["delta"].get("tool_calls") for c in told if c != "[DONE]"]
        assert [piece[0]["index"] for piece in pieces if piece] == [0, 0, 0, 1]
        arguments = [piece[0]["function"].get("arguments", "") for piece in pieces if piece]
        assert "".join(arguments) == '{"at": "x"}'
        assert told[-2]["choices"][0]["finish_reason"] == "tool_calls"


BROKEN_OFF: dict[str, dict[str, Any]] = {
    "a call": {"tool_calls": CALLED[:1]},
    "a thought": {"reasoning_content": "hm"},
    "a text": {"content": "x"},
}


@pytest.mark.parametrize("delta", BROKEN_OFF.values(), ids=BROKEN_OFF)
async def test_nobody_goes_on_with_what_another_model_has_begun(delta: dict[str, Any]) -> None:
    """Clients put pieces together: of a second model they would be added to those of the first."""
    begun = {"choices": [{"index": 0, "delta": delta}]}
    large = FakeUpstream(streaming(begun, then=sending(b"40\r\ndata: {")))
    async with world(small=FakeUpstream(play), large=large) as w:
        answer = await w.chat(tools=TOOLS, stream=True)
        *told, error, done = events(answer.text)
        assert (error["error"]["code"], done) == ("upstream_unavailable", "[DONE]")
        assert {chunk["model"] for chunk in told} == {"large"}


CITY = {"type": "object", "properties": {"city": {"$ref": "#/$defs/City"}}}
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": CITY | {"$defs": {"City": {"type": "string"}}}},
}
BOTH = [WEATHER, *TOOLS]
NAMED = {"type": "function", "function": {"name": "weather"}}
SAID = ('{"name": "wea', 'ther", "arg', 'uments": {"city": "Zü', 'rich"}}')


def call_of(name: str, arguments: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"name": {"const": name}, "arguments": arguments},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("choice", "calls"),
    [
        (NAMED, [call_of("weather", CITY)]),
        ("required", [call_of("weather", CITY), call_of("look", {"type": "object"})]),
    ],
    ids=["named", "required"],
)
async def test_a_call_is_forced_by_a_schema_where_a_server_cannot_force_it(
    choice: Any, calls: list[Any]
) -> None:
    small = FakeUpstream(answering(lambda _call, _index: SAID))
    async with world(small) as w:
        answer = await w.chat(model="small", tools=BOTH, tool_choice=choice)
        (told,) = answer.json()["choices"]
        (made,) = told["message"].pop("tool_calls")
        assert told["message"] == {"role": "assistant", "content": None}
        assert told["finish_reason"] == "tool_calls"
        assert made["function"] == {"name": "weather", "arguments": '{"city": "Zürich"}'}
        assert made["type"] == "function"
        assert made["id"].startswith("call_")
        assert answer.json()["usage"]["completion_tokens"] == len(SAID)
        body = small.calls[0].body
        assert (body["tools"], body["tool_choice"]) == (BOTH, "none")
        schema = body["response_format"]["json_schema"]["schema"]
        assert schema == {"anyOf": calls, "$defs": {"City": {"type": "string"}}}


async def test_a_forced_call_streams_whole() -> None:
    async with world(FakeUpstream(answering(lambda _call, _index: SAID))) as w:
        answer = await w.chat(model="small", tools=BOTH, tool_choice="required", stream=True)
        choices = [e["choices"][0] for e in events(answer.text)[:-1] if e["choices"]]
        assert not any(choice["delta"].get("content") for choice in choices)
        (calls,) = [c["delta"]["tool_calls"] for c in choices if c["delta"].get("tool_calls")]
        assert calls[0]["index"] == 0
        assert json.loads(calls[0]["function"]["arguments"]) == {"city": "Zürich"}
        assert choices[-1]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_forced_call_that_is_cut_is_told_as_the_text_that_it_is(stream: bool) -> None:
    async with world(FakeUpstream(answering(lambda _call, _index: SAID))) as w:
        asked = {"tools": BOTH, "tool_choice": NAMED, "max_tokens": 2, "stream": stream}
        answer = await w.chat(model="small", **asked)
        if stream:
            found = [e["choices"][0] for e in events(answer.text)[:-1] if e["choices"]]
            assert "".join(c["delta"].get("content") or "" for c in found) == "".join(SAID[:2])
            assert found[-1]["finish_reason"] == "length"
            return
        (choice,) = answer.json()["choices"]
        assert choice["message"] == {"role": "assistant", "content": "".join(SAID[:2])}
        assert choice["finish_reason"] == "length"
        assert answer.json()["usage"]["completion_tokens"] == 2


@pytest.mark.parametrize(
    "said", ["{}", "[1]", '{"name": "other", "arguments": {}}', '{"name": "look", "arguments": 1}']
)
async def test_what_is_no_call_is_told_as_text(said: str) -> None:
    async with world(FakeUpstream(answering(lambda _call, _index: (said,)))) as w:
        answer = await w.chat(model="small", tools=BOTH, tool_choice="required")
        assert answer.json()["choices"][0]["message"]["content"] == said


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("vllm", {"tool_choice": "required"}),
        ("llama.cpp", {"tool_choice": "auto"}),
        ("llama.cpp", {"tool_choice": {"type": "function", "function": {"name": "other"}}}),
        ("llama.cpp", {"tool_choice": "required", "response_format": {"type": "json_object"}}),
        ("llama.cpp", {"tool_choice": "required", "tools": [{"type": "function"}]}),
    ],
)
async def test_what_a_server_can_do_itself_is_left_to_it(kind: Any, fields: dict[str, Any]) -> None:
    small = FakeUpstream(answering(), kind)
    async with world(small) as w:
        answer = await w.chat(**{"model": "small", "tools": BOTH} | fields)
        assert answer.json()["choices"][0]["message"]["content"] == "".join(ANSWER)
        body = small.calls[0].body
        assert body["tool_choice"] == fields["tool_choice"]
        assert body.get("response_format") == fields.get("response_format")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"tests": TESTS}, "tests"),
        ({"n": 2, "budget": {"policy": "best_of_n"}}, "one sample"),
        ({"budget": {"policy": "best_of_n"}}, "one sample"),
    ],
)
async def test_tools_need_one_sample_and_no_tests(fields: dict[str, Any], said: str) -> None:
    async with world(backend=ScriptedBackend()) as w:
        answer = await w.chat(tools=TOOLS, **fields)
        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == "tools"
        assert said in answer.json()["error"]["message"]


async def test_what_is_no_chat_has_no_tools() -> None:
    async with world() as w:
        assert "chat" in (await w.complete(tools=TOOLS)).json()["error"]["message"]
        assert (await w.chat(functions=[{"name": "f"}])).json()["error"]["param"] == "functions"
        assert (await w.chat(tools=[])).status_code == 200
