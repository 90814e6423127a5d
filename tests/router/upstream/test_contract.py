"""What the router relies on, asked of every kind of server: the fakes must answer as the real ones.

`make test-vllm` asks a real vLLM too.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import contract_servers
import pytest
from contract_servers import Server
from http_world import eventually_asked

from policies.protocol import Draw
from router.request import ChatPrompt, Prompt, SampleRequest, TextPrompt, TokenPrompt
from router.upstream.failures import PromptTooLong, UpstreamError
from router.upstream.presence import trouble_of
from router.upstream.said.chunks import Chunk, Usage
from router.upstream.scoring import PromptScorer
from router.upstream.servers import SERVERS

pytestmark = pytest.mark.anyio

TEXT = TextPrompt("def add(a, b):\n    ")
CHAT = ChatPrompt(({"role": "user", "content": "Say hello."},))
BETWEEN = TextPrompt("def add(a, b):\n    return ", "\n\nprint(add(1, 2))\n")
PROMPTS = {"text": TEXT, "chat": CHAT, "between": BETWEEN}
KEEP_GOING = {"ignore_eos": True}
LONG = TextPrompt("def add(a, b):\n    return a + b\n\n" * 30)
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


@pytest.fixture(scope="session")
def vllm_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with contract_servers.serving_vllm(tmp_path_factory.mktemp("vllm") / "log") as url:
        yield url


@asynccontextmanager
async def serving(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    match request.param:
        case "embedded":
            chosen = contract_servers.embedded()
        case "real vllm":
            chosen = contract_servers.vllm(request.getfixturevalue("vllm_url"))
        case "fake vllm":
            chosen = contract_servers.fake("vllm")
        case _:
            chosen = contract_servers.fake("llama.cpp")
    async with chosen as running:
        yield running


VLLMS = ["fake vllm", pytest.param("real vllm", marks=pytest.mark.real_model)]
LLAMAS = ["fake llama.cpp", pytest.param("embedded", marks=pytest.mark.real_model)]


@pytest.fixture(params=LLAMAS + VLLMS)
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    async with serving(request) as running:
        yield running


def draw(n: int = 1, max_tokens: int = 6, temperature: float = 0.8) -> Draw:
    return Draw("m", n, max_tokens, temperature, verify=False)


def asking(prompt: Prompt, logprobs: int | None = None, **fields: Any) -> SampleRequest:
    """As of a client that sent these fields."""
    asked = frozenset(fields) | ({"logprobs"} if logprobs is not None else set())
    return SampleRequest(prompt, KEEP_GOING | fields, logprobs, asked)


async def sampled(server: Server, command: Draw, request: SampleRequest) -> list[Chunk]:
    return [chunk async for chunk in server.upstream.sample(command, request)]


def said(chunks: list[Chunk], index: int = 0) -> str:
    return "".join(chunk.text for chunk in chunks if chunk.index == index)


def counted(server: Server, chunks: list[Chunk], index: int = 0) -> int:
    per_chunk = server.upstream.token_per_chunk
    own = [chunk for chunk in chunks if chunk.index == index]
    seen = sum(chunk.least_tokens(token_per_chunk=per_chunk) for chunk in own)
    if not per_chunk:  # its usage is that of all choices
        return seen
    # An end of turn that it was told to ignore is a token without a chunk.
    return max(seen, *(usage.completion_tokens or 0 for usage in usages(own)))


def usages(chunks: list[Chunk]) -> list[Usage]:
    """What is told at the end of choices; how far a prompt is read is told before."""
    return [chunk.usage for chunk in chunks if chunk.usage and not chunk.of_prompt]


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
async def test_a_sample_ends_once_and_is_counted_as_we_count(
    server: Server, prompt: Prompt
) -> None:
    chunks = await sampled(server, draw(), asking(prompt))
    assert [chunk.finish_reason for chunk in chunks if chunk.finish_reason] == ["length"]
    (usage,) = usages(chunks)
    assert usage.completion_tokens == counted(server, chunks) == 6
    length = await server.upstream.count_tokens(prompt)
    assert (length.tokens, length.bound) == (usage.prompt_tokens, None)


@pytest.mark.parametrize("prompt", [TEXT, CHAT], ids=["text", "chat"])
async def test_samples_of_one_draw_are_told_apart(server: Server, prompt: Prompt) -> None:
    chunks = await sampled(server, draw(n=3), asking(prompt))
    for index in range(3):
        own = [chunk for chunk in chunks if chunk.index == index]
        assert [chunk.finish_reason for chunk in own if chunk.finish_reason] == ["length"]
        assert counted(server, chunks, index) == 6
        if server.upstream.token_per_chunk:
            (usage,) = usages(own)
            length = await server.upstream.count_tokens(prompt)
            assert (usage.completion_tokens, usage.prompt_tokens) == (6, length.tokens)
    assert {chunk.index for chunk in chunks} == {0, 1, 2}


@pytest.mark.parametrize("prompt", [TEXT, CHAT], ids=["text", "chat"])
async def test_log_probabilities_come_with_every_token(server: Server, prompt: Prompt) -> None:
    chunks = await sampled(server, draw(temperature=0), asking(prompt, logprobs=2))
    tokens = [token for chunk in chunks for token in chunk.tokens or ()]
    assert len(tokens) == 6
    assert all(
        token.logprob is not None and token.logprob <= 0 and len(token.top) >= 2 for token in tokens
    )
    assert "".join(token.token for token in tokens) == said(chunks)


async def test_at_temperature_0_an_answer_repeats(server: Server) -> None:
    texts = [said(await sampled(server, draw(temperature=0), asking(TEXT))) for _ in range(2)]
    assert texts[0] == texts[1]


async def test_a_stop_string_ends_an_answer_and_is_no_part_of_it(server: Server) -> None:
    whole = said(await sampled(server, draw(max_tokens=24, temperature=0), asking(TEXT)))
    stop = whole[6:9]
    request = asking(TEXT, stop=[stop])
    chunks = await sampled(server, draw(max_tokens=24, temperature=0), request)
    assert said(chunks) == whole[: whole.index(stop)]
    assert [chunk.finish_reason for chunk in chunks if chunk.finish_reason] == ["stop"]


async def test_a_prompt_is_tokenized_as_the_text_that_it_is(server: Server) -> None:
    assert server.upstream.fim is not None
    assert BETWEEN.suffix is not None
    rendered = TextPrompt(server.upstream.fim.render(BETWEEN.text, BETWEEN.suffix))
    lengths = [await server.upstream.count_tokens(prompt) for prompt in (BETWEEN, rendered)]
    assert lengths[0] == lengths[1]


@pytest.mark.parametrize("n", [1, 3])
async def test_a_second_draw_of_a_prompt_is_told_to_be_cached(server: Server, n: int) -> None:
    await sampled(server, draw(), asking(LONG))
    chunks = await sampled(server, draw(n=n), asking(LONG))
    told = [chunk.usage for chunk in chunks if chunk.usage]
    assert {usage.prompt_tokens for usage in told} == {told[0].prompt_tokens}
    (cached,) = {usage.cached_tokens for usage in told}
    assert cached is not None
    assert told[0].prompt_tokens / 2 < cached < told[0].prompt_tokens
    assert not any(usage.misreported for usage in told)
    if server.upstream.token_per_chunk:
        # All but the last token; and it is told before the first one of the answer comes.
        assert cached == told[0].prompt_tokens - 1
        first = next(at for at, chunk in enumerate(chunks) if chunk.text)
        assert any(chunk.of_prompt for chunk in chunks[:first])


async def test_a_priority_is_taken(server: Server) -> None:
    assert said(await sampled(server, draw(), asking(TEXT, priority=-1)))


async def test_a_draw_that_is_closed_stops(server: Server) -> None:
    endless = draw(n=3, max_tokens=400)
    async with aclosing(server.upstream.sample(endless, asking(TEXT))) as chunks:
        await anext(chunks)
        assert await server.busy()
    await eventually_asked(server.busy, 0)
    assert await sampled(server, draw(n=3, max_tokens=1), asking(TEXT))


async def test_a_draw_that_is_cancelled_while_its_prompt_is_read_stops(server: Server) -> None:
    waiting = asyncio.ensure_future(sampled(server, draw(n=3, max_tokens=200), asking(LONG)))
    await eventually_asked(server.working, wanted=True)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await eventually_asked(server.busy, 0)


async def test_one_draw_follows_another(server: Server) -> None:
    for _ in range(8):
        assert await sampled(server, draw(max_tokens=2), asking(TEXT))
        await server.upstream.count_tokens(TEXT)


async def test_what_does_not_fit_the_context_is_said_to_be_too_long(server: Server) -> None:
    with pytest.raises(PromptTooLong):
        await sampled(server, draw(), asking(TextPrompt("word " * 3000)))


async def test_a_field_of_the_client_that_is_wrong_is_its_fault(server: Server) -> None:
    with pytest.raises(UpstreamError) as caught:
        await sampled(server, draw(), asking(TEXT, top_p="x"))
    assert caught.value.rejected


async def test_a_field_of_ours_that_is_wrong_is_not_the_clients_fault(server: Server) -> None:
    # No text: one that an error repeats could be the client's, as all that is passed on is.
    request = replace(asking(TEXT, top_p=[1]), asked=frozenset())
    with pytest.raises(UpstreamError, match="'top_p', which is not of the client's") as caught:
        await sampled(server, draw(), request)
    assert not caught.value.rejected


async def test_an_image_is_refused_by_a_model_of_text(server: Server) -> None:
    parts = [{"type": "text", "text": "What is it?"}, IMAGE]
    with pytest.raises(UpstreamError) as caught:
        await sampled(server, draw(), asking(ChatPrompt(({"role": "user", "content": parts},))))
    assert caught.value.rejected
    assert not isinstance(caught.value, PromptTooLong)


async def test_its_models_are_listed(server: Server) -> None:
    assert await trouble_of(server.upstream) is None
    misnamed = await trouble_of(replace(server.upstream, name="other"))
    assert (misnamed is None) == server.upstream.server.any_name


class TestVLLM:
    """What only vLLM does."""

    @pytest.fixture(params=VLLMS)
    async def server(self, request: pytest.FixtureRequest) -> AsyncIterator[Server]:
        async with serving(request) as running:
            yield running

    @pytest.mark.parametrize("max_tokens", [0, 1, 3])
    async def test_the_prompts_log_probabilities_come_with_its_echo(
        self, server: Server, max_tokens: int
    ) -> None:
        request = replace(asking(TEXT, logprobs=1), echo=True)
        chunks = await sampled(server, draw(max_tokens=max_tokens), request)
        first, *rest = [token for chunk in chunks for token in (chunk.tokens or ())[: chunk.echoed]]
        assert first.logprob is None
        assert all(token.logprob is not None and token.logprob <= 0 for token in rest)
        assert "".join(token.token for token in (first, *rest)) == TEXT.text
        assert counted(server, chunks) == max_tokens
        all_of_them = [token.token for chunk in chunks for token in chunk.tokens or ()]
        assert "".join(all_of_them) == said(chunks)

    async def test_a_prompt_that_is_echoed_is_not_taken_from_the_cache(
        self, server: Server
    ) -> None:
        request = replace(asking(LONG, logprobs=1), echo=True)
        for _ in range(2):
            chunks = await sampled(server, draw(), request)
            assert not any(chunk.usage.cached_tokens for chunk in chunks if chunk.usage)

    async def test_what_it_did_not_write_is_scored_as_what_it_echoes(self, server: Server) -> None:
        scorer = PromptScorer.of(server.upstream)
        read = await scorer.tokens(TEXT)
        scored = await scorer.continuation("return a + b\n")
        assert len(read) == (await server.upstream.count_tokens(TEXT)).tokens
        found = await scorer.logprobs(read, scored)
        both = replace(asking(TokenPrompt((*read, *scored)), logprobs=1), echo=True)
        chunks = await sampled(server, draw(max_tokens=0), both)
        told = [token.logprob for chunk in chunks for token in (chunk.tokens or ())[: chunk.echoed]]
        assert found == pytest.approx(told[len(read) :], abs=0.05)

    async def test_a_chat_is_tokenized_by_its_template(self, server: Server) -> None:
        tokens = await PromptScorer.of(server.upstream).tokens(CHAT, special=False)
        assert len(tokens) == (await server.upstream.count_tokens(CHAT)).tokens

    async def test_more_log_probabilities_than_it_gives_are_the_clients_fault(
        self, server: Server
    ) -> None:
        with pytest.raises(UpstreamError) as caught:
            await sampled(server, draw(), asking(TEXT, logprobs=50))
        assert caught.value.rejected

    async def test_a_suffix_as_such_is_refused(self, server: Server) -> None:
        with pytest.raises(UpstreamError, match="suffix"):
            await sampled(server, draw(), asking(TEXT, suffix="x"))

    async def test_a_kind_that_is_not_known_is_told_by_its_tokens(self, server: Server) -> None:
        plain = replace(server, upstream=replace(server.upstream, server=SERVERS["openai"]))
        chunks = await sampled(plain, draw(), asking(TEXT))
        assert counted(plain, chunks) == 6
        assert (await plain.upstream.count_tokens(TEXT)).bound == len(TEXT.text) + 1
