"""The faulty server behind the gateway: a scripted model by URL, which remembers what it did.

Each request of a client carries a mark that goes all the way through, so that what the server did
is known by the client's request. Times are the event loop's.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from evaluation.bench.endurance.faults import WEIGHTS, Fault, ScriptedAnswer, play

MODEL: Final = "scripted"
FLOPS_PER_TOKEN: Final = 1e9
"""What a token of it is said to cost, so that FLOPs that were booked are tokens."""

_GENERATING: Final = ("/v1/completions", "/v1/chat/completions")
_MARK: Final = re.compile(rb"request-(\d+)-soak")


def mark(number: int) -> str:
    """What stands in the prompt of a client's request."""
    return f"request-{number}-soak"


@dataclass(slots=True)
class Served:
    """One answer of the server.

    `generated` are the tokens that it sent, `prompt_tokens` those that it read for them. `ended` is
    when it was over, `hung_up` whether the gateway closed the connection before that.
    """

    request: int | None
    fault: Fault
    opened: float
    generated: int = 0
    prompt_tokens: int = 0
    ended: float | None = None
    hung_up: bool = False

    @property
    def tokens(self) -> int:
        """All that it computed."""
        return self.prompt_tokens + self.generated


@dataclass(slots=True)
class Scripted:
    """A server of one model. `seed` and the order of arrival decide what it does wrong."""

    seed: int
    weights: Mapping[Fault, int] = field(default_factory=lambda: WEIGHTS)
    url: str = ""
    connections: int = 0
    served: dict[int | None, list[Served]] = field(default_factory=lambda: defaultdict(list))
    _asked: int = 0

    @property
    def all(self) -> list[Served]:
        """Every answer, by request."""
        return [each for answers in self.served.values() for each in answers]

    @property
    def playing(self) -> int:
        """Answers that are not over."""
        return sum(each.ended is None for each in self.all)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Scripted]:
        """Serve on a free port of loopback; every connection is gone at the end."""
        tasks: set[asyncio.Task[None]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(self._serve(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            left = list(tasks)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, request by request."""
        self.connections += 1
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return
        finally:
            self.connections -= 1
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serve one request; False where the connection is over."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        path = head.split(" ", 2)[1]
        raw = await reader.readexactly(_length(head))
        chance = random.Random(self.seed * 1_000_003 + self._asked)  # noqa: S311 no secret
        body: dict[str, Any] = json.loads(raw) if raw else {}
        reply = ScriptedAnswer(path.startswith(_GENERATING[1]), body, chance, writer)
        if path not in _GENERATING:
            listed = {"object": "list", "data": [{"id": MODEL}]}
            await reply.plain(json.dumps(listed), 200 if path == "/v1/models" else 404)
            return True
        self._asked += 1
        (fault,) = chance.choices(list(self.weights), list(self.weights.values()))
        found = _MARK.search(raw)
        served = Served(int(found[1]) if found else None, fault, _now())
        self.served[served.request].append(served)
        return await self._answer(served, reply, reader)

    async def _answer(
        self, served: Served, reply: ScriptedAnswer, reader: asyncio.StreamReader
    ) -> bool:
        """Play the answer while the gateway is watched; False if the connection is over."""
        playing = asyncio.create_task(play(served.fault, reply))
        watching = asyncio.create_task(reader.read(1))
        try:
            await asyncio.wait({playing, watching}, return_when=asyncio.FIRST_COMPLETED)
            served.hung_up = not playing.done() or playing.exception() is not None
            return not served.hung_up and not reply.writer.is_closing()
        finally:
            served.ended = _now()
            served.generated = reply.sent
            served.prompt_tokens = reply.prompt_tokens if reply.sent else 0
            playing.cancel()
            watching.cancel()
            await asyncio.gather(playing, watching, return_exceptions=True)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _length(head: str) -> int:
    found = re.search(r"(?im)^content-length:\s*(\d+)", head)
    return int(found[1]) if found else 0
