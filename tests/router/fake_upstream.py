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
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

Kind: TypeAlias = Literal["llama.cpp", "vllm"]
ANSWER = ("    re", "turn ", "a + b", "\n")
LOGPROB = -0.25
COMPLETIONS, CHAT = "/v1/completions", "/v1/chat/completions"


def pieces(text: str) -> list[str]:
    """The prompt's tokens."""
    return [text[at : at + 4] for at in range(0, len(text), 4)]


def template(messages: Sequence[dict[str, Any]]) -> str:
    """A chat as a prompt."""
    return "".join(f"<{m['role']}>{m['content']}" for m in messages) + "<assistant>"


@dataclass
class Call:
    """One request to the server. `tokens` are those sent, per choice."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    number: int
    writer: asyncio.StreamWriter
    tokens: list[int] = field(default_factory=list)
    closed_by_client: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    _open: bool = False

    @property
    def chat(self) -> bool:
        return self.path == CHAT

    @property
    def prompt_tokens(self) -> int:
        text = template(self.body["messages"]) if self.chat else self.body["prompt"]
        return len(pieces(text))

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

    async def token(self, index: int, text: str, server: FakeUpstream) -> None:
        """Send one token of one choice."""
        while len(self.tokens) <= index:
            self.tokens.append(0)
        self.tokens[index] += 1
        await self.event(server.shape.token(self, index, text))

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


class LlamaShape:
    """As llama.cpp streams: usage per choice, on the finish chunk or (chat) right after it."""

    def token(self, call: Call, index: int, text: str) -> dict[str, Any]:
        entry = {"id": 1, "token": text, "bytes": list(text.encode()), "logprob": LOGPROB}
        top = {"id": 1, "token": text, "logprob": LOGPROB}
        logprobs = {"content": [entry | {"top_logprobs": [top]}]}
        wanted = logprobs if call.body.get("logprobs") else None
        said = {"delta": {"content": text}} if call.chat else {"text": text}
        return _event([said | {"index": index, "logprobs": wanted, "finish_reason": None}])

    def finish(self, call: Call, index: int, reason: str) -> Iterator[dict[str, Any]]:
        said: dict[str, Any] = {"delta": {}} if call.chat else {"text": ""}
        last = said | {"index": index, "logprobs": None, "finish_reason": reason}
        usage = {"usage": _usage(call.prompt_tokens, call.tokens[index]), "timings": {}}
        if not call.chat:
            yield _event([last]) | usage
            return
        yield _event([last])
        if call.body["stream_options"]["include_usage"]:
            yield _event([]) | usage

    def last(self, call: Call) -> Iterator[dict[str, Any]]:
        yield from ()


class VLLMShape:
    """As vLLM streams: parallel lists of log-probabilities, and one usage chunk at the end."""

    def token(self, call: Call, index: int, text: str) -> dict[str, Any]:
        logprobs: dict[str, Any] | None = None
        if call.chat:
            if call.body.get("logprobs"):
                entry = {"token": text, "logprob": LOGPROB, "bytes": None, "top_logprobs": []}
                logprobs = {"content": [entry]}
        elif call.body.get("logprobs") is not None:
            logprobs = {
                "tokens": [text],
                "token_logprobs": [LOGPROB],
                "top_logprobs": [{text: LOGPROB}],
                "text_offset": [0],
            }
        said = {"delta": {"content": text}} if call.chat else {"text": text}
        choice = said | {"index": index, "logprobs": logprobs, "finish_reason": None}
        return _event([choice]) | {"usage": None}

    def finish(self, call: Call, index: int, reason: str) -> Iterator[dict[str, Any]]:
        said: dict[str, Any] = {"delta": {"content": ""}} if call.chat else {"text": ""}
        yield _event(
            [
                said
                | {"index": index, "logprobs": None, "finish_reason": reason, "stop_reason": None}
            ]
        ) | {"usage": None}

    def last(self, call: Call) -> Iterator[dict[str, Any]]:
        if (call.body.get("stream_options") or {}).get("include_usage"):
            yield _event([]) | {"usage": _usage(call.prompt_tokens, sum(call.tokens))}


def _event(choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": "x", "object": "x", "created": 1, "model": "x", "choices": choices}


def _usage(prompt: int, completion: int) -> dict[str, int]:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


Play: TypeAlias = Callable[[Call, "FakeUpstream"], Awaitable[None]]
Says: TypeAlias = Callable[[Call, int], Sequence[str]]


@dataclass
class FakeUpstream:
    """`play` answers every generation, `tokenizer` and `models` the other questions.

    `calls` are the generations that were asked for, `asked` all paths that were posted to, `looked`
    the targets of GETs, in order.
    """

    play: Play
    kind: Kind = "llama.cpp"
    tokenizer: Play | None = None
    calls: list[Call] = field(default_factory=list)
    models: Play | None = None
    asked: list[str] = field(default_factory=list)
    looked: list[str] = field(default_factory=list)
    connections: int = 0
    url: str = ""

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
            await self.play(call, self)
        elif call.path == "/v1/models":
            await (self.models or listing("small", "large"))(call, self)
        elif self.tokenizer is not None:
            await self.tokenizer(call, self)
        elif call.path == "/apply-template" and self.kind == "llama.cpp":
            await call.json({"prompt": template(call.body["messages"])})
        elif call.path == "/tokenize" and self.kind == "llama.cpp":
            await call.json({"tokens": list(range(len(pieces(call.body["content"]))))})
        elif call.path == "/tokenize":
            messages = call.body.get("messages")
            text = template(messages) if messages else call.body["prompt"]
            await call.json({"count": len(pieces(text)), "max_model_len": 4096, "tokens": []})
        else:
            await call.json({"error": {"message": "no such path"}}, 404)


def listing(*names: str) -> Play:
    """Have these models."""

    async def play(call: Call, server: FakeUpstream) -> None:
        await call.json({"object": "list", "data": [{"id": name} for name in names]})

    return play


def answering(says: Says = lambda _call, _index: ANSWER, *, pause: float = 0.0) -> Play:
    """Answer each choice with its tokens, the choices interleaved, cut at max_tokens."""

    async def play(call: Call, server: FakeUpstream) -> None:
        limit = call.body["max_tokens"]
        said = [list(says(call, index)) for index in range(call.body["n"])]
        call.tokens = [0] * len(said)
        rows = itertools.zip_longest(*(tokens[:limit] for tokens in said))
        for number, row in enumerate(rows):
            if number:  # never between the last token and the usage, for which nobody waits long
                await asyncio.sleep(pause)
            for index, token in enumerate(row):
                if token is not None:
                    await call.token(index, token, server)
                if call.tokens[index] == min(limit, len(said[index])) and token is not None:
                    reason = "length" if limit < len(said[index]) else "stop"
                    await call.finish(index, reason, server)
        await call.done(server)

    return play


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
async def running(upstream: FakeUpstream) -> AsyncIterator[FakeUpstream]:
    """Serve it on a free loopback port; every connection is gone at the end."""
    listening = socket.create_server(("127.0.0.1", 0))
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
