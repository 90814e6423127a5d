"""Tools pass through a plan of one sample; elsewhere the answer says why they cannot."""

import json
from typing import Any

import pytest
from fake_upstream import Call, FakeUpstream
from http_world import TESTS, ScriptedBackend, events, world

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


async def test_calls_of_tools_stream_as_they_come() -> None:
    async with world(large=FakeUpstream(play)) as w:
        answer = await w.chat(model="large", tools=TOOLS, stream=True)
        told = events(answer.text)
        pieces = [c["choices"][0]["delta"].get("tool_calls") for c in told if c != "[DONE]"]
        assert [piece[0]["index"] for piece in pieces if piece] == [0, 0, 0, 1]
        arguments = [piece[0]["function"].get("arguments", "") for piece in pieces if piece]
        assert "".join(arguments) == '{"at": "x"}'
        assert told[-2]["choices"][0]["finish_reason"] == "tool_calls"


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
