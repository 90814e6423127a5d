"""Asks a gateway for one token again and again: as often as it answers, or at a steady rate.

In a process of its own, since it must not wait for anything else: `asked` starts it with a `Load`
as JSON, and it prints what `Loaded` holds. At a steady rate, requests come when they are due,
whether or not those before were answered.
"""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any, Final

from evaluation.bench.gateways.framing import Answer, BrokenAnswer
from evaluation.bench.gateways.processes import GatewayBenchFailed, pinned, worked_s
from evaluation.bench.gateways.wire import TOKEN, request

_GRACE_S: Final = 20.0
"""How long what was asked at a steady rate may take after the last request."""

_AGAIN_S: Final = 0.05
"""After a connection that could not be opened."""

_MARK: Final = TOKEN.encode()
_GOOD: Final = 200


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of a port: a `rate` per second, or None for as many as it answers.

    `pid` is the contender's process, None where there is none, `upstream_pid` the upstream's. The
    first `warm_s` seconds count for nothing.
    """

    port: int
    stream: bool
    connections: int
    seconds: float
    warm_s: float
    upstream_pid: int
    rate: float | None = None
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of it: counts of one measurement, and milliseconds in ascending order.

    `first_ms` are those until the token was there. `cpu_s` is what the contender's processes worked
    meanwhile, `others_s` what load and upstream did; `errors` are counted by what was wrong.
    """

    asked: int
    answered: int
    seconds: float
    latencies_ms: tuple[float, ...]
    first_ms: tuple[float, ...]
    errors: dict[str, int]
    cpu_s: float | None
    others_s: float

    @property
    def rate(self) -> float:
        """Good answers per second."""
        return self.answered / self.seconds


def asked(load: Load, cores: frozenset[int]) -> Loaded:
    """Apply a load from a process on these cores. Raises `GatewayBenchFailed`."""
    with pinned(cores):
        done = subprocess.run(
            [sys.executable, "-m", "evaluation.bench.gateways.load", json.dumps(asdict(load))],
            capture_output=True,
            check=False,
        )
    if done.returncode:
        raise GatewayBenchFailed(f"the load failed:\n{done.stderr.decode(errors='replace')}")
    told = json.loads(done.stdout)
    for name in ("latencies_ms", "first_ms"):
        told[name] = tuple(told[name])
    return Loaded(**told)


