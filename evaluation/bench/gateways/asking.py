"""Asks a gateway for one token again and again: as often as it answers, or at a steady rate.

A process of its own, since it must not wait for anything else: it is started with a `Load` as JSON,
and prints what `Loaded` holds.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections import Counter, deque
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Final, cast

from evaluation.bench.gateways.framing import Answer, BrokenAnswer
from evaluation.bench.gateways.load import Load, Loaded
from evaluation.bench.gateways.processes import loop_factory, worked_s
from evaluation.bench.gateways.wire import TOKEN, request

_AGAIN_S: Final = 0.05
"""After a connection that could not be opened."""

_MARK: Final = TOKEN.encode()
_GOOD: Final = 200


class Asking:
    """All connections of a load, and what came of their requests."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._request = request(f"127.0.0.1:{load.port}", stream=load.stream)
        self._errors: Counter[str] = Counter()
        self._latencies: list[float] = []
        self._firsts: list[float] = []
        self._since = float("inf")
        self._over = False
        self._begun = self._ended = self._awaited = 0
        self._enough = asyncio.Event()
        self._open_now: set[LoadConnection] = set()
        self._idle: deque[LoadConnection] = deque()
        self._due: deque[float] = deque()
        self._opening: set[asyncio.Task[None]] = set()

    async def run(self) -> Loaded:
        """Apply the load. Raises TimeoutError where no connection could be opened in time."""
        try:
            async with asyncio.timeout(self._load.grace_s):
                for _ in range(self._load.connections):
                    await self._open()
            rate = self._load.rate
            loaded = await (self._saturating() if rate is None else self._paced(rate))
            await self._until_ended(self._begun)  # or the next load would find them before it
            return loaded
        finally:
            await self._close()

    async def _close(self) -> None:
        """Leave no connection open, nor one that is being opened."""
        self._over = True
        for task in self._opening:
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        for connection in tuple(self._open_now):
            connection.close()
        await asyncio.sleep(0)  # the loop's next round closes them

    async def _saturating(self) -> Loaded:
        """As often as it answers, and at least one answer of each connection before and while."""
        load = self._load
        await asyncio.sleep(load.warm_s)
        await self._until_ended(load.connections)
        worked, others = self._worked(), self._others_worked()
        self._since, before = time.perf_counter(), self._ended
        await asyncio.sleep(load.seconds)
        await self._until_ended(before + load.connections)
        self._over = True
        seconds = time.perf_counter() - self._since
        worked, others = self._worked() - worked, self._others_worked() - others
        return self._loaded(len(self._latencies) + self._errors.total(), seconds, worked, others)

    async def _paced(self, rate: float) -> Loaded:
        """When the time has come, and then until all is answered."""
        load = self._load
        began = time.perf_counter()
        worked = others = 0.0
        warm, measured = int(load.warm_s * rate), int(load.seconds * rate)
        for number in range(warm + measured):
            await asyncio.sleep(began + number / rate - time.perf_counter())
            if number == warm:
                worked, others = self._worked(), self._others_worked()
                self._since = time.perf_counter()
            self._due.append(time.perf_counter())
            if self._idle:
                self._ask(self._idle.popleft(), self._due.popleft())
        await self._until_ended(warm + measured)
        self._over = True
        seconds = time.perf_counter() - self._since
        worked, others = self._worked() - worked, self._others_worked() - others
        return self._loaded(measured, seconds, worked, others)

    def _loaded(self, asked: int, seconds: float, worked: float, others: float) -> Loaded:
        return Loaded(
            asked=asked,
            answered=len(self._latencies),
            seconds=seconds,
            latencies_ms=tuple(sorted(self._latencies)),
            first_ms=tuple(sorted(self._firsts)),
            errors=dict(self._errors),
            cpu_s=None if self._load.pid is None else worked,
            others_s=others,
        )

    def _worked(self) -> float:
        return 0.0 if self._load.pid is None else worked_s(self._load.pid)

    def _others_worked(self) -> float:
        return time.process_time() + worked_s(self._load.upstream_pid)

    async def _until_ended(self, requests: int) -> None:
        """Wait until so many have ended, well or not; but not for ever."""
        self._awaited = requests
        self._enough.clear()
        if self._ended < requests:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._enough.wait(), self._load.grace_s)

    def _count_end(self) -> None:
        self._ended += 1
        if self._ended >= self._awaited:
            self._enough.set()

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._over:
            try:
                await loop.create_connection(
                    lambda: LoadConnection(self), "127.0.0.1", self._load.port
                )
            except OSError:
                await asyncio.sleep(_AGAIN_S)
            else:
                return

    def opened(self, connection: LoadConnection) -> None:
        """A connection is there."""
        self._open_now.add(connection)
        self.free(connection)

    def free(self, connection: LoadConnection) -> None:
        """A connection can take a request."""
        if self._over:
            return
        if self._load.rate is None:
            self._ask(connection, time.perf_counter())
        elif self._due:
            self._ask(connection, self._due.popleft())
        else:
            self._idle.append(connection)

    def _ask(self, connection: LoadConnection, due: float) -> None:
        self._begun += 1
        connection.ask(self._request, due)

    def good(self, began: float, first: float, ended: float) -> None:
        """A request got its token, and its answer ended."""
        self._count_end()
        if self._counts(began, ended):
            self._latencies.append((ended - began) * 1000)
            self._firsts.append((first - began) * 1000)

    def went_wrong(self, what: str, began: float) -> None:
        """A request got something else."""
        self._count_end()
        if self._counts(began, time.perf_counter()):
            self._errors[what] += 1

    def _counts(self, began: float, ended: float) -> bool:
        """By its end where it is asked again and again, else by its start."""
        return not self._over and (ended if self._load.rate is None else began) >= self._since

    def lost(self, connection: LoadConnection) -> None:
        """A connection is no more: another one takes its place."""
        self._open_now.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if not self._over:
            task = asyncio.ensure_future(self._open())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)


