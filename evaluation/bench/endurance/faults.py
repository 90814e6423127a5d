"""How a server misbehaves, byte by byte, and what it has sent by then.

Every fault is one that servers of models were seen to commit. What a reply counts is what it really
sent, whatever it says of that: the gateway's own count is held against it.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, TypeAlias

_LOGPROB: Final = -0.25
_HUGE: Final = 10**18
_LINE_PIECE: Final = b"x" * 2**18
_LONGEST_LINE: Final = 64 * 2**20
_EXCESS: Final = 64
_CHARACTERS_PER_TOKEN: Final = 4
_WORDS: Final = ("    return", " a", " +", " b", "\n", "    # so", " it", " is", "\n")


class Fault(StrEnum):
    """What is wrong with an answer."""

    NONE = "none"
    CLOSES = "closes in mid-stream"
    STALLS = "stalls"
    GARBAGE = "sends garbage"
    NONSENSE = "sends an event that is no JSON"
    HALF = "sends half a JSON, and closes"
    ENDLESS = "sends an endless line"
    EXCESSIVE = "sends more than was asked for"
    HUGE_USAGE = "tells a huge usage"
    BUSY = "429, with Retry-After"
    BUSY_SILENT = "429, without Retry-After"
    BROKEN = "500"


WEIGHTS: Final[Mapping[Fault, int]] = MappingProxyType(
    {
        Fault.NONE: 120,
        Fault.CLOSES: 10,
        Fault.STALLS: 6,
        Fault.GARBAGE: 4,
        Fault.NONSENSE: 4,
        Fault.HALF: 4,
        Fault.ENDLESS: 1,
        Fault.EXCESSIVE: 6,
        Fault.HUGE_USAGE: 4,
        Fault.BUSY: 6,
        Fault.BUSY_SILENT: 4,
        Fault.BROKEN: 6,
    }
)
"""How often each, among all answers."""


@dataclass(slots=True)
class ScriptedAnswer:
    """An answer as it is sent: to which request, and how many tokens of it went out."""

    chat: bool
    body: Mapping[str, Any]
    chance: random.Random
    writer: asyncio.StreamWriter
    sent: int = 0
    _open: bool = field(default=False, init=False)

    @property
    def n(self) -> int:
        """How many answers are wanted."""
        return int(self.body.get("n") or 1)

    @property
    def most(self) -> int:
        """How many tokens each of them may have."""
        return int(self.body.get("max_tokens") or self.body.get("max_completion_tokens") or 16)

    @property
    def prompt_tokens(self) -> int:
        """Tokens of the prompt, as this server cuts it."""
        text = json.dumps(self.body["messages"]) if self.chat else str(self.body.get("prompt", ""))
        return max(1, len(text) // _CHARACTERS_PER_TOKEN)

    async def raw(self, data: bytes) -> None:
        """Send bytes as they are. Raises ConnectionError."""
        self.writer.write(data)
        await self.writer.drain()

    async def refuse(self, status: int, headers: str = "") -> None:
        """Answer an error."""
        text = json.dumps({"error": {"message": "scripted", "type": "x", "code": status}})
        await self.plain(text, status, headers)

    async def plain(self, text: str, status: int = 200, headers: str = "") -> None:
        """Answer JSON at once."""
        await self.raw(
            f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{headers}"
            f"Content-Length: {len(text)}\r\n\r\n{text}".encode()
        )

    async def chunk(self, data: bytes) -> None:
        """Send a piece of the stream, which begins with the first."""
        if not self._open:
            self._open = True
            await self.raw(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n"
            )
        await self.raw(b"%x\r\n%b\r\n" % (len(data), data))

    async def event(self, choices: list[dict[str, Any]], **more: Any) -> None:
        """Send an event."""
        shown = {"id": "x", "object": "x", "created": 1, "model": "x", "choices": choices} | more
        await self.chunk(f"data: {json.dumps(shown)}\n\n".encode())

    async def token(self, index: int, reason: str | None = None) -> None:
        """Send one token of one answer, which may be its last."""
        text = _WORDS[self.sent % len(_WORDS)]
        self.sent += 1
        if self.chat:
            entry = {"token": text, "logprob": _LOGPROB, "bytes": None, "top_logprobs": []}
            said = {"delta": {"content": text}, "logprobs": {"content": [entry]}}
        else:
            said = {"text": text, "logprobs": {"tokens": [text], "token_logprobs": [_LOGPROB]}}
        await self.event([said | {"index": index, "finish_reason": reason}])

    async def tokens(self, count: int, *, ends: bool = False) -> None:
        """Send so many of each answer, at the pace of a small model."""
        pause = self.chance.uniform(0.002, 0.03)
        for at in range(count):
            reason = "stop" if ends and at + 1 == count else None
            for index in range(self.n):
                await self.token(index, reason)
            await asyncio.sleep(pause)

    async def done(self, completion: int | None = None, prompt: int | None = None) -> None:
        """Say what it took, or something else, and end."""
        told = {
            "prompt_tokens": self.prompt_tokens if prompt is None else prompt,
            "completion_tokens": self.sent if completion is None else completion,
        }
        await self.event([], usage=told | {"total_tokens": sum(told.values())})
        await self.chunk(b"data: [DONE]\n\n")
        await self.raw(b"0\r\n\r\n")

    def some(self) -> int:
        """A number of tokens that is within what was asked for."""
        return self.chance.randint(1, max(1, self.most))


_Play: TypeAlias = Callable[[ScriptedAnswer], Awaitable[None]]


async def _well(reply: ScriptedAnswer) -> None:
    await reply.tokens(reply.some(), ends=True)
    await reply.done()


async def _closes(reply: ScriptedAnswer) -> None:
    await reply.tokens(reply.some() - 1)
    reply.writer.close()


async def _stalls(reply: ScriptedAnswer) -> None:
    await reply.tokens(reply.chance.choice((0, 1, 3)))
    await asyncio.Event().wait()


async def _garbage(reply: ScriptedAnswer) -> None:
    await reply.raw(reply.chance.randbytes(200) + b"\r\n\r\n")
    reply.writer.close()


async def _nonsense(reply: ScriptedAnswer) -> None:
    await reply.tokens(reply.chance.choice((0, 2)))
    await reply.chunk(b"data: {'this': is no JSON}\n\n")
    await reply.done()


async def _half(reply: ScriptedAnswer) -> None:
    await reply.tokens(reply.chance.choice((0, 2)))
    await reply.chunk(b'data: {"choices": [{"index": 0, "te')
    reply.writer.close()


async def _endless(reply: ScriptedAnswer) -> None:
    await reply.chunk(b"data: ")
    for _ in range(_LONGEST_LINE // len(_LINE_PIECE)):
        await reply.chunk(_LINE_PIECE)
        await asyncio.sleep(0)
    reply.writer.close()


async def _excessive(reply: ScriptedAnswer) -> None:
    await reply.tokens(reply.most + _EXCESS, ends=True)
    await reply.done()


async def _huge_usage(reply: ScriptedAnswer) -> None:
    await reply.tokens(reply.some(), ends=True)
    await reply.done(*reply.chance.choice(((_HUGE, None), (None, _HUGE), (_HUGE, _HUGE))))


async def _busy(reply: ScriptedAnswer) -> None:
    await reply.refuse(429, "Retry-After: 1\r\n")


async def _busy_silent(reply: ScriptedAnswer) -> None:
    await reply.refuse(429)


async def _broken(reply: ScriptedAnswer) -> None:
    await reply.refuse(500)


_PLAYS: Final[Mapping[Fault, _Play]] = MappingProxyType(
    {
        Fault.NONE: _well,
        Fault.CLOSES: _closes,
        Fault.STALLS: _stalls,
        Fault.GARBAGE: _garbage,
        Fault.NONSENSE: _nonsense,
        Fault.HALF: _half,
        Fault.ENDLESS: _endless,
        Fault.EXCESSIVE: _excessive,
        Fault.HUGE_USAGE: _huge_usage,
        Fault.BUSY: _busy,
        Fault.BUSY_SILENT: _busy_silent,
        Fault.BROKEN: _broken,
    }
)


async def play(fault: Fault, reply: ScriptedAnswer) -> None:
    """Answer with a fault. Raises ConnectionError where nobody is left to read it."""
    await _PLAYS[fault](reply)
