"""An OpenAI-compatible server on a loopback port that follows a script, byte by byte.

It speaks raw HTTP over asyncio streams, because half a body and garbage need raw bytes, and it
remembers what it was asked, what it really sent, and whether the client closed the connection.
The prompt is tokenized into pieces of four characters; an answer is a list of tokens.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

from fake_shapes import (
    LOGPROB,
    UNCOUNTED,
    LlamaShape,
    VLLMShape,
    pieces,
    prompt_pieces,
    written,
)

__all__ = ["LOGPROB", "pieces"]

Kind: TypeAlias = Literal["llama.cpp", "vllm"]
ANSWER = ("    re", "turn ", "a + b", "\n")
COMPLETIONS, CHAT = "/v1/completions", "/v1/chat/completions"


@dataclass
class Call:
    """One request to the server. `tokens` are those sent, per choice."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    number: int
    writer: asyncio.StreamWriter
    tokens: list[int] = field(default_factory=list)
    cached_tokens: Any = 0
    closed_by_client: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    _open: bool = False
    _read: bool = False

    @property
    def chat(self) -> bool:
        return self.path == CHAT

    @property
    def text(self) -> Any:
        """The prompt, which may be token numbers."""
        return written(self.body) if self.chat else self.body["prompt"]

    @property
    def prompt_tokens(self) -> int:
        return len(prompt_pieces(self.text))

    @property
    def repeated(self) -> list[str]:
        """The prompt's tokens, where they are to be repeated."""
        return prompt_pieces(self.text) if self.body.get("echo") and not self.chat else []

    async def raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def json(self, body: object, status: int = 200) -> None:
        """Send a plain JSON answer."""
        data = json.dumps(body).encode()
        await self.raw(
            b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
            % (status, len(data), data)
        )

    async def chunk(self, data: bytes) -> None:
        """Send bytes as one HTTP chunk of an event stream, whose head goes first."""
        if not self._open:
            self._open = True
            await self.raw(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n"
            )
        await self.raw(b"%x\r\n%b\r\n" % (len(data), data))

    async def event(self, data: object) -> None:
        """Send one server-sent event."""
        text = data if isinstance(data, str) else json.dumps(data)
        await self.chunk(f"data: {text}\n\n".encode())

    async def open(self, server: FakeUpstream) -> None:
        """Begin every choice."""
        await self.read(server)
        for index in range(self.body["n"]):
            for event in server.shape.opening(self, index):
                await self.event(event)

    async def read(self, server: FakeUpstream) -> None:
        """Read the prompt, once."""
        if not self._read:
            self._read = True
            for event in server.shape.reading(self):
                await self.event(event)

    async def token(
        self, index: int, text: str, server: FakeUpstream, reason: str | None = None
    ) -> None:
        """Send one token of one choice, which may be its last."""
        await self.read(server)
        while len(self.tokens) <= index:
            self.tokens.append(0)
        self.tokens[index] += 1
        riding = reason if server.shape.ends_with_token else None
        await self.event(server.shape.token(self, index, text, riding))
        if reason is not None and riding is None:
            await self.finish(index, reason, server)

    async def finish(self, index: int, reason: str, server: FakeUpstream) -> None:
        """End one choice."""
        for event in server.shape.finish(self, index, reason):
            await self.event(event)

    async def done(self, server: FakeUpstream) -> None:
        """End the stream."""
        for event in server.shape.last(self):
            await self.event(event)
        await self.event("[DONE]")
        await self.raw(b"0\r\n\r\n")


Play: TypeAlias = Callable[[Call, "FakeUpstream"], Awaitable[None]]
Says: TypeAlias = Callable[[Call, int], Sequence[str]]
Likely: TypeAlias = Callable[[str, str], float]


