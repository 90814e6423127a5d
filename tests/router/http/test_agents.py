"""What agents and chat pages really post: turns with tools, in streams, and titles for chats.

The bodies are as their sources make them, with a short task filled in.
"""

import json
from typing import Any

import pytest
from fake_upstream import ANSWER, Call, FakeUpstream, Kind
from http_world import events, texts, world

pytestmark = pytest.mark.anyio

READ = {
    "type": "function",
    "function": {
        "name": "read_file",
        "description": "Read a file.",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"path": {"type": "string"}},
            "required": ["path"],
            "additionalProperties": False,
        },
    },
}
SAID_IN_PARTS = [
    {"type": "text", "text": "<task>\nadd a test\n</task>", "cache_control": {"type": "ephemeral"}},
    {"type": "text", "text": "<environment_details>\nm.py\n</environment_details>"},
]
CALLED = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "read_file", "arguments": '{"path": "m.py"}'},
}
TURN = [
    {"role": "system", "content": "You are an engineer."},
    {"role": "user", "content": SAID_IN_PARTS},
    {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": [CALLED]},
    {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "x = 1"}]},
    {"role": "user", "content": SAID_IN_PARTS},
]
AGENTS: dict[str, dict[str, Any]] = {
    "cline, roo, kilo": {
        "temperature": 0,
        "messages": TURN,
        "stream": True,
        "stream_options": {"include_usage": True},
        "tools": [READ],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
    },
    "zed": {
        "messages": TURN,
        "stream": True,
        "stop": [],
        "temperature": 1.0,
        "max_completion_tokens": 99,
        "parallel_tool_calls": False,
        "tools": [READ],
        "prompt_cache_key": "thread",
        "reasoning_effort": "low",
    },
    "cursor": {
        "messages": [{"role": "system", "content": "x"}, *TURN[1:]],
        "stream": True,
        "temperature": 0,
        "user": "someone|1",
        "tools": [READ],
        "tool_choice": "auto",
    },
    "llama.vscode": {"messages": TURN, "stream": True, "tools": [READ], "max_tokens": 2048},
}


async def calling(call: Call, server: FakeUpstream) -> None:
    """Call a tool, as servers tell of it: its name first, with no arguments yet."""
    named = {"name": "read_file", "arguments": ""}
    pieces: list[dict[str, Any]] = [{"id": "call_2", "type": "function", "function": named}]
    pieces += [{"function": {"arguments": part}} for part in ('{"path": ', '"n.py"}')]
    await call.open(server)
    call.tokens = [0]
    for piece in pieces:
        delta = {"tool_calls": [{"index": 0} | piece]}
        await call.event({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        call.tokens[0] += 1
    await call.finish(0, "tool_calls", server)
    await call.done(server)


@pytest.mark.parametrize("kind", ["llama.cpp", "vllm"])
@pytest.mark.parametrize("body", AGENTS.values(), ids=AGENTS)
async def test_an_agent_puts_a_call_together(body: dict[str, Any], kind: Kind) -> None:
    async with world(large=FakeUpstream(calling, kind)) as w:
        answer = await w.client.post("/v1/chat/completions", json=body | {"model": "large"})
        assert answer.status_code == 200, answer.text
        *chunks, done = events(answer.text)
        assert done == "[DONE]"
        told = [choice for chunk in chunks for choice in chunk["choices"]]
        first, *more = [call for each in told for call in each["delta"].get("tool_calls") or ()]
        assert (first["id"], first["type"]) == ("call_2", "function")
        arguments = first["function"][
            "arguments"
        ]  # added to, without a look at whether it is there
        for piece in more:
            arguments += piece["function"]["arguments"]
        assert json.loads(arguments) == {"path": "n.py"}
        assert told[-1]["finish_reason"] == "tool_calls"
        (call,) = w.large.calls
        own = {"stream", "stream_options", "max_completion_tokens", "stop"}
        assert {name: call.body[name] for name in body.keys() - own} == {
            name: value for name, value in body.items() if name not in own
        }


TITLES: dict[str, dict[str, Any]] = {
    "open webui": {
        "messages": [{"role": "user", "content": "### Task:\nGenerate a concise title."}],
        "stream": False,
        "max_completion_tokens": 1000,
        "metadata": {"task": "title_generation", "chat_id": "x"},
    },
    "llama.vscode": {
        "messages": [{"role": "system", "content": "You are an expert coder."}, TURN[1]],
        "stream": False,
        "cache_prompt": True,
        "samplers": "edkypmxt",
        "temperature": 0.8,
        "top_k": 40,
        "min_p": 0.05,
        "max_tokens": -1,
        "timings_per_token": False,
    },
    "jetbrains": {
        "messages": [{"role": "developer", "content": "x"}, {"role": "user", "content": "y"}],
        "stream": True,
        "max_completion_tokens": 99,
        "n": 1,
        "tools": [],
    },
}


@pytest.mark.parametrize("body", TITLES.values(), ids=TITLES)
async def test_a_chat_without_tools_is_answered(body: dict[str, Any]) -> None:
    async with world() as w:
        answer = await w.client.post("/v1/chat/completions", json=body)
        assert answer.status_code == 200, answer.text
        if body["stream"]:
            assert texts(events(answer.text)) == "".join(ANSWER)
        else:
            assert answer.json()["choices"][0]["message"]["content"] == "".join(ANSWER)
        assert w.large.calls[0].body["messages"] == body["messages"]


async def test_a_page_finds_models_to_choose_from() -> None:
    async with world() as w:
        found = (await w.client.get("/v1/models")).json()
        assert found["object"] == "list"
        assert {"id", "object", "created", "owned_by"} <= set(found["data"][0])
