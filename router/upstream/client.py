"""One client for any OpenAI-compatible server: samples as a stream of chunks, and token counts.

It always streams, also for clients that do not: so partial cost is known, each sample can be
judged the moment it ends, and closing the stream makes the server stop. Log-probabilities count
tokens (one entry each) and give the averaged NLL for free, but they slow llama.cpp by a tenth or
more; there every chunk is one token, and each choice ends with its own usage, so they are asked
for only where they are wanted.

It guards against servers that are down, slow, answer an error, garbage or half a body: all of
these become an `UpstreamError`. It retries nothing: a retry here would bill work twice.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import httpx
from httpx_sse import EventSource, ServerSentEvent, SSEError

from policies.protocol import Draw
from router.catalogue.entries import FimTemplate
from router.request import ChatPrompt, Prompt, TextPrompt
from router.upstream.chunks import Chunk, MalformedChunk, mended, parse_chunk, parse_json

CHAT_TOKENS_PER_MESSAGE = 16
"""Upper bound on what a chat template adds around one message, where no tokenizer is at hand."""

LONGEST_MESSAGE = 2000
"""Bytes of an error that are read."""

LONGEST_COUNT_S = 10.0
"""How long a server may take to count the tokens of a prompt."""

ServerKind: TypeAlias = Literal["llama.cpp", "vllm", "openai"]
"""Decides how prompt tokens are counted, and what a chunk and a lone usage mean."""


class UpstreamError(Exception):
    """An upstream did not do what it was asked.

    `rejected` says that it found fault with the request (a 4xx), so that another try is useless.
    """

    def __init__(self, model: str, reason: str, *, rejected: bool = False) -> None:
        super().__init__(f"upstream of model {model!r} {reason}")
        self.model = model
        self.rejected = rejected


class UpstreamUnreachable(UpstreamError):
    """Nobody listens there, so that nothing was spent and nothing else can be asked of it."""


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """What every draw of one request has in common.

    `passed_on` are the client's own fields (`stop`, `seed`, `top_p`, unknown ones), sent as they
    came; `logprobs` is how many alternatives per token are wanted, None if no log-probabilities.
    """

    prompt: Prompt
    passed_on: Mapping[str, Any] = field(default_factory=dict)
    logprobs: int | None = None


@dataclass(frozen=True, slots=True)
class Upstream:
    """One model at one server.

    `base_url` is asked at every call, since an embedded engine may come back at another port.
    `name` is what the server calls the model, `sampler_defaults` what it must be told to sample
    plainly, `context` its context length in tokens (None if unknown), `fim` how its
    fill-in-the-middle prompts are written (None if it has none). A `patient` upstream may be silent
    for as long as it likes: draws wait unheard for the slots of an engine, and who watches the
    engine sees when it hangs.
    """

    id: str
    client: httpx.AsyncClient
    base_url: Callable[[], str]
    name: str
    max_batch: int
    context: int | None = None
    fim: FimTemplate | None = None
    server: ServerKind = "openai"
    api_key: str | None = None
    sampler_defaults: Mapping[str, Any] = field(default_factory=dict)
    patient: bool = False

    async def count_tokens(self, prompt: Prompt, within_s: float = LONGEST_COUNT_S) -> int:
        """Prompt tokens, by the server's tokenizer; an upper bound where none answers in time.

        Raises `UpstreamUnreachable`, and `UpstreamError` for a suffix that it cannot take.
        """
        rendered = self.render(prompt)
        try:
            async with asyncio.timeout(within_s):
                match self.server:
                    case "llama.cpp":
                        return await self._count_llama(rendered)
                    case "vllm":
                        return await self._count_vllm(rendered)
                    case "openai":
                        return upper_bound(rendered)
        except UpstreamUnreachable:
            raise
        except (UpstreamError, TimeoutError, KeyError, TypeError, ValueError, OverflowError):
            return upper_bound(rendered)

    async def sample(self, draw: Draw, request: SampleRequest) -> AsyncGenerator[Chunk, None]:
        """Stream the samples of one draw; closing the generator aborts them.

        Raises `UpstreamError`.
        """
        path, body = self._request(draw, request)
        last_finished = 0 if draw.n == 1 else None
        # llama.cpp leaves a connection open after a stream and does not answer on it any more.
        once = {"Connection": "close"} if self.server == "llama.cpp" else {}
        async with self._stream(path, body, **once) as response:
            patience = _Patience(self._timeout.read)
            try:
                async for event in patience.over(EventSource(response).aiter_sse()):
                    if event.data == "[DONE]":
                        return
                    data = parse_json(event.data)
                    for chunk in parse_chunk(data, last_finished=last_finished):
                        if chunk.finish_reason is not None and self.token_per_chunk:
                            last_finished = chunk.index
                        if chunk.moves:
                            patience.renew()
                        yield chunk
            except TimeoutError:
                raise UpstreamError(self.id, "did not answer in time") from None
            except (SSEError, MalformedChunk) as error:
                raise UpstreamError(self.id, f"answered garbage: {error}") from error

    @property
    def token_per_chunk(self) -> bool:
        """Whether every chunk with text is one token."""
        return self.server == "llama.cpp"

    def render(self, prompt: Prompt) -> Prompt:
        """Write a suffix into the prompt, in the way that the model was trained on."""
        if not isinstance(prompt, TextPrompt) or not prompt.suffix:
            return prompt
        if self.fim is None:
            raise UpstreamError(self.id, "has no fill-in-the-middle: send no suffix", rejected=True)
        return TextPrompt(self.fim.render(prompt.text, prompt.suffix))

    def _request(self, draw: Draw, request: SampleRequest) -> tuple[str, dict[str, Any]]:
        body: dict[str, Any] = {
            **self.sampler_defaults,
            **request.passed_on,
            "model": self.name,
            "n": draw.n,
            "max_tokens": draw.max_tokens,
            "temperature": draw.temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        logprobs = request.logprobs
        if logprobs is None and not self.token_per_chunk:
            logprobs = 0
        match self.render(request.prompt):
            case TextPrompt(text=text):
                wanted = {} if logprobs is None else {"logprobs": max(1, logprobs)}
                return "/v1/completions", body | {"prompt": text} | wanted
            case ChatPrompt(messages=messages):
                wanted = {} if logprobs is None else {"logprobs": True}
                wanted |= {} if logprobs is None else {"top_logprobs": max(1, logprobs)}
                return "/v1/chat/completions", body | {"messages": list(messages)} | wanted

    @asynccontextmanager
    async def _stream(
        self, path: str, body: dict[str, Any], **headers: str
    ) -> AsyncIterator[httpx.Response]:
        if self.api_key:
            headers["Authorization"] = f"Bearer {self.api_key}"
        try:
            url = self.base_url() + path
            async with self.client.stream(
                "POST", url, json=body, headers=headers, timeout=self._timeout
            ) as answer:
                await self._check(answer)
                yield answer
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise UpstreamUnreachable(self.id, f"cannot be reached: {error}") from error
        except httpx.TimeoutException as error:
            raise UpstreamError(self.id, "did not answer in time") from error
        except httpx.HTTPError as error:
            raise UpstreamError(self.id, f"failed: {error or type(error).__name__}") from error

    @property
    def _timeout(self) -> httpx.Timeout:
        usual = self.client.timeout
        read = None if self.patient else usual.read
        return httpx.Timeout(connect=usual.connect, read=read, write=usual.write, pool=usual.pool)

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        async with self._stream(path, body) as response:
            try:
                answer = parse_json(await response.aread())
            except MalformedChunk as error:
                raise UpstreamError(self.id, f"answered garbage: {error}") from error
        if not isinstance(answer, dict):
            raise UpstreamError(self.id, "answered garbage: not a JSON object")
        return answer

    async def _check(self, response: httpx.Response) -> None:
        if response.is_success:
            return
        detail = (await _beginning(response)).decode(errors="replace")
        raise UpstreamError(
            self.id,
            f"answered {response.status_code}: {_message(detail)}",
            rejected=response.is_client_error and response.status_code not in {401, 403, 404, 429},
        )

    async def _count_llama(self, rendered: Prompt) -> int:
        match rendered:
            case TextPrompt(text=text):
                pass
            case ChatPrompt(messages=messages):
                answer = await self._post("/apply-template", {"messages": list(messages)})
                text = answer["prompt"]
        body = {"content": text, "add_special": True, "parse_special": True}
        return len((await self._post("/tokenize", body))["tokens"])

    async def _count_vllm(self, rendered: Prompt) -> int:
        match rendered:
            case TextPrompt(text=text):
                asked: dict[str, Any] = {"prompt": text}
            case ChatPrompt(messages=messages):
                asked = {"messages": list(messages)}
        count = int((await self._post("/tokenize", asked | {"model": self.name}))["count"])
        if count < 0:
            raise ValueError("a prompt cannot have less than no tokens")
        return count


class _Patience:
    """Bounds, in seconds, how long a stream may go on without getting anywhere.

    The client's own timeout sees bytes alone, and pings are bytes.
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._end: float | None = None
        self.renew()

    def renew(self) -> None:
        """The stream got somewhere."""
        if self._seconds is not None:
            self._end = asyncio.get_running_loop().time() + self._seconds

    async def over(
        self, events: AsyncGenerator[ServerSentEvent, None]
    ) -> AsyncIterator[ServerSentEvent]:
        """The events. Raises TimeoutError."""
        while True:
            async with asyncio.timeout_at(self._end):
                event = await anext(events, None)
            if event is None:
                return
            yield event


def upper_bound(prompt: Prompt) -> int:
    """More tokens than any byte-level tokenizer makes of a prompt: one per byte, and a start."""
    match prompt:
        case TextPrompt(text=text):
            return len(text.encode()) + 1
        case ChatPrompt(messages=messages):
            size = len(json.dumps(messages, ensure_ascii=False).encode())
            return size + CHAT_TOKENS_PER_MESSAGE * (len(messages) + 2)


async def _beginning(response: httpx.Response) -> bytes:
    """As much of a body as a message needs."""
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) >= LONGEST_MESSAGE:
            break
    return bytes(body[:LONGEST_MESSAGE])


def _message(detail: str) -> str:
    """The message of an OpenAI error object, else the text itself."""
    try:
        return mended(str(parse_json(detail)["error"]["message"]))
    except (MalformedChunk, KeyError, TypeError):
        return detail.strip() or "no explanation"