class LoadConnection(asyncio.Protocol):
    """One connection, on which one request after another is asked."""

    __slots__ = ("_answer", "_asking", "_began", "_first", "_transport")

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._answer: Answer | None = None
        self._began = self._first = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It can take a request."""
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is none by its class
        self._asking.opened(self)

    def close(self) -> None:
        """Be done with it, whatever is on its way."""
        self._transport.abort()

    def ask(self, request: bytes, began: float) -> None:
        """Send a request, which was due at `began`."""
        self._answer, self._began, self._first = Answer(), began, 0.0
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if (answer := self._answer) is None:
            self._transport.abort()
            return
        now = time.perf_counter()
        try:
            ended = answer.feed(data)
        except BrokenAnswer:
            self._lose("broken HTTP")
            self._transport.abort()
            return
        if not self._first and _MARK in answer.body:
            self._first = now
        if ended:
            self._end(answer, now)

    def _end(self, answer: Answer, now: float) -> None:
        self._answer = None
        if answer.status != _GOOD:
            self._asking.went_wrong(f"status {answer.status}", self._began)
        elif not self._first:
            self._asking.went_wrong("no token", self._began)
        else:
            self._asking.good(self._began, self._first, now)
        if answer.closes:
            self._transport.close()
        else:
            self._asking.free(self)

    def _lose(self, what: str) -> None:
        if self._answer is not None:
            self._answer = None
            self._asking.went_wrong(what, self._began)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 as asyncio calls it
        """What was asked on it is not answered any more."""
        self._lose("connection lost")
        self._asking.lost(self)


def _main(told: dict[str, Any]) -> None:
    gc.disable()  # nothing here makes cycles, and a pause would count as the contender's
    load = Load(**told)
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            loaded = runner.run(Asking(load).run())
    except TimeoutError:
        sys.exit(f"{load.connections} connections could not be opened in {load.grace_s:g} s")
    tell(asdict(loaded))


def tell(loaded: dict[str, Any]) -> None:
    """Print all of it, also where Python must not buffer: there a signal ends a write early."""
    with open(sys.stdout.fileno(), "w", encoding="ascii", closefd=False) as out:
        json.dump(loaded, out)


if __name__ == "__main__":
    _main(json.loads(sys.argv[1]))
