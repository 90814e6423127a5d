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
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import httpx
from httpx_sse import EventSource, ServerSentEvent, SSEError

from policies.protocol import Draw
from router.catalogue.fim import FimTemplate
from router.request import ChatPrompt, Prompt, SampleRequest, TextPrompt, TokenPrompt
from router.upstream.chunks import Chunk, MalformedChunk, Usage, mended, parse_chunk, parse_json
from router.upstream.failures import UpstreamError, UpstreamUnreachable
from router.upstream.servers import SERVERS, ServerDialect
from router.upstream.servers.dialect import upper_bound

LONGEST_MESSAGE = 2000
"""Bytes of an error that are read."""

LONGEST_COUNT_S = 10.0
"""How long a server may take to count the tokens of a prompt."""

PLAIN: Final = SERVERS["openai"]
"""What a server is taken for that is not said to be another."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """One model at one server.

    `base_url` is asked at every call, since an embedded engine may come back at another port.
    `name` is what the server calls the model, `server` what kind it is, `context` its context
    length in tokens (None if unknown), `fim` how its fill-in-the-middle prompts are written (None
    if it has none). A `patient` upstream may be silent for as long as it likes: draws wait unheard
    for the slots of an engine, and who watches the engine sees when it hangs.
    """

    id: str
    client: httpx.AsyncClient
    base_url: Callable[[], str]
    name: str
    max_batch: int
    context: int | None = None
    fim: FimTemplate | None = None
    server: ServerDialect = PLAIN
    api_key: str | None = None
    patient: bool = False

    async def count_tokens(self, prompt: Prompt, within_s: float = LONGEST_COUNT_S) -> int:
        """Prompt tokens, by the server's tokenizer; an upper bound where none answers in time.

        Raises `UpstreamUnreachable`, and `UpstreamError` for a suffix that it cannot take.
        """
        rendered = self.render(prompt)
        try:
            async with asyncio.timeout(within_s):
                return await self.server.count_tokens(rendered, self.name, self._post)
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
        async with self._stream(path, body, self.server.headers) as response:
            patience = _Patience(self._timeout.read)
            try:
                async for event in patience.over(EventSource(response).aiter_sse()):
                    if event.data == "[DONE]":
                        return
                    data = parse_json(event.data)
                    for chunk in parse_chunk(data, last_finished=last_finished):
                        chunk = self._told_apart(chunk, data, draw, request)  # noqa: PLW2901
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
        return self.server.token_per_chunk

    def _told_apart(self, chunk: Chunk, event: Any, draw: Draw, request: SampleRequest) -> Chunk:
        """A piece of which it is known what the prompt's is and what was drawn.

        Every server draws a token where none is wanted: the pass over the prompt makes it, so it
        costs nothing and is passed over. Raises `MalformedChunk`.
        """
        if draw.max_tokens == 0:
            usage = None if chunk.usage is None else Usage(chunk.usage.prompt_tokens, 0)
            chunk = replace(chunk, usage=usage, echoed=len(chunk.tokens or ()))
            return chunk if request.echo else replace(chunk, text="", tokens=None, said=False)
        if not (request.echo and chunk.tokens):
            return chunk
        try:
            drawn = int(event["usage"]["completion_tokens"])
        except (KeyError, TypeError, ValueError) as error:
            raise MalformedChunk("a prompt was repeated, but not said how far it goes") from error
        return replace(chunk, echoed=max(0, len(chunk.tokens) - drawn))

    def render(self, prompt: Prompt) -> Prompt:
        """Write suffix and other files into the prompt, in the way that the model was trained on.

        A prompt that its client has written so is passed on as it is.
        """
        match prompt:
            case TextPrompt(suffix=None, extra=()) | ChatPrompt() | TokenPrompt():
                return prompt
            case TextPrompt(text=text) if self.fim is not None and self.fim.written(text):
                return TextPrompt(text)
            case TextPrompt(text, suffix, extra) if self.fim is not None:
                if suffix is None:
                    return TextPrompt(self.fim.context(extra) + text)
                return TextPrompt(self.fim.render(text, suffix, extra))
            case TextPrompt(suffix=suffix) if suffix:
                raise UpstreamError(
                    self.id, "has no fill-in-the-middle: send no suffix", rejected=True
                )
            case TextPrompt(text=text):
                return TextPrompt(text)

    def _stopping(self, prompt: Prompt, passed_on: Mapping[str, Any]) -> Mapping[str, Any]:
        """The client's own fields, and the special tokens that end what stands in a middle."""
        if not isinstance(prompt, TextPrompt) or self.fim is None:
            return passed_on
        if prompt.suffix is None and not self.fim.written(prompt.text):
            return passed_on
        match passed_on.get("stop"):
            case str(stop):
                stops = [stop]
            case list(given):
                stops = given
            case _:
                stops = []
        more = [token for token in self.fim.stop if token not in stops]
        if (most := self.server.most_stops) is not None:
            more = more[: max(0, most - len(stops))]
        special = self.server.special_stops(self.fim.stop)
        return {**special, **passed_on, "stop": [*stops, *more]}

    def _own(self, text: str, asked: Prompt) -> Prompt:
        """A prompt of the plan's own, in the form of the request's."""
        match asked:
            case TextPrompt() | TokenPrompt():
                return TextPrompt(text)
            case ChatPrompt():
                return ChatPrompt(({"role": "user", "content": text},))

    def _request(self, draw: Draw, request: SampleRequest) -> tuple[str, dict[str, Any]]:
        prompt = request.prompt if draw.prompt is None else self._own(draw.prompt, request.prompt)
        body: dict[str, Any] = {
            **self.server.plain_sampling,
            **self._stopping(prompt, request.passed_on),
            "model": self.name,
            "n": draw.n,
            "max_tokens": draw.max_tokens,
            "temperature": draw.temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if self.server.echoes and (request.echo or draw.max_tokens == 0):
            body["echo"] = True
            body["stream_options"]["continuous_usage_stats"] = True
        logprobs = request.logprobs
        if logprobs is None and not self.token_per_chunk:
            logprobs = 0
        match self.render(prompt):
            case TextPrompt(text=text):
                wanted = {} if logprobs is None else {"logprobs": max(1, logprobs)}
                return "/v1/completions", body | {"prompt": text} | wanted
            case TokenPrompt(tokens=tokens):
                wanted = {} if logprobs is None else {"logprobs": max(1, logprobs)}
                return "/v1/completions", body | {"prompt": list(tokens)} | wanted
            case ChatPrompt(messages=messages, tools=tools):
                if tools:
                    body["tools"] = list(tools)
                wanted = {} if logprobs is None else {"logprobs": True}
                wanted |= {} if logprobs is None else {"top_logprobs": max(1, logprobs)}
                return "/v1/chat/completions", body | {"messages": list(messages)} | wanted

    @asynccontextmanager
    async def _stream(
        self, path: str, body: dict[str, Any], headers: Mapping[str, str]
    ) -> AsyncIterator[httpx.Response]:
        if self.api_key:
            headers = {**headers, "Authorization": f"Bearer {self.api_key}"}
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
        async with self._stream(path, body, {}) as response:
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
