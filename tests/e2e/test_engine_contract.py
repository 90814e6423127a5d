"""What only the embedded engine does; `tests/router/upstream/test_contract.py` asks the rest."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from serving import SMALL

from policies.protocol import Draw
from router.catalogue.fim import FimTemplate
from router.configuration.configured import engine_spec
from router.embedded.supervisor import EmbeddedEngine
from router.request import PromptLength, SampleRequest, TextPrompt, TokenPrompt
from router.sections.models import EmbeddedModel
from router.settings import Settings
from router.upstream import transport
from router.upstream.client import Upstream
from router.upstream.said.chunks import Chunk, Usage
from router.upstream.servers import SERVERS

pytestmark = [pytest.mark.real_model, pytest.mark.usefixtures("models")]

TEXT = TextPrompt("def add(a, b):\n    ")
KEEP_GOING = {"ignore_eos": True}
FILE_SEP = 5
"""Its `<file_sep>`, which is a special token."""


@asynccontextmanager
async def engine(slots: int = 3, context: int = 512) -> AsyncIterator[Upstream]:
    config = EmbeddedModel(slots=slots, context=context)
    running = EmbeddedEngine(engine_spec(Settings(), SMALL, config))
    async with transport.Client(connect_s=60, read_s=200) as client:
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


def test_the_nucleus_is_that_of_the_distribution_at_the_temperature() -> None:
    async def scenario() -> None:
        request = SampleRequest(TextPrompt("1, 2, 3, 4, 5, 6, 7,"), {"top_p": 0.5}, logprobs=1)
        async with engine() as upstream:
            chunks = await sampled(upstream, draw(max_tokens=1, temperature=0), request)
            first = next(chunk for chunk in chunks if not chunk.of_prompt)
            drawn = [
                chunk
                for _ in range(3)
                for chunk in await sampled(
                    upstream, draw(n=3, max_tokens=1, temperature=5.0), request
                )
            ]
        ((likeliest,),) = ((first.tokens or ()),)
        assert likeliest.logprob is not None
        # Alone in the nucleus before the temperature, and one of very many after it.
        assert math.exp(likeliest.logprob) > 0.5
        assert len({token.token for chunk in drawn for token in chunk.tokens or ()}) > 1

    run(scenario())


def test_chunks_count_every_token_also_those_held_back_for_a_stop_string() -> None:
    async def scenario() -> None:
        async with engine() as upstream:
            request = SampleRequest(TEXT, KEEP_GOING | {"stop": ["\nno such line", "  never"]})
            chunks = await sampled(upstream, draw(max_tokens=60, temperature=0), request)
        (usage,) = [chunk.usage for chunk in chunks if chunk.usage and not chunk.of_prompt]
        assert any(chunk.said and not chunk.text and not chunk.finish_reason for chunk in chunks)
        seen = sum(chunk.least_tokens(token_per_chunk=True) for chunk in chunks)
        assert seen == usage.completion_tokens

    run(scenario())


def test_a_special_token_among_the_stops_of_a_gap_ends_an_answer() -> None:
    async def scenario() -> None:
        async with engine() as upstream:
            gaps = replace(upstream, fim=FimTemplate("{prefix}{suffix}", stop=("<file_sep>",)))
            always = KEEP_GOING | {"logit_bias": [[FILE_SEP, 100]]}
            request = SampleRequest(TextPrompt(TEXT.text, "x"), always)
            stopped = await sampled(gaps, draw(temperature=0), request)
            unseen = await sampled(upstream, draw(temperature=0), SampleRequest(TEXT, always))
        assert [chunk.finish_reason for chunk in (stopped[-1], unseen[-1])] == ["stop", "length"]
        assert "".join(chunk.text for chunk in (*stopped, *unseen)) == ""

    run(scenario())


def test_token_numbers_are_a_prompt() -> None:
    async def scenario() -> None:
        async with engine() as upstream:
            numbers = TokenPrompt((504, 1101, 314))
            assert await upstream.count_tokens(numbers) == PromptLength(3)
            chunks = await sampled(upstream, draw(max_tokens=4), SampleRequest(numbers))
            assert chunks[-1].usage == Usage(3, 4, 0)

    run(scenario())


def test_a_prompt_is_read_and_nothing_is_drawn() -> None:
    async def scenario() -> None:
        async with engine() as upstream:
            chunks = await sampled(upstream, draw(max_tokens=0), SampleRequest(TEXT))
            assert "".join(chunk.text for chunk in chunks) == ""
            assert sum(chunk.least_tokens(token_per_chunk=True) for chunk in chunks) == 0
            (end,) = (chunk for chunk in chunks if chunk.finish_reason)
            assert (end.finish_reason, end.usage and end.usage.completion_tokens) == ("length", 0)

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
