"""The official OpenAI SDK against the gateway: what it parses is what others will."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import openai
import pytest
from fake_upstream import ANSWER, FakeUpstream, failing, half, silent
from http_world import MESSAGES, PROMPT, TESTS, ScriptedBackend, World, eventually, world

pytestmark = pytest.mark.anyio
SAID = "".join(ANSWER)
HEADERS = {"X-Budget-FLOPs": "1T", "X-Budget-Policy": "cascade"}


@asynccontextmanager
async def sdk(w: World) -> AsyncIterator[openai.AsyncOpenAI]:
    """A client as a user makes it."""
    async with openai.AsyncOpenAI(base_url=w.url + "/v1", api_key="mine", max_retries=0) as client:
        yield client


async def test_a_completion_with_budget_and_tests() -> None:
    async with world(backend=ScriptedBackend()) as w, sdk(w) as client:
        raw = await client.completions.with_raw_response.create(
            model="auto",
            prompt=PROMPT,
            max_tokens=64,
            n=2,
            extra_headers=HEADERS,
            extra_body={"tests": TESTS, "explain": True},
        )
        assert raw.headers["x-router-verdict"] == "passed"
        assert raw.headers["x-budget-flops"] == "1000000000000"
        completion = raw.parse()
        assert [choice.text for choice in completion.choices] == [SAID] * 2
        assert [choice.finish_reason for choice in completion.choices] == ["stop"] * 2
        assert completion.usage is not None
        assert completion.usage.completion_tokens == 2 * len(ANSWER)
        extra = completion.model_extra
        assert extra is not None
        assert extra["router"]["plan"] == "small*2+tests"


async def test_a_chat_with_logprobs() -> None:
    async with world() as w, sdk(w) as client:
        answer = await client.chat.completions.create(
            model="large", messages=MESSAGES, logprobs=True, top_logprobs=1, max_tokens=64
        )
        (choice,) = answer.choices
        assert choice.message.content == SAID
        assert choice.message.role == "assistant"
        assert choice.logprobs is not None
        assert choice.logprobs.content is not None
        assert [entry.token for entry in choice.logprobs.content] == list(ANSWER)
        assert choice.logprobs.content[0].top_logprobs[0].token == ANSWER[0]


@pytest.mark.parametrize("n", [1, 2])
async def test_a_stream_of_completions(n: int) -> None:
    async with world(backend=ScriptedBackend()) as w, sdk(w) as client:
        stream = await client.completions.create(
            model="auto",
            prompt=PROMPT,
            n=n,
            stream=True,
            logprobs=1,
            stream_options={"include_usage": True},
            extra_headers={"X-Budget-Latency-Ms": "60000"},
        )
        chunks = [chunk async for chunk in stream]
        for index in range(n):
            mine = [c for chunk in chunks for c in chunk.choices if c.index == index]
            assert "".join(choice.text for choice in mine) == SAID
            assert mine[-1].finish_reason == "stop"
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.completion_tokens == n * len(ANSWER)
        assert chunks[-1].model_extra is not None
        assert chunks[-1].model_extra["router"]["budget"]["latency_ms"] == 60000


@pytest.mark.parametrize("n", [1, 2])
async def test_a_stream_of_a_chat(n: int) -> None:
    async with world(backend=ScriptedBackend()) as w, sdk(w) as client:
        stream = await client.chat.completions.create(
            model="auto", messages=MESSAGES, n=n, stream=True, extra_body={"tests": TESTS}
        )
        chunks = [chunk async for chunk in stream]
        assert chunks[0].choices[0].delta.role == "assistant"
        for index in range(n):
            mine = [c for chunk in chunks for c in chunk.choices if c.index == index]
            assert "".join(choice.delta.content or "" for choice in mine) == SAID
            assert mine[-1].finish_reason == "stop"
        assert chunks[-1].model_extra is not None
        assert chunks[-1].model_extra["router"]["verdict"] == "passed"


async def test_the_streaming_helper_of_the_sdk_puts_a_chat_together() -> None:
    async with world() as w, sdk(w) as client:
        async with client.chat.completions.stream(model="auto", messages=MESSAGES) as stream:
            final = await stream.get_final_completion()
        assert final.choices[0].message.content == SAID


async def test_errors_become_the_sdks_own() -> None:
    async with world(*(FakeUpstream(failing(500)) for _ in range(2))) as w, sdk(w) as client:
        ask = {"model": "auto", "prompt": PROMPT}
        with pytest.raises(openai.BadRequestError) as bad:
            await client.completions.create(**ask, extra_headers={"X-Budget-FLOPs": "1"})
        assert bad.value.code == "budget_too_small"
        assert bad.value.param == "budget.flops"
        with pytest.raises(openai.NotFoundError) as missing:
            await client.completions.create(**ask | {"model": "gpt-9"})
        assert missing.value.code == "model_not_found"
        with pytest.raises(openai.InternalServerError) as down:
            await client.completions.create(**ask)
        assert (down.value.code, down.value.status_code) == ("upstream_unavailable", 502)


async def test_an_error_in_mid_stream_is_raised_by_the_sdk() -> None:
    async with world(large=FakeUpstream(half(2))) as w, sdk(w) as client:
        stream = await client.completions.create(model="auto", prompt=PROMPT, stream=True)
        first, second = await anext(stream), await anext(stream)
        assert first.choices[0].text + second.choices[0].text == "x = 1\n" * 2
        with pytest.raises(openai.APIError, match="large"):
            await anext(stream)


async def test_overload_is_a_rate_limit_to_the_sdk() -> None:
    async with (
        world(large=FakeUpstream(silent()), max_concurrent_requests=1) as w,
        sdk(w) as client,
    ):
        first = await w.open()
        await eventually(lambda: w.large.calls)
        with pytest.raises(openai.RateLimitError) as many:
            await client.completions.create(model="auto", prompt=PROMPT)
        assert many.value.code == "overloaded"
        await first.close()


async def test_models_are_listed() -> None:
    async with world() as w, sdk(w) as client:
        assert [model.id async for model in client.models.list()] == ["auto", "small", "large"]