class Asking:
    """All connections of a load, and what came of their requests."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.request = request(f"127.0.0.1:{load.port}", stream=load.stream)
        self.errors: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.firsts: list[float] = []
        self.since = float("inf")
        self.over = False
        self._idle: deque[LoadConnection] = deque()
        self._due: deque[float] = deque()
        self._wanted = 0
        self._opening: set[asyncio.Task[None]] = set()

    async def run(self) -> Loaded:
        """Apply the load."""
        load = self.load
        for _ in range(load.connections):
            await self._open()
        async with asyncio.timeout(load.warm_s + load.seconds + _GRACE_S + 5):
            pacing = asyncio.ensure_future(self._pace(load.rate)) if load.rate else None
            await asyncio.sleep(load.warm_s)
            began, worked, others = time.perf_counter(), self._worked(), self._others_worked()
            self.since = began
            await asyncio.sleep(load.seconds)
            worked, others = self._worked() - worked, self._others_worked() - others
            seconds = time.perf_counter() - began
            if pacing is None:
                self._wanted = len(self.latencies) + self.errors.total()
            else:
                await pacing
                seconds = max(seconds, await self._rest() - began)
            self.over = True
        return Loaded(
            asked=self._wanted,
            answered=len(self.latencies),
            seconds=seconds,
            latencies_ms=tuple(sorted(self.latencies)),
            first_ms=tuple(sorted(self.firsts)),
            errors=dict(self.errors),
            cpu_s=None if load.pid is None else worked,
            others_s=others,
        )

    def _worked(self) -> float:
        return 0.0 if self.load.pid is None else worked_s(self.load.pid)

    def _others_worked(self) -> float:
        return time.process_time() + worked_s(self.load.upstream_pid)

    async def _pace(self, rate: float) -> None:
        """Ask when the time has come, for as long as the load goes."""
        began = time.perf_counter()
        for number in range(int((self.load.warm_s + self.load.seconds) * rate)):
            await asyncio.sleep(began + number / rate - time.perf_counter())
            now = time.perf_counter()
            self._wanted += now >= self.since
            if self._idle:
                self._idle.popleft().ask(now)
            else:
                self._due.append(now)

    async def _rest(self) -> float:
        """Wait for what is still to come, but not for ever; when it was there."""
        deadline = time.perf_counter() + _GRACE_S
        while time.perf_counter() < deadline:
            if len(self.latencies) + self.errors.total() >= self._wanted:
                break
            await asyncio.sleep(0.005)
        return time.perf_counter()

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        while not self.over:
            try:
                await loop.create_connection(
                    lambda: LoadConnection(self), "127.0.0.1", self.load.port
                )
            except OSError as error:
                self.went_wrong(f"no connection: {type(error).__name__}", time.perf_counter())
                await asyncio.sleep(_AGAIN_S)
            else:
                return

    def open_another(self) -> None:
        """In place of one that was lost."""
        if not self.over:
            task = asyncio.ensure_future(self._open())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    def free(self, connection: LoadConnection) -> None:
        """A connection can take a request."""
        if self.over:
            return
        if self.load.rate is None:
            connection.ask(time.perf_counter())
        elif self._due:
            connection.ask(self._due.popleft())
        else:
            self._idle.append(connection)

    def counts(self, began: float, now: float) -> bool:
        """Whether a request counts: by its end where it asks again and again, else by its start."""
        return not self.over and (now if self.load.rate is None else began) >= self.since

    def went_wrong(self, what: str, began: float) -> None:
        """Count an error."""
        if self.counts(began, time.perf_counter()):
            self.errors[what] += 1

    def lost(self, connection: LoadConnection) -> None:
        """A connection is no more."""
        if connection in self._idle:
            self._idle.remove(connection)
        self.open_another()


class LoadConnection(asyncio.Protocol):
    """One connection, on which one request after another is asked."""

    __slots__ = ("_answer", "_asking", "_began", "_first", "_transport")

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._answer: Answer | None = None
        self._began = self._first = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It can take a request."""
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 for the type checker
        self._transport = transport
        self._asking.free(self)

    def ask(self, began: float) -> None:
        """Send the request, which was due at `began`."""
        self._answer, self._began, self._first = Answer(), began, 0.0
        self._transport.write(self._asking.request)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        answer = self._answer
        now = time.perf_counter()
        try:
            if answer is None:
                raise BrokenAnswer("an answer without a request")  # noqa: TRY301
            ended = answer.feed(data)
        except BrokenAnswer:
            self._asking.went_wrong("broken", self._began)
            self._answer = None
            self._transport.abort()
            return
        if not self._first and _MARK in answer.body:
            self._first = now
        if ended:
            self._end(answer, now)

    def _end(self, answer: Answer, now: float) -> None:
        self._answer, asking = None, self._asking
        if answer.status != _GOOD:
            asking.went_wrong(f"status {answer.status}", self._began)
        elif not self._first:
            asking.went_wrong("no token", self._began)
        elif asking.counts(self._began, now):
            asking.latencies.append((now - self._began) * 1000)
            asking.firsts.append((self._first - self._began) * 1000)
        if answer.closes:
            self._transport.close()
        else:
            asking.free(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 as asyncio calls it
        """Open another one."""
        if self._answer is not None:
            self._answer = None
            self._asking.went_wrong("connection lost", self._began)
        self._asking.lost(self)


def _main(told: dict[str, Any]) -> None:
    gc.disable()  # nothing here makes cycles, and a pause would count as the contender's
    loaded = asyncio.run(Asking(Load(**told)).run())
    sys.stdout.write(json.dumps(asdict(loaded)))


if __name__ == "__main__":
    _main(json.loads(sys.argv[1]))