@dataclass
class FakeUpstream:
    """`play` answers every generation, `scorer` those that ask for the prompt's log-probabilities
    (vLLM's `prompt_logprobs`), `tokenizer` and `models` the other questions.

    `calls` are the generations that were asked for, `asked` all paths that were posted to, `looked`
    the targets of GETs, in order.
    """

    play: Play
    kind: Kind = "llama.cpp"
    tokenizer: Play | None = None
    calls: list[Call] = field(default_factory=list)
    models: Play | None = None
    context: int | None = None
    asked: list[str] = field(default_factory=list)
    looked: list[str] = field(default_factory=list)
    connections: int = 0
    url: str = ""
    scorer: Play | None = None
    vocabulary: list[str] = field(default_factory=list)

    @property
    def generations(self) -> list[Call]:
        """The calls that asked for an answer."""
        return [call for call in self.calls if "prompt_logprobs" not in call.body]

    @property
    def scorings(self) -> list[Call]:
        """The calls that asked for the prompt's log-probabilities."""
        return [call for call in self.calls if "prompt_logprobs" in call.body]

    def numbers(self, text: str) -> list[int]:
        """The tokens of a text, each by its place among all that were seen."""
        tokens = pieces(text)
        self.vocabulary += [
            token for token in dict.fromkeys(tokens) if token not in self.vocabulary
        ]
        return [self.vocabulary.index(token) for token in tokens]

    def words(self, call: Call) -> list[str]:
        """The texts of the tokens that were sent as numbers."""
        return [self.vocabulary[number] for number in call.body["prompt"]]

    @property
    def shape(self) -> LlamaShape | VLLMShape:
        return LlamaShape() if self.kind == "llama.cpp" else VLLMShape()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, request by request."""
        self.connections += 1
        try:
            while (call := await self._read(reader, writer)) is not None:
                if not await self._answer(call, reader):
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            self.connections -= 1
            writer.close()

    async def _read(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Call | None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:
            return None
        request, *lines = head.strip().split("\r\n")
        headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines)}
        length = int(headers.get("content-length", 0))
        body = json.loads(await reader.readexactly(length)) if length else {}
        path = urlsplit(request.split()[1]).path  # a proxy is asked for whole URLs
        if request.startswith("GET"):
            self.looked.append(request.split()[1])
        else:
            self.asked.append(path)
        call = Call(path, headers, body, len(self.calls), writer)
        if path in (COMPLETIONS, CHAT):
            self.calls.append(call)
        return call

    async def _answer(self, call: Call, reader: asyncio.StreamReader) -> bool:
        """Play the answer while watching the client; False if the connection is over."""
        playing = asyncio.ensure_future(self._play(call))
        watching = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait({playing, watching}, return_when=asyncio.FIRST_COMPLETED)
            gone = not playing.done() or isinstance(playing.exception(), ConnectionError)
            if gone:
                call.closed_by_client.set()
                return False
            playing.result()
            return not call.writer.is_closing()
        finally:
            playing.cancel()
            watching.cancel()
            await asyncio.gather(playing, watching, return_exceptions=True)
            call.ended.set()

    async def _play(self, call: Call) -> None:
        if call in self.calls:
            before = [earlier.text for earlier in self.calls[: call.number]]
            found = call.text in before and not call.repeated
            call.cached_tokens = max(0, call.prompt_tokens - 1) if found else 0
            if (refused := self.shape.refusal(call, self.context)) is not None:
                await _refuse(call, *refused)
            elif call.body.get("prompt_logprobs") is not None and self.kind == "vllm":
                await (self.scorer or scoring())(call, self)
            else:
                await self.play(call, self)
        elif call.path == "/v1/models":
            await (self.models or listing("small", "large"))(call, self)
        elif self.tokenizer is not None:
            await self.tokenizer(call, self)
        elif call.path == "/apply-template" and self.kind == "llama.cpp":
            await call.json({"prompt": written(call.body)})
        elif call.path == "/tokenize" and self.kind == "llama.cpp":
            await call.json({"tokens": list(range(len(pieces(call.body["content"]))))})
        elif call.path == "/tokenize":
            taken = {key: call.body[key] for key in call.body if key not in UNCOUNTED}
            text = written(taken) if "messages" in taken else taken["prompt"]
            tokens = self.numbers(text)
            await call.json({"count": len(tokens), "max_model_len": 4096, "tokens": tokens})
        else:
            await call.json({"error": {"message": "no such path"}}, 404)


def listing(*names: str) -> Play:
    """Have these models."""

    async def play(call: Call, server: FakeUpstream) -> None:
        await call.json({"object": "list", "data": [{"id": name} for name in names]})

    return play


async def _refuse(call: Call, status: int, error: dict[str, Any]) -> None:
    """An error as the answer, or as the only event of one that seemed good."""
    if status != 200:
        await call.json({"error": error}, status)
        return
    await call.event({"error": error})
    await call.event("[DONE]")
    await call.raw(b"0\r\n\r\n")


def answering(says: Says = lambda _call, _index: ANSWER, *, pause: float = 0.0) -> Play:
    """Answer each choice with its tokens, the choices interleaved, cut at the limit or a stop.

    Where no token is wanted, one is drawn all the same.
    """

    async def play(call: Call, server: FakeUpstream) -> None:
        limit = max(1, call.body.get("max_tokens", call.body.get("max_completion_tokens")))
        said = [_until_stop(call, says(call, index)) for index in range(call.body["n"])]
        call.tokens = [0] * len(said)
        await call.open(server)
        for index, tokens in enumerate(said):
            if not tokens:  # stopped before its first
                await call.finish(index, "stop", server)
        rows = itertools.zip_longest(*(tokens[:limit] for tokens in said))
        for number, row in enumerate(rows):
            if number:  # never between the last token and the usage, for which nobody waits long
                await asyncio.sleep(pause)
            for index, token in enumerate(row):
                if token is not None:
                    last = number + 1 == min(limit, len(said[index]))
                    reason = "length" if limit < len(said[index]) else "stop"
                    await call.token(index, token, server, reason if last else None)
        await call.done(server)

    return play


def scoring(likely: Likely = lambda _before, _token: LOGPROB) -> Play:
    """Tell the log-probability of each token of the prompt, by the text before it."""

    async def play(call: Call, server: FakeUpstream) -> None:
        words = server.words(call)
        values = [likely("".join(words[:at]), word) for at, word in enumerate(words)]
        await call.json(server.shape.scored(call, words, values))

    return play


def _until_stop(call: Call, tokens: Sequence[str]) -> list[str]:
    stops = call.body.get("stop") or []
    text = "".join(tokens)
    found = [text.find(stop) for stop in ([stops] if isinstance(stops, str) else stops)]
    end = min((at for at in found if at >= 0), default=len(text))
    kept, at = [], 0
    for token in tokens:
        if at < end or end == len(text):
            kept.append(token[: max(0, end - at)])
        at += len(token)
    return kept


def endless(*, after_limit: bool = False) -> Play:
    """Generate up to max_tokens (or without any end) slowly enough to be interrupted."""

    async def play(call: Call, server: FakeUpstream) -> None:
        limit = 10**9 if after_limit else call.body["max_tokens"]
        for _ in range(limit):
            for index in range(call.body["n"]):
                await call.token(index, "x = 1\n", server)
            await asyncio.sleep(0.001)

    return play


def stalling(after: int = 2) -> Play:
    """Send so many tokens of each choice, and then nothing any more."""

    async def play(call: Call, server: FakeUpstream) -> None:
        for _ in range(after):
            for index in range(call.body["n"]):
                await call.token(index, "x = 1\n", server)
        await asyncio.Event().wait()

    return play


def silent() -> Play:
    """Never answer."""
    return stalling(after=0)


def failing(status: int, message: str = "it is broken") -> Play:
    """Answer an error."""

    async def play(call: Call, server: FakeUpstream) -> None:
        await call.json({"error": {"message": message, "type": "x", "code": status}}, status)

    return play


def sending(data: bytes, *, close: bool = True) -> Play:
    """Send these bytes instead of an HTTP answer, and hang up."""

    async def play(call: Call, server: FakeUpstream) -> None:
        await call.raw(data)
        if close:
            call.writer.close()

    return play


def resetting() -> Play:
    """Break the connection as a host does that knows nothing of it any more."""

    async def play(call: Call, server: FakeUpstream) -> None:
        own = call.writer.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        call.writer.transport.abort()

    return play


def streaming(*events: object, then: Play | None = None) -> Play:
    """Send these as events; then end properly, or as told."""

    async def play(call: Call, server: FakeUpstream) -> None:
        for event in events:
            await call.event(event)
        if then is not None:
            await then(call, server)
        else:
            await call.raw(b"0\r\n\r\n")

    return play


def half(tokens: int = 1) -> Play:
    """Send so many tokens, and close the connection inside the body."""

    async def play(call: Call, server: FakeUpstream) -> None:
        for _ in range(tokens):
            await call.token(0, "x = 1\n", server)
        await call.raw(b'40\r\ndata: {"choices": [')
        call.writer.close()

    return play


def in_turn(*plays: Play) -> Play:
    """The first play for the first call, and so on; the last for all that follow."""

    async def play(call: Call, server: FakeUpstream) -> None:
        await plays[min(call.number, len(plays) - 1)](call, server)

    return play


@asynccontextmanager
async def running(upstream: FakeUpstream, port: int = 0) -> AsyncIterator[FakeUpstream]:
    """Serve it on a loopback port, a free one; every connection is gone at the end."""
    listening = socket.create_server(("127.0.0.1", port))
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await upstream.serve(reader, writer)
        except asyncio.CancelledError:  # asyncio.streams logs it as an error otherwise
            return
        finally:
            tasks.discard(task)

    server = await asyncio.start_server(serve, sock=listening)
    upstream.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        yield upstream
    finally:
        server.close()
        left = list(tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await server.wait_closed()
