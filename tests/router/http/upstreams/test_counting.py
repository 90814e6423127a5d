"""Prompts of chats are counted as their servers write them, whatever a client asks a chat with."""

from typing import Any, get_args

import pytest
from fake_upstream import Call, FakeUpstream, Kind, Play, answering
from http_world import TESTS, ScriptedBackend, World, world

pytestmark = pytest.mark.anyio

DOCUMENTS = [{"title": "notes", "text": "what is known of it. " * 500}]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"title": "y" * 4000}}}

FIELDS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "no thoughts": {"chat_template_kwargs": {"enable_thinking": False}},
    "an empty field": {"chat_template_kwargs": None, "documents": None},
    "documents": {"documents": DOCUMENTS},
    "a schema": {"response_format": SCHEMA},
    "effort": {"reasoning_effort": "high"},
    "two": {"documents": DOCUMENTS, "chat_template_kwargs": {"enable_thinking": False}},
}

TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    for name in ("look", "write")
]

COUNTED_BY_VLLM = {"nothing", "no thoughts", "an empty field"}


def _computed(w: World) -> float:
    """What the server computed, by what it was sent and what it said."""
    return sum(
        w.cost.draw("small", call.prompt_tokens, call.tokens, call.cached_tokens)
        for call in w.small.calls
    )


def _small(kind: Kind) -> FakeUpstream:
    return FakeUpstream(answering(), kind)


@pytest.mark.parametrize("kind", get_args(Kind))
@pytest.mark.parametrize("name", FIELDS)
async def test_a_flops_budget_holds_for_all_that_a_template_is_given(kind: Kind, name: str) -> None:
    fields = FIELDS[name]
    failing = ScriptedBackend(lambda _source: False)
    async with world(_small(kind), backend=failing) as w:
        flops = 4e10
        budget = {"flops": flops, "policy": "best_of_n"}
        answer = await w.chat(model="small", explain=True, tests=TESTS, budget=budget, **fields)
        assert answer.status_code == 200, answer.text
        commands = answer.json()["router"]["commands"]
        assert not any(command["overrun"] for command in commands)
        assert all(
            command["prompt_tokens"] == call.prompt_tokens
            for command, call in zip(commands, w.small.calls, strict=True)
        )
        assert _computed(w) <= flops
        counted = kind == "llama.cpp" or name in COUNTED_BY_VLLM
        exact = w.cost.ceiling("small", w.small.calls[0].prompt_tokens, commands[0]["n"], 64)
        assert (commands[0]["flops_reserved"] == pytest.approx(exact)) == counted


@pytest.mark.parametrize("kind", get_args(Kind))
async def test_documents_that_a_budget_does_not_hold_are_refused(kind: Kind) -> None:
    async with world(_small(kind)) as w:
        answer = await w.chat(model="small", budget={"flops": 1e8}, documents=DOCUMENTS)
        assert answer.json()["error"]["code"] == "budget_too_small"
        assert not w.small.calls
        plain = await w.chat(model="small", budget={"flops": 1e8})
        assert plain.status_code == 200


async def test_a_call_that_is_forced_is_counted_as_it_is_asked_for() -> None:
    async with world(_small("llama.cpp")) as w:
        asked = {"tools": TOOLS, "tool_choice": "required", "max_tokens": 8}
        answer = await w.chat(model="small", explain=True, budget={"flops": "1T"}, **asked)
        (command,) = answer.json()["router"]["commands"]
        (call,) = w.small.calls
        assert "response_format" in call.body
        assert command["prompt_tokens"] == call.prompt_tokens
        assert not command["overrun"]


async def test_a_role_of_any_length_is_reserved_for() -> None:
    plain = {"small": {"server": "openai"}}
    message = {"role": "role " * 800, "content": "hi"}
    async with world(_small("vllm"), models=plain) as w:
        answer = await w.chat(
            model="small", messages=[message], max_tokens=8, explain=True, budget={"flops": "1T"}
        )
        (command,) = answer.json()["router"]["commands"]
        assert not command["overrun"]
        assert _computed(w) == pytest.approx(command["flops"])
        assert command["flops"] <= command["flops_reserved"]


def _with_unseen(tokens: int) -> Play:
    """Answers, and counts so many tokens more than it tells of."""

    async def play(call: Call, server: FakeUpstream) -> None:
        await call.open(server)
        for index in range(call.body["n"]):
            await call.token(index, "x", server, "stop")
        call.tokens[-1] += tokens
        await call.done(server)

    return play


@pytest.mark.parametrize("unseen", [0, 1, 90, 63 * 2, 63 * 2 + 1])
@pytest.mark.parametrize("endpoint", ["complete", "chat"])
async def test_tokens_that_are_counted_and_not_told_are_booked(unseen: int, endpoint: str) -> None:
    async with world(FakeUpstream(_with_unseen(unseen), "vllm")) as w:
        ask = getattr(w, endpoint)
        answer = await ask(
            model="small", n=2, temperature=0.8, explain=True, budget={"flops": 1e12}
        )
        router = answer.json()["router"]
        (command,) = router["commands"]
        (call,) = w.small.calls
        assert len(answer.json()["choices"]) == 2
        assert command["overrun"] == (unseen > 63 * 2)
        assert command["unseen_tokens"] == unseen
        assert command["flops"] <= command["flops_reserved"]
        if not command["overrun"]:
            tokens = command["completion_tokens"]
            assert sum(tokens) == sum(call.tokens) == 2 + unseen
            assert command["flops"] == w.cost.draw("small", call.prompt_tokens, tokens)
            total = w.metric("router_completion_tokens_total", model="small")
            assert total == 2 + unseen
        assert router["flops_used"] == command["flops"]
        shares = sum(candidate["flops"] for candidate in router["candidates"])
        assert shares == pytest.approx(command["flops"])


SCORED: dict[str, dict[str, Any]] = {
    "nothing drawn": {"echo": True, "logprobs": 1, "max_tokens": 0},
    "some drawn": {"echo": True, "logprobs": 1},
    "token numbers": {"echo": True, "prompt": [5, 6, 7, 8]},
    "of the prompt alone": {"prompt_logprobs": 0},
}


@pytest.mark.parametrize("name", SCORED)
async def test_a_prompt_that_is_scored_costs_the_head_at_each_of_its_tokens(name: str) -> None:
    answering_all = FakeUpstream(answering(), "vllm", scorer=answering())
    async with world(answering_all) as w:
        fields = {"prompt": "def add(a, b):\n" * 40, "budget": {"flops": 1e12}} | SCORED[name]
        answer = await w.complete(model="small", explain=True, **fields)
        assert answer.status_code == 200, answer.text
        (command,) = answer.json()["router"]["commands"]
        prompt = w.small.calls[0].prompt_tokens
        (drawn,) = command["completion_tokens"]
        scored = w.cost.score("small", 0, prompt) + w.cost.decode("small", prompt, drawn)
        assert command["flops"] == pytest.approx(scored)
        assert command["flops"] <= command["flops_reserved"]
        tight = {"budget": {"flops": w.cost.ceiling("small", prompt, 1, 1)}}
        refused = await w.complete(model="small", **(fields | tight))
        assert refused.status_code == 400, refused.text
