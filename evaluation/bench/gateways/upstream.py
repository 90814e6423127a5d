"""The upstream of every contender: one token at once, whatever is asked, and as little as can be.

Its answers are made once. It must never be what limits a contender, so it reads of a request only
where it ends and whether it wants a stream.
"""

from __future__ import annotations

import asyncio
import gc
import json
import re
import signal
import sys
from collections.abc import Mapping
from typing import Any, Final, cast

from evaluation.bench.gateways.processes import loop_factory
from evaluation.bench.gateways.wire import MODEL, PROMPT_TOKENS, TOKEN

COUNT: Final = "/counted"
"""Where it tells how many completions it was asked for."""

_STREAM: Final = re.compile(rb'"stream"\s*:\s*true')
_LENGTH: Final = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)

_USAGE: Final = {
    "prompt_tokens": PROMPT_TOKENS,
    "completion_tokens": 1,
    "total_tokens": PROMPT_TOKENS + 1,
}


def _of(choices: list[dict[str, Any]], kind: str, **more: Any) -> dict[str, Any]:
    told = {"id": "cmpl-1", "object": kind, "created": 1700000000, "model": MODEL}
    return {**told, "choices": choices, **more}


def _choice(**said: Any) -> dict[str, Any]:
    return {"index": 0, **said, "finish_reason": "length"}


def _json(value: Any) -> bytes:
    body = json.dumps(value).encode()
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _events(*values: Any) -> bytes:
    """A stream of these and its end, a chunk for each event."""
    events = [f"data: {json.dumps(value)}\n\n".encode() for value in values]
    chunks = [b"%x\r\n%b\r\n" % (len(event), event) for event in (*events, b"data: [DONE]\n\n")]
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    return head + b"".join(chunks) + b"0\r\n\r\n"


def _answers() -> Mapping[tuple[bytes, bool], bytes]:
    """By path and whether a stream is wanted."""
    told = {"tokens": [TOKEN], "token_logprobs": [-0.1], "top_logprobs": None, "text_offset": [0]}
    text = [_choice(text=TOKEN, logprobs=told)]
    message = [_choice(message={"role": "assistant", "content": TOKEN})]
    delta = [_choice(delta={"role": "assistant", "content": TOKEN})]
    completion, chat, chunk = "text_completion", "chat.completion", "chat.completion.chunk"
    path, chats = b"/v1/completions", b"/v1/chat/completions"
    return {
        (path, False): _json(_of(text, completion, usage=_USAGE)),
        (path, True): _events(_of(text, completion), _of([], completion, usage=_USAGE)),
        (chats, False): _json(_of(message, chat, usage=_USAGE)),
        (chats, True): _events(_of(delta, chunk), _of([], chunk, usage=_USAGE)),
    }


_ANSWERS: Final = _answers()
_MODELS: Final = _json({"object": "list", "data": [{"id": MODEL, "object": "model"}]})
_NOTHING: Final = _json({})
_NO_LENGTH: Final = (
    b"HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)
_NOT_FOUND: Final = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class Count:
    """How many completions were asked for, on all connections."""

    __slots__ = ("completions",)

    def __init__(self) -> None:
        self.completions = 0


class UpstreamProtocol(asyncio.Protocol):
    """One connection of a contender; requests may come in pieces, or several in one."""

    __slots__ = ("_count", "_rest", "_transport")

    def __init__(self, count: Count) -> None:
        self._count = count
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Answers go there."""
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is none by its class

    def data_received(self, data: bytes) -> None:
        """Answer all requests that are complete."""
        data, self._rest = self._rest + data, b""
        while data:
            end = data.find(b"\r\n\r\n") + 4
            if end < 4:  # noqa: PLR2004 - the length of what was looked for
                break
            head = data[:end]
            found = _LENGTH.search(head)
            length = int(found[1]) if found else 0
            if len(data) < end + length:
                break
            self._transport.write(self._answer(head, data[end : end + length]))
            data = data[end + length :]
        self._rest = data

    def _answer(self, head: bytes, body: bytes) -> bytes:
        method, path, _ = head.split(b" ", 2)
        if method == b"POST":
            if b"chunked" in head.lower():
                return _NO_LENGTH
            self._count.completions += 1
            return _ANSWERS.get((path, bool(_STREAM.search(body))), _NOT_FOUND)
        if path == COUNT.encode():
            return _json(self._count.completions)
        return _MODELS if path == b"/v1/models" else _NOTHING


async def _serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    count = Count()
    server = await loop.create_server(
        lambda: UpstreamProtocol(count), "127.0.0.1", port, backlog=1024
    )
    await stopped.wait()
    server.close()


if __name__ == "__main__":
    gc.disable()  # nothing here makes cycles, and a pause would be the contender's
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_serve(int(sys.argv[1])))
