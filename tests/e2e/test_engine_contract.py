"""What the upstream client relies on, asked of a real engine."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from serving import SMALL

from policies.protocol import Draw
from router.configured import engine_spec
from router.embedded.supervisor import EmbeddedEngine
from router.request import ChatPrompt, SampleRequest, TextPrompt
from router.settings import EmbeddedModel, Settings
from router.upstream import transport
from router.upstream.chunks import Chunk
from router.upstream.client import Upstream
from router.upstream.failures import UpstreamError
from router.upstream.servers import SERVERS

pytestmark = [pytest.mark.real_model, pytest.mark.usefixtures("models")]

TEXT = TextPrompt("def add(a, b):\n    ")
CHAT = ChatPrompt(({"role": "user", "content": "Say hello."},))
KEEP_GOING = {"ignore_eos": True}


@asynccontextmanager
async def engine(slots: int = 3, context: int = 512) -> AsyncIterator[Upstream]:
    config = EmbeddedModel(slots=slots, context=context)
    running = EmbeddedEngine(engine_spec(Settings(), SMALL, config))
    async with transport.client(connect_s=5, read_s=60) as client:
        await running.start()
        try:
            yield Upstream(
                id=SMALL,
                client=client,
                base_url=lambda: running.base_url,
                name=SMALL,
                max_batch=slots,
                server=SERVERS["llama.cpp"],
            )
        finally:
            await running.aclose()


def draw(n: int = 1, max_tokens: int = 6, temperature: float = 0.8) -> Draw:
    return Draw(SMALL, n, max_tokens, temperature, verify=False)


async def sampled(upstream: Upstream, command: Draw, request: SampleRequest) -> list[Chunk]:
    return [chunk async for chunk in upstream.sample(command, request)]


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


@pytest.mark.parametrize("prompt", [TEXT, CHAT], ids=["text", "chat"])
def test_every_sample_ends_with_its_own_usage(prompt: TextPrompt | ChatPrompt) -> None:
    async def scenario() -> None:
        async with engine() as upstream:
            request = SampleRequest(prompt, KEEP_GOING)
            chunks = await sampled(upstream, draw(n=3), request)
            expected = await upstream.count_tokens(prompt)
        for index in range(3):
            own = [chunk for chunk in chunks if chunk.index == index]
            assert sum(chunk.finish_reason is not None for chunk in own) == 1
            (usage,) = [chunk.usage for chunk in own if chunk.usage]
            assert usage.completion_tokens == 6
            assert usage.prompt_tokens == expected

    run(scenario())


def test_log_probabilities_count_the_tokens() -> None:
    async def scenario() -> None:
        async with engine() as upstream:
            chunks = await sampled(upstream, draw(), SampleRequest(TEXT, KEEP_GOING, logprobs=2))
        tokens = [token for chunk in chunks for token in chunk.tokens or ()]
        assert len(tokens) == 6
        assert all(token.logprob <= 0 and len(token.top) == 2 for token in tokens)

    run(scenario())


def test_the_nucleus_is_that_of_the_distribution_at_the_temperature() -> None:
    async def scenario() -> None:
        request = SampleRequest(TextPrompt("1, 2, 3, 4, 5, 6, 7,"), {"top_p": 0.5}, logprobs=1)
        async with engine() as upstream:
            (first, *_) = await sampled(upstream, draw(max_tokens=1, temperature=0), request)
            drawn = [
                chunk
                for _ in range(3)
                for chunk in await sampled(
                    upstream, draw(n=3, max_tokens=1, temperature=5.0), request
                )
            ]
        ((likeliest,),) = ((first.tokens or ()),)
        # Alone in the nucleus before the temperature, and one of very many after it.
        assert math.exp(likeliest.logprob) > 0.5
        assert len({token.token for chunk in drawn for token in chunk.tokens or ()}) > 1

    run(scenario())


def test_chunks_count_every_token_also_those_held_back_for_a_stop_string() -> None:
    async def scenario() -> None:
        async with engine() as upstream:
            request = SampleRequest(TEXT, KEEP_GOING | {"stop": ["\nno such line", "  never"]})
            chunks = await sampled(upstream, draw(max_tokens=60, temperature=0), request)
        (usage,) = [chunk.usage for chunk in chunks if chunk.usage]
        assert any(chunk.said and not chunk.text and not chunk.finish_reason for chunk in chunks)
        seen = sum(chunk.least_tokens(token_per_chunk=True) for chunk in chunks)
        assert seen == usage.completion_tokens

    run(scenario())


def test_one_draw_follows_another() -> None:
    async def scenario() -> None:
        async with engine() as upstream:
            for _ in range(12):
                chunks = await sampled(upstream, draw(max_tokens=2), SampleRequest(TEXT))
                assert chunks[-1].finish_reason
                await upstream.count_tokens(TEXT)

    run(scenario())


def test_at_temperature_0_an_answer_repeats() -> None:
    async def scenario() -> None:
        async with engine() as upstream:
            texts = [
                "".join(
                    chunk.text
                    for chunk in await sampled(upstream, draw(temperature=0), SampleRequest(TEXT))
                )
                for _ in range(2)
            ]
        assert texts[0] == texts[1]

    run(scenario())


def test_a_prompt_beyond_the_context_is_rejected() -> None:
    async def scenario() -> None:
        async with engine() as upstream:
            with pytest.raises(UpstreamError) as caught:
                await sampled(upstream, draw(), SampleRequest(TextPrompt("word " * 2000)))
        assert caught.value.rejected

    run(scenario())


def test_a_closed_draw_frees_its_slots() -> None:
    async def scenario() -> None:
        async with engine() as upstream:
            endless = upstream.sample(draw(n=3, max_tokens=400), SampleRequest(TEXT, KEEP_GOING))
            await anext(endless)
            await endless.aclose()
            assert await sampled(upstream, draw(n=3, max_tokens=1), SampleRequest(TEXT))

    run(scenario())


def test_a_draw_closed_in_a_queue_or_before_its_first_token_is_not_computed() -> None:
    """On one slot: each would take minutes, and what comes after them does not wait for any."""

    async def closed(upstream: Upstream, text: str) -> None:
        endless = SampleRequest(TextPrompt(text), KEEP_GOING)
        waiting = asyncio.ensure_future(anext(upstream.sample(draw(max_tokens=7000), endless)))
        await asyncio.sleep(0.2)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    async def scenario() -> None:
        async with engine(slots=1, context=8192) as upstream:
            running = upstream.sample(draw(max_tokens=7000), SampleRequest(TEXT, KEEP_GOING))
            await anext(running)
            for _ in range(8):
                await closed(upstream, "def queued():")
            await running.aclose()
            await closed(upstream, "word " * 600)
            async with asyncio.timeout(240):
                assert await sampled(upstream, draw(max_tokens=1), SampleRequest(TEXT))

    run(scenario())
